import Foundation
import LoadGenerator
import StandInDriver

/// A message from one client to many: Watchpost beside a C server that does the same, and
/// mosquitto.
final class Broadcasts: Chapter {
  struct Entry: Named {
    enum Rival {
      case peer
      /// And mosquitto, which is to be slower.
      case peerAndMosquitto
      /// Watchpost itself with fewer subscribers: how time grows with their number.
      case fewer(subscribers: Int, bar: Double)
    }

    let bytes: Int
    let subscribers: Int
    let rival: Rival

    var name: String {
      let size = bytes < 10_000 ? "\(bytes) bytes" : "\(fixed(Double(bytes) / 1e6, 2)) MB"
      let name = "broadcast of \(size) to \(subscribers)"
      if case .fewer = rival { return "\(name), growth" }
      return name
    }

    var contestants: [Contestant] {
      switch rival {
      case .peer: [.watchpost, .peer]
      case .peerAndMosquitto: [.watchpost, .peer, .mosquitto]
      case .fewer: [.watchpost]
      }
    }
  }

  enum Contestant: String {
    case watchpost
    case peer = "C broadcaster"
    case mosquitto
  }

  /// The predecessor's large payload.
  private static let largeBytes = 1_380_000
  /// Beside the message itself, KiB.
  private static let growthKiB = 256

  static let rows: [Entry] =
    [10, 50, 100, 200, 1000, 5000].map { Entry(bytes: 64, subscribers: $0, rival: .peer) }
    + [Entry(bytes: 64, subscribers: 200, rival: .fewer(subscribers: 10, bar: 25))]
    + [10, 50, 100, 200, 1000].map {
      Entry(
        bytes: largeBytes, subscribers: $0,
        rival: [50, 200].contains($0) ? .peerAndMosquitto : .peer)
    }

  private var servers: [Contestant: Server] = [:]
  private let idleKiB: Int

  init(_ workshop: Workshop, for rows: [Entry]) throws {
    let watchpost = try workshop.startWatchpost(limits: .unmet)
    servers[.watchpost] = watchpost
    let wanted = Set(rows.flatMap(\.contestants))
    if wanted.contains(.peer) { servers[.peer] = try workshop.startBroadcaster() }
    if wanted.contains(.mosquitto) { servers[.mosquitto] = try workshop.startMosquitto() }
    sleep(1)
    idleKiB = try ProcessFigures.residentKiB(of: watchpost.pid)
  }

  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    if case .fewer(let subscribers, let bar) = row.rival {
      return try [growth(row, since: subscribers, bar, effort, &report)]
    }
    var samples: [Contestant: [Sample]] = [:]
    for pair in 1...effort.pairs {
      for contestant in row.contestants {
        let sample = try sample(of: contestant, row.bytes, row.subscribers, effort)
        samples[contestant, default: []].append(sample)
        report.add(sample, of: contestant.rawValue, row.name, pair: pair)
      }
    }
    let outcomes = row.contestants.dropFirst().flatMap { rival in
      [Measure.cpuPerDelivery, .delivery].map { measure in
        Outcome(
          row.name, measure, against: rival.rawValue, ours: samples[.watchpost, default: []],
          theirs: samples[rival, default: []], bar: .atMost(rival == .peer ? 1.15 : 1))
      }
    }
    return outcomes + [try memory(row)]
  }

  /// Time to many by time to few.
  private func growth(
    _ row: Entry, since fewer: Int, _ bar: Double, _ effort: Effort, _ report: inout Report
  ) throws -> Outcome {
    var many: [Sample] = []
    var few: [Sample] = []
    for pair in 1...effort.pairs {
      many.append(try sample(of: .watchpost, row.bytes, row.subscribers, effort))
      few.append(try sample(of: .watchpost, row.bytes, fewer, effort))
      report.add(many[pair - 1], of: "watchpost", row.name, pair: pair)
      report.add(few[pair - 1], of: "watchpost to \(fewer)", row.name, pair: pair)
    }
    return Outcome(
      row.name, .delivery, against: "to \(fewer)", ours: many, theirs: few, bar: .atMost(bar))
  }

  private func sample(
    of contestant: Contestant, _ bytes: Int, _ subscribers: Int, _ effort: Effort
  ) throws -> Sample {
    guard let server = servers[contestant] else { throw BenchError("\(contestant) is not there") }
    var load = try connect(server, contestant, bytes, subscribers)
    // A first one, so that sockets have the room that they will have.
    _ = try load.run(seconds: effort.seconds / 4, spinning: effort.spinning)
    return try Sample(of: [server]) {
      try load.run(seconds: effort.seconds, spinning: effort.spinning)
    }
  }

  private func connect(
    _ server: Server, _ contestant: Contestant, _ bytes: Int, _ subscribers: Int
  ) throws -> BroadcastLoad {
    var load = try BroadcastLoad(
      contestant == .mosquitto ? .mqtt : .watchpost, to: server.endpoint,
      subscribers: subscribers, bytes: bytes)
    let failed = try load.connect()
    guard failed == 0 else {
      throw BenchError("\(server.name) did not take \(failed) of \(subscribers) subscribers")
    }
    return load
  }

  /// How much memory Watchpost takes meanwhile: messages of their own, because whoever looks takes
  /// time from everybody.
  private func memory(_ row: Entry) throws -> Outcome {
    guard let server = servers[.watchpost] else { throw BenchError("watchpost is not there") }
    var load = try connect(server, .watchpost, row.bytes, row.subscribers)
    let look = try ProcessFigures.largestResidentKiB(of: server.pid) {
      try load.run(seconds: 0.2)
    }
    guard look.result.failures.total == 0 else {
      throw BenchError("\(row.name): \(look.result.failures)")
    }
    let payload = (row.bytes + 1023) / 1024
    return .growth(
      row.name, from: idleKiB, to: max(look.kiB, idleKiB),
      atMost: payload + Broadcasts.growthKiB)
  }
}

extension Workshop {
  /// Starts the C server for broadcasts.
  func startBroadcaster() throws -> Server {
    let port = freePort()
    return try start("C broadcaster", port, [try compile("broadcaster"), "\(port)"]) {
      try takesSubscribers(.watchpost, $0)
    }
  }

  func startMosquitto() throws -> Server {
    let port = freePort()
    let file = folder.appending(path: "mosquitto.conf")
    // As it is, but for what would be asked of a client or written to disk.
    let settings = """
      listener \(port) 127.0.0.1
      allow_anonymous true
      persistence false
      set_tcp_nodelay true
      log_dest none

      """
    try settings.write(to: file, atomically: true, encoding: .utf8)
    return try start("mosquitto", port, ["/usr/sbin/mosquitto", "-c", file.path]) {
      try takesSubscribers(.mqtt, $0)
    }
  }
}

private func takesSubscribers(_ dialect: BroadcastDialect, _ endpoint: Endpoint) throws -> Bool {
  var load = try BroadcastLoad(dialect, to: endpoint, subscribers: 1, bytes: 1)
  return try load.connect(seconds: 1) == 0
}
