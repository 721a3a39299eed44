import Foundation
import Glibc
import LoadGenerator
import Wire

/// All servers of a run, side by side, and what they were found to do.
final class Contest {
  private let workshop: Workshop
  private var servers: [Contestant: Server] = [:]
  private(set) var report = Report()

  /// Starts Watchpost and whatever else `rows` need.
  init(_ workshop: Workshop, for rows: [Row]) throws {
    self.workshop = workshop
    let watchpost = try workshop.startWatchpost(limits: .unmet)
    servers[.watchpost] = watchpost
    let wanted = Set(rows.flatMap(\.contestants))
    for contestant in Contestant.allCases where wanted.contains(contestant) {
      switch contestant {
      case .watchpost: break
      case .defaults: servers[.defaults] = try workshop.startWatchpost(limits: .defaults)
      case .peer:
        servers[.peer] = try workshop.startPeer(health: currentHealth(of: watchpost.endpoint))
      case .redis: servers[.redis] = try workshop.startRedis()
      case .memcached: servers[.memcached] = try workshop.startMemcached()
      case .jsonRPC: servers[.jsonRPC] = try workshop.startJSONRPC()
      }
    }
    // A second of peace: what a start leaves to do is done then.
    sleep(1)
    report.idleKiB = try ProcessFigures.residentKiB(of: watchpost.pid)
    report.largestKiB = report.idleKiB
  }

  /// Measures a row in `pairs` rounds, each contestant once a round, and judges it.
  func run(_ row: Row, pairs: Int, seconds: Double, spinning: Bool) throws -> [Outcome] {
    var samples: [Contestant: [Sample]] = [:]
    for pair in 1...pairs {
      for contestant in row.contestants {
        guard let server = servers[contestant] else { continue }
        let sample = try Sample.take(
          of: server, Contest.dialect(contestant, row.operation), row.load, seconds: seconds,
          spinning: spinning)
        samples[contestant, default: []].append(sample)
        report.add(sample, of: contestant, row, pair: pair)
      }
    }
    let outcomes = row.comparisons.map { comparison in
      Outcome(
        row, comparison, ours: samples[row.subject, default: []],
        theirs: samples[comparison.against, default: []])
    }
    report.outcomes += outcomes
    return outcomes
  }

  static func dialect(_ contestant: Contestant, _ operation: Operation) -> Dialect {
    switch (contestant, operation) {
    case (.watchpost, .ping), (.defaults, .ping), (.peer, .ping): .ping()
    case (.watchpost, .health), (.defaults, .health), (.peer, .health): .health
    case (.redis, _): .redisPing
    case (.memcached, _): .memcachedGet
    case (.jsonRPC, _): .jsonRPCPing()
    }
  }
}

/// The payload of a device's answer to `health`.
func currentHealth(of endpoint: Endpoint) throws -> [UInt8] {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = endpoint.port.bigEndian
  address.sin_addr.s_addr = endpoint.address.bigEndian
  let connected = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
  var request = [UInt8](repeating: 0, count: Limits.headerSize)
  request.withUnsafeMutableBytes {
    _ = Header(kind: Kind.health.rawValue, requestID: 1).seal($0, payloadSize: 0)
  }
  var answer = [UInt8](repeating: 0, count: Limits.headerSize + Limits.healthSize)
  guard connected, send(descriptor, request, request.count, 0) == request.count,
    recv(descriptor, &answer, answer.count, Int32(MSG_WAITALL)) == answer.count
  else { throw BenchError("no answer to health") }
  return Array(answer[Limits.headerSize...])
}
