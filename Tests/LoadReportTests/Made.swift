import LoadReport
import Testing

/// Results as a run leaves them, made by hand.
enum Made {
  static let millisecond: UInt64 = 1_000_000

  /// Each of `milliseconds` once for each time that it is named.
  static func latencies(_ milliseconds: [Int]) -> Latencies {
    latencies(nanoseconds: milliseconds.map { UInt64($0) * millisecond })
  }

  static func latencies(nanoseconds: [UInt64]) -> Latencies {
    let counts = Dictionary(nanoseconds.map { ($0, UInt64(1)) }, uniquingKeysWith: +)
      .sorted { $0.key < $1.key }
    return Latencies(
      values: counts.map(\.key), counts: counts.map(\.value), max: nanoseconds.max() ?? 0,
      sum: nanoseconds.reduce(0) { $0 + Double($1) })
  }

  static func operation(
    _ userClass: String, _ operation: String, milliseconds: [Int] = [],
    failures: [String: Int] = [:], isWhole: Bool = false, bytes: Int = 0
  ) -> RunResult.OperationResult {
    RunResult.OperationResult(
      userClass: userClass, operation: operation, isWhole: isWhole,
      requests: milliseconds.count + failures.values.reduce(0, +), failures: failures,
      bytes: bytes, latency: latencies(milliseconds))
  }

  static func stage(
    _ name: String, users: Int = 10, rate: Double? = nil, isJudged: Bool = true,
    start: Double = 0, seconds: Double = 10, _ operations: [RunResult.OperationResult],
    connects: RunResult.OperationResult = operation("", "connect")
  ) -> RunResult.StageResult {
    RunResult.StageResult(
      name: name, isJudged: isJudged, users: users, rate: rate, start: start, seconds: seconds,
      operations: operations, connects: connects)
  }

  static func second(
    _ second: Double, stage: String = "steady", users: Int = 10, requests: Int = 10,
    failures: Int = 0, busy: Int = 0, p95: Int = 3
  ) -> RunResult.Second {
    RunResult.Second(
      second: second, stage: stage, users: users, requests: requests, failures: failures,
      busy: busy, p50Ns: 2 * millisecond, p95Ns: UInt64(p95) * millisecond,
      p99Ns: UInt64(p95 + 1) * millisecond, meanNs: 2e6, maxNs: UInt64(p95 + 2) * millisecond,
      bytes: 1000)
  }

  static func reading(
    _ second: Double, memoryKiB: Double = 4096, cpuMs: Double = 0, succeeded: Double = 0,
    open: Double = 10, refused: Double = 0
  ) -> RunResult.Reading {
    RunResult.Reading(
      second: second, memoryKiB: memoryKiB, cpuMs: cpuMs, requestsSucceeded: succeeded,
      requestsFailed: 0, connectionsOpen: open, refusedBusy: refused, answersP95Us: 400,
      jobsWaiting: 0, buffersAwaited: 0, health: "healthy")
  }

  static func run(
    plan: String = "baseline", stages: [RunResult.StageResult],
    series: [RunResult.Second] = [], slots: Int? = 1024, readings: [RunResult.Reading] = [],
    ladder: RunResult.LadderResult? = nil, thresholds: [RunResult.ThresholdResult] = []
  ) -> RunResult {
    RunResult(
      plan: plan, summary: "What a device bears.", startedUnixS: 1_795_400_000,
      seconds: stages.reduce(0) { $0 + $1.seconds }, seed: 7,
      targets: [.init(address: "127.0.0.1:4710", slots: slots, readings: readings)],
      tester: .init(version: "1.0", threads: 2, cpuPercent: 20), stages: stages, series: series,
      ladder: ladder, thresholds: thresholds)
  }

  // MARK: Whole runs

  /// Ten seconds of ten users, with readings of the device, a threshold that holds and one that
  /// does not.
  static let small: RunResult = {
    var run = Made.run(
      stages: [
        stage(
          "steady", rate: 10,
          [
            operation(
              "viewers", "ping", milliseconds: Array(1...100),
              failures: ["timeout": 2, "closed": 1], bytes: 6400),
            operation("viewers", "deploy", milliseconds: [900], isWhole: true),
          ], connects: operation("", "connect", milliseconds: Array(1...10)))
      ], series: (1...10).map { second(Double($0)) },
      readings: [
        reading(0, cpuMs: 100, succeeded: 50),
        reading(10, memoryKiB: 4352, cpuMs: 2100, succeeded: 152),
      ],
      thresholds: [
        .init(quantity: "p95_ms", limit: 100, measured: 96, holds: true),
        .init(quantity: "errors_percent", limit: 1, measured: 2.9, holds: false),
      ])
    run.targets[0].product = "Watchpost 1.2"
    return run
  }()

  /// A ladder that held 200 users and broke with 400, and the seconds after it.
  static let climbed: RunResult = {
    let users = [50, 100, 200, 400]
    let steps = users.map {
      RunResult.LadderResult.Step(
        users: $0, stage: "step \($0)", answersPerSecond: Double($0) * 2,
        p95Ns: UInt64($0) * millisecond / 10, errorPercent: 0, busyPercent: $0 == 400 ? 9 : 0,
        holds: $0 < 400)
    }
    var stages = users.enumerated().map { index, users in
      stage(
        "step \(users)", users: users, start: Double(index * 10),
        [operation("viewers", "health", milliseconds: Array(1...users))],
        connects: operation("", "connect", milliseconds: [2, 3]))
    }
    stages[3].busy = 36
    stages.append(
      stage(
        "recovery", users: 50, isJudged: false, start: 40,
        [operation("viewers", "health", milliseconds: [2, 2])]))
    var run = Made.run(
      plan: "slots", stages: stages,
      series: (1...50).map {
        second(Double($0), stage: stages[($0 - 1) / 10].name, users: stages[($0 - 1) / 10].users)
      },
      slots: 300,
      ladder: .init(steps: steps, held: 200, broke: 400, reason: "busy"))
    run.recoverySeconds = 5
    return run
  }()

  /// Nobody answered anything.
  static let silent: RunResult = {
    var run = Made.run(
      stages: [
        stage(
          "steady", [operation("viewers", "ping", failures: ["unreachable": 4])],
          connects: operation("", "connect", failures: ["unreachable": 4]))
      ], series: [second(1, requests: 4, failures: 4)], slots: nil,
      thresholds: [.init(quantity: "p95_ms", limit: 100, measured: nil, holds: false)])
    run.series[0].length = 0.5
    run.ended = "no target could be reached"
    return run
  }()

  /// What a page, a table and a terminal could take for more than text.
  static let oddText = "<script>alert(\"1\")</script>&'\u{1B}[2J\u{0}\r\n=1+1,東京\u{301}"

  /// `oddText` wherever text comes from a plan or from a device.
  static let odd: RunResult = {
    let asked = operation(oddText, oddText, milliseconds: [1, 2], failures: [oddText: 1])
    let step = RunResult.LadderResult.Step(
      users: 1, stage: oddText, answersPerSecond: 1, p95Ns: 1, errorPercent: 0, busyPercent: 0,
      holds: false)
    let readings = [reading(0), reading(60)]
    var run = Made.run(
      plan: oddText, stages: [stage(oddText, seconds: 60, [asked])],
      series: (1...60).map { second(Double($0), stage: oddText) },
      ladder: RunResult.LadderResult(steps: [step], broke: 1, reason: oddText),
      thresholds: [
        RunResult.ThresholdResult(quantity: oddText, limit: 1, measured: 2, holds: false)
      ])
    run.summary = oddText
    run.targets = [oddText, oddText + "2"].map {
      RunResult.Target(address: $0, product: oddText, slots: 8, readings: readings)
    }
    run.tester.version = oddText
    run.tester.invalidBecause = [oddText]
    run.ended = oddText
    return run
  }()

  static let all = [small, climbed, silent, odd]
}

/// Logs of tests name a run, they do not spell it out.
extension RunResult: CustomTestStringConvertible {
  public var testDescription: String { plan.filter { $0.isLetter } }
}
