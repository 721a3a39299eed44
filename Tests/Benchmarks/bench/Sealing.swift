import Foundation
import LoadGenerator
import StandInDriver
import Wire

/// What it costs that nobody else can read or change what is said: sealed requests and broadcasts
/// beside plain ones of the same agent, a handshake, and what a flood of them does to a client.
final class Sealing: Chapter {
  enum Entry: Named {
    case ping(connections: Int)
    case broadcast
    case handshake
    case flood

    var name: String {
      switch self {
      case .ping(let count): "sealed ping, \(count) connection\(count == 1 ? "" : "s"), depth 1"
      case .broadcast: "sealed broadcast of \(Sealing.bytes) bytes to \(Sealing.subscribers)"
      case .handshake: "sealed handshake"
      case .flood: "sealed ping under \(Sealing.floodRate) handshakes/s from \(Sealing.strangers)"
      }
    }
  }

  static let rows: [Entry] = [
    .ping(connections: 1), .ping(connections: 100), .broadcast, .handshake, .flood,
  ]

  private static let bytes = 64
  private static let subscribers = 1000
  /// A sealed request or delivery may cost so many plain ones.
  private static let ratioBar = 2.5
  private static let handshakeBarUs = 400.0
  /// Handshakes measured at a time, and between two of them: slower than the device hears them.
  private static let burst = 40
  private static let burstPauseMs: UInt32 = 15
  private static let floodRate = 2000
  private static let mostFloods = 3
  private static let strangers = 50
  private static let floodBarMs = 50.0
  /// Pings a second of the client meanwhile.
  private static let clientRate = 200.0

  /// A device on its own for each, so that neither's subscribers are the other's.
  private let agent: Server
  private let plain: Server
  private let identity: SealedIdentity

  init(_ workshop: Workshop, for rows: [Entry]) throws {
    // 127.0.1.x are strangers; handshakes are limited for everybody alike.
    let settings = ["control.trusted": "127.0.0.1/32, 127.64.0.0/16"]
    agent = try workshop.startWatchpost(limits: .unmet, settings: settings)
    plain = try workshop.startWatchpost(limits: .unmet, settings: settings)
    identity = try workshop.pair(with: agent)
    sleep(1)
  }

  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    switch row {
    case .ping(let count): [try ping(row, count, effort, &report)]
    case .broadcast: try broadcast(row, effort, &report)
    case .handshake: [try handshake(row, effort)]
    case .flood: try flood(row, effort)
    }
  }

  private func ping(
    _ row: Entry, _ count: Int, _ effort: Effort, _ report: inout Report
  ) throws -> Outcome {
    var sealed = try SealedLoad(
      identity, to: agent.endpoint, connections: count, from: .spread(50))
    var open = try LoadGenerator(.ping(), to: agent.endpoint, connections: count, from: .spread(50))
    guard try open.connect() == 0 else { throw BenchError("\(row.name): not connected") }
    _ = sealed.closedLoop(seconds: effort.seconds / 4)
    _ = try open.closedLoop(depth: 1, for: .seconds(effort.seconds / 4))
    var ours: [Sample] = []
    var theirs: [Sample] = []
    for pair in 1...effort.pairs {
      ours.append(
        try Sample(of: [agent]) {
          sealed.closedLoop(seconds: effort.seconds, spinning: effort.spinning)
        })
      theirs.append(
        try Sample(of: [agent]) {
          try open.closedLoop(depth: 1, for: .seconds(effort.seconds), spinning: effort.spinning)
        })
      report.add(ours[pair - 1], of: "sealed", row.name, pair: pair)
      report.add(theirs[pair - 1], of: "plain", row.name, pair: pair)
    }
    return Outcome(
      row.name, .cpu, against: "plain", ours: ours, theirs: theirs,
      bar: .atMost(Sealing.ratioBar))
  }

  private func broadcast(
    _ row: Entry, _ effort: Effort, _ report: inout Report
  ) throws -> [Outcome] {
    var sealed = try SealedBroadcast(
      identity, to: agent.endpoint, subscribers: Sealing.subscribers, bytes: Sealing.bytes)
    var open = try BroadcastLoad(
      .watchpost, to: plain.endpoint, subscribers: Sealing.subscribers, bytes: Sealing.bytes)
    guard try open.connect() == 0 else { throw BenchError("\(row.name): not connected") }
    _ = try sealed.run(seconds: effort.seconds / 4)
    _ = try open.run(seconds: effort.seconds / 4)
    var ours: [Sample] = []
    var theirs: [Sample] = []
    for pair in 1...effort.pairs {
      ours.append(
        try Sample(of: [agent]) {
          try sealed.run(seconds: effort.seconds, spinning: effort.spinning)
        })
      theirs.append(
        try Sample(of: [plain]) {
          try open.run(seconds: effort.seconds, spinning: effort.spinning)
        })
      report.add(ours[pair - 1], of: "sealed", row.name, pair: pair)
      report.add(theirs[pair - 1], of: "plain", row.name, pair: pair)
    }
    // The time until the last has it includes what the one reader takes to open a thousand frames.
    return [Measure.cpuPerDelivery, .delivery].map { measure in
      Outcome(
        row.name, measure, against: "plain", ours: ours, theirs: theirs,
        bar: .atMost(Sealing.ratioBar))
    }
  }

  /// Connections that stand already begin a handshake each, no faster than the device hears them:
  /// what it uses meanwhile, without what it uses on its own.
  private func handshake(_ row: Entry, _ effort: Effort) throws -> Outcome {
    var costs: [Double] = []
    var failures = 0
    let count = Sealing.burst
    for _ in 1...effort.pairs {
      var burst = try HandshakeBurst(identity, to: agent.endpoint, connections: count)
      let idle = try idleCPUNs()
      let begin = try ProcessFigures.settledCPUNs(of: agent.pid)
      let start = Date()
      let answered = try burst.run(pauseMs: Sealing.burstPauseMs)
      let used = try ProcessFigures.settledCPUNs(of: agent.pid) - begin
      let own = idle * Date().timeIntervalSince(start)
      failures += count - answered
      costs.append(max(0, Double(used) - own) / Double(max(1, answered)) / 1e3)
      // Addresses save up for the next round.
      sleep(1)
    }
    return Outcome(
      row.name, "CPU per handshake", unit: "µs", median(costs),
      bar: .atMost(Sealing.handshakeBarUs), failures: failures, of: effort.pairs)
  }

  /// Nanoseconds a second that the agent uses while nobody asks.
  private func idleCPUNs() throws -> Double {
    let before = try ProcessFigures.settledCPUNs(of: agent.pid)
    let start = Date()
    sleep(1)
    let used = try ProcessFigures.settledCPUNs(of: agent.pid) - before
    return Double(used) / Date().timeIntervalSince(start)
  }

  /// Rounds with a flood and without; the medians count.
  private func flood(_ row: Entry, _ effort: Effort) throws -> [Outcome] {
    var client = try SealedLoad(identity, to: agent.endpoint, connections: 1)
    let seconds = max(3, effort.seconds * 4)
    let rounds = min(effort.pairs, Sealing.mostFloods)
    var (quiet, flooded, rates): ([Double], [Double], [Double]) = ([], [], [])
    var failures = 0
    func p99(_ result: LoadResult) -> Double {
      failures += result.failures.total + (result.answers == 0 ? 1 : 0)
      return Double(result.latency.quantile(0.99)) / 1e6
    }
    for _ in 1...rounds {
      quiet.append(p99(client.openLoop(rate: Sealing.clientRate, seconds: seconds)))
      let crowd = try Crowd(identity, agent.endpoint, addresses: Sealing.strangers)
      crowd.start(rate: Double(Sealing.floodRate), seconds: seconds + 1)
      usleep(500_000)
      flooded.append(p99(client.openLoop(rate: Sealing.clientRate, seconds: seconds)))
      let tally = try crowd.wait()
      rates.append(Double(tally.sent) / max(0.001, tally.seconds))
      say(
        "\(row.name): \(tally.sent) handshakes sent, \(tally.limited) limited, \(tally.refused) "
          + "refused, \(tally.answered) copies answered, \(tally.closed) connections ended")
    }
    return [
      Outcome(
        row.name, "latency p99", against: "no flood", unit: "ms", median(flooded),
        ours: median(flooded), reference: median(quiet), bar: .atMost(Sealing.floodBarMs),
        failures: failures, of: rounds),
      Outcome(
        row.name, "handshakes sent", unit: "1/s", median(rates),
        bar: .atLeast(0.9 * Double(Sealing.floodRate)), of: rounds),
    ]
  }
}

/// A thread that floods.
private final class Crowd: @unchecked Sendable {
  private let target: Endpoint
  private let addresses: Int
  private let frames: [[UInt8]]
  private let isOver = DispatchSemaphore(value: 0)
  private var outcome: Result<HandshakeFlood.Tally, Error> = .failure(BenchError("no flood"))

  /// Half of its frames are of strangers, half copies of the client's own.
  init(_ identity: SealedIdentity, _ target: Endpoint, addresses: Int) throws {
    self.target = target
    self.addresses = addresses
    let strangers = try (0..<64).map { _ in
      try SealedConnection.hello(.stranger(to: identity.device))
    }
    let copies = [[UInt8]](repeating: try SealedConnection.hello(identity), count: 64)
    frames = zip(strangers, copies).flatMap { [$0, $1] }
  }

  func start(rate: Double, seconds: Double) {
    Thread.detachNewThread { [self] in
      outcome = Result {
        // 127.0.1.1 and on.
        var flood = try HandshakeFlood(
          to: target, from: 0x7F00_0101, addresses: addresses, frames: frames)
        return try flood.run(rate: rate, seconds: seconds)
      }
      isOver.signal()
    }
  }

  func wait() throws -> HandshakeFlood.Tally {
    isOver.wait()
    return try outcome.get()
  }
}

extension Workshop {
  /// Becomes a client of an agent with the code that it shows on what stands for its card.
  func pair(with agent: Server) throws -> SealedIdentity {
    let card = folder.appending(path: "agent-\(agent.endpoint.port)-1/card/pairing.txt")
    for _ in 0..<100 {
      usleep(100_000)
      guard let text = try? String(contentsOf: card, encoding: .utf8),
        let device = try deviceKey(of: agent.endpoint)
      else { continue }
      let code = String(text.prefix(PairingCode.textSize))
      let newcomer = SealedIdentity(code: code, device: device)
      let connection = try SealedConnection.open(newcomer, to: agent.endpoint, named: "bench")
      guard connection.welcome.isPaired else { throw BenchError("\(agent.name) does not pair") }
      // A load is no ordinary client's.
      var limits = KeyRequest()
      limits.name = Name("bench")
      limits.role = .admin
      limits.flags = .loadTest
      let request = [UInt8](unsafeUninitializedCapacity: KeyRequest.size) { buffer, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
        limits.encode(into: &writer)
        count = writer.count
      }
      _ = try connection.ask(.keyChange, request)
      let secret = connection.welcome.secret
      return SealedIdentity(
        key: newcomer.key, secret: secret.indices.map { secret[$0] }, device: device)
    }
    throw BenchError("\(agent.name) shows no code: \(card.path)")
  }

  /// Nil: it has none yet.
  private func deviceKey(of endpoint: Endpoint) throws -> PublicKey? {
    let payload = try currentAnswer(of: endpoint, to: .identity, size: IdentityReport.size)
    let report = payload.withUnsafeBytes {
      var reader = ByteReader($0)
      return IdentityReport(from: &reader)
    }
    return report.publicKey.isNone ? nil : report.publicKey
  }
}
