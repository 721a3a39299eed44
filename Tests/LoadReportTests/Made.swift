@testable import LoadReport

/// Runs that never were.
enum Made {
  /// Latencies of so many milliseconds each.
  static func latencies(_ milliseconds: [Double]) -> Latencies {
    let nanoseconds = milliseconds.map { UInt64($0 * 1e6) }
    let counts = Dictionary(nanoseconds.map { ($0, UInt64(1)) }, uniquingKeysWith: +)
      .sorted { $0.key < $1.key }
    return Latencies(
      values: counts.map(\.key), counts: counts.map(\.value), max: nanoseconds.max() ?? 0,
      sum: nanoseconds.reduce(0) { $0 + Double($1) })
  }

  static func operation(
    _ name: String = "ping", _ milliseconds: [Double] = [1, 2, 3, 4],
    failures: [String: Int] = [:]
  ) -> RunResult.OperationResult {
    RunResult.OperationResult(
      userClass: "viewers", operation: name,
      requests: milliseconds.count + failures.values.reduce(0, +), failures: failures, bytes: 32,
      latency: latencies(milliseconds))
  }

  static func stage(
    _ operations: [RunResult.OperationResult] = [operation()], named name: String = "normal",
    users: Int = 10, isJudged: Bool = true, start: Double = 0, seconds: Double = 4,
    connects: RunResult.OperationResult = operation("connect", [1])
  ) -> RunResult.StageResult {
    RunResult.StageResult(
      name: name, isJudged: isJudged, users: users, rate: nil, start: start, seconds: seconds,
      operations: operations, connects: connects)
  }

  static func second(
    _ end: Double, stage: String = "normal", users: Int = 10, requests: Int = 100,
    failures: Int = 0, p95: Double = 2
  ) -> RunResult.Second {
    RunResult.Second(
      second: end, stage: stage, users: users, requests: requests, failures: failures, busy: 0,
      p50Ns: 1_000_000, p95Ns: UInt64(p95 * 1e6), p99Ns: UInt64(2 * p95 * 1e6), meanNs: 1_500_000,
      maxNs: UInt64(3 * p95 * 1e6), bytes: 800)
  }

  static func reading(
    _ second: Double, memory: Double = 8192, cpuMs: Double = 0, succeeded: Double = 0,
    open: Double = 10
  ) -> RunResult.Reading {
    RunResult.Reading(
      second: second, memoryKiB: memory, cpuMs: cpuMs, requestsSucceeded: succeeded,
      requestsFailed: 0, connectionsOpen: open, refusedBusy: 0, answersP95Us: 500, jobsWaiting: 0,
      buffersAwaited: 0, health: "healthy")
  }

  static func run(
    _ stages: [RunResult.StageResult] = [stage()], readings: [RunResult.Reading] = [],
    ladder: RunResult.LadderResult? = nil, slots: Int? = 100
  ) -> RunResult {
    RunResult(
      plan: "made", summary: "A run that never was.", startedUnixS: 1_700_000_000, seconds: 4,
      seed: 7,
      targets: [
        RunResult.Target(
          address: "10.0.0.5:4710", product: "barn 0.1.0", slots: slots, readings: readings)
      ], tester: RunResult.Tester(version: "0.1.0", threads: 1), stages: stages,
      series: (1...4).map { second(Double($0)) }, ladder: ladder,
      thresholds: [
        RunResult.ThresholdResult(quantity: "p95_ms", limit: 100, measured: 4, holds: true)
      ])
  }

  static var climbed: RunResult {
    let steps = [(10, true), (50, true), (100, false)].map { users, holds in
      RunResult.LadderResult.Step(
        users: users, stage: "users-\(users)", answersPerSecond: Double(users), p95Ns: 2_000_000,
        errorPercent: 0, busyPercent: holds ? 0 : 10, holds: holds)
    }
    var run = run(
      [
        stage(named: "users-10"), stage(named: "users-50", users: 50),
        stage(named: "recovery", isJudged: false),
      ],
      readings: [reading(0), reading(4, cpuMs: 2000)],
      ladder: RunResult.LadderResult(steps: steps, held: 99, broke: 100, reason: "busy"))
    run.recoverySeconds = 2
    return run
  }

  /// What somebody else has named, who means no good.
  static var hostile: RunResult {
    var run = run([
      stage([operation("=1+1\",\u{7}&amp;")], named: "<script>alert('1')</script>")
    ])
    run.plan = "\"><img src=x onerror=y>"
    run.targets[0].product = "</style><script>"
    run.ended = "<b>it</b> ended"
    return run
  }
}
