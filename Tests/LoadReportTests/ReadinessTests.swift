import Testing

@testable import LoadReport

@Suite struct ReadinessTests {
  private func component(
    _ name: String, _ run: RunResult
  ) throws -> Readiness.Component {
    try #require(Readiness(run).components.first { $0.name == name })
  }

  /// One stage in which one operation took so long each time.
  private func asking(
    milliseconds: Int, answered: Int = 1000, failed: Int = 0
  ) -> RunResult {
    let times = Array(repeating: milliseconds, count: answered)
    return Made.run(stages: [
      Made.stage(
        "steady",
        [
          Made.operation(
            "a", "ping", milliseconds: times, failures: failed > 0 ? ["wrong": failed] : [:])
        ])
    ])
  }

  @Test func aScoreFallsEvenlyFromGoodToBad() {
    let scores = [-1, 0, 10, 10.04, 15, 19.96, 20, 1e300, .infinity].map {
      Readiness.score($0, good: 10, bad: 20)
    }
    #expect(scores == [100, 100, 100, 100, 50, 0, 0, 0, 0])
    #expect(Readiness.score(.nan, good: 10, bad: 20) == 0)
    #expect(
      [100, 90, 89, 80, 79, 70, 69, 60, 59, 0].map(Readiness.grade) == [
        "A", "A", "B", "B", "C", "C", "D", "D", "F", "F",
      ])
  }

  // MARK: Components

  @Test(arguments: [(1, 100), (100, 100), (550, 50), (1000, 0), (5000, 0)])
  func responses(milliseconds: Int, score: Int) throws {
    #expect(try component("responses", asking(milliseconds: milliseconds)).score == score)
  }

  /// 0.1 % and 5 %; 2.55 % is half-way.
  @Test(arguments: [(0, 100), (10, 100), (255, 50), (500, 0), (10_000, 0)])
  func errors(failed: Int, score: Int) throws {
    let run = asking(milliseconds: 1, answered: 10_000 - failed, failed: failed)
    #expect(try component("errors", run).score == score)
  }

  /// The worse one of the time and of the failures counts.
  @Test(arguments: [
    (200, 0, 100), (1100, 0, 50), (2000, 0, 0), (200, 25, 50), (200, 50, 0), (1100, 40, 20),
  ])
  func connections(milliseconds: Int, failed: Int, score: Int) throws {
    var run = asking(milliseconds: 1)
    run.stages[0].connects = Made.operation(
      "", "connect", milliseconds: Array(repeating: milliseconds, count: 1000 - failed),
      failures: ["closed": failed])
    #expect(try component("connections", run).score == score)
  }

  @Test func whoseConnectionsAllFailHasNoMarks() throws {
    let connections = try component("connections", Made.silent)
    #expect(connections.score == 0)
    #expect(connections.evidence == "none of 4 was made")
  }

  /// Full marks from 90 % of 1000 slots on.
  @Test(arguments: [(nil, 0), (450, 50), (900, 100), (1000, 100)] as [(Int?, Int)])
  func capacity(held: Int?, score: Int) throws {
    let ladder = RunResult.LadderResult(held: held, broke: 1100, reason: "busy")
    let run = Made.run(stages: [], slots: 1000, ladder: ladder)
    #expect(try component("capacity", run).score == score)
  }

  @Test(arguments: [(100, nil), (899, nil), (900, 100)] as [(Int, Int?)])
  func aLadderThatEndedTooSoonMeasuresNoCapacity(held: Int, score: Int?) throws {
    let ladder = RunResult.LadderResult(held: held)
    let run = Made.run(stages: [], slots: 1000, ladder: ladder)
    #expect(try component("capacity", run).score == score)
  }

  @Test func aDeviceWithoutSlotsHasNoCapacityToMeasure() throws {
    for slots in [0, nil] {
      let ladder = RunResult.LadderResult(held: 3)
      let run = Made.run(stages: [], slots: slots, ladder: ladder)
      #expect(try component("capacity", run).score == nil)
    }
  }

  @Test(arguments: [(-100, 100), (512, 100), (5376, 50), (10_240, 0), (99_999, 0)])
  func memory(growth: Double, score: Int) throws {
    let readings = [Made.reading(0), Made.reading(5, memoryKiB: 4096 + growth)]
    let run = Made.run(stages: [], readings: readings)
    #expect(try component("memory", run).score == score)
  }

  /// Milliseconds of a core in a stage of ten seconds.
  @Test(arguments: [(100, 100), (5000, 100), (7500, 50), (10_000, 0), (20_000, 0)])
  func processor(milliseconds: Double, score: Int) throws {
    let readings = [Made.reading(0, cpuMs: 50), Made.reading(10, cpuMs: 50 + milliseconds)]
    let run = Made.run(stages: [Made.stage("steady", [])], readings: readings)
    #expect(try component("processor", run).score == score)
  }

  @Test(arguments: [(0, 100), (5, 100), (32.5, 50), (60, 0), (nil, 0)] as [(Double?, Int)])
  func recovery(seconds: Double?, score: Int) throws {
    var run = Made.run(stages: [
      Made.stage("before", users: 10, []), Made.stage("spike", users: 100, []),
      Made.stage("after", users: 10, []),
    ])
    run.recoverySeconds = seconds
    #expect(try component("recovery", run).score == score)
    run = Made.climbed
    run.recoverySeconds = seconds
    #expect(try component("recovery", run).score == score)
  }

  @Test func whatWasNeverTooMuchHadNotToRecover() throws {
    let users = [[10], [10, 20], [20, 10], [10, 10, 10], []]
    for users in users {
      let run = Made.run(stages: users.map { Made.stage("of \($0)", users: $0, []) })
      #expect(try component("recovery", run).score == nil)
    }
  }

  /// From 10 ms in the first third to so much in the last.
  @Test(arguments: [(5, 100), (12, 100), (21, 50), (30, 0), (300, 0)])
  func stability(last: Int, score: Int) throws {
    let run = drifting { $0 < 20 ? 10 : last }
    #expect(try component("stability", run).score == score)
  }

  @Test func secondsWithoutAnAnswerAreNoSignOfStability() throws {
    var run = drifting { $0 < 20 ? 10 : 30 }
    for index in 41..<59 {
      run.series[index].failures = run.series[index].requests
      run.series[index].p95Ns = 0
    }
    #expect(try component("stability", run).score == 0)
  }

  @Test func lessThanAMinuteSaysNothingOfStability() throws {
    var run = drifting { $0 < 20 ? 10 : 30 }
    run.stages[0].seconds = 59
    #expect(try component("stability", run).score == nil)
  }

  private func drifting(_ milliseconds: (Int) -> Int) -> RunResult {
    Made.run(
      stages: [Made.stage("steady", seconds: 60, [])],
      series: (0..<60).map { Made.second(Double($0 + 1), p95: milliseconds($0)) })
  }

  @Test func whereTheTesterWasTheLimitThereIsNoGrade() throws {
    var run = asking(milliseconds: 1)
    #expect(Readiness(run).score == 100)
    #expect(
      try component("tester", run).evidence
        == "it was not the limit: its busiest thread used 20 % of a core")
    run.tester.invalidBecause = ["it was late", "it used 99 % of a core"]
    #expect(Readiness(run).score == nil && Readiness(run).grade == "–")
    #expect(Readiness(run).components.map(\.name) == ["tester"])
    #expect(Readiness(run).whole == "not judged")
    let tester = try component("tester", run)
    #expect(tester.score == 0)
    #expect(tester.evidence == "it was the limit: it was late; it used 99 % of a core")
  }

  // MARK: Together

  @Test func whatWasNotMeasuredTakesNoPart() {
    let nothing = Readiness(Made.run(stages: [], slots: nil))
    #expect(nothing.components.map(\.score) == Array(repeating: nil, count: 9))
    #expect(nothing.components.allSatisfy { $0.evidence.hasPrefix("not measured: ") })
    #expect(nothing.score == nil)
    #expect(nothing.grade == "–")
    // Responses and errors alone, which weigh the same.
    let two = Readiness(asking(milliseconds: 550))
    #expect(two.components.compactMap(\.score) == [50, 100, 100])
    #expect(two.score == 75)
    #expect(two.grade == "C")
  }

  @Test func whatIsNotJudgedTakesNoPart() throws {
    var run = asking(milliseconds: 1)
    run.stages.append(
      Made.stage("warm-up", isJudged: false, [Made.operation("a", "ping", milliseconds: [9999])]))
    #expect(try component("responses", run).score == 100)
  }

  /// 25 responses 100, 25 errors 43, 10 connections 100, 10 memory 100, 5 processor 100:
  /// 6075 of 75.
  @Test func theWholeIsWeighed() {
    let readiness = Readiness(Made.small)
    #expect(readiness.components.map(\.score) == [100, 43, 100, nil, 100, 100, nil, nil, 100])
    #expect(readiness.score == 81)
    #expect(readiness.grade == "B")
    // 25 · 71 (363 ms) + 25 · 100 + 10 · 100 + 10 · 74 (200 of 270) + 10 · 100: 7015 of 80.
    let climbed = Readiness(Made.climbed)
    #expect(climbed.components.map(\.score) == [71, 100, 100, 74, nil, nil, 100, nil, 100])
    #expect(climbed.score == 88)
  }
}
