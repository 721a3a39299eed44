import ControlClient
import LoadPlan
import LoadReport
import Synchronization
import Testing

@testable import LoadTest

/// How runs go on from stage to stage, against an oracle. What only an idle machine could show is
/// not asked: no threshold of time, but those that nobody keeps.
@Suite struct CourseTests {
  private func run(
    _ course: Plan.Course, _ thresholds: [Threshold] = [], at oracle: OracleThread,
    aborts: Bool = false, threads: Int = 1,
    tell: @escaping @Sendable (LoadRun.News) -> Void = { _ in }
  ) throws -> LoadRun {
    var plan = Plan(
      name: "p", summary: "s",
      classes: [UserClass("users", work: .mix([.init(.ping)]), think: 0.005...0.01)],
      course: course)
    plan.thresholds = thresholds
    let address = DeviceAddress(host: "127.0.0.1", port: Int(oracle.endpoint.port))
    return LoadRun(
      plan,
      LoadOptions(
        targets: [try LoadTarget(address)], credentials: .none, threads: threads,
        abortsOnFail: aborts, version: "v"), tell: tell)
  }

  private func stages(_ judged: Bool...) -> Plan.Course {
    .stages(
      judged.enumerated().map { Stage("s\($0)", users: 2, seconds: 0.2, isJudged: $1) })
  }

  /// Eleven slots, of which the tester itself takes one.
  @Test func aLadderFindsTheLastPlace() async throws {
    let oracle = try OracleThread(OracleOptions(["--slots", "11"]))
    let ladder = Ladder(steps: [4, 8, 16, 32], seconds: 0.4, recoverySeconds: 1)
    let result = try await run(.ladder(ladder), at: oracle).run()
    let climbed = try #require(result.ladder)
    // Up to the break, then by halves.
    #expect(climbed.steps.map(\.users) == [4, 8, 16, 12, 10, 11])
    #expect(climbed.steps.map(\.holds) == [true, true, false, false, true, false])
    #expect(climbed.held == 10 && climbed.broke == 11 && climbed.reason == "busy")
    #expect(
      result.stages.map(\.name) == climbed.steps.map { "users-\($0.users)" } + ["over", "recovery"])
    #expect(
      result.stages.filter(\.isJudged).map(\.users) == [4, 8, 10], "what breaks is not judged")
    #expect(result.stages.suffix(2).map(\.users) == [11, 4])
    #expect(result.ended == nil)
  }

  /// Those beyond the last place leave one after another, and are not told BUSY once more.
  @Test func whoLeavesBreaksNoStep() async throws {
    let oracle = try OracleThread(OracleOptions(["--slots", "11"]))
    let ladder = Ladder(steps: [4, 16], seconds: 0.4, ramp: 10, precision: 6, recoverySeconds: 0)
    let result = try await run(.ladder(ladder), at: oracle).run()
    #expect(result.ladder?.held == 10 && result.ladder?.broke == 16)
  }

  @Test func precisionEndsTheSearch() async throws {
    let oracle = try OracleThread(OracleOptions(["--slots", "11"]))
    let ladder = Ladder(steps: [4, 16], seconds: 0.4, precision: 6, recoverySeconds: 0)
    let result = try await run(.ladder(ladder), at: oracle).run()
    #expect(result.ladder?.steps.map(\.users) == [4, 16, 10])
    #expect(result.stages.count == 3, "nobody waits for recovery")
  }

  @Test func aLadderThatHoldsHasNoBreak() async throws {
    let oracle = try OracleThread(OracleOptions())
    let ladder = Ladder(steps: [1, 2], seconds: 0.2)
    let result = try await run(.ladder(ladder), at: oracle, threads: 2).run()
    #expect(result.ladder?.held == 2 && result.ladder?.broke == nil)
    #expect(result.recoverySeconds == nil && result.stages.count == 2)
  }

  @Test func aLadderThatNobodyHoldsBreaksAtOnce() async throws {
    let oracle = try OracleThread(OracleOptions(["--delay", "5ms"]))
    let ladder = Ladder(steps: [1], seconds: 0.2, recoverySeconds: 0)
    let result = try await run(.ladder(ladder), [Threshold(.p50, 1)], at: oracle).run()
    #expect(result.ladder?.held == nil && result.ladder?.broke == 1)
    #expect(result.ladder?.reason == "p50_ms")
  }

  // MARK: Early ends

  @Test func aBrokenThresholdEndsTheRunAfterItsStage() async throws {
    let oracle = try OracleThread(OracleOptions(["--delay", "5ms"]))
    let impossible = [Threshold(.p95, 1)]
    let result = try await run(
      stages(false, true, true), impossible, at: oracle, aborts: true
    ).run()
    // Before, nothing was judged.
    #expect(result.stages.map(\.name) == ["s0", "s1"])
    #expect(result.ended == "p95_ms broke its threshold")
    let patient = try await run(stages(true, true), impossible, at: oracle).run()
    #expect(patient.stages.count == 2 && patient.ended == nil)
    #expect(patient.thresholds.map(\.holds) == [false])
  }

  @Test func whatWasCancelledBeforeHasNoStages() async throws {
    let oracle = try OracleThread(OracleOptions())
    let run = try run(stages(true), [Threshold(.p95, 1)], at: oracle)
    run.cancel()
    run.cancel(because: "of something else")
    let result = try await run.run()
    #expect(oracle.finish().requests > 0, "it has looked who is there")
    #expect(result.stages.isEmpty && result.ended == "it was interrupted")
    #expect(result.thresholds.map(\.measured) == [nil])
  }

  @Test func aDeadTargetEndsTheRun() async throws {
    let oracle = try OracleThread(OracleOptions())
    let course = Plan.Course.stages([Stage("s", users: 3, seconds: 3600)])
    let result = try await run(course, at: oracle) {
      if case .second = $0 { oracle.finish() }
    }.run()
    #expect(result.ended == "no target has answered for 10 s")
    #expect(result.seconds < 1800 && result.stages.map(\.name) == ["s"])
    let operation = try #require(result.stages.first?.operations.first)
    #expect(operation.requests > operation.failed)
  }

  /// What it does not bear for good is where it broke: nothing is known about fewer users.
  @Test func aLadderEndsWithItsTarget() async throws {
    let oracle = try OracleThread(OracleOptions())
    let ladder = Ladder(steps: [2, 8], seconds: 0.3)
    let result = try await run(.ladder(ladder), at: oracle) {
      if case .ended = $0 { oracle.finish() }
    }.run()
    #expect(result.ladder?.held == 2 && result.ladder?.broke == 8)
    #expect(result.ladder?.reason == "answers" && result.ladder?.steps.count == 2)
    #expect(result.stages.map(\.users) == [2, 8, 5] && result.recoverySeconds == nil)
    #expect(result.stages.map(\.isJudged) == [true, false, false])
    #expect(result.ended == "the target has not come back since users-8")
  }

  @Test func nobodyAnswersOnAClosedPort() async throws {
    let oracle = try OracleThread(OracleOptions())
    oracle.finish()
    await #expect(throws: LoadTestError.self) { try await run(stages(true), at: oracle).run() }
  }

  // MARK: What is told meanwhile

  @Test func whatIsKnownIsToldAfterEachStage() async throws {
    let news = Mutex<[RunResult]>([])
    let oracle = try OracleThread(OracleOptions())
    let result = try await run(stages(true, true), [Threshold(.errorPercent, 0)], at: oracle) {
      if case .standing(let result) = $0 { news.withLock { $0.append(result) } }
    }.run()
    let told = news.withLock { $0 }
    #expect(told.map { $0.stages.map(\.name) } == [[], ["s0"], ["s0", "s1"]])
    #expect(told.allSatisfy { $0.ended == "wpload itself did not come to the end of it" })
    #expect(told.map { $0.thresholds.map(\.holds) } == [[false], [true], [true]])
    #expect(told.last?.stages == result.stages && told.last?.series == result.series)
    #expect(result.ended == nil && result.targets.map(\.slots) == [nil])
  }

  // MARK: Silence

  private func silence(
    _ seconds: [(users: Int, requests: Int, failures: Int, timeouts: Int, busy: Int)]
  ) -> Int? {
    var silence = Silence()
    for (index, second) in seconds.enumerated() {
      let told = silence.note(
        RunResult.Second(
          second: Double(index + 1), stage: "s", users: second.users, requests: second.requests,
          failures: second.failures, busy: second.busy, p50Ns: 0, p95Ns: 0, p99Ns: 0, meanNs: 0,
          maxNs: 0, bytes: 0), timeouts: second.timeouts)
      if told != nil { return index + 1 }
    }
    return nil
  }

  @Test func whoeverIsAloneForTenSecondsKnowsIt() {
    #expect(silence(Array(repeating: (0, 4, 4, 0, 0), count: 20)) == 10)
    let one = [(2, 8, 0, 0, 0)] + Array(repeating: (0, 0, 0, 0, 0), count: 9)
    // An answer, or a refusal, begins the count anew.
    #expect(silence(one + one + one) == nil)
    #expect(silence(Array(repeating: (0, 0, 0, 0, 5), count: 40)) == nil)
  }

  @Test func whoeverWaitsInVainForHalfAMinuteKnowsIt() {
    // All three in a second in ten.
    let vain = [(3, 3, 3, 3, 0)] + Array(repeating: (3, 0, 0, 0, 0), count: 9)
    #expect(silence([(3, 9, 0, 0, 0)] + vain + vain + vain + vain) == 31)
    // Who thinks for long, who listens, who is refused, and one accident.
    #expect(silence(Array(repeating: (3, 0, 0, 0, 0), count: 100)) == nil)
    #expect(silence(Array(repeating: (3, 3, 3, 0, 0), count: 100)) == nil)
    #expect(silence([(3, 1, 1, 1, 0)] + Array(repeating: (3, 0, 0, 0, 0), count: 100)) == nil)
    #expect(silence(vain + vain + [(3, 1, 0, 0, 0)] + vain + vain) == nil)
  }
}
