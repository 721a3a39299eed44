import Wire

// The wanted paths, reconciled with those MediaMTX has.
//
//            want              server's list complete
//   free ──────────▶ down ──────────┬────── seen ──────▶ listed ◀──┐
//    ▲                ▲             └───── unseen ─────▶ missing ──┤ seen
//    │                │                                   │  ▲     │
//    │                └──── server down ── (any) ─────────│──│─────┘ unseen: missing
//    │                                                    └──┘ add call, retried while unseen
//    └──── unseen, or server down ──── leaving ◀── unwant / a path nobody wants is on the list
//
// An answer of MediaMTX comes before the change is applied, so only the list counts: a change is
// made when the list has shown it, and asked for again when the list does not show it in time.

/// What was last seen of a listed path's media.
public struct StreamFlow: Equatable, Sendable {
  /// A publisher that has sent nothing for this long is stalled.
  public static let openingMs: UInt64 = 5000
  /// Bytes that do not grow for this long are stalled.
  public static let stallMs: UInt64 = 3000

  public private(set) var state = StreamState.idle
  public private(set) var inboundBytes: UInt64 = 0
  public private(set) var inboundFramesInError: UInt64 = 0
  public private(set) var readers: UInt32 = 0
  /// When bytes last grew, or the publisher came.
  private var grewAt = Instant(ms: 0)
  /// When the publisher came; nil while there is none.
  public private(set) var readyAt: Instant?

  init(_ path: MediaPath, now: Instant) {
    state = path.ready ? .opening : .idle
    take(path, now: now)
    grewAt = now
  }

  /// Growing bytes without growing errors are media; a living publisher alone proves nothing, since
  /// MediaMTX drops what it cannot parse and stays `ready`.
  mutating func update(_ path: MediaPath, now: Instant) {
    let grew = path.inboundBytes > inboundBytes
    let newPublisher = path.inboundBytes < inboundBytes
    let broken = path.inboundFramesInError > inboundFramesInError
    if grew || newPublisher || state == .idle { grewAt = now }
    let quiet = now.since(grewAt)
    switch state {
    case _ where !path.ready: state = .idle
    case _ where broken: state = .stalled
    case _ where newPublisher: state = .opening
    case _ where grew: state = .flowing
    case .idle, .pending, .down: state = .opening
    case .opening: state = quiet >= StreamFlow.openingMs ? .stalled : .opening
    case .flowing: state = quiet >= StreamFlow.stallMs ? .stalled : .flowing
    case .stalled: state = .stalled
    }
    take(path, now: now)
  }

  private mutating func take(_ path: MediaPath, now: Instant) {
    readyAt = path.ready ? readyAt ?? now : nil
    inboundBytes = path.inboundBytes
    inboundFramesInError = path.inboundFramesInError
    readers = path.readers
  }
}

/// One wanted (or leaving) path.
public struct Stream: Sendable {
  enum State {
    case free
    case down
    case missing(retryAt: Instant, attempts: UInt32)
    case listed(StreamFlow)
    case leaving(retryAt: Instant, attempts: UInt32)
  }
  public internal(set) var name = Name()
  /// Where MediaMTX pulls it from; empty: a feed publishes it.
  public internal(set) var url = Text<160>()
  var state = State.free
  /// The sweep of the list that showed it last.
  var sweep: UInt32 = 0

  public init() {}

  /// True when the path belongs into MediaMTX's file and into answers.
  public var isWanted: Bool {
    switch state {
    case .free, .leaving: false
    case .down, .missing, .listed: true
    }
  }

  public var streamState: StreamState {
    switch state {
    case .free, .down: .down
    case .missing, .leaving: .pending
    case .listed(let flow): flow.state
    }
  }

  /// What MediaMTX last said of it; nil while it is not on the list.
  public var flow: StreamFlow? {
    if case .listed(let flow) = state { flow } else { nil }
  }
}

/// The table of paths.
public struct Streams {
  /// An unseen change is asked for again after this time, doubled each time up to the cap.
  static let retryMs: UInt64 = 2000
  static let retryCapMs: UInt64 = 300_000
  /// While a change is awaited the list is asked this often.
  static let awaitMs: UInt64 = 50

  private let table: Table<Stream>
  private var sweep: UInt32 = 0
  /// The list has been read to its end since the server came up.
  private(set) var synced = false
  /// The page of the list to ask for next.
  private(set) var nextPage: UInt16 = 0
  /// The list is asked often until this time while a change is awaited.
  private var hurryUntil = Instant(ms: 0)

  init(_ table: Table<Stream>) { self.table = table }

  public var count: Int { table.count }
  public subscript(index: Int) -> Stream { table[index] }

  public func index(of name: Name) -> Int? {
    for index in table.indices where table[index].name == name {
      if case .free = table[index].state { continue }
      return index
    }
    return nil
  }

  /// Where MediaMTX pulls a path from; empty: a feed publishes it, or there is none of this name.
  public func url(of name: Name) -> Text<160> {
    guard let index = index(of: name) else { return .empty }
    return table[index].url
  }

  /// The path belongs to the device from now on. False when the table is full.
  @discardableResult
  mutating func want(_ name: Name) -> Bool {
    if let index = index(of: name) {
      guard case .leaving = table[index].state else { return true }
      table[index].state = synced ? .missing(retryAt: Instant(ms: 0), attempts: 0) : .down
      return true
    }
    return add(name, synced ? .missing(retryAt: Instant(ms: 0), attempts: 0) : .down)
  }

  /// The path is to go.
  mutating func unwant(_ name: Name) {
    guard let index = index(of: name), table[index].isWanted else { return }
    table[index].state = .leaving(retryAt: Instant(ms: 0), attempts: 0)
  }

  /// The process is gone: nothing said of its paths holds any longer.
  mutating func serverDown(_ effects: inout Effects) {
    synced = false
    nextPage = 0
    hurryUntil = Instant(ms: 0)
    for index in table.indices {
      switch table[index].state {
      case .free, .down: continue
      case .leaving: table[index] = Stream()
      case .missing, .listed: change(index, to: .down, &effects)
      }
    }
  }

  /// Takes one page of the list; `pages` is the number of pages the server told.
  mutating func listed(
    page: UInt16, of pages: UInt16, _ paths: UnsafeBufferPointer<MediaPath>, now: Instant,
    _ effects: inout Effects
  ) {
    if page == 0 { sweep &+= 1 }
    for path in paths { see(path, now: now, &effects) }
    guard page &+ 1 >= pages else {
      nextPage = page + 1
      return
    }
    nextPage = 0
    synced = true
    for index in table.indices where table[index].sweep != sweep { miss(index, &effects) }
  }

  /// The next change to ask for, which then counts as asked for.
  mutating func nextChange(now: Instant) -> Change? {
    guard synced else { return nil }
    for index in table.indices {
      switch table[index].state {
      case .missing(let retryAt, let attempts) where now >= retryAt:
        table[index].state = .missing(retryAt: later(now, attempts), attempts: attempts + 1)
        hurryUntil = now + Streams.retryMs
        return .add(table[index].name)
      case .leaving(let retryAt, let attempts) where now >= retryAt:
        table[index].state = .leaving(retryAt: later(now, attempts), attempts: attempts + 1)
        hurryUntil = now + Streams.retryMs
        return .remove(table[index].name)
      case .free, .down, .missing, .listed, .leaving: continue
      }
    }
    return nil
  }

  /// Whether the list is soon to show a change that was asked for.
  func isAwaitingChange(now: Instant) -> Bool {
    guard now < hurryUntil else { return false }
    for index in table.indices {
      switch table[index].state {
      case .missing(_, let attempts), .leaving(_, let attempts): if attempts > 0 { return true }
      case .free, .down, .listed: continue
      }
    }
    return false
  }

  /// A change that the list must show before it counts.
  enum Change: Equatable {
    case add(Name)
    case remove(Name)
  }

  /// When the next change is due.
  var nextDeadline: Instant {
    guard synced else { return .never }
    var due = Instant.never
    for index in table.indices {
      switch table[index].state {
      case .free, .down, .listed: continue
      case .missing(let retryAt, _), .leaving(let retryAt, _): due = min(due, retryAt)
      }
    }
    return due
  }

  private func later(_ now: Instant, _ attempts: UInt32) -> Instant {
    now + min(Streams.retryMs << UInt64(min(attempts, 16)), Streams.retryCapMs)
  }

  private mutating func see(_ path: MediaPath, now: Instant, _ effects: inout Effects) {
    guard let index = index(of: path.name) else {
      // Nobody here wants it: a path of an earlier wish, or somebody else used the API.
      if add(path.name, .leaving(retryAt: Instant(ms: 0), attempts: 0)) { mark(path.name) }
      return
    }
    table[index].sweep = sweep
    switch table[index].state {
    case .free, .leaving: return
    case .down, .missing: change(index, to: .listed(StreamFlow(path, now: now)), &effects)
    case .listed(var flow):
      flow.update(path, now: now)
      change(index, to: .listed(flow), &effects)
    }
  }

  private mutating func miss(_ index: Int, _ effects: inout Effects) {
    switch table[index].state {
    case .free, .missing: return
    case .leaving: table[index] = Stream()
    case .down, .listed:
      change(index, to: .missing(retryAt: Instant(ms: 0), attempts: 0), &effects)
    }
  }

  private mutating func mark(_ name: Name) {
    if let index = index(of: name) { table[index].sweep = sweep }
  }

  private mutating func add(_ name: Name, _ state: Stream.State) -> Bool {
    for index in table.indices {
      guard case .free = table[index].state else { continue }
      table[index].name = name
      table[index].url = .empty
      table[index].state = state
      // Not yet seen: it must not be taken for something the current sweep has shown.
      table[index].sweep = sweep &- 1
      return true
    }
    return false
  }

  private mutating func change(_ index: Int, to state: Stream.State, _ effects: inout Effects) {
    let before = table[index].streamState
    table[index].state = state
    let after = table[index].streamState
    guard before != after else { return }
    effects.append(
      .publish(Event(.streamStatus, value: UInt32(after.rawValue), subject: table[index].name)))
  }
}
