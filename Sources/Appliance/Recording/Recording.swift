import Wire

// One recording that is asked for.
//
//            start                  bytes                  no bytes for too long
//   free ────────────▶ arming ───────────────▶ recording ────────────────────────┐
//    ▲                  ▲  │ no bytes for too long    │ nothing to record,        ▼
//    │                  │  └───────────────────┐      │ no room            interrupted(reason)
//    │                  │                      └──────┴─────────────────────────▶ │
//    │                  └──────── what was in the way is gone, or a try is due ───┘
//    │                                                                  bytes: recording
//    └──── file closed, or its time is over ──── stopping ◀── stop, time over ── (any)
//
// MediaMTX says nothing when it cannot write: only a growing file is a recording. It writes a part
// when the part is complete, and begins a file with a picture that can be decoded by itself.

/// The numbers of recordings that are not configuration keys.
public enum RecordingTiming {
  /// A part, as MediaMTX is told (`recordPartDuration`).
  public static let partMs: UInt64 = 1000
  /// No bytes for this long beyond a part: it does not record.
  public static let growthMs: UInt64 = 5000
  /// The longest distance of key frames that is waited for when a file is to begin.
  public static let keyFrameMs: UInt64 = 4000
  /// A recording that gets no bytes is asked for again this often.
  public static let retryMs: UInt64 = 5000
  /// What ends a stream for a moment (a list that came too early, a feed that was told anew) does
  /// not interrupt a recording whose file has grown within this time.
  public static let graceMs: UInt64 = 2000
  /// A stopped recording whose file is not seen to close ends all the same.
  public static let closingMs: UInt64 = 5000
  /// So long after a file that was full, MediaMTX may have begun the next one, although the
  /// recording is being stopped.
  public static let nextFileMs: UInt64 = 150
  /// How often the rest of a recording's time is kept for after a power cut.
  public static let keepMs: UInt64 = 60_000
}

/// A recording as it is kept on the data partition.
public struct KnownRecording: Equatable, Sendable {
  public var camera = Name()
  /// Its number; none is given twice.
  public var number: UInt32 = 0
  /// Seconds asked for; 0: until it is stopped.
  public var durationS: UInt32 = 0
  /// Of them, what is left.
  public var remainingS: UInt32 = 0

  public init() {}
}

/// What a recording finds around itself.
struct RecordingSurroundings: Equatable {
  var isWritable: Bool
  var isCritical: Bool
  var serverIsUp: Bool
  var streamFlows: Bool

  /// What is in the way of recording.
  var obstacle: RecordingReason {
    if !isWritable { return .storageUnavailable }
    if isCritical { return .storageCritical }
    if !serverIsUp { return .mediaServerDown }
    return streamFlows ? .none : .cameraNotStreaming
  }
}

/// The machine of one recording.
struct Recording: Sendable {
  enum State: Equatable, Sendable {
    case free
    case arming(since: Instant)
    case recording
    case interrupted(RecordingReason, since: Instant)
    case stopping(RecordingEnd, until: Instant)
  }

  /// What has to be told of a step.
  enum News: Equatable {
    case none
    case started
    case resumed
    case interrupted(RecordingReason)
    case ended(RecordingEnd)
  }

  private(set) var state = State.free
  private(set) var known = KnownRecording()
  private(set) var startedAt = Instant(ms: 0)
  /// When its time is over; `never` while it has none, or no first byte.
  private(set) var endsAt = Instant.never
  private(set) var grewAt: Instant?
  private(set) var bytes: UInt64 = 0
  private(set) var segments: UInt32 = 0
  private(set) var gaps: UInt32 = 0
  /// Bytes of the file that grows.
  private var current: UInt64 = 0
  /// MediaMTX's life that wrote last.
  private var life: UInt32?
  private var keptAt = Instant(ms: 0)
  /// What interrupted it last; none: bytes have come since.
  private var lastReason = RecordingReason.none
  /// Something was in the way when it was looked at last.
  private var isObstructed = false

  init() {}

  var isFree: Bool { state == .free }

  /// Its stream flows, and no file grows: it is going to be tried again.
  var isStalled: Bool {
    if case .interrupted(.notGrowing, _) = state { true } else { false }
  }

  /// Whether MediaMTX is to record the camera's path.
  var wantsFile: Bool {
    switch state {
    case .arming, .recording: true
    case .free, .stopping, .interrupted(.storageCritical, _), .interrupted(.storageUnavailable, _):
      false
    case .interrupted: true
    }
  }

  // MARK: Wishes

  mutating func start(_ known: KnownRecording, now: Instant) {
    self = Recording()
    self.known = known
    startedAt = now
    keptAt = now
    state = .arming(since: now)
  }

  /// Goes on with one that an earlier life of the agent has left. Its time runs at once.
  mutating func recall(_ known: KnownRecording, now: Instant) {
    start(known, now: now)
    gaps = 1
    if known.durationS > 0 { endsAt = now + UInt64(known.remainingS) * 1000 }
  }

  mutating func stop(_ end: RecordingEnd, now: Instant) {
    switch state {
    case .free, .stopping: return
    case .arming, .interrupted: state = .stopping(end, until: now)
    case .recording: state = .stopping(end, until: now + RecordingTiming.closingMs)
    }
  }

  // MARK: What happens

  /// What the storage worker has seen of its files. `goesOn`: MediaMTX has not been told to stop,
  /// and closes a file only to begin the next.
  mutating func took(_ news: SegmentNews, goesOn: Bool, now: Instant) -> News {
    switch news.what {
    case .began:
      segments &+= 1
      current = 0
      if case .stopping(let end, _) = state {
        state = .stopping(end, until: now + RecordingTiming.closingMs)
      }
    case .grew: break
    case .closed:
      count(news.bytes)
      current = 0
      guard case .stopping(let end, _) = state else { return .none }
      guard goesOn else { return finish(end) }
      state = .stopping(end, until: now + RecordingTiming.nextFileMs)
      return .none
    }
    count(news.bytes)
    grewAt = now
    // Another life of MediaMTX, so quickly that nothing else was seen of it.
    let isNewLife = life != nil && life != news.life
    life = news.life
    switch state {
    case .free, .stopping: return .none
    case .recording:
      guard isNewLife else { return .none }
      gaps &+= 1
      return .resumed
    case .arming, .interrupted: break
    }
    let isFirst = segments <= 1 && gaps == 0
    if endsAt == .never, known.durationS > 0 {
      // Its time counts from its first picture, which is a part older than the first bytes.
      let left = UInt64(known.remainingS) * 1000
      endsAt = now + (left - min(left, RecordingTiming.partMs))
    }
    state = .recording
    lastReason = .none
    return isFirst ? .started : .resumed
  }

  private mutating func count(_ size: UInt64) {
    bytes &+= size - min(size, current)
    current = max(current, size)
  }

  /// Looks at the time and around itself.
  mutating func tick(_ around: RecordingSurroundings, now: Instant) -> News {
    if now >= endsAt, !isStopping { stop(.duration, now: now) }
    let obstacle = around.obstacle
    isObstructed = obstacle != .none
    switch state {
    case .free: return .none
    case .stopping(let end, let until): return now >= until ? finish(end) : .none
    case .arming(let since):
      if obstacle != .none { return interrupt(obstacle, now: now) }
      return now >= since + armingMs ? interrupt(.notGrowing, now: now) : .none
    case .recording:
      if isUrgent(obstacle) || obstacle != .none && now >= quietAt(RecordingTiming.graceMs) {
        return interrupt(obstacle, now: now)
      }
      return now >= quietAt(growingMs) ? interrupt(.notGrowing, now: now) : .none
    case .interrupted(let reason, let since):
      if obstacle != .none {
        return obstacle == reason ? .none : interrupt(obstacle, now: now)
      }
      if reason != .notGrowing || now >= since + RecordingTiming.retryMs {
        state = .arming(since: now)
      }
      return .none
    }
  }

  private func isUrgent(_ obstacle: RecordingReason) -> Bool {
    obstacle == .storageCritical || obstacle == .storageUnavailable
  }

  private mutating func interrupt(_ reason: RecordingReason, now: Instant) -> News {
    if case .recording = state { gaps &+= 1 }
    // What is the same to a person is no news: a try that failed again, a MediaMTX that comes up
    // and goes down.
    let isKnown = lastReason != .none && lastReason.state == reason.state
    lastReason = reason
    state = .interrupted(reason, since: now)
    return isKnown ? .none : .interrupted(reason)
  }

  private mutating func finish(_ end: RecordingEnd) -> News {
    state = .free
    return .ended(end)
  }

  private var isStopping: Bool {
    switch state {
    case .free, .stopping: true
    case .arming, .recording, .interrupted: false
    }
  }

  // MARK: Time

  private var armingMs: UInt64 { growingMs + RecordingTiming.keyFrameMs }
  private var growingMs: UInt64 { RecordingTiming.partMs + RecordingTiming.growthMs }

  private func quietAt(_ ms: UInt64) -> Instant { (grewAt ?? startedAt) + ms }

  var nextDeadline: Instant {
    switch state {
    case .free: .never
    case .arming(let since): min(endsAt, min(since + armingMs, keepAt))
    case .recording:
      min(endsAt, min(quietAt(isObstructed ? RecordingTiming.graceMs : growingMs), keepAt))
    case .interrupted(.notGrowing, let since):
      min(endsAt, min(since + RecordingTiming.retryMs, keepAt))
    case .interrupted: min(endsAt, keepAt)
    case .stopping(_, let until): until
    }
  }

  private var keepAt: Instant {
    known.durationS > 0 ? keptAt + RecordingTiming.keepMs : .never
  }

  /// Brings the rest of its time up to date. True when it should be kept.
  mutating func keep(now: Instant) -> Bool {
    guard now >= keepAt, !isFree else { return false }
    keptAt = now
    known.remainingS = remainingS(now: now)
    return true
  }

  func remainingS(now: Instant) -> UInt32 {
    guard endsAt != .never else { return known.remainingS }
    return UInt32(clamping: (endsAt.since(now) + 999) / 1000)
  }
}

extension RecordingReason {
  /// What a recording does that has this in its way.
  var state: RecordingState {
    switch self {
    case .none: .arming
    case .cameraNotStreaming, .mediaServerDown: .waiting
    case .storageCritical, .storageUnavailable: .suspended
    case .notGrowing: .stalled
    }
  }
}
