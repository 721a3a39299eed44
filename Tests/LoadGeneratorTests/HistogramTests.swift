import Testing

@testable import LoadGenerator

@Suite struct HistogramTests {
  @Test func quantilesAreWithinTheirError() {
    // Durations over eight decades, each quantile compared with that of the sorted list.
    var histogram = LatencyHistogram()
    var durations: [UInt64] = []
    var state: UInt64 = 7
    for _ in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let duration = (state >> 24) >> (state % 37)
      durations.append(duration)
      histogram.record(duration)
    }
    durations.sort()
    for share in [0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999] {
      let exact = Double(durations[Int((share * 20_000).rounded(.up)) - 1])
      let told = Double(histogram.quantile(share))
      #expect(abs(told - exact) <= exact / 1000 + 1, "share \(share): \(told), exactly \(exact)")
    }
    #expect(histogram.quantile(1) == durations.last)
    #expect(histogram.max == durations.last)
    #expect(histogram.count == 20_000)
  }

  @Test func shortDurationsAreExact() {
    for duration in UInt64(0)..<2048 {
      var histogram = LatencyHistogram()
      histogram.record(duration)
      histogram.record(1_000_000)
      #expect(histogram.quantile(0.5) == duration)
    }
  }

  @Test func longOnesAreKept() {
    var histogram = LatencyHistogram()
    histogram.record(.max)
    #expect(histogram.max == .max)
    #expect(histogram.quantile(0.99) == .max)
  }

  @Test func twoAddUp() {
    var one = LatencyHistogram()
    var other = LatencyHistogram()
    for duration in UInt64(1)...100 { one.record(duration) }
    for duration in UInt64(101)...120 { other.record(duration) }
    one.add(other)
    #expect(one.count == 120)
    #expect(one.max == 120)
    #expect(one.quantile(0.5) == 60)
    #expect(one.mean == 60.5)
    #expect(one.entries.map(\.value) == Array(1...120))
    #expect(one.entries.allSatisfy { $0.count == 1 })
    one.reset()
    #expect(one.count == 0 && one.max == 0 && one.entries.isEmpty)
  }

  @Test func anEmptyOneIsZero() {
    #expect(LatencyHistogram().quantile(0.99) == 0)
    #expect(LatencyHistogram().mean == 0)
  }
}
