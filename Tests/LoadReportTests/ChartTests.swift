import Foundation
import Testing

@testable import LoadReport

@Suite struct ChartTests {
  private func chart(
    _ points: [(x: Double, y: Double)], right: [(x: Double, y: Double)] = [],
    x: Chart.Scale = .linear, y: Chart.Scale = .linear, marks: [(x: Double, name: String)] = []
  ) -> Chart {
    Chart(
      id: "chart-made", title: "Made", xUnit: "seconds", yUnit: "ms",
      lines: [
        Chart.Line(name: "left", points: points),
        Chart.Line(name: "right", points: right, isRight: true),
      ], xScale: x, yScale: y, marks: marks)
  }

  /// All numbers of attributes that are places.
  private func places(_ svg: String) throws -> [Double] {
    try svg.matches(of: #/ (?:x|y|x1|x2|y1|y2|cx|cy|points)="([^"]*)"/#).flatMap { match in
      try match.1.split { $0 == " " || $0 == "," }.map { try #require(Double($0), "\(match.0)") }
    }
  }

  // MARK: Thinning

  @Test func thinningKeepsTheExtremes() {
    var draws = SeededDraws(seed: 5)
    var all = (0..<10_000).map { (x: Double($0), y: Double.random(in: 1...2, using: &draws)) }
    all[1234].y = 99
    all[7777].y = -99
    let thin = Chart.thinned(all)
    #expect(thin.count == Chart.points)
    #expect(thin.contains { $0 == all[1234] } && thin.contains { $0 == all[7777] })
    #expect(zip(thin, thin.dropFirst()).allSatisfy { $0.x <= $1.x })
  }

  @Test(arguments: [0, 1, 599, 600, 601, 1199, 100_000])
  func noLineHasTooManyPoints(count: Int) {
    let thin = Chart.thinned((0..<count).map { (x: Double($0), y: Double($0 % 7)) })
    #expect(thin.count == min(count, Chart.points))
  }

  // MARK: What is drawn

  @Test func nothingIsNoChart() {
    #expect(chart([]).svg == nil)
    #expect(chart([(.nan, 1), (1, .infinity), (-.infinity, 1), (1, .nan)]).svg == nil)
    #expect(chart([(1, 0), (2, -1)], y: .logarithmic).svg == nil)
    #expect(chart([(0, 1), (-1, 1)], x: .logarithmic).svg == nil)
    #expect(chart([], marks: [(1, "begin")]).svg == nil)
  }

  @Test func onePointIsADot() throws {
    for scale in [Chart.Scale.linear, .logarithmic] {
      let svg = try #require(chart([(3, 7)], x: scale, y: scale).svg)
      #expect(svg.contains("<circle class=\"c0\""))
      #expect(!svg.contains("<polyline"))
      #expect(try places(svg).allSatisfy { (0...Chart.size.width).contains($0) })
    }
  }

  @Test func aLogarithmicAxisLeavesZerosOut() throws {
    let svg = try #require(chart([(1, 0), (2, 5), (3, 0), (4, 50)], y: .logarithmic).svg)
    let points = try #require(svg.firstMatch(of: #/<polyline[^>]* points="([^"]*)"/#))
    #expect(points.1.split(separator: " ").count == 2)
  }

  /// Whatever a result holds, each place is a number within the picture.
  @Test func everyPlaceIsWithinThePicture() throws {
    let odd: [Double] = [
      .nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNonzeroMagnitude, -.leastNonzeroMagnitude, 1e15, -1e15, 1e300, 1e-300, 0, -0.0, 1, -1,
      1795400000.5,
    ]
    for scales in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let kinds = [Chart.Scale.linear, .logarithmic]
      for first in odd {
        for second in odd {
          let made = chart(
            [(first, second), (second, first)], right: [(1, second)], x: kinds[scales.0],
            y: kinds[scales.1], marks: [(first, "mark")])
          guard let svg = made.svg else { continue }
          let words = "\(first) \(second) \(scales)"
          #expect(!svg.contains("nan") && !svg.contains("inf"), "\(words)")
          #expect(try places(svg).allSatisfy { (-0.1...560.1).contains($0) }, "\(words)")
        }
      }
    }
  }

  @Test func linesDifferWithoutColour() throws {
    let svg = try #require(chart([(1, 1), (2, 2)], right: [(1, 1), (2, 2)]).svg)
    #expect(svg.matches(of: #/<polyline/#).count == 2)
    #expect(svg.matches(of: #/<polyline[^>]*stroke-dasharray/#).count == 1)
  }

  /// A run of several devices has two lines for each of them.
  @Test(arguments: [2, 5]) func manyLinesDifferWithoutColour(points: Int) throws {
    var made = chart([])
    made.lines = (0..<20).map { line in
      Chart.Line(name: "\(line)", points: (0..<points).map { (Double($0), Double(line)) })
    }
    let svg = try #require(made.svg)
    let looks = svg.matches(of: #/<svg class="key".*?<\/svg>/#).map { key in
      String(key.0).replacing(#/ class="c\d"/#, with: "")
    }
    #expect(looks.count == 20 && Set(looks).count == 20)
    // Five without shapes, as in the legend.
    #expect(svg.matches(of: #/<(?:circle|polygon)/#).count == 15 * (points + 1))
  }

  @Test func dotsDifferWithoutColour() {
    let shapes = Set((0..<4).map { LineLook($0, points: 1).shape(0, 0).drop { $0 != "p" } })
    #expect(shapes.count == 4)
    #expect(LineLook(0, points: 2).shape(0, 0) == "")
  }

  @Test(arguments: [(0, 0), (1, 1), (8, 8), (9, 8), (600, 8)])
  func aLineHasFewShapes(points: Int, shapes: Int) {
    let places = LineLook.places(points)
    #expect(places.count == shapes && Set(places).count == shapes)
    #expect(places.allSatisfy { (0..<points).contains($0) })
  }

  /// Nor is a long one wider than the picture.
  @Test func wordsOfMarksDoNotMeet() throws {
    func words(_ marks: [(x: Double, name: String)]) throws -> [[Substring]] {
      let svg = try #require(chart([(0, 1), (100, 1)], marks: marks).svg)
      #expect(svg.matches(of: #/<line class="mark"/#).count == marks.count)
      return svg.matches(of: #/class="word[^>]* y="([^"]*)">([^<]*)</#).map { [$0.1, $0.2] }
    }
    // 424 units of width, and 8.5 for each letter.
    #expect(
      try words([(0, "first"), (11, "second")]) == [["42.0", "first"], ["42.0", "second"]])
    #expect(try words([(0, "first"), (9, "second")]) == [["42.0", "first"], ["59.0", "second"]])
    #expect(
      try words([(0, "first"), (3, "second"), (6, "third"), (50, "fourth"), (70.5, "towards")])
        == [["42.0", "first"], ["59.0", "second"], ["42.0", "fourth"], ["59.0", "towards"]])
    let long = String(repeating: "long", count: 20)
    #expect(try words([(0, long)]) == [["42.0", "longlonglonglonglonglon…"]])
  }

  @Test func theLegendTellsTheScale() throws {
    let svg = try #require(chart([(1, 1), (2, 2)], right: [(1, 1), (2, 2)]).svg)
    let entries = svg.matches(of: #/<\/svg> ([^<]*)<\/span>/#).map { String($0.1) }
    #expect(entries == ["left", "right (right scale)"])
  }

  @Test func foreignNamesAreEscaped() throws {
    var made = chart([(1, 1), (2, 2)], marks: [(1, Made.oddText)])
    made.title = Made.oddText
    made.xUnit = Made.oddText
    made.yUnit = Made.oddText
    made.rightUnit = Made.oddText
    made.lines[0].name = Made.oddText
    made.xNames = [(1, Made.oddText)]
    let svg = try #require(made.svg)
    #expect(!svg.contains("<script") && !svg.contains("alert(\"1\")"))
    #expect(Markup.fault(svg) == nil)
  }

  // MARK: Axes

  @Test(arguments: [
    ([0.0, 7], [0.0, 2, 4, 6, 8]), ([3, 97], [0, 20, 40, 60, 80, 100]),
    ([0, 0.3], [0, 0.1, 0.2, 0.3]), ([0], [0, 0.2]), ([], [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ([-5, 5], [-6, -4, -2, 0, 2, 4, 6]),
  ])
  func ticksAreRound(values: [Double], ticks: [Double]) {
    let axis = Axis(values, .linear)
    #expect(axis.ticks.count == ticks.count, "\(axis.ticks)")
    #expect(zip(axis.ticks, ticks).allSatisfy { abs($0 - $1) < 1e-9 }, "\(axis.ticks)")
    #expect(values.allSatisfy { (0...1).contains(axis.share($0)) })
  }

  @Test func decadesAreTicks() {
    #expect(Axis([2, 300], .logarithmic).ticks == [1, 10, 100, 1000])
    #expect(Axis([5], .logarithmic).ticks == [1, 10])
    #expect(abs(Axis([1, 100], .logarithmic).share(10) - 0.5) < 1e-12)
    // Of zeros alone, too.
    let zeros = Axis([0, 0], .logarithmic)
    #expect(zeros.share(0) == 0 && zeros.ticks.allSatisfy { $0 > 0 && $0.isFinite })
  }

  @Test func stepsAreOneTwoOrFive() {
    let steps = [0.011, 0.02, 0.3, 1, 1.5, 4, 7, 60].map(Axis.step)
    let round = [0.02, 0.02, 0.5, 1, 2, 5, 10, 100]
    #expect(zip(steps, round).allSatisfy { abs($0 - $1) < 1e-12 }, "\(steps)")
  }

  @Test func anAxisFromNearlyZeroHasIt() {
    #expect(Axis([1, 60], .linear, startsAtZero: false).low == 0)
    #expect(Axis([20, 60], .linear, startsAtZero: false).low == 20)
    #expect(Axis([-1, 60], .linear, startsAtZero: false).low == -1)
  }

  @Test(arguments: [
    ([0.0, 3.7e-5], ["0", "1e-5", "2e-5", "3e-5", "4e-5"]),
    ([0, 1500], ["0", "500", "1,000", "1,500"]),
    ([0, 86_400], ["0", "20 k", "40 k", "60 k", "80 k", "100 k"]),
    ([0, 3e9], ["0", "1 G", "2 G", "3 G"]), ([0, 1.2e6], ["0", "500 k", "1 M", "1.5 M"]),
  ])
  func labelsAreShort(values: [Double], labels: [String]) {
    #expect(Axis(values, .linear).labels(.numbers).map(\.name) == labels)
  }

  @Test func labelsOfNeighboursDiffer() {
    #expect(
      Axis([20_000, 20_004], .linear, startsAtZero: false).labels(.numbers).map(\.name)
        == ["20,000", "20,001", "20,002", "20,003", "20,004"])
    #expect(
      Axis([1e-4, 1e4], .logarithmic).labels(.numbers).map(\.name)
        == ["1e-4", "0.001", "0.01", "0.1", "1", "10", "100", "1 k", "10 k"])
    #expect(
      Axis([0.001, 10_000], .logarithmic).labels(.durations).map(\.name)
        == ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"])
    // Every other decade.
    #expect(
      Axis([1e-6, 86_400_000], .logarithmic).labels(.durations).map(\.name)
        == ["1 ns", "100 ns", "10 µs", "1 ms", "100 ms", "10 s", "1,000 s", "100 ks"])
    let linear = Axis([0, 1500], .linear).labels(.durations).map(\.name)
    #expect(linear == ["0", "500 ms", "1 s", "1.5 s"])
  }

  /// There is room for so many letters, whatever a device tells.
  @Test(arguments: -9...14) func noLabelIsTooLong(power: Int) {
    for mantissa in [1, 1.7, 3.3, 6.4, 9.99] {
      let axis = Axis([mantissa * pow(10, Double(power))], .linear)
      let labels = axis.labels(.numbers).map(\.name)
      #expect(labels.allSatisfy { $0.count <= 6 } && Set(labels).count == labels.count, "\(labels)")
    }
  }

  // MARK: Figures

  @Test(arguments: [
    (0, "0"), (-0.0, "0"), (1e-9, "0"), (0.001, "0.001"), (0.0123456, "0.0123"), (0.25, "0.25"),
    (7, "7"), (9.999, "10"), (12.34, "12.3"), (99.97, "100"), (100.4, "100"), (999.4, "999"),
    (999.7, "1,000"), (1234, "1,234"), (-1_234_567, "-1,234,567"), (-0.5, "-0.5"),
    (.nan, "–"), (.infinity, "–"), (1e300, "1,000,000,000,000,000,000"),
  ])
  func numbersHaveThreeDigits(value: Double, text: String) {
    #expect(Figures.number(value) == text)
  }

  @Test(arguments: [
    (0, "0.000 ms"), (0.42, "0.420 ms"), (0.9996, "1.0 ms"), (3.14, "3.1 ms"), (99.97, "100 ms"),
    (120, "120 ms"), (999.7, "1.0 s"), (1234, "1.2 s"), (.nan, "–"),
    (1e15, "–"), (-1e300, "–"),
  ])
  func timesAreRead(milliseconds: Double, text: String) {
    #expect(Figures.time(milliseconds: milliseconds) == text)
  }

  @Test(arguments: [
    (0.0, "0 B"), (63.7, "64 B"), (1023.4, "1,023 B"), (1023.6, "1 KiB"), (1536, "1.5 KiB"),
    (3_145_728, "3 MiB"),
  ])
  func sizesAreRead(bytes: Double, text: String) {
    #expect(Figures.size(bytes) == text)
  }

  @Test(arguments: [
    (0.0, "0 s"), (0.25, "0.25 s"), (119.6, "120 s"), (262, "4 min 22 s"), (3599.6, "1 h 0 min"),
    (86_400, "24 h 0 min"), (1e300, "1,000,000,000,000,000,000 s"), (.nan, "– s"),
  ])
  func durationsAreRead(seconds: Double, text: String) {
    #expect(Figures.duration(seconds) == text)
  }

  @Test func figuresStayWithTheirUnits() {
    #expect(
      Figures.unbroken("5 % of 10 MiB in 3 seconds, 2 s")
        == "5\u{A0}% of 10\u{A0}MiB in 3 seconds, 2\u{A0}s")
  }

  @Test func limitsHaveASide() {
    #expect(Figures.limit("p95_ms", 100) == "≤ 100 ms")
    #expect(Figures.limit("answers_per_second", 100) == "≥ 100/s")
  }
}
