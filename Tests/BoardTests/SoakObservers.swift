import ControlClient
import EmulatedBoard
import Foundation
import Synchronization
import Wire

/// Whether the soak does something at present with which connections end.
final class SoakWeather: Sendable {
  private let state = Mutex((isRough: false, calmSince: ContinuousClock.now))

  func become(rough: Bool) {
    state.withLock { state in
      if state.isRough, !rough { state.calmSince = .now }
      state.isRough = rough
    }
  }

  /// Whether what began then may have failed.
  func excuses(since start: ContinuousClock.Instant) -> Bool {
    state.withLock { $0.isRough || start < $0.calmSince }
  }
}

/// How busy the host is. The board's processors are threads of it.
enum HostLoad {
  /// By what bounds are longer now: 2 while half as much again wants to run as there are
  /// processors.
  static var factor: Double {
    let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)
    let load = text?.split(separator: " ").first.flatMap { Double($0) } ?? 0
    return load > 1.5 * Double(ProcessInfo.processInfo.activeProcessorCount) ? 2 : 1
  }
}

/// Three clients with a key that look on while a soak does what it does: one pings, one listens,
/// one comes and goes. Times are the host's; those of the board go at the same rate.
final class SoakObservers: Sendable {
  static let pingMs = 100
  static let visitMs = 1000
  /// The longest that a client with a key may have to wait until it is in and has an answer; that
  /// of the simulator (`OperatorServed`). REQ-PERF 003 wants a connection within 1 s.
  static let visitLongestMs = 3000.0
  /// The longest silence after which a request counts as forgotten while its connection stays open.
  static let answerLimit = Duration.seconds(10)

  private let board: EmulatedBoard
  private let weather: SoakWeather
  private let violations: Violations
  private let waits = Mutex<[Double]>([])
  private let visits = Mutex<[Double]>([])
  private let listener = Mutex<Listening?>(nil)
  private let tasks = Mutex<[Task<Void, Never>]>([])
  /// Planted: the next event does not get into the books.
  private let losesNext = Mutex(false)

  /// What the listener has, as of now.
  struct Listening: Sendable {
    var connection: ControlConnection
    var first: UInt64
    var received: UInt64 = 0
  }

  init(_ board: EmulatedBoard, _ weather: SoakWeather, _ violations: Violations) {
    (self.board, self.weather, self.violations) = (board, weather, violations)
  }

  func begin() {
    tasks.withLock { tasks in
      tasks = [
        Task { await self.repeating(.promptPing) { try await self.ping() } },
        Task { await self.repeating(.eventsCounted) { try await self.listen() } },
        Task { await self.repeating(.operatorServed) { try await self.visit() } },
      ]
    }
  }

  func end() async {
    let running = tasks.withLock { tasks in
      for task in tasks { task.cancel() }
      return tasks
    }
    await listener.withLock { $0 }?.connection.close()
    for task in running { await task.value }
  }

  /// Waits of pings and of visits since this was asked last, milliseconds.
  func take() -> (pings: [Double], visits: [Double]) {
    func empty(_ values: inout [Double]) -> [Double] {
      defer { values = [] }
      return values
    }
    return (waits.withLock { empty(&$0) }, visits.withLock { empty(&$0) })
  }

  /// Does it again and again. What fails in calm weather is a violation.
  private func repeating(_ rule: SoakRule, _ body: () async throws -> Void) async {
    while !Task.isCancelled {
      let start = ContinuousClock.now
      do { try await body() } catch {
        guard !Task.isCancelled else { return }
        if !weather.excuses(since: start) { violations.add(rule, "\(error)") }
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// With the key of the bench, and no knock in plain text before.
  private func connect(_ limit: Duration) async throws -> ControlConnection {
    try await ControlConnection.open(
      try await Reception.address(of: board), timeout: limit,
      as: .folder(Reception.keys(for: board)))
  }

  private func ping() async throws {
    let connection = try await connect(Self.answerLimit)
    do {
      while !Task.isCancelled {
        let start = ContinuousClock.now
        do { _ = try await connection.ping() } catch ControlError.timeout {
          if !weather.excuses(since: start) {
            violations.add(.oneAnswer, "no answer to a ping within \(Self.answerLimit)")
          }
          break
        }
        let waited = (ContinuousClock.now - start).milliseconds
        if !weather.excuses(since: start) { waits.withLock { $0.append(waited) } }
        try await Task.sleep(for: .milliseconds(Self.pingMs))
      }
      await connection.close()
    } catch {
      await connection.close()
      throw error
    }
  }

  private func listen() async throws {
    let connection = try await connect(.seconds(5))
    let first = try await connection.subscribe(.all).nextSequence
    listener.withLock { $0 = Listening(connection: connection, first: first) }
    var ledger = EventLedger(next: first)
    for await event in connection.events {
      if isLost() { continue }
      for broken in ledger.take(event) { violations.add(broken.rule, broken.words) }
      listener.withLock { $0?.received = ledger.received }
    }
    listener.withLock { $0 = nil }
    await connection.close()
    throw connection.endReason ?? ControlError.closed(connection.device)
  }

  func loseNextEvent() { losesNext.withLock { $0 = true } }

  private func isLost() -> Bool {
    losesNext.withLock { loses in
      defer { loses = false }
      return loses
    }
  }

  private func visit() async throws {
    let start = ContinuousClock.now
    let connection = try await comeAgain(since: start)
    do { _ = try await connection.health() } catch {
      await connection.close()
      throw error
    }
    let took = (ContinuousClock.now - start).milliseconds
    await connection.close()
    if !weather.excuses(since: start) { visits.withLock { $0.append(took) } }
    try await Task.sleep(for: .milliseconds(Self.visitMs))
  }

  /// A connection, though a crowd with the same address stood before the door at that moment: who
  /// is told BUSY, or finds not even the place for that, comes again as long as it may take.
  private func comeAgain(since start: ContinuousClock.Instant) async throws -> ControlConnection {
    while true {
      do { return try await connect(.seconds(10)) } catch {
        let isTurnedAway =
          switch error as? ControlError {
          case .busy, .closed: true
          default: false
          }
        let waited = (ContinuousClock.now - start).milliseconds
        guard isTurnedAway, waited < Self.visitLongestMs else { throw error }
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Compares what has come with the device's books; complains where they do not meet.
  func settleEvents(within limit: Duration) async throws -> [String] {
    typealias Books = (Listening, SubscriptionStatistics)
    let (listening, told) = try await poll(within: limit) { () -> Result<Books, BoardError> in
      guard let now = listener.withLock({ $0 }) else {
        return .failure(BoardError("the listener is not connected"))
      }
      do { return .success((now, try await now.connection.subscriptionStatistics())) } catch {
        // A device that was reset has not said goodbye: the listener finds out now.
        await now.connection.close()
        return .failure(BoardError("\(error)"))
      }
    }
    let complaints = EventLedger.complaints(told, first: listening.first)
    // Events that were sent before this answer may lie behind it in our own queue.
    let deadline = ContinuousClock.now + .seconds(3)
    while ContinuousClock.now < deadline {
      let received = listener.withLock { $0?.received } ?? 0
      if received >= told.delivered { return complaints }
      try await Task.sleep(for: .milliseconds(20))
    }
    let received = listener.withLock { $0?.received } ?? 0
    return complaints + ["\(told.delivered) events were sent, \(received) have come"]
  }
}
