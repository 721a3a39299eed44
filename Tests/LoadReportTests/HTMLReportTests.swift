import Foundation
import Testing

@testable import LoadReport

@Suite struct HTMLReportTests {
  @Test(arguments: Made.all)
  func allTagsAreClosed(_ run: RunResult) {
    #expect(Markup.fault(HTMLReport(run).text) == nil)
  }

  /// Otherwise the test above would say nothing.
  @Test(arguments: [
    "<p>", "</p>", "<p><b></p></b>", "<p", "a>b", "<p a=\"b>c</p>", "<p><i></p>", "<a<b></a>",
  ])
  func openTagsAreSeen(_ page: String) {
    #expect(Markup.fault(page) != nil)
  }

  @Test(arguments: Made.all)
  func nothingIsFetchedAndNothingRuns(_ run: RunResult) {
    let page = HTMLReport(run).text
    for word in ["http:", "https:", "src=", "<script", "<link", "<iframe", "url(", "@import"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.matches(of: #/<[^>]*\s(?:on\w+|href)\s*=/#).isEmpty)
    #expect(
      page.contains(
        "<meta http-equiv=\"Content-Security-Policy\" "
          + "content=\"default-src 'none'; style-src 'unsafe-inline'\">"))
  }

  /// `Made.odd` has it in each place where text of a plan or of a device goes.
  @Test func foreignTextIsText() {
    let page = HTMLReport(Made.odd).text
    let escaped =
      "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\u{FFFD}[2J\u{FFFD}\u{FFFD}\n"
    #expect(page.components(separatedBy: escaped).count > 20)
    #expect(!page.contains("alert(\"1\")"))
    let steering = page.unicodeScalars.filter {
      $0.properties.generalCategory == .control && $0 != "\n"
    }
    #expect(steering.isEmpty)
  }

  /// Each string of a result by itself, so that none hides behind another one.
  @Test func eachForeignTextIsEscaped() throws {
    let mark = "<b onclick=\"'&"
    let whole = try #require(String(data: ResultFile.encode(Made.small), encoding: .utf8))
    var shown = 0
    for match in whole.matches(of: #/" : "([^"]*)"/#) {
      var changed = whole
      changed.replaceSubrange(
        match.range, with: "\" : \"<b onclick=\\\"'&\"")
      guard let run = try? ResultFile.decode(Data(changed.utf8), from: "r") else { continue }
      let page = HTMLReport(run).text
      #expect(!page.contains(mark) && !page.contains("<b onclick"), "\(match.0)")
      #expect(Markup.fault(page) == nil, "\(match.0)")
      shown += page.contains("&lt;b onclick=&quot;&#39;&amp;") ? 1 : 0
    }
    #expect(shown > 5)
  }

  @Test func theChartsAreThere() {
    func charts(_ run: RunResult) -> [String] {
      HTMLReport(run).text.matches(of: #/<svg id="([^"]*)"/#).map { String($0.1) }
    }
    #expect(
      charts(Made.small) == [
        "chart-latency", "chart-throughput", "chart-percentiles", "chart-target",
      ])
    #expect(
      charts(Made.climbed) == [
        "chart-latency", "chart-throughput", "chart-percentiles", "chart-ladder",
      ])
    #expect(charts(Made.silent) == ["chart-throughput"])
    #expect(charts(Made.run(stages: [])) == [])
  }

  @Test func theFiguresAreThere() {
    let page = HTMLReport(Made.small).text
    for text in [
      "<title>baseline – wpload</title>", "127.0.0.1:4710 (Watchpost 1.2, 1024 slots)",
      "2026-11-23T02:13:20Z · 10 s · seed 7 · wpload 1.0, 2 threads",
      "<p class=\"bad\"><b>1 of 2 thresholds broke.</b></p>",
      "<td>✓ holds</td><td>p95_ms</td><td>96.0 ms</td><td>100 ms</td>",
      "<tr class=\"bad\"><td>✗ broke</td><td>errors_percent</td><td>2.9 %</td><td>1 %</td>",
      "<summary>steady: 10 users, 10 a second</summary>", "<th>data a second</th>",
      "</svg> answers</span>", "</svg> users (right)</span>",
      "<td>viewers ping</td><td>103</td><td>1 closed, 2 timeout</td><td>0</td><td>50.0 ms</td>",
      "<h2>Readiness: 81 of 100, B</h2>", "<h2>Tester and device</h2>",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("<h2>Ladder</h2>"))
  }

  @Test func theVerdictCountsTheThresholds() {
    var run = Made.small
    run.thresholds = []
    #expect(HTMLReport(run).text.contains("<p><b>No threshold was set.</b></p>"))
    run.thresholds = Array(repeating: Made.small.thresholds[0], count: 3)
    #expect(
      HTMLReport(run).text.contains("<p class=\"good\"><b>All 3 thresholds hold.</b></p>"))
  }

  @Test func theVerdictIsInWords() {
    var run = Made.small
    #expect(HTMLReport(run).text.contains("<p><b>Valid.</b> The tester was not the limit.</p>"))
    run.thresholds.removeLast()
    run.tester.invalidBecause = ["late in a", "late in b", "late in c", "late in d", "late in e"]
    let page = HTMLReport(run).text
    #expect(!page.contains("Valid."))
    // A ladder is late in each of its steps.
    #expect(
      page.contains(
        "<p class=\"bad\"><b>Invalid.</b> The tester was the limit: late in a; late in b; "
          + "late in c; and 2 more.</p>"))
    #expect(page.contains("<p><b>The threshold holds.</b></p>"))
    run.thresholds = []
    #expect(!HTMLReport(run).text.contains("<h2>Thresholds</h2>"))
    // Of a run that judges nothing neither is known.
    let nothing = HTMLReport(Made.run(stages: [])).text
    #expect(!nothing.contains("Valid.") && !nothing.contains("Invalid."))
  }

  /// On paper nobody opens what is closed, or scrolls.
  @Test func nothingIsHiddenOnPaper() throws {
    let style = try #require(HTMLReport(Made.small).text.firstMatch(of: #/@media print\{.*/#))
    #expect(style.0.contains("details::details-content{content-visibility:visible"))
    #expect(style.0.contains(".scroll{overflow:visible}"))
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300, -1e300])
  func aRunThatWasNeverIsAPage(_ value: Double) {
    var run = Made.small
    run.startedUnixS = value
    run.seconds = value
    run.thresholds[0].measured = value
    #expect(Markup.fault(HTMLReport(run).text) == nil)
  }
}
