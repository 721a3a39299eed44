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
      "<td>✓ holds</td><td>P95 of answers</td><td class=\"figure\">96.0 ms</td>"
        + "<td class=\"figure\">≤ 100 ms</td>",
      "<tr class=\"bad\"><td>✗ broke</td><td>failed requests</td>"
        + "<td class=\"figure\">2.9 %</td>",
      "<summary>steady: 10 users, 10 a second</summary>",
      "</svg> answers</span>", "</svg> users (right scale)</span>",
      "<h2>Readiness: 81 of 100, B</h2>", "<h2>Tester and device</h2>",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("<h2>Ladder</h2>"))
  }

  /// The cells of a page's first row that begins with this one.
  private func row(_ page: String, _ first: String) -> [String] {
    guard let start = page.range(of: "<tr><td>\(first)</td>"),
      let end = page[start.lowerBound...].range(of: "</tr>")
    else { return [] }
    return page[start.lowerBound..<end.lowerBound].matches(of: #/<td[^>]*>([^<]*)</#)
      .map { String($0.1) }
  }

  @Test func operationsHaveTheirFigures() {
    let page = HTMLReport(Made.small).text
    #expect(page.contains("<th class=\"figure\">answer&#39;s size</th>"))
    #expect(
      row(page, "viewers ping") == [
        "viewers ping", "103", "1 closed, 2 timeout", "50.0 ms", "50.5 ms", "95.0 ms", "99.0 ms",
        "100 ms", "10.3", "64 B",
      ])
    // A connection answers nothing.
    #expect(row(page, " connect").suffix(2) == ["1", "–"])
    #expect(
      row(HTMLReport(Made.silent).text, "viewers ping")
        == ["viewers ping", "4", "4 unreachable", "–", "–", "–", "–", "–", "0.4", "–"])
    #expect(!page.contains("held back"))
    var run = Made.small
    run.stages[0].operations[0].heldBack = 1234
    #expect(row(HTMLReport(run).text, "viewers ping")[3] == "1,234")
  }

  /// What stands above the first table.
  private func firstScreen(_ run: RunResult) throws -> Substring {
    let page = HTMLReport(run).text
    let header = try #require(page.firstMatch(of: #/<header>((?s).*)<\/header>/#))
    return header.1
  }

  @Test func theFirstScreenTellsWhatMatters() throws {
    let header = try firstScreen(Made.small)
    for text in [
      "<h1>baseline</h1><p>What a device bears.</p>",
      "<div class=\"verdict bad\"><p><b>Valid.</b> The tester was not the limit.</p>"
        + "<p><b>1 of 2 thresholds broke.</b></p></div>",
      "<dl class=\"figures\"><div><dt>answers a second</dt><dd>10</dd></div>"
        + "<div><dt>95 % of the answers within</dt><dd>95.0 ms</dd></div>"
        + "<div><dt>failed requests</dt><dd>2.91 %</dd></div></dl>",
      "<dt>target</dt><dd>127.0.0.1:4710 (Watchpost 1.2, 1024 slots)</dd>",
      "<dt>begun</dt><dd>2026-11-23 02:13:20 UTC</dd>", "<dt>took</dt><dd>10 s</dd>",
      "<dt>seed</dt><dd>7</dd>", "<dt>tester</dt><dd>wpload 1.0, 2 threads</dd>",
    ] {
      #expect(header.contains(text), "\(text)")
    }
    #expect(try firstScreen(Made.climbed).contains("<dt>users held</dt><dd>200</dd>"))
    #expect(try firstScreen(Made.run(stages: [])).matches(of: #/<dd>not measured/#).count == 3)
  }

  @Test func theVerdictCountsTheThresholds() throws {
    var run = Made.small
    run.thresholds = []
    #expect(try firstScreen(run).contains("<p><b>No threshold was set.</b></p></div>"))
    #expect(!HTMLReport(run).text.contains("<h2>Thresholds</h2>"))
    run.thresholds = Array(repeating: Made.small.thresholds[0], count: 3)
    let header = try firstScreen(run)
    #expect(header.contains("<div class=\"verdict good\">"))
    #expect(header.contains("<p><b>All 3 thresholds hold.</b></p>"))
    // What it would have done to its end nobody knows.
    run.ended = "interrupted"
    #expect(
      try firstScreen(run).contains(
        "<div class=\"verdict bad\"><p><b>Valid.</b> The tester was not the limit.</p>"
          + "<p><b>Ended early:</b> interrupted.</p>"))
  }

  @Test func theVerdictIsInWords() throws {
    var run = Made.small
    run.tester.invalidBecause = ["late in a", "late in b", "late in c", "late in d", "late in e"]
    let header = try firstScreen(run)
    #expect(!header.contains("Valid."))
    // A ladder is late in each of its steps.
    #expect(
      header.contains(
        "<div class=\"verdict bad\"><p><b>Invalid.</b> The tester was the limit: late in a; "
          + "late in b; late in c; and 2 more.</p><p><b>No threshold was judged:</b>"))
    // Of a run that judges nothing neither is known.
    let nothing = HTMLReport(Made.run(stages: [])).text
    #expect(!nothing.contains("Valid.") && !nothing.contains("Invalid."))
  }

  /// Nothing of it is the device's, whatever held.
  @Test(arguments: [Made.small, Made.climbed])
  func nothingIsGoodInAnInvalidRun(_ made: RunResult) {
    var run = made
    run.thresholds = Array(repeating: Made.small.thresholds[0], count: 3)
    let good = [
      "class=\"verdict good\"", "✓", " holds", " hold.", ">held", "held 200", "users held", ">A<",
      "figure\"figure\">100<", "recommended limit", "Nothing is to be done",
    ]
    #expect(good.contains { HTMLReport(run).text.contains($0) })
    run.tester.invalidBecause = ["it was late"]
    let page = HTMLReport(run).text
    for word in good { #expect(!page.contains(word), "\(word)") }
    #expect(page.contains("<dl class=\"figures void\">"))
    #expect(page.contains("Of the tester, not of the device."))
    #expect(page.contains("<td>not judged</td><td>P95 of answers</td>"))
    #expect(page.matches(of: #/<tr class="bad">/#).isEmpty)
    let text = TextReport(run).text
    #expect(!text.contains("holds") && !text.contains("held") && !text.contains("100 A"))
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
