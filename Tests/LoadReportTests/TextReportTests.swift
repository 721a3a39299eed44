import Testing

@testable import LoadReport

@Suite struct TextReportTests {
  @Test(arguments: Made.all)
  func noLineIsTooLong(_ run: RunResult) {
    for line in TextReport(run).text.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  @Test func longTextsAndGreatNumbersFit() {
    var run = Made.climbed
    let word = String(repeating: "long", count: 50)
    run.plan = word
    run.summary = word + " " + word
    run.targets[0].address = word
    run.targets[0].product = word
    run.tester.version = word
    run.tester.invalidBecause = [word]
    run.ended = word
    run.ladder?.reason = word
    run.thresholds = [
      .init(quantity: word, limit: 1e9, measured: 1e18, holds: false),
      .init(quantity: "memory_kib", limit: 1e9, measured: 1e18, holds: false),
      .init(quantity: "p95_ms", limit: 1e308, measured: 1e308, holds: false),
    ]
    for index in run.stages.indices {
      run.stages[index].name = word
      run.stages[index].operations[0].userClass = word
      run.stages[index].operations[0].requests = 1_000_000_000_000
      run.stages[index].operations[0].failures = [word: 1_000_000_000]
    }
    for line in TextReport(run).text.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  /// A device's name may not paint on the terminal.
  @Test func foreignTextSteersNothing() {
    let told = TextReport(Made.odd).text + Comparison(Made.odd, Made.small).text
    let steering = told.unicodeScalars.filter {
      $0.properties.generalCategory == .control && $0 != "\n"
    }
    #expect(steering.isEmpty)
    #expect(told.contains("<script>alert(\"1\")</script>&'\u{FFFD}[2J\u{FFFD}\u{FFFD} =1+1"))
    #expect(printable("a\u{202E}b\u{9B}c\u{2066}d\t東") == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d 東")
  }

  @Test func aRunIsTold() {
    let text = TextReport(Made.small).text
    #expect(
      text.hasPrefix(
        """
        baseline: What a device bears.
        target 127.0.0.1:4710, Watchpost 1.2, 1024 slots
        2026-11-23 02:13:20 UTC, 10 s, seed 7, 2 threads of wpload 1.0
        valid: the tester was not the limit

        stage and operation                requests  failed      p50      p95      p99
        steady: 10 users, 10/s
          viewers ping                          103       3  50.0 ms  95.0 ms  99.0 ms
          viewers deploy                          1       0   900 ms   900 ms   900 ms
          connect                                10       0   5.0 ms  10.0 ms  10.0 ms

        holds   p95_ms                       96.0 ms   ≤ 100 ms
        BROKEN  errors_percent                 2.9 %   ≤ 1 %

        readiness  81 of 100  B
          responses    100 A  95 % within 95.0 ms, 99 % within 99.0 ms; full marks to
                              100 ms at 95 %, none from 1 s on
          errors        43 F  3 of 103 requests failed (2.91 %); full marks to 0.1 %,
        """), "\(text)")
    #expect(
      text.hasSuffix(
        """
        to do
          Do not put this load on the device before errors_percent holds. (2.9 %, where
          1 % is the limit)
        """), "\(text)")
  }

  @Test func whatSpoilsARunStandsOnTop() {
    var run = Made.silent
    run.tester.invalidBecause = ["it was late"]
    #expect(
      TextReport(run).text.hasPrefix(
        """
        baseline: What a device bears.
        target 127.0.0.1:4710
        2026-11-23 02:13:20 UTC, 10 s, seed 7, 2 threads of wpload 1.0
        INVALID: the tester was the limit: it was late; nothing is judged
        ENDED EARLY: no target could be reached

        stage and operation                requests  failed      p50      p95      p99
        steady: 10 users
          viewers ping                            4       4        –        –        –
          connect                                 4       4        –        –        –

        –       p95_ms                  not measured   ≤ 100 ms
        """))
  }
}
