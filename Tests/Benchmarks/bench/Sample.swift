import LoadGenerator

/// One measurement of one contestant.
struct Sample {
  let requests: Int
  /// Of the server, nanoseconds.
  let cpuPerRequest: Double
  /// Of the generator, nanoseconds.
  let ownCPUPerRequest: Double
  /// Shares of a processor, 0 … 1.
  let serverBusy: Double
  let generatorBusy: Double
  /// What everybody else had, as a share of one processor: other programs, other machines.
  let othersBusy: Double
  let perSecond: Double
  /// Nanoseconds.
  let p50: Double
  let p99: Double
  /// How late the generator was at an open loop, nanoseconds.
  let latenessP99: Double
  let failures: Int
  let residentKiB: Int

  /// Puts a load on servers, its connections dealt out among them, and reads their processor time
  /// before and after.
  static func take(
    of servers: [Server], _ dialect: Dialect, _ load: Load, _ effort: Effort
  ) throws -> Sample {
    let seconds = effort.seconds
    switch load {
    case .visits(let concurrency):
      var visits = try ConnectLoop(dialect, to: servers[0].endpoint, concurrency: concurrency)
      return try Sample(of: servers) { try visits.run(seconds: seconds) }
    case .closed(let connections, let depth, let spread):
      var load = try connect(servers, dialect, connections, deepest: depth, spread: spread)
      _ = try load.closedLoop(depth: depth, for: .seconds(seconds / 4))
      return try Sample(of: servers) {
        try load.closedLoop(depth: depth, for: .seconds(seconds), spinning: effort.spinning)
      }
    case .open(let connections, let rate):
      var load = try connect(servers, dialect, connections, deepest: 128, spread: false)
      _ = try load.openLoop(rate: Double(rate), seconds: seconds)
      return try Sample(of: servers) { try load.openLoop(rate: Double(rate), seconds: seconds * 4) }
    }
  }

  private static func connect(
    _ servers: [Server], _ dialect: Dialect, _ connections: Int, deepest: Int, spread: Bool
  ) throws -> LoadGenerator {
    var load = try LoadGenerator(
      dialect, to: servers.map(\.endpoint), connections: connections,
      from: spread ? .spread(250) : .automatic, deepest: deepest)
    let failed = try load.connect()
    guard failed == 0 else {
      throw BenchError("\(servers[0].name) did not take \(failed) of \(connections) connections")
    }
    return load
  }

  /// Processor time and memory are those of all servers together.
  init(of servers: [Server], _ run: () throws -> LoadResult) throws {
    let before = try servers.map { try ProcessFigures.settledCPUNs(of: $0.pid) }.reduce(0, +)
    let busyBefore = try ProcessFigures.busySeconds()
    let result = try run()
    let busy = try ProcessFigures.busySeconds() - busyBefore
    let after = try servers.map { try ProcessFigures.settledCPUNs(of: $0.pid) }.reduce(0, +)
    guard result.answers > 0 else { throw BenchError("\(servers[0].name) has answered nothing") }
    requests = result.answers
    cpuPerRequest = Double(after - before) / Double(result.answers)
    ownCPUPerRequest = result.ownCPUSeconds * 1e9 / Double(result.answers)
    serverBusy = Double(after - before) / 1e9 / result.seconds
    generatorBusy = result.ownCPUSeconds / result.seconds
    othersBusy = max(0, busy / result.seconds - serverBusy - generatorBusy)
    perSecond = result.answersPerSecond
    p50 = Double(result.latency.quantile(0.5))
    p99 = Double(result.latency.quantile(0.99))
    latenessP99 = Double(result.lateness.quantile(0.99))
    failures = result.failures.total
    residentKiB = try servers.map { try ProcessFigures.residentKiB(of: $0.pid) }.reduce(0, +)
  }

  func value(of measure: Measure) -> Double {
    switch measure {
    case .cpu, .cpuPerDelivery: cpuPerRequest
    case .p50, .delivery, .restart: p50
    case .p99: p99
    case .rate: perSecond
    }
  }
}

/// The median; 0 of nothing.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard !sorted.isEmpty else { return 0 }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
