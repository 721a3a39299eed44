import Foundation
import Testing

@testable import LoadReport

@Suite struct SteadinessTests {
  // MARK: By hand

  /// Rests -1, 1, -1, 1: squares 4 / 3, of which chance has a half of one; no second is like the
  /// one before.
  @Test func whatChanceDoesNotExplainIsExcess() {
    let excess = Steadiness.excess([[1, 3, 1, 3].map { ($0, 0.5) }])
    #expect(abs(excess.variance - (4.0 / 3 - 0.5) / 4) < 1e-12)
    #expect(excess.seconds == 4)
  }

  /// Rests -1, -1, 1, 1: r = 1 / 4 / (4 / 3) = 0.1875, with Kendall's (1 + 3 r) / 4 it is 0.578125.
  @Test func secondsThatAreAlikeCountForLess() {
    let excess = Steadiness.excess([[0, 0, 2, 2].map { ($0, 0) }])
    let factor = 1.578125 / 0.421875
    #expect(abs(excess.variance - 4.0 / 3 * factor / 4) < 1e-12)
    #expect(abs(excess.seconds - 4 / factor) < 1e-12)
  }

  @Test func stagesMayDiffer() {
    let level = [1.0, 1, 1, 1].map { (value: $0, noise: 0.0) }
    let other = [9.0, 9, 9, 9].map { (value: $0, noise: 0.0) }
    #expect(Steadiness.excess([level, other]) == Steadiness.Excess(variance: 0, seconds: 8))
    #expect(Steadiness.excess([]) == Steadiness.Excess(variance: 0, seconds: 0))
    #expect(Steadiness.excess([[(1, 0)]]) == Steadiness.Excess(variance: 0, seconds: 0))
  }

  @Test(arguments: [
    (100.0, 0.25, 0.0025, 50.0), (100, 0.25, 0, 100), (1e9, 0.25, 0.0025, 100), (0, 0.25, 1, 0),
    (100, 0, 1, 100),
  ])
  func requestsCountAsManyAsTheirSecondsBearOut(
    count: Double, own: Double, variance: Double, witnesses: Double
  ) {
    let excess = Steadiness.Excess(variance: variance, seconds: 60)
    #expect(abs(Steadiness.witnesses(count, own, excess) - witnesses) < 1e-4)
  }

  /// Of tables of Student's distribution.
  @Test(arguments: [
    (2.228, 10.0, 0.05), (3.169, 10, 0.01), (2.086, 20, 0.05), (2.617, 120, 0.01), (0, 5, 1),
  ])
  func chancesAreStudents(score: Double, freedom: Double, chance: Double) {
    #expect(abs(Comparison.twoSided(score, freedom) - chance) < 0.0005)
    #expect(Comparison.twoSided(-score, freedom) == Comparison.twoSided(score, freedom))
  }

  // MARK: Drawn

  private struct Draws {
    var state: UInt64

    /// Steele, Lea and Flood's generator ("Fast Splittable Pseudorandom Number Generators").
    private mutating func uniform() -> Double {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return (Double((mixed ^ (mixed >> 31)) >> 11) + 0.5) / Double(1 << 53)
    }

    mutating func normal() -> Double {
      (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
    }
  }

  struct Weather: Sendable, CustomTestStringConvertible {
    var seconds: Int
    /// How much all of a second are slower or faster together, and how much of it stays.
    var spread: Double
    var stays: Double
    var testDescription: String { "\(seconds) s, spread \(spread), stays \(stays)" }
  }

  /// `each` requests a second, log-normal around `median` milliseconds.
  private func run(
    _ seed: Int, median: Double = 10, _ weather: Weather, each: Int = 100
  ) -> RunResult {
    var draws = Draws(state: UInt64(seed) << 32)
    var state = draws.normal()
    var all: [Double] = []
    let series = (1...weather.seconds).map { second -> RunResult.Second in
      state =
        weather.stays * state + (1 - weather.stays * weather.stays).squareRoot() * draws.normal()
      let level = median * exp(weather.spread * state)
      let own = (0..<each).map { _ in
        // About three digits, as in the histogram.
        (20 * level * exp(0.4 * draws.normal())).rounded() / 20
      }.sorted()
      all += own
      func place(_ share: Double) -> UInt64 {
        UInt64(own[Int((share * Double(each)).rounded(.up)) - 1] * 1e6)
      }
      var made = Made.second(Double(second), requests: each)
      (made.p50Ns, made.p95Ns) = (place(0.5), place(0.95))
      (made.p99Ns, made.maxNs) = (place(0.99), place(1))
      return made
    }
    var operation = Made.operation("viewers", "ping")
    operation.requests = all.count
    operation.failures = [:]
    operation.latency = Made.latencies(nanoseconds: all.map { UInt64($0 * 1e6) })
    let stage = Made.stage("steady", seconds: Double(weather.seconds), [operation])
    return Made.run(stages: [stage], series: series)
  }

  private func found(_ median: Double, _ weather: Weather, each: Int) -> Int {
    (1...100).filter { seed in
      let before = run(seed, weather, each: each)
      let after = run(seed + 1000, median: median, weather, each: each)
      return !Comparison(before, after).differences.isEmpty
    }.count
  }

  /// Requests that know of each other make every pair of runs differ, for who takes them for
  /// thousands of witnesses.
  @Test(arguments: [
    Weather(seconds: 60, spread: 0, stays: 0), Weather(seconds: 60, spread: 0.1, stays: 0.8),
    Weather(seconds: 15, spread: 0.2, stays: 0), Weather(seconds: 60, spread: 0.4, stays: 0),
    Weather(seconds: 60, spread: 0.4, stays: 0.8),
  ])
  func weatherIsNoDifference(weather: Weather) {
    #expect(found(10, weather, each: 20) <= 5)
  }

  @Test func aTenthIsFound() {
    #expect(found(11, Weather(seconds: 60, spread: 0, stays: 0), each: 100) >= 95)
  }

  /// What bad weather costs: a third more is found in 83 of 100 pairs only, a tenth in 12.
  @Test func aHalfIsFoundInBadWeather() {
    #expect(found(15, Weather(seconds: 60, spread: 0.1, stays: 0.8), each: 100) >= 90)
  }

  /// How seconds scatter cannot be seen then, and nothing is added.
  @Test func fewSecondsTellNothing() {
    let few = Steadiness(run(1, Weather(seconds: 7, spread: 0.4, stays: 0)))
    #expect(few.latency(0.5) == .unknown && few.failures == .unknown)
    let enough = Steadiness(run(1, Weather(seconds: 8, spread: 0.4, stays: 0)))
    #expect(enough.seconds == 8 && enough.latency(0.5).variance > 0)
  }

  /// A whole failed second is one event, as many failures over all seconds are not.
  @Test func oneBurstOfFailuresIsOneEvent() {
    let calm = Weather(seconds: 60, spread: 0, stays: 0)
    func failing(_ seconds: ClosedRange<Int>, _ each: Int) -> RunResult {
      var run = run(2, calm)
      run.stages[0].operations[0].failures = ["timeout": seconds.count * each]
      run.stages[0].operations[0].requests += seconds.count * each
      for second in seconds {
        run.series[second - 1].requests += each
        run.series[second - 1].failures = each
      }
      return run
    }
    let steady = Comparison(run(1, calm), failing(1...60, 5)).differences.map(\.what)
    #expect(steady == ["viewers ping errors"])
    #expect(Comparison(run(1, calm), failing(30...30, 300)).differences.isEmpty)
  }
}
