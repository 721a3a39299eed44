import Foundation
import Testing

@testable import LoadReport

@Suite struct ComparisonTests {
  /// Numbers that look drawn: Knuth's generator, "The Art of Computer Programming" 3.3.4.
  private struct Draws {
    var state: UInt64
    mutating func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Double(state >> 11) + 0.5) / Double(1 << 53)
    }
  }

  /// Log-normal around `median` milliseconds; the slowest twentieth is `tail` times as slow.
  private func run(
    _ seed: Int, median: Double = 10, tail: Double = 1, rate: Int = 100, failing: Double = 0
  ) -> RunResult {
    var draws = Draws(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15)
    let values = (0..<1000).map { _ -> Double in
      let normal = (-2 * log(draws.next())).squareRoot() * cos(2 * .pi * draws.next())
      let value = median * exp(0.4 * normal)
      return normal > 1.645 ? value * tail : value
    }
    let failed = Int(failing * 1000)
    var run = Made.run([
      Made.stage([Made.operation("ping", values, failures: failed > 0 ? ["timeout": failed] : [:])])
    ])
    run.series = (1...60).map { second in
      Made.second(Double(second), requests: rate + Int(draws.next() * 10))
    }
    return run
  }

  @Test func chanceIsNoDifference() {
    let found = (1...100).filter { seed in
      !Comparison(run(seed), run(seed + 1000)).differences.isEmpty
    }
    #expect(found.count <= 5)
  }

  @Test func aSlowerRunIsFound() {
    let found = (1...100).filter { seed in
      Comparison(run(seed), run(seed + 1000, median: 12)).differences.contains {
        $0.what == "viewers ping p50" && abs(($0.change ?? 0) - 0.2) < 0.1
      }
    }
    #expect(found.count >= 95)
  }

  @Test func aSlowerTailIsFound() {
    let found = (1...100).filter { seed in
      let differences = Comparison(run(seed), run(seed + 1000, tail: 3)).differences.map(\.what)
      return differences.contains("viewers ping p99") && !differences.contains("viewers ping p50")
    }
    #expect(found.count >= 90)
  }

  @Test func errorsAndRatesAreFound() {
    let errors = Comparison(run(1), run(2, failing: 0.05)).differences
    #expect(errors.map(\.what) == ["viewers ping errors"])
    #expect(errors[0].before == "0 %" && errors[0].after == "4.76 %")
    let rates = Comparison(run(1), run(2, rate: 80)).differences
    #expect(rates.map(\.what) == ["answers a second"])
  }

  @Test func whatCannotBeComparedIsSaid() {
    var other = run(2)
    other.plan = "other"
    #expect(
      Comparison(run(1), other).text
        == """
        not to be compared: they are of different plans, made and other
        no difference that chance does not explain
        """)
    other = run(2)
    other.stages[0].users = 11
    other.tester.invalidBecause = ["x"]
    other.ended = "y"
    #expect(Comparison(run(1), other).objections.count == 3)
  }
}
