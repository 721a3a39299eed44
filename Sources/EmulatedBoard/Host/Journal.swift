import Synchronization

/// Why waiting for an entry ended without one.
public enum JournalError: Error, CustomStringConvertible {
  /// Nothing that matched arrived in time; what was awaited, and the last entries for the reader.
  case timedOut(awaited: String, after: Duration, last: [String])
  /// The source of entries has ended, so that nothing can arrive any more.
  case ended(awaited: String, last: [String])

  public var description: String {
    switch self {
    case .timedOut(let awaited, let after, let last):
      "no \(awaited) within \(after)" + Self.list(last)
    case .ended(let awaited, let last):
      "the emulated board ended before \(awaited)" + Self.list(last)
    }
  }

  private static func list(_ last: [String]) -> String {
    last.isEmpty ? "; nothing at all was seen" : "; last seen:\n  " + last.joined(separator: "\n  ")
  }
}

/// What happened, in order and with the moment at which the host saw it. Any number of tasks can
/// wait for an entry; entries stay, so a waiter cannot come too late.
public final class Journal<Value: Sendable>: Sendable {
  public struct Entry: Sendable {
    /// Position in the journal, from 0.
    public let index: Int
    /// When the host saw it.
    public let at: ContinuousClock.Instant
    public let value: Value
  }

  private struct Waiter {
    let from: Int
    let matches: @Sendable (Value) -> Bool
    let continuation: CheckedContinuation<Entry?, Never>
  }

  private struct State {
    var entries: [Entry] = []
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0
    var ended = false
  }

  private let state = Mutex(State())

  public init() {}

  /// Number of entries so far: where a later search begins that must not find old ones.
  public var count: Int { state.withLock { $0.entries.count } }

  /// Entries from a position on.
  public func entries(from: Int = 0) -> [Entry] {
    state.withLock { Array($0.entries.dropFirst(from)) }
  }

  /// Waits for the first matching entry at or after a position.
  /// - Parameters:
  ///   - awaited: how an error names what was awaited.
  ///   - from: position at which the search begins.
  ///   - timeout: longest time to wait; the error after it quotes the last entries.
  public func first(
    _ awaited: String, from: Int = 0, within timeout: Duration = .seconds(30),
    where matches: @escaping @Sendable (Value) -> Bool
  ) async throws -> Entry {
    let ticket = state.withLock { state in
      defer { state.nextWaiter += 1 }
      return state.nextWaiter
    }
    let alarm = Task {
      try await Task.sleep(for: timeout)
      release(ticket)
    }
    defer { alarm.cancel() }
    let found = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        enlist(ticket, Waiter(from: from, matches: matches, continuation: continuation))
      }
    } onCancel: {
      release(ticket)
    }
    if let found { return found }
    try Task.checkCancellation()
    let (last, ended) = state.withLock { state in
      (state.entries.suffix(5).map { String(describing: $0.value) }, state.ended)
    }
    if ended { throw JournalError.ended(awaited: awaited, last: last) }
    throw JournalError.timedOut(awaited: awaited, after: timeout, last: last)
  }

  /// Adds an entry that happened now.
  func append(_ value: Value) {
    let now = ContinuousClock.now
    let released = state.withLock { state -> [(Waiter, Entry)] in
      let entry = Entry(index: state.entries.count, at: now, value: value)
      state.entries.append(entry)
      let matching = state.waiters.filter { $1.from <= entry.index && $1.matches(value) }
      for ticket in matching.keys { state.waiters[ticket] = nil }
      return matching.values.map { ($0, entry) }
    }
    for (waiter, entry) in released { waiter.continuation.resume(returning: entry) }
  }

  /// Nothing more will come for now: whoever waits learns it at once.
  func end() {
    let waiters = state.withLock { state in
      state.ended = true
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.continuation.resume(returning: nil) }
  }

  /// The source has begun again.
  func resume() { state.withLock { $0.ended = false } }

  private func enlist(_ ticket: Int, _ waiter: Waiter) {
    let now = state.withLock { state -> (resume: Bool, Entry?) in
      if let entry = state.entries.dropFirst(waiter.from).first(where: { waiter.matches($0.value) })
      {
        return (true, entry)
      }
      if state.ended || Task.isCancelled { return (true, nil) }
      state.waiters[ticket] = waiter
      return (false, nil)
    }
    if now.resume { waiter.continuation.resume(returning: now.1) }
  }

  private func release(_ ticket: Int) {
    let waiter = state.withLock { $0.waiters.removeValue(forKey: ticket) }
    waiter?.continuation.resume(returning: nil)
  }
}
