import Wire

// The media of one listed path, going by MediaMTX's counters.
//
//            ready                 bytes grow
//   idle ─────────────▶ opening ───────────────▶ flowing ◀────────────────┐
//    ▲                     │ 5 s without            │ 3 s without,        │ bytes grow, and no
//    │ not ready           ▼                        ▼ or a new error      │ error for a while
//    └───── (any) ◀─────────────────────────────── stalled ───────────────┘
//
// Growing bytes without growing errors are media; a living publisher alone proves nothing, since
// MediaMTX drops what it cannot parse and stays `ready`. The first error of a while is forgiven as
// soon as bytes grow without another; each further one asks for twice as long without any, so that
// a stream that errs now and then does not change its state for ever.

public struct StreamFlow: Equatable, Sendable {
  /// A publisher that has sent nothing for this long is stalled.
  public static let openingMs: UInt64 = 5000
  /// Bytes that do not grow for this long are stalled.
  public static let stallMs: UInt64 = 3000
  /// Without an error for this long, all errors are forgotten.
  public static let forgivenMs: UInt64 = 60_000
  /// The first and the longest time without errors that is asked for after the second one.
  public static let probationMs: UInt64 = 1000
  public static let probationCapMs: UInt64 = 30_000

  public private(set) var state = StreamState.idle
  public private(set) var inboundBytes: UInt64 = 0
  public private(set) var inboundFramesInError: UInt64 = 0
  public private(set) var readers: UInt32 = 0
  /// When bytes last grew, or the publisher came.
  public private(set) var grewAt: Instant
  /// When the publisher came; nil while there is none.
  public private(set) var readyAt: Instant?
  /// When an error was last seen, and how many times of late.
  private var brokeAt = Instant(ms: 0)
  private var breaks: UInt64 = 0

  init(_ path: MediaPath, now: Instant) {
    state = path.ready ? .opening : .idle
    grewAt = now
    take(path, isNew: false, now: now)
  }

  mutating func update(_ path: MediaPath, now: Instant) {
    // A new publisher's counters begin at 0.
    let isNew = path.inboundBytes < inboundBytes
    let grew = path.inboundBytes > (isNew ? 0 : inboundBytes)
    let broken = path.inboundFramesInError > (isNew ? 0 : inboundFramesInError)
    if broken {
      breaks = now.since(brokeAt) < StreamFlow.forgivenMs ? breaks + 1 : 1
      brokeAt = now
    }
    if grew || isNew || state == .idle { grewAt = now }
    let quiet = now.since(grewAt)
    switch state {
    case _ where !path.ready: state = .idle
    case _ where broken: state = .stalled
    case .stalled where grew && now.since(brokeAt) < probation: state = .stalled
    case _ where grew: state = .flowing
    case _ where isNew: state = .opening
    case .idle, .pending, .down: state = .opening
    case .opening: state = quiet >= StreamFlow.openingMs ? .stalled : .opening
    case .flowing: state = quiet >= StreamFlow.stallMs ? .stalled : .flowing
    case .stalled: state = .stalled
    }
    take(path, isNew: isNew, now: now)
  }

  private var probation: UInt64 {
    guard breaks > 1 else { return 0 }
    return min(StreamFlow.probationMs << min(breaks - 2, 8), StreamFlow.probationCapMs)
  }

  private mutating func take(_ path: MediaPath, isNew: Bool, now: Instant) {
    let came = isNew ? nil : readyAt
    readyAt = path.ready ? came ?? now : nil
    inboundBytes = path.inboundBytes
    inboundFramesInError = path.inboundFramesInError
    readers = path.readers
  }
}
