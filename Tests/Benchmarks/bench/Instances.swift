import Foundation
import LoadGenerator
import StandInDriver

/// Several agents side by side: what a request costs all of them, and how evenly the kernel deals
/// connections out among those that share a port.
final class Instances: Chapter {
  struct Entry: Named {
    enum Question {
      /// The connections of one agent, dealt out among several: what a request costs.
      case cost(depth: Int)
      /// Several agents on one port (SO_REUSEPORT, socket(7)): who gets how many connections.
      case spread
    }

    let count: Int
    let question: Question

    var name: String {
      switch question {
      case .cost(let depth): "\(count) instances, ping, 1000 connections, depth \(depth)"
      case .spread: "\(count) instances on one port, \(Instances.manyConnections) connections"
      }
    }
  }

  private static let connections = 1000
  /// Enough for a spread that is no matter of luck: with four agents 20 % are 7 standard
  /// deviations.
  static let manyConnections = 4000
  private static let costBar = 1.05
  private static let spreadBar = 20.0

  static let rows: [Entry] = [2, 4].flatMap { count in
    [
      Entry(count: count, question: .cost(depth: 1)),
      Entry(count: count, question: .cost(depth: 16)),
      Entry(count: count, question: .spread),
    ]
  }

  private let workshop: Workshop
  /// Each on a port of its own; the first is also the one that is alone.
  private var agents: [Server] = []
  /// What several processes on one processor cost a server that does nothing else.
  private var peers: [Server] = []

  init(_ workshop: Workshop, for rows: [Entry]) throws {
    self.workshop = workshop
    for _ in 0..<(rows.map(\.count).max() ?? 1) {
      agents.append(try workshop.startWatchpost(limits: .unmet))
      peers.append(try workshop.startPeer(health: Array(0...255)))
    }
    sleep(1)
  }

  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    switch row.question {
    case .cost(let depth): try cost(row, depth, effort, &report)
    case .spread: try [spread(row, effort)]
    }
  }

  private func cost(
    _ row: Entry, _ depth: Int, _ effort: Effort, _ report: inout Report
  ) throws -> [Outcome] {
    let load = Load.closed(connections: Instances.connections, depth: depth)
    var samples: [String: [Sample]] = [:]
    for pair in 1...effort.pairs {
      for (name, servers) in [("watchpost", agents), ("C server", peers)] {
        for count in [row.count, 1] {
          let sample = try Sample.take(of: Array(servers[..<count]), .ping(), load, effort)
          samples["\(count) \(name)", default: []].append(sample)
          report.add(sample, of: "\(count) \(name)", row.name, pair: pair)
        }
      }
    }
    func outcome(_ row: String, _ name: String, count: Int, bar: Outcome.Bar) -> Outcome {
      Outcome(
        row, .cpu, against: "one instance", ours: samples["\(count) \(name)", default: []],
        theirs: samples["1 \(name)", default: []], bar: bar)
    }
    return [
      outcome(row.name, "watchpost", count: row.count, bar: .atMost(Instances.costBar)),
      outcome("\(row.name): C server", "C server", count: row.count, bar: .none),
    ]
  }

  /// How far the most favoured or the least favoured agent is from its share, in the worst round.
  private func spread(_ row: Entry, _ effort: Effort) throws -> Outcome {
    let port = freePort()
    let settings = ["control.share_port": "on"]
    let sharing = try (0..<row.count).map { _ in
      try workshop.startWatchpost(limits: .unmet, settings: settings, on: port)
    }
    // One that does not listen yet would be answered for by the others.
    sleep(1)
    let idle = try sharing.map { try ProcessFigures.sockets(of: $0.pid) }
    let share = Double(Instances.manyConnections) / Double(row.count)
    var worst = 0.0
    var failures = 0
    for _ in 1...effort.pairs {
      var load = try LoadGenerator(
        .ping(), to: Endpoint(port: port), connections: Instances.manyConnections,
        from: .spread(250))
      failures += try load.arrive().failures.total
      let taken = try zip(sharing, idle).map { try ProcessFigures.sockets(of: $0.pid) - $1 }
      guard taken.reduce(0, +) == load.connected else {
        throw BenchError("\(row.name): \(taken) connections of \(load.connected)")
      }
      worst = taken.map { abs(Double($0) - share) / share * 100 }.reduce(worst, max)
    }
    return Outcome(
      row.name, "farthest from its share", unit: "%", worst, bar: .atMost(Instances.spreadBar),
      failures: failures, of: effort.pairs)
  }
}
