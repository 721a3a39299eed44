import Foundation
import Testing

@testable import LoadReport

@Suite struct FigureTests {
  @Test func distributionsMergeExactly() {
    let all = (1...200).map { Double($0 * 7 % 50) }
    var merged = Made.latencies(Array(all[..<80]))
    merged.add(Made.latencies(Array(all[80...])))
    #expect(merged == Made.latencies(all))
    let sorted = all.sorted()
    for share in [0.01, 0.5, 0.95, 0.99, 1] {
      let rank = max(1, Int((share * 200).rounded(.up)))
      #expect(merged.quantile(share) == UInt64(sorted[rank - 1] * 1e6))
    }
    #expect(abs(merged.mean - all.reduce(0, +) / 200 * 1e6) < 1)
    #expect(Latencies().quantile(0.5) == 0 && Latencies().mean == 0)
  }

  @Test func numbersAreRead() {
    #expect(Figures.number(0.25) == "0.25" && Figures.number(7) == "7")
    #expect(Figures.number(12.34) == "12.3" && Figures.number(123.4) == "123")
    #expect(Figures.number(1_234_567) == "1,234,567" && Figures.number(-2000) == "-2,000")
    #expect(Figures.number(.nan) == "–")
    #expect(Figures.time(milliseconds: 0.4216) == "0.422 ms")
    #expect(Figures.time(3_140_000) == "3.1 ms" && Figures.time(1_250_000_000) == "1.2 s")
    #expect(Figures.threshold("memory_growth_kib", 5120) == "5 MiB")
    #expect(Figures.threshold("recovery_s", 60) == "60 s")
    #expect(Figures.threshold("errors_percent", 1) == "1 %")
    #expect(Figures.threshold("answers_per_second", 1000) == "1,000/s")
  }

  // MARK: Readiness

  @Test(arguments: [(50.0, 100), (100, 100), (550, 50), (1000, 0), (5000, 0)])
  func responsesAreScored(milliseconds: Double, score: Int) {
    let run = Made.run([Made.stage([Made.operation("ping", [milliseconds])])])
    #expect(Readiness(run).components[0].score == score)
  }

  /// Weights of what was measured: responses 25, errors 25, connections 10.
  @Test func whatWasNotMeasuredTakesNoPart() {
    var run = Made.run()
    #expect(Readiness(run).score == 100 && Readiness(run).grade == "A")
    run.stages[0].operations = [Made.operation("ping", [1, 1], failures: ["timeout": 2])]
    let readiness = Readiness(run)
    #expect(readiness.components.map(\.score) == [100, 0, 100, nil, nil, nil, nil, nil])
    #expect(readiness.score == 58)
    #expect(readiness.components[3].evidence.hasPrefix("not measured"))
    run.stages = []
    #expect(Readiness(run).score == nil && Readiness(run).grade == "–")
  }

  @Test func memoryProcessorAndRecoveryAreScored() {
    var run = Made.climbed
    run.targets[0].readings = [
      Made.reading(0, memory: 8192), Made.reading(2, memory: 8192 + 5376, cpuMs: 3000),
      // It began anew.
      Made.reading(4, memory: 8192 + 5376, cpuMs: 100),
    ]
    run.recoverySeconds = nil
    let components = Readiness(run).components
    #expect(components[3].score == 100, "99 of 100 slots")
    #expect(components[4].score == 50, "halfway between 512 KiB and 10 MiB")
    #expect(components[5].score == 50, "3000 ms in 4 s, and what it used since is not known")
    #expect(components[6].score == 0, "it did not recover")
  }

  @Test func driftIsThatOfThirds() throws {
    var run = Made.run([Made.stage(seconds: 90)])
    run.series = (1...90).map { Made.second(Double($0), p95: $0 > 60 ? 6 : 2) }
    let drift = try #require(RunFigures(run).drift)
    #expect(drift.first == 2_000_000 && drift.last == 6_000_000 && drift.factor == 3)
    #expect(Readiness(run).components[7].score == 0)
    run.stages[0].seconds = 59
    #expect(RunFigures(run).drift == nil)
  }

  // MARK: Capacity

  @Test func limitsAreSharesOfWhatHeld() {
    let capacity = Capacity(Made.climbed)
    #expect(capacity.held == 99 && capacity.broke == 100)
    #expect(
      capacity.rows.map(\.value).prefix(4) == [
        "100 users", "79 users", "89 users", "connection slots",
      ])
    let plain = Capacity(Made.run())
    #expect(plain.rows.map(\.value).prefix(2) == ["80 users", "90 users"])
    #expect(Capacity(Made.run(slots: nil)).rows[0].value == "not measured")
  }

  @Test func theDeviceIsScaledOutWhenABoundIsPassed() {
    let fast = Capacity(Made.run()).rows.first { $0.what == "scale out" }
    #expect(fast?.value == "not yet")
    let slow = Made.run([Made.stage([Made.operation("ping", [600], failures: ["closed": 1])])])
    let row = Capacity(slow).rows.first { $0.what == "scale out" }
    #expect(row?.value == "now: P95 600 ms, errors 50 %")
    var idle = Made.run(
      [Made.stage(seconds: 600)], readings: [Made.reading(0), Made.reading(600, cpuMs: 600)])
    #expect(Capacity(idle).rows.last?.value == "possible")
    idle.stages[0].seconds = 599
    #expect(Capacity(idle).rows.last?.value == "no")
  }

  @Test func recommendationsHaveTheirEvidence() {
    #expect(
      Recommendation.all(for: Made.run()).map(\.text) == ["Nothing is to be done for this load."])
    var run = Made.climbed
    run.tester.invalidBecause = ["it used 99 % of a core"]
    run.thresholds[0] = RunResult.ThresholdResult(
      quantity: "p95_ms", limit: 100, measured: 250, holds: false)
    let found = Recommendation.all(for: run)
    #expect(found.count == 3 && found[0].evidence == "it used 99 % of a core")
    #expect(found[1].evidence == "250 ms, where 100 ms is the limit")
    #expect(found[2].text == "Plan for 79 connections, or raise `control.slots`.")
  }

  @Test func bothSidesAreTold() {
    #expect(SidedFigure.rows(Made.run()).isEmpty)
    let rows = SidedFigure.rows(
      Made.run(readings: [
        Made.reading(0, succeeded: 10), Made.reading(2, succeeded: 40),
        // It began anew.
        Made.reading(4, succeeded: 5),
      ]))
    #expect(rows[0].client == "4" && rows[0].device == "35")
    #expect(rows[2].client == "4.0 ms" && rows[2].device == "0.500 ms")
  }
}
