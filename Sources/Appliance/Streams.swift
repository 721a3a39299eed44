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
// A path that is wanted with another URL than the one it leaves with is replaced: removed, and
// once unseen, missing.
//
// An answer of MediaMTX comes before the change is applied, so only the list counts: a change is
// made when the list has shown it, and asked for again when the list does not show it in time.

/// One wanted (or leaving) path.
public struct Stream: Sendable {
  enum State {
    case free
    case down
    case missing(retryAt: Instant, attempts: UInt32)
    case listed(StreamFlow)
    case leaving(retryAt: Instant, attempts: UInt32)
    case replacing(retryAt: Instant, attempts: UInt32)
  }
  public internal(set) var name = Name()
  /// Where MediaMTX pulls it from; empty: a feed publishes it.
  public internal(set) var url = Text<160>()
  var state = State.free
  /// It is to be recorded.
  public internal(set) var records = false
  /// MediaMTX was told to record it: by its file, when it was added, or since.
  public internal(set) var recordsTold = false
  /// A change of it is asked for from then on at the earliest.
  var recordAt = Instant(ms: 0)
  /// The sweep of the list that showed it last.
  var sweep: UInt32 = 0

  public init() {}

  /// True when the path belongs into MediaMTX's file and into answers.
  public var isWanted: Bool {
    switch state {
    case .free, .leaving: false
    case .down, .missing, .listed, .replacing: true
    }
  }

  public var streamState: StreamState {
    switch state {
    case .free, .down: .down
    case .missing, .leaving, .replacing: .pending
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
  /// A recording that could not be switched is tried again after this time.
  static let recordRetryMs: UInt64 = 500
  /// One change of a path's recording follows another only after this time: MediaMTX hands each to
  /// the path with a goroutine of its own (`doReloadConf` in its source): the later may come first.
  static let recordSettleMs: UInt64 = 250
  /// While a change is awaited the list is asked this often.
  static let awaitMs: UInt64 = 50
  /// While the bytes of a fresh publisher are awaited the list is asked this often.
  static let watchMs: UInt64 = 250

  private let table: Table<Stream>
  /// From this place on there has never been a path: the first free one is taken always.
  private var firstUntouched = 0
  private var sweep: UInt32 = 0
  /// The list has been read to its end since the server came up.
  private(set) var synced = false
  /// The page of the list to ask for next.
  private(set) var nextPage: UInt16 = 0
  /// The list is asked often until this time while a change is awaited.
  private var hurryUntil = Instant(ms: 0)
  /// Bytes of a fresh publisher are expected until then.
  private var watchUntil = Instant(ms: 0)

  init(_ table: Table<Stream>) { self.table = table }

  public var count: Int { table.count }
  public subscript(index: Int) -> Stream { table[index] }

  /// The places that may hold a path.
  @inline(__always)
  private var places: Range<Int> { 0..<firstUntouched }

  public func index(of name: Name) -> Int? {
    for index in places where table[index].name == name {
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
  mutating func want(_ name: Name, url: Text<160> = .empty) -> Bool {
    let fresh: Stream.State = synced ? .missing(retryAt: Instant(ms: 0), attempts: 0) : .down
    if let index = index(of: name) {
      guard case .leaving(let retryAt, let attempts) = table[index].state else { return true }
      let isSame = table[index].url == url
      table[index].url = url
      table[index].state =
        isSame || !synced ? fresh : .replacing(retryAt: retryAt, attempts: attempts)
      return true
    }
    return add(name, url, fresh)
  }

  /// Bytes of fresh publishers are expected until then at the latest; in the past: none are.
  mutating func watchOften(until: Instant) { watchUntil = until }

  /// How long to wait from one list to the next, given how long it is otherwise.
  func listInterval(_ intervalMs: UInt64, now: Instant) -> UInt64 {
    if nextPage > 0 { return 0 }
    if isAwaitingChange(now: now) { return Streams.awaitMs }
    return now < watchUntil ? min(Streams.watchMs, intervalMs) : intervalMs
  }

  /// The path is to be recorded, or no longer.
  mutating func record(_ name: Name, _ on: Bool) {
    guard let index = index(of: name), table[index].records != on else { return }
    table[index].records = on
  }

  /// A file of the path grows. If it is not to be recorded, and what closes last has had its time,
  /// MediaMTX has not made that change: it is told anew.
  mutating func fileGrew(_ name: Name, now: Instant) {
    guard let index = index(of: name), !table[index].records,
      now >= table[index].recordAt + Streams.retryMs
    else { return }
    table[index].recordsTold = true
  }

  /// What MediaMTX was told of a path's recording has had no effect: it is told anew.
  mutating func tellAgain(_ name: Name) {
    guard let index = index(of: name) else { return }
    table[index].recordsTold = !table[index].records
  }

  /// What became of telling it.
  mutating func recordingTold(_ name: Name, on: Bool, taken: Bool, now: Instant) {
    guard let index = index(of: name) else { return }
    if taken { table[index].recordsTold = on }
    table[index].recordAt = now + (taken ? Streams.recordSettleMs : Streams.recordRetryMs)
  }

  /// A server is started: its file says what is to be recorded now, as `recordsTold`.
  mutating func serverStarts() {
    for index in places {
      table[index].recordsTold = table[index].records
      table[index].recordAt = Instant(ms: 0)
    }
  }

  /// The path is to go.
  mutating func unwant(_ name: Name) {
    guard let index = index(of: name), table[index].isWanted else { return }
    if case .replacing(let retryAt, let attempts) = table[index].state {
      table[index].state = .leaving(retryAt: retryAt, attempts: attempts)
    } else {
      table[index].state = .leaving(retryAt: Instant(ms: 0), attempts: 0)
    }
  }

  /// The process is gone: nothing said of its paths holds any longer.
  mutating func serverDown(_ effects: inout Effects) {
    synced = false
    nextPage = 0
    hurryUntil = Instant(ms: 0)
    for index in places {
      switch table[index].state {
      case .free, .down: continue
      case .leaving: table[index] = Stream()
      case .missing, .listed, .replacing: change(index, to: .down, &effects)
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
    for index in places where table[index].sweep != sweep { miss(index, &effects) }
  }

  /// The next change to ask for, which then counts as asked for.
  mutating func nextChange(now: Instant) -> Change? {
    guard synced else { return nil }
    for index in places {
      switch table[index].state {
      case .missing(let retryAt, let attempts) where now >= retryAt:
        table[index].state = .missing(retryAt: later(now, attempts), attempts: attempts + 1)
        hurryUntil = now + Streams.retryMs
        table[index].recordsTold = table[index].records
        return .add(table[index].name)
      case .leaving(let retryAt, let attempts) where now >= retryAt:
        table[index].state = .leaving(retryAt: later(now, attempts), attempts: attempts + 1)
        hurryUntil = now + Streams.retryMs
        return .remove(table[index].name)
      case .replacing(let retryAt, let attempts) where now >= retryAt:
        table[index].state = .replacing(retryAt: later(now, attempts), attempts: attempts + 1)
        hurryUntil = now + Streams.retryMs
        return .remove(table[index].name)
      case .listed
      where table[index].records != table[index].recordsTold && now >= table[index].recordAt:
        // Until the answer: it may be lost.
        table[index].recordAt = now + Streams.retryMs
        return .record(table[index].name, on: table[index].records)
      case .free, .down, .missing, .listed, .leaving, .replacing: continue
      }
    }
    return nil
  }

  /// Whether the list is soon to show a change that was asked for.
  func isAwaitingChange(now: Instant) -> Bool {
    guard now < hurryUntil else { return false }
    for index in places {
      switch table[index].state {
      case .missing(_, let attempts), .leaving(_, let attempts), .replacing(_, let attempts):
        if attempts > 0 { return true }
      case .free, .down, .listed: continue
      }
    }
    return false
  }

  /// A change that the list must show before it counts.
  enum Change: Equatable {
    case add(Name)
    case remove(Name)
    case record(Name, on: Bool)
  }

  /// When the next change is due.
  var nextDeadline: Instant {
    guard synced else { return .never }
    var due = Instant.never
    for index in places {
      switch table[index].state {
      case .free, .down: continue
      case .listed:
        if table[index].records != table[index].recordsTold {
          due = min(due, table[index].recordAt)
        }
      case .missing(let retryAt, _), .leaving(let retryAt, _), .replacing(let retryAt, _):
        due = min(due, retryAt)
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
      let leaving = Stream.State.leaving(retryAt: Instant(ms: 0), attempts: 0)
      if add(path.name, .empty, leaving, isWanted: false) { mark(path.name) }
      return
    }
    table[index].sweep = sweep
    switch table[index].state {
    case .free, .leaving, .replacing: return
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
    case .down, .listed, .replacing:
      change(index, to: .missing(retryAt: Instant(ms: 0), attempts: 0), &effects)
    }
  }

  private mutating func mark(_ name: Name) {
    if let index = index(of: name) { table[index].sweep = sweep }
  }

  private mutating func add(
    _ name: Name, _ url: Text<160>, _ state: Stream.State, isWanted: Bool = true
  ) -> Bool {
    guard let index = place(isWanted: isWanted) else { return false }
    firstUntouched = max(firstUntouched, index + 1)
    table[index] = Stream()
    table[index].name = name
    table[index].url = url
    table[index].state = state
    // Not yet seen: it must not be taken for something the current sweep has shown.
    table[index].sweep = sweep &- 1
    return true
  }

  /// A free place; a wanted path may have that of a leaving one, which the list shows again.
  private func place(isWanted: Bool) -> Int? {
    var leaving: Int?
    for index in table.indices {
      switch table[index].state {
      case .free: return index
      case .leaving: leaving = index
      case .down, .missing, .listed, .replacing: continue
      }
    }
    return isWanted ? leaving : nil
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
