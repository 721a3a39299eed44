import Foundation
import Glibc
import LoadGenerator
import Wire

/// Requests and connections: Watchpost beside other servers, all of them running all the time.
final class Contest: Chapter {
  static var rows: [Row] { Row.all }
  /// What memory may grow by under any load, KiB.
  private static let growthKiB = 64

  private var servers: [Contestant: Server] = [:]
  /// Resident KiB of Watchpost when idle and at most.
  private let idleKiB: Int
  private var largestKiB: Int

  /// Starts Watchpost and whatever else `rows` need.
  init(_ workshop: Workshop, for rows: [Row]) throws {
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
    idleKiB = try ProcessFigures.residentKiB(of: watchpost.pid)
    largestKiB = idleKiB
  }

  /// Measures a row in rounds, each contestant once a round.
  func run(_ row: Row, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    var samples: [Contestant: [Sample]] = [:]
    for pair in 1...effort.pairs {
      for contestant in row.contestants {
        guard let server = servers[contestant] else { continue }
        let sample = try Sample.take(
          of: [server], Contest.dialect(contestant, row.operation), row.load, effort)
        samples[contestant, default: []].append(sample)
        report.add(sample, of: contestant.rawValue, row.name, pair: pair)
        if contestant == .watchpost { largestKiB = max(largestKiB, sample.residentKiB) }
      }
    }
    return row.comparisons.map { comparison in
      Outcome(
        row.name, comparison.measure, against: comparison.against.rawValue,
        ours: samples[row.subject, default: []], theirs: samples[comparison.against, default: []],
        bar: comparison.demand)
    }
  }

  func conclude() -> [Outcome] {
    [.growth("all of the above", from: idleKiB, to: largestKiB, atMost: Contest.growthKiB)]
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
  try currentAnswer(of: endpoint, to: .health, size: Limits.healthSize)
}

/// The payload, of `size` bytes, of a device's answer to a request without one.
func currentAnswer(of endpoint: Endpoint, to kind: Kind, size: Int) throws -> [UInt8] {
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
    _ = Header(kind: kind.rawValue, requestID: 1).seal($0, payloadSize: 0)
  }
  var answer = [UInt8](repeating: 0, count: Limits.headerSize + size)
  guard connected, send(descriptor, request, request.count, 0) == request.count,
    recv(descriptor, &answer, answer.count, Int32(MSG_WAITALL)) == answer.count
  else { throw BenchError("no answer to \(kind)") }
  return Array(answer[Limits.headerSize...])
}
