import Foundation

/// A run as one page that needs no network and no script, readable at the width of a telephone.
public struct HTMLReport {
  public let text: String

  public init(_ run: RunResult) {
    let name = escaped(run.plan)
    text = """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" \
      content="default-src 'none'; style-src 'unsafe-inline'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(name) – wpload</title><style>\(Self.style)</style></head><body><main>
      <header><h1>\(name)</h1><p>\(escaped(run.summary))</p>\(Self.facts(run))\(Self.verdict(run))\
      </header>
      \(Self.thresholds(run))
      \(Self.charts(run))
      \(Self.stages(run))
      \(Self.ladder(run))
      \(Self.readiness(run))
      \(Self.capacity(run))
      \(Self.sides(run))
      </main></body></html>

      """
  }

  // MARK: Head

  private static func facts(_ run: RunResult) -> String {
    let targets = run.targets.map { target in
      let slots = target.slots.map { ", \($0) slots" } ?? ""
      return "\(target.address) (\(target.product ?? "it did not tell what it is")\(slots))"
    }
    let date = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: run.startedUnixS))
    return """
      <p class="small">\(escaped(targets.joined(separator: ", "))) · \(date) · \
      \(Figures.number(run.seconds)) s · seed \(run.seed) · wpload \(escaped(run.tester.version)), \
      \(run.tester.threads) thread\(run.tester.threads == 1 ? "" : "s")</p>
      """
  }

  private static func verdict(_ run: RunResult) -> String {
    let isValid = run.tester.invalidBecause.isEmpty
    var lines: [String] = []
    if !isValid {
      lines.append(
        "<p class=\"bad\"><b>Invalid.</b> The tester was the limit: "
          + "\(escaped(Figures.list(run.tester.invalidBecause))).</p>")
    } else if run.stages.contains(where: \.isJudged) {
      lines.append("<p><b>Valid.</b> The tester was not the limit.</p>")
    }
    if let ended = run.ended {
      lines.append("<p class=\"bad\"><b>Ended early:</b> \(escaped(ended)).</p>")
    }
    let count = run.thresholds.count
    let broken = run.thresholds.filter { !$0.holds }.count
    if broken > 0 {
      lines.append("<p class=\"bad\"><b>\(broken) of \(count) thresholds broke.</b></p>")
    } else {
      // Nothing is good that says nothing about the device.
      let style = count > 0 && isValid ? " class=\"good\"" : ""
      lines.append("<p\(style)><b>\(Figures.sentence(Figures.holding(count)))</b></p>")
    }
    return lines.joined()
  }

  // MARK: Sections

  private static func thresholds(_ run: RunResult) -> String {
    guard !run.thresholds.isEmpty else { return "" }
    return section(
      "Thresholds", ["", "quantity", "measured", "limit"],
      run.thresholds.map { threshold in
        [
          threshold.holds ? "✓ holds" : "✗ broke", threshold.quantity,
          threshold.measured.map { Figures.threshold(threshold.quantity, $0) } ?? "not measured",
          Figures.threshold(threshold.quantity, threshold.limit),
        ]
      })
  }

  private static func charts(_ run: RunResult) -> String {
    RunCharts(run).all.compactMap { chart in
      chart.svg.map { "<section><h2>\(escaped(chart.title))</h2>\($0)</section>" }
    }.joined(separator: "\n")
  }

  private static func stages(_ run: RunResult) -> String {
    let columns = [
      "operation", "requests", "failed", "held back", "p50", "mean", "p95", "p99", "longest",
      "a second", "data a second",
    ]
    let tables = run.stages.map { stage -> String in
      var title = "\(stage.name): \(stage.users) users"
      if let rate = stage.rate { title += ", \(Figures.number(rate)) a second" }
      if stage.busy > 0 { title += ", \(stage.busy) told BUSY" }
      if stage.throttled > 0 { title += ", \(stage.throttled) handshakes made later" }
      if stage.dropped > 0 { title += ", \(stage.dropped) requests never sent" }
      if !stage.isJudged { title += " (not judged)" }
      let rows = (stage.operations + [stage.connects]).filter { $0.requests + $0.heldBack > 0 }
        .map { row($0, stage.seconds) }
      return "<details\(run.stages.count > 4 ? "" : " open")><summary>\(escaped(title))</summary>"
        + table(columns, rows) + "</details>"
    }
    return "<section><h2>Stages</h2>\(tables.joined())</section>"
  }

  private static func row(
    _ operation: RunResult.OperationResult, _ seconds: Double
  ) -> [String] {
    let latency = operation.latency
    let isTimed = latency.count > 0
    let causes = operation.failures.sorted { $0.key < $1.key }
      .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    return [
      "\(operation.userClass) \(operation.operation)", Figures.grouped(operation.requests),
      operation.failed == 0 ? "0" : causes, Figures.grouped(operation.heldBack),
      isTimed ? Figures.time(latency.quantile(0.5)) : "–",
      isTimed ? Figures.time(UInt64(latency.mean)) : "–",
      isTimed ? Figures.time(latency.quantile(0.95)) : "–",
      isTimed ? Figures.time(latency.quantile(0.99)) : "–",
      isTimed ? Figures.time(latency.max) : "–",
      seconds > 0 ? Figures.number(Double(operation.requests) / seconds) : "–",
      seconds > 0 && operation.bytes > 0
        ? Figures.memory(Double(operation.bytes) / 1024 / seconds) : "–",
    ]
  }

  private static func ladder(_ run: RunResult) -> String {
    guard let ladder = run.ladder else { return "" }
    return section(
      "Ladder", ["users", "", "answers a second", "p95", "errors", "BUSY"],
      ladder.steps.map { step in
        [
          "\(step.users)", step.holds ? "held" : "broke", Figures.number(step.answersPerSecond),
          Figures.time(step.p95Ns), "\(Figures.number(step.errorPercent)) %",
          "\(Figures.number(step.busyPercent)) %",
        ]
      })
  }

  private static func readiness(_ run: RunResult) -> String {
    let readiness = Readiness(run)
    let score = readiness.score.map { "\($0) of 100, \(readiness.grade)" } ?? "not measured"
    return section(
      "Readiness: \(score)", ["component", "score", "grade", "evidence"],
      readiness.components.map { component in
        [
          component.name, component.score.map { String($0) } ?? "–", component.grade,
          component.evidence,
        ]
      })
  }

  private static func capacity(_ run: RunResult) -> String {
    section(
      "Capacity", ["", "", "evidence"], Capacity(run).rows.map { [$0.what, $0.value, $0.evidence] })
      + section(
        "To do", ["", "evidence"], Recommendation.all(for: run).map { [$0.text, $0.evidence] })
  }

  private static func sides(_ run: RunResult) -> String {
    let rows = SidedFigure.rows(run)
    guard !rows.isEmpty else { return "" }
    return section(
      "Tester and device", ["", "tester", "device", "note"],
      rows.map { [$0.what, $0.client, $0.device, $0.note] })
  }

  // MARK: Parts

  private static func section(_ title: String, _ columns: [String], _ rows: [[String]]) -> String {
    "<section><h2>\(escaped(title))</h2>\(table(columns, rows))</section>"
  }

  private static func table(_ columns: [String], _ rows: [[String]]) -> String {
    let head = columns.map { "<th>\(escaped($0))</th>" }.joined()
    let body = rows.map { row in
      let isBad = row[0].hasPrefix("✗") || (row.count > 1 && row[1] == "broke")
      // A figure and its unit, or a mark and its word, are one; sentences are not.
      let cells = row.map { "<td\($0.count > 24 ? " class=\"text\"" : "")>\(escaped($0))</td>" }
        .joined()
      return "<tr\(isBad ? " class=\"bad\"" : "")>\(cells)</tr>"
    }
    return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead>"
      + "<tbody>\(body.joined())</tbody></table></div>"
  }

  private static let style = """
    :root{--ink:#1a1f24;--paper:#fff;--faint:#6b7580;--rule:#d9dee3;--bad:#b3261e;--good:#1b6e3c;\
    --c0:#1f6feb;--c1:#c2410c;--c2:#15803d;--c3:#7c3aed;--c4:#a16207}
    @media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14181c;--faint:#98a2ac;\
    --rule:#333b43;--bad:#ff8a80;--good:#7fd6a0;--c0:#6cb0ff;--c1:#ff9d5c;--c2:#6fd08c;\
    --c3:#c4a1ff;--c4:#e5c158}}
    *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);\
    font:15px/1.5 system-ui,sans-serif}main{max-width:60rem;margin:auto;padding:1rem}
    h1{margin:.2em 0;font-size:1.6rem}h2{font-size:1.1rem;margin:1.6em 0 .4em}
    .small{color:var(--faint);font-size:.85rem;overflow-wrap:anywhere}
    .bad{color:var(--bad)}.good{color:var(--good)}
    section>svg{width:100%;height:auto;display:block}
    svg text{fill:var(--faint);font-size:12px}svg .x{text-anchor:middle}
    svg .x,svg .unit{dominant-baseline:hanging}
    svg .y{text-anchor:end;dominant-baseline:middle}svg .r{dominant-baseline:middle}
    svg .word{text-anchor:start;font-size:10px}svg .end{text-anchor:end}
    svg .grid{stroke:var(--rule)}svg .mark{stroke:var(--faint);stroke-dasharray:1 3}
    polyline,.key line{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
    circle,polygon{fill:var(--paper);stroke-width:2}
    .c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}\
    .c4{stroke:var(--c4)}
    .key{width:36px;height:10px}.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.2rem 0;\
    font-size:.85rem;color:var(--faint)}
    .scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.85rem}
    th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--rule);\
    vertical-align:top}td:not(.text){white-space:nowrap}th{color:var(--faint);font-weight:500}
    details{margin:.4rem 0}summary{cursor:pointer}
    @media(max-width:32rem){main{padding:.7rem}svg text{font-size:20px}svg .word{font-size:16px}}
    @media print{details::details-content{content-visibility:visible;block-size:auto}\
    .scroll{overflow:visible}section>svg,tr{break-inside:avoid}h2{break-after:avoid}}
    """
}
