import Testing

@testable import LoadReport

@Suite struct CapacityTests {
  private func row(_ what: String, _ run: RunResult) throws -> Capacity.Row {
    try #require(Capacity(run).rows.first { $0.what == what })
  }

  // MARK: Bounds

  @Test func theTestersLimitIsNoCapacity() {
    var run = Made.climbed
    run.tester.invalidBecause = ["it was late"]
    #expect(
      Capacity(run).rows == [
        .init(what: "break point", value: "not known", evidence: "the tester was the limit")
      ])
  }

  @Test func aLadderTellsWhereItBroke() {
    let capacity = Capacity(Made.climbed)
    #expect(
      capacity.rows.prefix(4) == [
        .init(
          what: "break point", value: "400 users",
          evidence: "200 users held, 400 broke it (busy)"),
        .init(
          what: "recommended limit", value: "160 users", evidence: "80 % of the 200 that held"),
        .init(what: "alert level", value: "180 users", evidence: "90 % of the 200 that held"),
        .init(
          what: "first to run out", value: "connection slots",
          evidence: "the device has 300, and said BUSY"),
      ])
  }

  @Test func aLadderThatNeverBrokeSaysSo() throws {
    var run = Made.climbed
    run.ladder?.broke = nil
    run.ladder?.reason = nil
    #expect(
      try row("break point", run)
        == .init(
          what: "break point", value: "not reached",
          evidence: "200 users held, and the ladder had no more"))
  }

  @Test func withoutALadderTheSlotsAreTheBound() throws {
    let rows = Capacity(Made.small).rows
    #expect(
      rows.prefix(2) == [
        .init(
          what: "recommended limit", value: "819 users",
          evidence: "80 % of the 1024 connection slots"),
        .init(
          what: "alert level", value: "921 users", evidence: "90 % of the 1024 connection slots"),
      ])
    for slots in [0, nil] {
      let run = Made.run(stages: [], slots: slots)
      #expect(try row("break point", run).value == "not measured")
      #expect(Capacity(run).rows.allSatisfy { $0.what != "recommended limit" })
    }
  }

  // MARK: First to run out

  @Test func theFirstToRunOutIsTheNearestToItsEnd() throws {
    func first(cpuMs: Double, open: Double, tester: Double) throws -> String {
      var run = Made.run(
        stages: [Made.stage("steady", [])], slots: 100,
        readings: [Made.reading(0), Made.reading(10, cpuMs: cpuMs, open: open)])
      run.tester.cpuPercent = tester
      let row = try row("first to run out", run)
      return "\(row.value): \(row.evidence)"
    }
    #expect(
      try first(cpuMs: 5000, open: 49, tester: 49) == "the device's processor: 50 % of a core")
    #expect(
      try first(cpuMs: 5000, open: 51, tester: 49) == "connection slots: 51 of 100 open (51 %)")
    #expect(
      try first(cpuMs: 5000, open: 51, tester: 52)
        == "the tester: its busiest thread used 52 % of a core")
  }

  /// Each device has its own slots: 90 of 100 is near the end, however empty the other one is.
  @Test func slotsAreCountedDeviceByDevice() throws {
    var run = Made.run(stages: [])
    run.tester.cpuPercent = 60
    run.targets = [(90.0, 100), (5, 1000)].map { open, slots in
      RunResult.Target(address: "a:1", slots: slots, readings: [Made.reading(1, open: open)])
    }
    #expect(
      try row("first to run out", run)
        == .init(
          what: "first to run out", value: "connection slots",
          evidence: "90 of 100 open (90 %)"))
  }

  // MARK: Scaling

  private func loaded(
    percent: Double?, milliseconds: Int, failed: Int = 0, seconds: Double = 600
  ) -> RunResult {
    let times = Array(repeating: milliseconds, count: 1000 - failed)
    let asked = Made.operation("a", "ping", milliseconds: times, failures: ["wrong": failed])
    let readings = percent.map {
      [Made.reading(0), Made.reading(seconds, cpuMs: $0 * 10 * seconds)]
    }
    return Made.run(
      stages: [Made.stage("steady", seconds: seconds, [asked])], readings: readings ?? [])
  }

  @Test func eachBoundScalesOut() throws {
    #expect(
      try row("scale out", loaded(percent: 70, milliseconds: 500, failed: 20)).value == "not yet")
    let out = try row("scale out", loaded(percent: 71, milliseconds: 501, failed: 21))
    #expect(out.value == "now: processor 71 %, P95 501 ms, errors 2.1 %")
    #expect(
      out.evidence
        == "from 70 % processor, 80 % memory, 500 ms P95 or 2 % errors on; here processor 71 %, "
        + "memory not measured, P95 501 ms, errors 2.1 %")
    #expect(
      try row("scale out", Made.silent).evidence.hasSuffix(
        "here processor not measured, memory not measured, P95 not measured, errors 100 %"))
  }

  /// The fewest users with which a bound is passed, in whatever order they were tried.
  @Test func aLadderScalesOutAtAStep() throws {
    var run = Made.climbed
    #expect(try row("scale out", run).value == "not up to 400 users")
    run.ladder?.steps[3].p95Ns = 501 * Made.millisecond
    #expect(try row("scale out", run).value == "at 400 users: P95 501 ms")
    run.ladder?.steps[2].p95Ns = 500 * Made.millisecond
    run.ladder?.steps[2].errorPercent = 2
    #expect(try row("scale out", run).value == "at 400 users: P95 501 ms")
    run.ladder?.steps[2].errorPercent = 2.1
    run.ladder?.steps.reverse()
    #expect(try row("scale out", run).value == "at 200 users: errors 2.1 %")
    // The second step is from second 10 to 20: 7.1 of its 10 seconds.
    run.targets[0].readings = [(10.0, 0.0), (20, 7100)].map { Made.reading($0.0, cpuMs: $0.1) }
    #expect(try row("scale out", run).value == "at 100 users: processor 71 %")
    run.ladder?.steps = []
    #expect(try row("scale out", run).value == "not measured")
  }

  @Test func onlyTenIdleMinutesScaleIn() throws {
    func value(_ run: RunResult) throws -> String { try row("scale in", run).value }
    #expect(try value(loaded(percent: 29, milliseconds: 199)) == "possible, as far as was measured")
    #expect(try value(loaded(percent: 30, milliseconds: 199)) == "no")
    #expect(try value(loaded(percent: 29, milliseconds: 200)) == "no")
    #expect(try value(loaded(percent: 29, milliseconds: 199, seconds: 599)) == "no")
    #expect(try value(loaded(percent: nil, milliseconds: 199)) == "no")
    #expect(try value(Made.silent) == "no")
  }

  // MARK: Processor

  @Test func theProcessorIsTakenWithinAStage() {
    let stage = Made.stage("steady", start: 10, seconds: 10, [])
    func percent(_ readings: [(Double, Double)]) -> Double? {
      RunFigures.processor(readings.map { Made.reading($0.0, cpuMs: $0.1) }, in: stage)
    }
    #expect(percent([(0, 0), (10, 9000), (20, 10_000), (30, 99_000)]) == 10)
    #expect(percent([(10, 0)]) == nil)
    #expect(percent([(0, 0), (30, 9000)]) == nil)
    #expect(percent([(15, 0), (15, 9000)]) == nil)
    // It began anew in between.
    #expect(percent([(10, 50_000), (15, 0), (20, 500)]) == 5)
    // A file may hold anything.
    let broken = Made.stage("broken", start: .nan, seconds: -1, [])
    #expect(RunFigures.processor([Made.reading(0), Made.reading(1)], in: broken) == nil)
  }
}
