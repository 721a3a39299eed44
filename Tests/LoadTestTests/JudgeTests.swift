import LoadPlan
import LoadReport
import Testing

@testable import LoadTest

@Suite struct JudgeTests {
  static func latencies(_ milliseconds: UInt64...) -> Latencies {
    Latencies(
      values: milliseconds.map { $0 * 1_000_000 }, counts: milliseconds.map { _ in 1 },
      max: (milliseconds.max() ?? 0) * 1_000_000, sum: 0)
  }

  static func operation(
    _ latency: Latencies, failures: [String: Int] = [:], isWhole: Bool = false
  ) -> RunResult.OperationResult {
    RunResult.OperationResult(
      userClass: "c", operation: "o", isWhole: isWhole,
      requests: Int(latency.count) + failures.values.reduce(0, +), failures: failures,
      latency: latency)
  }

  static func stage(
    _ name: String = "a", users: Int = 10, isJudged: Bool = true, start: Double = 0,
    seconds: Double = 2, operations: [RunResult.OperationResult] = [],
    connects: RunResult.OperationResult = operation(Latencies())
  ) -> RunResult.StageResult {
    RunResult.StageResult(
      name: name, isJudged: isJudged, users: users, rate: nil, start: start, seconds: seconds,
      operations: operations, connects: connects)
  }

  static func run(
    _ stages: [RunResult.StageResult], readings: [RunResult.Reading] = []
  ) -> RunResult {
    RunResult(
      plan: "p", summary: "s", startedUnixS: 0, seed: 1,
      targets: [RunResult.Target(address: "a", readings: readings)],
      tester: RunResult.Tester(version: "v", threads: 1), stages: stages)
  }

  static func reading(_ second: Double, memory: Double, cpuMs: Double) -> RunResult.Reading {
    RunResult.Reading(
      second: second, memoryKiB: memory, cpuMs: cpuMs, requestsSucceeded: 0, requestsFailed: 0,
      connectionsOpen: 0, refusedBusy: 0, answersP95Us: 0, jobsWaiting: 0, buffersAwaited: 0)
  }

  @Test func whatIsJudgedIsMeasured() {
    var judged = Self.stage(
      operations: [
        Self.operation(Self.latencies(1, 2, 3, 4), failures: ["timeout": 1]),
        // What is made of others takes no part.
        Self.operation(Self.latencies(9000), isWhole: true),
      ], connects: Self.operation(Self.latencies(7, 8), failures: ["unreachable": 1]))
    (judged.busy, judged.dropped) = (1, 2)
    let warmUp = Self.stage(
      "warm-up", isJudged: false, operations: [Self.operation(Self.latencies(500))],
      connects: Self.operation(Self.latencies(90)))
    let judge = Judge(Self.run([warmUp, judged]))
    #expect(judge.measure(.p50) == 2 && judge.measure(.p95) == 4 && judge.measure(.p99) == 4)
    // Connections count wherever they are made.
    #expect(judge.measure(.connectP99) == 90)
    // 5 requests and 4 connections, of which one of each failed.
    #expect(judge.measure(.errorPercent) == 200.0 / 6)
    #expect(judge.measure(.busyPercent) == 20)
    #expect(judge.measure(.droppedPercent) == 25)
    #expect(judge.measure(.answersPerSecond) == 2)
    #expect(judge.measure(.recoverySeconds) == nil)
  }

  /// Where everything held there is nothing to recover from; what should have recovered, and has
  /// not, breaks its threshold.
  @Test func recoveryIsJudgedWhereThereWasTooMuch() {
    let thresholds = [Threshold(.busyPercent, 0), Threshold(.recoverySeconds, 60)]
    func judged(_ change: (inout RunResult) -> Void) -> [String: Bool] {
      var run = Self.run([Self.stage()])
      change(&run)
      return Dictionary(
        uniqueKeysWithValues: Judge(run).judge(thresholds).map { ($0.quantity, $0.holds) })
    }
    var ladder = RunResult.LadderResult(steps: [])
    ladder.held = 10
    #expect(judged { $0.ladder = ladder } == ["busy_percent": false])
    ladder.broke = 20
    #expect(judged { $0.ladder = ladder } == ["busy_percent": false, "recovery_s": false])
    #expect(
      judged { ($0.ladder, $0.recoverySeconds) = (ladder, 60) }
        == ["busy_percent": false, "recovery_s": true])
    #expect(judged { _ in } == ["busy_percent": false, "recovery_s": false])
  }

  @Test func theDevicesFiguresAreThoseOfJudgedStages() {
    let run = Self.run(
      [Self.stage(start: 10, seconds: 10)],
      readings: [
        Self.reading(5, memory: 1, cpuMs: 0), Self.reading(10, memory: 100, cpuMs: 1000),
        Self.reading(15, memory: 300, cpuMs: 3000),
        // It began anew.
        Self.reading(20, memory: 200, cpuMs: 500), Self.reading(25, memory: 999, cpuMs: 9999),
      ])
    let judge = Judge(run)
    #expect(judge.measure(.memoryKiB) == 300)
    #expect(judge.measure(.memoryGrowthKiB) == 100)
    #expect(judge.measure(.cpuPercent) == 20)
  }

  @Test func whatWasNotMeasuredDoesNotHold() {
    let judge = Judge(Self.run([]))
    for quantity in Threshold.Quantity.allCases {
      let result = judge.judge(Threshold(quantity, 1))
      #expect(result.measured == nil && !result.holds)
    }
  }

  @Test func thresholdsHoldUpToTheirLimit() {
    let judge = Judge(Self.run([Self.stage(operations: [Self.operation(Self.latencies(100))])]))
    #expect(judge.judge(Threshold(.p95, 100)).holds)
    #expect(!judge.judge(Threshold(.p95, 99.9)).holds)
    #expect(judge.judge(Threshold(.answersPerSecond, 0.5)).holds)
    #expect(!judge.judge(Threshold(.answersPerSecond, 0.6)).holds)
  }

  // MARK: Validity

  @Test func theTesterSaysWhenItWasTheLimit() {
    var fine = Self.stage("fine", operations: [Self.operation(Self.latencies(10))])
    fine.testerCPUPercent = 94.9
    fine.lateness = Self.latencies(2)
    #expect(Validity.objections(to: [fine]).isEmpty)
    var busy = fine
    (busy.name, busy.testerCPUPercent) = ("busy", 95)
    #expect(
      Validity.objections(to: [fine, busy]) == [
        "it used up to 95 % of a core (stage busy); use more `--threads`, or a machine of its own"
      ])
    var late = fine
    // One of a few says nothing.
    (late.name, late.lateness) = ("late", Self.latencies(3))
    #expect(Validity.objections(to: [late]).isEmpty)
    late.lateness = Self.latencies(1, 1, 90)
    #expect(Validity.objections(to: [late]).isEmpty)
    late.lateness = Self.latencies(1, 3, 90)
    #expect(
      Validity.objections(to: [late]) == [
        "it sent 34 % of the requests up to 3 ms late or later (stage late); free the machine of "
          + "other work"
      ])
    // This machine stood still for a moment, or again and again.
    let cases: [(count: UInt64, late: UInt64, share: Int?)] = [
      (150, 5, nil), (150, 8, 4), (1000, 10, nil), (1000, 11, 1),
    ]
    for (count, late, share) in cases {
      var stage = fine
      stage.lateness = Latencies(
        values: [1000, 9_000_000], counts: [count - late, late], max: 9_000_000, sum: 0)
      let told = Validity.objections(to: [stage]).first?.split(separator: " up to").first
      #expect(
        told.map { String($0) } == share.map { "it sent \($0) % of the requests" },
        "\(late) of \(count)")
    }
    // Beside answers that take so long, that is nothing.
    late.operations = [Self.operation(Self.latencies(100))]
    #expect(Validity.objections(to: [late]).isEmpty)
    (late.isJudged, late.testerCPUPercent) = (false, 100)
    #expect(Validity.objections(to: [late]).isEmpty)
  }

  // MARK: Recovery

  private func seconds(_ stage: String, _ p95: [UInt64], failures: [Int] = []) -> [RunResult.Second]
  {
    p95.enumerated().map { index, value in
      RunResult.Second(
        second: 10 + Double(index) + 1, stage: stage, users: 1, requests: 5,
        failures: index < failures.count ? failures[index] : 0, busy: 0, p50Ns: 0,
        p95Ns: value * 1_000_000, p99Ns: 0, meanNs: 0, maxNs: 0, bytes: 0)
    }
  }

  @Test func recoveryEndsWithTheLastBadSecond() {
    let base = Self.stage("before", operations: [Self.operation(Self.latencies(10))])
    let after = Self.stage("after", start: 10)
    func recovery(_ p95: [UInt64], _ failures: [Int] = []) -> Double? {
      Recovery.seconds(in: after, as: base, series: seconds("after", p95, failures: failures))
    }
    // As before is up to twice as slow, or 10 ms slower.
    #expect(recovery([20, 20, 20]) == 0)
    #expect(recovery([21, 20, 20]) == 1)
    #expect(recovery([5, 500, 5]) == 2)
    #expect(recovery([5, 5, 5], [0, 1, 0]) == 2)
    #expect(recovery([5, 5, 500]) == nil)
    #expect(recovery([]) == nil)
  }

  @Test func aSpikeIsTheStageWithTheMostUsers() {
    let stages = [("before", 10), ("peak", 50), ("after", 10)].map { name, users in
      Stage(name, users: users, seconds: 2)
    }
    let results = stages.map {
      Self.stage($0.name, start: 10, operations: [Self.operation(Self.latencies(10))])
    }
    let series = seconds("after", [99, 1, 1])
    #expect(Recovery.seconds(after: stages, results, series: series) == 1)
    #expect(Recovery.seconds(after: Array(stages[..<2]), results, series: series) == nil)
    #expect(Recovery.seconds(after: Array(stages[1...]), results, series: series) == nil)
  }
}
