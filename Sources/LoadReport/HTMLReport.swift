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
      <title>\(name) – wpload</title><style>\(PageStyle.text)</style></head><body><main>
      <header><h1>\(name)</h1><p>\(escaped(run.summary))</p>
      \(Self.verdict(run))\(Self.figures(run))\(Self.facts(run))</header>
      \(Self.thresholds(run))
      \(Self.recommendations(run))
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
    let threads = "\(run.tester.threads) thread\(run.tester.threads == 1 ? "" : "s")"
    return list(
      "facts",
      [
        ("target", targets.joined(separator: ", ")), ("begun", Figures.date(run.startedUnixS)),
        ("took", Figures.duration(run.seconds)), ("seed", "\(run.seed)"),
        ("tester", "wpload \(run.tester.version), \(threads)"),
      ])
  }

  private static func verdict(_ run: RunResult) -> String {
    let (isValid, count) = (run.tester.isValid, run.thresholds.count)
    let broken = run.thresholds.filter { !$0.holds }.count
    var lines: [String] = []
    if !isValid {
      lines.append(
        "<b>Invalid.</b> The tester was the limit: "
          + "\(escaped(Figures.list(run.tester.invalidBecause))).")
    } else if run.stages.contains(where: \.isJudged) {
      lines.append("<b>Valid.</b> The tester was not the limit.")
    }
    if let ended = run.ended { lines.append("<b>Ended early:</b> \(escaped(ended)).") }
    if !isValid {
      lines.append("<b>No threshold was judged:</b> this run says nothing about the device.")
    } else if broken > 0 {
      lines.append("<b>\(broken) of \(count) thresholds broke.</b>")
    } else {
      lines.append("<b>\(Figures.sentence(Figures.holding(count)))</b>")
    }
    let isBad = !isValid || run.ended != nil || broken > 0
    let style = isBad ? " bad" : count > 0 ? " good" : ""
    return "<div class=\"verdict\(style)\">\(lines.map { "<p>\($0)</p>" }.joined())</div>"
  }

  /// The three that matter most.
  private static func figures(_ run: RunResult) -> String {
    let figures = RunFigures(run)
    let isValid = run.tester.isValid
    let most =
      run.ladder.flatMap { ladder in
        isValid ? ("users held", ladder.held.map(Figures.grouped) ?? "none") : nil
      } ?? ("answers a second", figures.answersPerSecond.map(Figures.number) ?? "not measured")
    let p95 = figures.milliseconds(0.95).map { Figures.time(milliseconds: $0) }
    let errors = figures.errorPercent.map { "\(Figures.number($0)) %" }
    let all = [
      most, ("95 % of the answers within", p95 ?? "not measured"),
      ("failed requests", errors ?? "not measured"),
    ]
    // Else the figures would read as if they were the device's.
    return isValid
      ? list("figures", all)
      : list("figures void", all) + "<p class=\"small\">Of the tester, not of the device.</p>"
  }

  private static func list(_ style: String, _ all: [(name: String, value: String)]) -> String {
    let entries = all.map { entry in
      "<div><dt>\(escaped(entry.name))</dt><dd>\(escaped(entry.value))</dd></div>"
    }
    return "<dl class=\"\(style)\">\(entries.joined())</dl>"
  }

  // MARK: Sections

  private static func thresholds(_ run: RunResult) -> String {
    guard !run.thresholds.isEmpty else { return "" }
    return section(
      "Thresholds", [.words(""), .words("quantity"), .figure("measured"), .figure("limit")],
      run.thresholds.map { threshold in
        let verdict = threshold.holds ? "✓ holds" : "✗ broke"
        return HTMLTable.Row(
          cells: [
            run.tester.isValid ? verdict : "not judged", Figures.quantity(threshold.quantity),
            threshold.measured.map { Figures.threshold(threshold.quantity, $0) } ?? "not measured",
            Figures.limit(threshold.quantity, threshold.limit),
          ], isBad: run.tester.isValid && !threshold.holds)
      })
  }

  private static func charts(_ run: RunResult) -> String {
    let charts = RunCharts(run).all.compactMap { chart in
      chart.svg.map { "<section><h2>\(escaped(chart.title))</h2>\($0)</section>" }
    }
    return charts.isEmpty ? "" : "<div class=\"charts\">\(charts.joined(separator: "\n"))</div>"
  }

  private static func stages(_ run: RunResult) -> String {
    let tables = run.stages.map { stage -> String in
      var title = "\(stage.name): \(stage.users) users"
      if let rate = stage.rate { title += ", \(Figures.number(rate)) a second" }
      if stage.busy > 0 { title += ", \(stage.busy) told BUSY" }
      if stage.throttled > 0 { title += ", \(stage.throttled) handshakes made later" }
      if stage.dropped > 0 { title += ", \(stage.dropped) requests never sent" }
      if !stage.isJudged { title += " (not judged)" }
      return "<details\(run.stages.count > 4 ? "" : " open")><summary>\(escaped(title))</summary>"
        + OperationsTable(stage).html + "</details>"
    }
    return "<section><h2>Stages</h2>\(tables.joined())</section>"
  }

  private static func ladder(_ run: RunResult) -> String {
    guard let ladder = run.ladder else { return "" }
    return section(
      "Ladder",
      [
        .figure("users"), .words(""), .figure("answers a second"), .figure("p95"),
        .figure("errors"), .figure("BUSY"),
      ],
      ladder.steps.map { step in
        HTMLTable.Row(
          cells: [
            "\(step.users)",
            run.tester.isValid ? step.holds ? "held" : "broke" : "not judged",
            Figures.number(step.answersPerSecond),
            Figures.time(step.p95Ns), "\(Figures.number(step.errorPercent)) %",
            "\(Figures.number(step.busyPercent)) %",
          ], isBad: run.tester.isValid && !step.holds)
      })
  }

  private static func readiness(_ run: RunResult) -> String {
    let readiness = Readiness(run)
    let grade = readiness.score == nil ? "" : ", \(readiness.grade)"
    return section(
      "Readiness: \(readiness.whole)\(grade)",
      [.words("component"), .figure("score"), .words("grade"), .prose("evidence")],
      readiness.components.map { component in
        HTMLTable.Row(cells: [
          component.name, component.score.map { String($0) } ?? "–", component.grade,
          component.evidence,
        ])
      }, isStacked: true)
  }

  private static func capacity(_ run: RunResult) -> String {
    section(
      "Capacity", [.words(""), .words(""), .prose("evidence")],
      Capacity(run).rows.map { HTMLTable.Row(cells: [$0.what, $0.value, $0.evidence]) },
      isStacked: true)
  }

  private static func recommendations(_ run: RunResult) -> String {
    let all = Recommendation.all(for: run).map { recommendation in
      """
      <li>\(escaped(recommendation.text)) \
      <span class="small">\(escaped(Figures.sentence(recommendation.evidence)))</span></li>
      """
    }
    return "<section><h2>To do</h2><ul>\(all.joined())</ul></section>"
  }

  private static func sides(_ run: RunResult) -> String {
    let rows = SidedFigure.rows(run)
    guard !rows.isEmpty else { return "" }
    return section(
      "Tester and device", [.words(""), .figure("tester"), .figure("device"), .prose("note")],
      rows.map { HTMLTable.Row(cells: [$0.what, $0.client, $0.device, $0.note]) })
  }

  // MARK: Parts

  private static func section(
    _ title: String, _ columns: [HTMLTable.Column], _ rows: [HTMLTable.Row],
    isStacked: Bool = false
  ) -> String {
    let table = HTMLTable(columns, rows, isStacked: isStacked)
    return "<section><h2>\(escaped(title))</h2>\(table.html)</section>"
  }
}
