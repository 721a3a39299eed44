import LoadReport
import Testing

@Suite struct LatenciesTests {
  /// By the definition: the shortest that so many do not exceed, of a sorted list.
  @Test(arguments: [1, 2, 3, 7, 19, 20, 100, 101, 400, 1000, 10_000])
  func quantilesAreThoseOfTheSortedList(_ count: Int) {
    var draws = SeededDraws(seed: UInt64(count))
    let sorted = (0..<count).map { _ in draws.next() % 500 + 1 }.sorted()
    let latencies = Made.latencies(nanoseconds: sorted)
    #expect(latencies.count == UInt64(count))
    // In ten-thousandths, so that the rank is exact.
    for share in [0, 1, 5000, 6600, 7500, 8000, 9000, 9500, 9800, 9900, 9990, 9999, 10_000] {
      let rank = max(1, (share * count + 9999) / 10_000)
      #expect(
        latencies.quantile(Double(share) / 10_000) == sorted[rank - 1],
        "\(share) ten-thousandths of \(count)")
    }
  }

  @Test func theLongestIsExact() {
    // The histogram knows its values to three digits, the longest as it was.
    let latencies = Latencies(values: [10, 1001], counts: [9, 1], max: 1000, sum: 1090)
    #expect(latencies.quantile(1) == 1000)
    #expect(latencies.quantile(0.99) == 1000)
    #expect(latencies.quantile(0.9) == 10)
    #expect(latencies.mean == 109)
  }

  @Test func withoutAnyEverythingIsZero() {
    let none = Latencies()
    #expect(none.count == 0)
    #expect(none.mean == 0)
    #expect([0, 0.5, 1].map(none.quantile) == [0, 0, 0])
    var sum = none
    sum.add(none)
    #expect(sum == none)
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func mergedTheyAreTheUnion(_ seed: UInt64) {
    var draws = SeededDraws(seed: seed)
    let lists = (0..<2).map { _ in
      (0..<draws.next() % 40).map { _ in draws.next() % 30 }
    }
    var merged = Made.latencies(nanoseconds: lists[0])
    merged.add(Made.latencies(nanoseconds: lists[1]))
    #expect(merged == Made.latencies(nanoseconds: lists[0] + lists[1]))
  }

  @Test func theLongestValueThereIsMergesToo() {
    var merged = Latencies(values: [.max], counts: [2], max: .max)
    merged.add(Latencies(values: [5], counts: [1], max: 5))
    merged.add(Latencies())
    #expect(merged.values == [5, .max])
    #expect(merged.counts == [1, 2])
  }
}

/// Sebastiano Vigna's splitmix64: the same draws from the same seed, everywhere.
struct SeededDraws: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
