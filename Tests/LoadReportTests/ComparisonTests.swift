import Foundation
import Testing

@testable import LoadReport

/// Runs are drawn from known distributions, so that what a comparison should find is known.
@Suite struct ComparisonTests {
  /// How runs differ; seconds have 40 requests.
  private struct World {
    var requests = 1000
    /// Of the median.
    var slower = 1.0
    /// Share of requests that take five times as long.
    var tail = 0.0
    var errors = 0.0
    var rate = 1.0

    func run(_ draws: inout SeededDraws) -> RunResult {
      func uniform() -> Double { Double.random(in: 0.000_001..<1, using: &draws) }
      func normal() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
      var times: [UInt64] = []
      var failed = 0
      for _ in 0..<requests {
        guard uniform() >= errors else {
          failed += 1
          continue
        }
        let milliseconds = 4 * exp(0.3 * normal()) * slower * (uniform() < tail ? 5 : 1)
        // To three digits, as the histogram keeps them.
        times.append(UInt64(milliseconds * 100) * 10_000)
      }
      var operation = Made.operation("viewers", "ping", failures: ["wrong": failed])
      operation.requests = requests
      operation.latency = Made.latencies(nanoseconds: times)
      let series = (1...50).map { second in
        Made.second(Double(second), requests: Int(40 * rate + 4 * normal()))
      }
      return Made.run(stages: [Made.stage("steady", seconds: 50, [operation])], series: series)
    }
  }

  private func found(_ seed: UInt64, _ after: World, from before: World = World()) -> [String] {
    var draws = SeededDraws(seed: seed)
    return Comparison(before.run(&draws), after.run(&draws)).differences.map(\.what)
  }

  /// `requests`: fewer and more than a run counts for.
  @Test(arguments: [100, 400, 1000])
  func chanceIsNoDifference(requests: Int) {
    let world = World(requests: requests)
    let silent = (0..<100 as Range<UInt64>).filter { found($0, world, from: world).isEmpty }
    #expect(silent.count >= 95)
  }

  @Test(arguments: [1.1, 1 / 1.1])
  func aShiftOfATenthIsFound(slower: Double) {
    let seen = (0..<100 as Range<UInt64>).filter {
      Set(found($0, World(slower: slower))).isSuperset(of: ["viewers ping p50"])
    }
    #expect(seen.count >= 95)
  }

  /// The medians are the same, and of the ranks hardly any changes.
  @Test func aSlowerTailIsFound() {
    // Of a thousand requests the tail is 60: those are found 93 times.
    let before = World(requests: 3000)
    let after = World(requests: 3000, tail: 0.06)
    let all = (0..<100 as Range<UInt64>).map { found($0, after, from: before) }
    #expect(all.filter { $0.contains("viewers ping p99") }.count >= 95)
    #expect(all.filter { $0.contains("viewers ping p50") }.count <= 5)
  }

  @Test func errorsAreFound() {
    let all = (0..<100 as Range<UInt64>).map { found($0, World(errors: 0.05)) }
    #expect(all.filter { $0 == ["viewers ping errors"] }.count >= 95)
  }

  @Test func aLowerRateIsFound() {
    let all = (0..<100 as Range<UInt64>).map { found($0, World(rate: 0.8)) }
    #expect(all.filter { $0 == ["answers a second"] }.count >= 95)
  }

  // MARK: By hand

  @Test func theRankScoreIsThatOfTheFormula() {
    let (low, high) = (Made.latencies([1, 2, 3]), Made.latencies([4, 5, 6]))
    // Ranks 1 … 3 of 1 … 6: 6, where 10.5 ± √5.25 are expected.
    #expect(abs(Comparison.rankScore(low, high) + 4.5 / 5.25.squareRoot()) < 1e-12)
    #expect(Comparison.rankScore(low, high) == -Comparison.rankScore(high, low))
    #expect(Comparison.rankScore(low, low) == 0)
    // Ties share the mean of their ranks: 1.5 twice, and 3.5 twice.
    let tied = Comparison.rankScore(Made.latencies([1, 2]), Made.latencies([1, 2]))
    #expect(tied == 0)
    #expect(Comparison.rankScore(Made.latencies([1]), Made.latencies([1])) == 0)
    #expect(Comparison.rankScore(Latencies(), Made.latencies([1])) == 0)
  }

  @Test func sharesAreHeldAgainstOneAnother() {
    // 10 and 20 of 100: (0.1 - 0.01) / √(0.15 · 0.85 · 2 / 100).
    let score = Comparison.proportionScore(10, 100, 20, 100)
    #expect(abs(score - 0.09 / 0.00255.squareRoot()) < 1e-12)
    #expect(Comparison.proportionScore(20, 100, 10, 100) == -score)
    #expect(Comparison.proportionScore(10, 100, 10, 99) == 0)
    #expect(Comparison.proportionScore(0, 100, 0, 100) == 0)
    #expect(Comparison.proportionScore(5, 5, 5, 5) == 0)
    #expect(Comparison.proportionScore(1, 0, 1, 1) == 0)
    // A million requests count for no more than `witnesses`.
    #expect(
      Comparison.proportionScore(1e5, 1e6, 2e5, 1e6)
        == Comparison.proportionScore(40, 400, 80, 400))
    #expect(abs(Comparison.twoSided(1.959964) - 0.05) < 1e-6)
  }

  @Test func differencesAreTold() {
    let times = (0..<400).map { $0 % 40 + 100 }
    let before = Made.run(stages: [
      Made.stage("steady", [Made.operation("a", "ping", milliseconds: times)])
    ])
    let after = Made.run(stages: [
      Made.stage(
        "steady",
        [
          Made.operation(
            "a", "ping", milliseconds: times.map { $0 * 2 }, failures: ["wrong": 100])
        ])
    ])
    #expect(
      Comparison(before, after).text == """
        a ping p50: 119 ms → 238 ms  (+100 %)
        a ping p95: 137 ms → 274 ms  (+100 %)
        a ping p99: 139 ms → 278 ms  (+100 %)
        a ping errors: 0 % → 20 %
        """)
    #expect(Comparison(after, before).text.hasPrefix("a ping p50: 238 ms → 119 ms  (-50 %)\n"))
    #expect(Comparison(before, before).text == "no difference that chance does not explain")
  }

  @Test func runsWithoutAnswersCompare() {
    for run in Made.all {
      #expect(Comparison(run, run).differences == [])
      #expect(!Comparison(run, Made.silent).text.isEmpty)
      #expect(!Comparison(Made.run(stages: []), run).text.isEmpty)
    }
  }

  /// Nor is it told as a sameness.
  @Test func whatOneRunDidNotAskIsTold() {
    var other = Made.small
    other.stages[0].operations.removeFirst()
    let comparison = Comparison(Made.small, other)
    #expect(comparison.objections == ["their operations differ: only before: viewers ping"])
    #expect(
      Comparison(other, Made.small).objections == [
        "their operations differ: only after: viewers ping"
      ])
    #expect(comparison.differences == [])
  }

  @Test func whatIsNotJudgedTakesNoPart() {
    let times = (0..<400).map { $0 % 40 + 100 }
    let runs = [1, 3].map { slower in
      Made.run(stages: [
        Made.stage(
          "warm-up", isJudged: false,
          [Made.operation("a", "ping", milliseconds: times.map { $0 * slower })]),
        Made.stage("steady", [Made.operation("a", "ping", milliseconds: times)]),
      ])
    }
    #expect(Comparison(runs[0], runs[1]).text == "no difference that chance does not explain")
  }

  // MARK: Objections

  @Test func whatShouldNotBeComparedIsTold() {
    #expect(Comparison(Made.small, Made.small).objections == [])
    #expect(
      Comparison(Made.small, Made.climbed).objections
        == ["they are of different plans, baseline and slots"])
    var other = Made.small
    other.stages[0].users = 11
    #expect(
      Comparison(Made.small, other).objections == [
        "their stages differ: only before: steady (10 users, 10/s); only after: steady (11 users, "
          + "10/s)"
      ])
    other = Made.small
    other.stages[0].rate = nil
    other.stages.append(Made.stage("more", []))
    #expect(
      Comparison(Made.small, other).objections == [
        "their stages differ: only before: steady (10 users, 10/s); only after: steady (10 users), "
          + "more (10 users)"
      ])
    other = Made.climbed
    other.stages.removeFirst(4)
    #expect(
      Comparison(other, Made.climbed).objections == [
        "their stages differ: only after: step 50 (50 users), step 100 (100 users), "
          + "step 200 (200 users), and 1 more",
        "in the run before nothing was judged",
        "their operations differ: only after: viewers health",
      ])
    other = Made.climbed
    other.stages.swapAt(0, 1)
    #expect(
      Comparison(Made.climbed, other).objections == ["their stages differ: in order or number"])
    other = Made.small
    other.tester.invalidBecause = ["it was late"]
    other.ended = "interrupted"
    #expect(
      Comparison(other, Made.small).objections == [
        "in the run before the tester was the limit", "the run before ended early",
      ])
    #expect(
      Comparison(Made.small, other).text.hasPrefix(
        """
        not to be compared: in the run after the tester was the limit
        not to be compared: the run after ended early

        """))
  }
}
