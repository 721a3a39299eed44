import Glibc
import Wire

/// Sealed connections that ping, and open and check what comes back.
///
/// One request under way on each; one thread and one epoll, like `LoadGenerator`.
public struct SealedLoad: ~Copyable {
  private let connections: [SealedConnection]
  private let poller: Poller
  private var awaited = 0
  private var result = LoadResult()

  /// Opens so many connections one after the other, at the pace at which the device hears
  /// handshakes, and proves each.
  public init(
    _ identity: SealedIdentity, to target: Endpoint, connections count: Int,
    from origins: Origins = .automatic
  ) throws(LoadError) {
    try raiseDescriptorLimit(to: count + 64)
    let poller = try Poller()
    var opened: [SealedConnection] = []
    for index in 0..<count {
      let connection = try SealedConnection.open(
        identity, to: target, from: origins.address(of: index))
      _ = try connection.ask(.ping)
      try poller.watch(connection.descriptor, token: index, for: Poller.readable)
      opened.append(connection)
    }
    connections = opened
    self.poller = poller
  }

  /// Each connection asks again as soon as it is answered, for so many seconds.
  public mutating func closedLoop(
    seconds: Double, spinning: Bool = false
  ) -> LoadResult {
    let ownCPU = begin()
    let start = monotonicNs()
    let end = start + UInt64(seconds * 1e9)
    for connection in connections { ping(connection, at: start) }
    var now = start
    var progress = start
    while awaited > 0, now - progress < LoadGenerator.patienceNs {
      let ready = poller.wait(nanoseconds: spinning ? 0 : 10_000_000)
      for event in 0..<ready {
        let connection = connections[poller.token(event)]
        guard receive(connection) else { continue }
        now = monotonicNs()
        result.latency.record(now - connection.sentAt)
        if now < end { ping(connection, at: now) }
      }
      now = monotonicNs()
      if ready > 0 { progress = now }
    }
    return finish(start, ownCPU)
  }

  /// The first connection asks at a constant rate, whether or not it is answered. Latency counts
  /// from when a request was to be sent.
  public mutating func openLoop(rate: Double, seconds: Double) -> LoadResult {
    let ownCPU = begin()
    let connection = connections[0]
    let period = 1e9 / rate
    let start = monotonicNs() + 1_000_000
    let total = Int(rate * seconds)
    var next = 0
    var progress = start
    while next < total || awaited > 0 {
      var now = monotonicNs()
      while next < total, start + UInt64(Double(next) * period) <= now {
        // One after the other: a request that is due waits until the one before is answered.
        guard awaited == 0 else { break }
        let intended = start + UInt64(Double(next) * period)
        result.lateness.record(now - intended)
        ping(connection, at: intended)
        next += 1
      }
      let due = start + UInt64(Double(next) * period)
      let pause = awaited == 0 && due > now ? due - now : 10_000_000
      let ready = poller.wait(nanoseconds: pause)
      now = monotonicNs()
      for _ in 0..<ready where receive(connection) {
        now = monotonicNs()
        result.latency.record(now - connection.sentAt)
      }
      if ready > 0 || awaited == 0 { progress = now }
      if now > progress, now - progress > LoadGenerator.patienceNs { break }
    }
    return finish(start, ownCPU)
  }

  private mutating func begin() -> UInt64 {
    result = LoadResult()
    awaited = 0
    return threadCPUNs()
  }

  private mutating func finish(_ start: UInt64, _ ownCPU: UInt64) -> LoadResult {
    result.seconds = Double(monotonicNs() - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs() - ownCPU) / 1e9
    result.failures.unanswered += awaited
    return result
  }

  private mutating func ping(_ connection: SealedConnection, at now: UInt64) {
    guard connection.descriptor >= 0 else { return }
    connection.sentAt = now
    guard connection.send(.ping) else { return fail(connection, \.closed) }
    connection.isAwaiting = true
    awaited += 1
  }

  private mutating func fail(
    _ connection: SealedConnection, _ reason: WritableKeyPath<Failures, Int>
  ) {
    result.failures[keyPath: reason] += 1
    if connection.isAwaiting { awaited -= 1 }
    connection.giveUp()
  }

  /// True when the answer has come and is right.
  private mutating func receive(_ connection: SealedConnection) -> Bool {
    guard connection.descriptor >= 0 else { return false }
    guard connection.receive() >= 0 else {
      fail(connection, \.closed)
      return false
    }
    var answers = 0
    let isRight = connection.drain { header, payload in
      answers += 1
      return header.kind == Kind.ping.rawValue && header.requestID == connection.number
        && header.status == 0 && payload.isEmpty
    }
    guard isRight, answers == 0 || (answers == 1 && connection.isAwaiting) else {
      fail(connection, \.wrong)
      return false
    }
    guard answers == 1 else { return false }
    connection.isAwaiting = false
    awaited -= 1
    result.answers += 1
    return true
  }
}
