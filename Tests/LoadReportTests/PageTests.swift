import Foundation
import Testing

@testable import LoadReport

@Suite struct PageTests {
  /// Everything that is opened is closed, in order.
  private func isWellFormed(_ html: String) -> Bool {
    var open: [Substring] = []
    for match in html.matches(of: #/<(/?)([a-zA-Z0-9]+)[^>]*?(/?)>/#) {
      let (_, closes, name, closed) = match.output
      if ["meta"].contains(name.lowercased()) || closed == "/" { continue }
      if closes.isEmpty {
        open.append(name)
      } else if open.popLast() != name {
        return false
      }
    }
    return open.isEmpty
  }

  @Test func aPageStandsAlone() {
    for run in [Made.run(), Made.climbed, Made.hostile, Made.run([]), Made.run([Made.stage([])])] {
      let page = HTMLReport(run).text
      #expect(isWellFormed(page))
      #expect(!page.contains("<script") && !page.contains("<img") && !page.contains("http:"))
      #expect(page.contains("default-src 'none'") && page.contains("width=device-width"))
      #expect(page.firstMatch(of: #/[" ,](nan|-?inf)[" ,]/#) == nil)
    }
    let page = HTMLReport(Made.hostile).text
    #expect(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"))
    #expect(page.contains("&lt;b&gt;it&lt;/b&gt; ended"))
  }

  @Test func allChartsAreThere() {
    let page = HTMLReport(Made.climbed).text
    for id in ["latency", "throughput", "percentiles", "ladder", "target"] {
      #expect(page.contains("id=\"chart-\(id)\""))
    }
    #expect(page.contains("held 99"))
    #expect(!HTMLReport(Made.run()).text.contains("chart-ladder"))
  }

  @Test func whatTheTesterLimitedIsCalledInvalid() {
    var run = Made.run()
    #expect(HTMLReport(run).text.contains("All 1 thresholds hold."))
    run.tester.invalidBecause = ["it used 99 % of a core"]
    #expect(HTMLReport(run).text.contains("<b>Invalid.</b> The tester was the limit"))
    #expect(
      TextReport(run).text.contains("INVALID: the tester was the limit: it used 99 % of a core"))
  }

  @Test func theTextFitsATerminal() {
    for run in [Made.run(), Made.climbed, Made.run([])] {
      for line in TextReport(run).text.split(separator: "\n") {
        #expect(line.count <= TextReport.width, "\(line)")
      }
    }
  }

  // MARK: Charts

  @Test func thinningKeepsExtremes() {
    var points = (0..<10_000).map { (x: Double($0), y: 1.0) }
    points[1234].y = 9
    points[8765].y = -9
    let thin = Chart.thinned(points)
    #expect(thin.count <= Chart.points)
    #expect(thin.contains { $0.y == 9 } && thin.contains { $0.y == -9 })
    #expect(zip(thin, thin.dropFirst()).allSatisfy { $0.x <= $1.x })
  }

  @Test func oddPointsBreakNothing() {
    func chart(_ points: [(x: Double, y: Double)], _ scale: Chart.Scale) -> String? {
      Chart(
        id: "c", title: "t", xUnit: "x", yUnit: "y",
        lines: [Chart.Line(name: "l", points: points)], yScale: scale
      ).svg
    }
    #expect(chart([], .linear) == nil)
    #expect(chart([(1, .nan), (2, .infinity)], .linear) == nil)
    #expect(chart([(1, 0)], .logarithmic) == nil)
    let one = chart([(1, 5)], .logarithmic)
    #expect(one?.contains("<circle") == true)
    let flat = chart([(1, 0), (1, 0)], .linear) ?? ""
    #expect(flat.contains("<polyline") && !flat.contains("nan") && !flat.contains("inf"))
  }

  @Test func ticksAreRound() {
    #expect(Axis([3, 47], .linear).ticks == [0, 10, 20, 30, 40, 50])
    #expect(Axis([0.2, 40], .logarithmic).ticks == [0.1, 1, 10, 100])
    #expect(Axis([0.2, 40], .logarithmic).share(1) == 1.0 / 3)
    #expect([0.7, 12, 26, 51].map(Axis.step) == [1, 20, 50, 100])
  }
}
