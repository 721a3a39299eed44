/// A run in at most 80 columns.
public struct TextReport {
  public let text: String

  public init(_ run: RunResult) {
    var lines = Self.head(run)
    lines += [""] + Self.stages(run) + [""] + Self.thresholds(run)
    let readiness = Readiness(run)
    lines += [
      "",
      "readiness  \(readiness.whole)" + (readiness.score == nil ? "" : "  \(readiness.grade)"),
    ]
    for component in readiness.components {
      let score = component.score.map { String($0) } ?? "–"
      lines += Self.row(
        "  " + Self.left(component.name, 12) + Self.right(score, 4) + " "
          + component.grade + "  ", component.evidence)
    }
    lines += ["", "capacity"]
    for row in Capacity(run).rows {
      lines += Self.row("  " + Self.left(row.what, 19), "\(row.value) – \(row.evidence)")
    }
    lines += ["", "to do"]
    for recommendation in Recommendation.all(for: run) {
      lines += Self.row("  ", "\(recommendation.text) (\(recommendation.evidence))")
    }
    text = lines.map(printable).joined(separator: "\n")
  }

  private static func head(_ run: RunResult) -> [String] {
    var lines = row("", "\(run.plan): \(run.summary)")
    for target in run.targets {
      let told = [target.address, target.product, target.slots.map { "\($0) slots" }]
      lines += row("target ", told.compactMap(\.self).joined(separator: ", "))
    }
    lines += row(
      "",
      "\(Figures.date(run.startedUnixS)), \(Figures.duration(run.seconds)), seed \(run.seed), "
        + "\(run.tester.threads) thread"
        + "\(run.tester.threads == 1 ? "" : "s") of wpload \(run.tester.version)")
    if !run.tester.isValid {
      lines += row(
        "INVALID: ",
        "the tester was the limit: \(Figures.list(run.tester.invalidBecause)); nothing is judged")
    } else if run.stages.contains(where: \.isJudged) {
      lines += row("", "valid: the tester was not the limit")
    }
    if let ended = run.ended { lines += row("ENDED EARLY: ", ended) }
    return lines
  }

  private static func stages(_ run: RunResult) -> [String] {
    var lines = [
      left("stage and operation", 33) + right("requests", 10) + right("failed", 8)
        + right("p50", 9) + right("p95", 9) + right("p99", 9)
    ]
    for stage in run.stages {
      var what = "\(stage.name): \(stage.users) users"
      if let rate = stage.rate { what += ", \(Figures.number(rate))/s" }
      if stage.busy > 0 { what += ", \(stage.busy) BUSY" }
      if stage.dropped > 0 { what += ", \(stage.dropped) dropped" }
      lines += row("", what)
      for operation in stage.operations + [stage.connects] where operation.requests > 0 {
        lines.append(line(operation))
      }
    }
    return lines
  }

  private static func line(_ operation: RunResult.OperationResult) -> String {
    let name =
      operation.userClass.isEmpty
      ? operation.operation : "\(operation.userClass) \(operation.operation)"
    let times = [0.5, 0.95, 0.99].map { share in
      right(operation.latency.count > 0 ? Figures.time(operation.latency.quantile(share)) : "–", 9)
    }
    let figures =
      right(Figures.grouped(operation.requests), 10) + right(Figures.grouped(operation.failed), 8)
      + times.joined()
    return "  " + left(name, min(31, width - 2 - figures.count)) + figures
  }

  private static func thresholds(_ run: RunResult) -> [String] {
    run.thresholds.flatMap { threshold in
      let measured = threshold.measured.map { Figures.threshold(threshold.quantity, $0) }
      return row(
        (!run.tester.isValid ? "–       " : threshold.holds ? "holds   " : "BROKEN  ")
          + left(threshold.quantity, 22) + right(measured ?? "not measured", 14) + "   ",
        Figures.limit(threshold.quantity, threshold.limit))
    }
  }

  // MARK: Columns

  static let width = 80

  private static func left(_ text: String, _ width: Int) -> String {
    text.count >= width
      ? text.prefix(width - 1) + " " : text + String(repeating: " ", count: width - text.count)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }

  /// A text behind a head, in as many lines as it takes; a word that is longer than a line is cut
  /// into several.
  private static func row(_ head: String, _ text: String) -> [String] {
    var lines = [head]
    let indent = String(repeating: " ", count: head.count)
    let room = max(1, width - head.count)
    let words = Figures.unbroken(printable(text)).split(separator: " ").flatMap { word in
      stride(from: 0, to: word.count, by: room).map { word.dropFirst($0).prefix(room) }
    }
    for word in words {
      let last = lines[lines.count - 1]
      let isFirst = last.count <= head.count
      if !isFirst, last.count + 1 + word.count > width {
        lines.append(indent + word)
      } else {
        lines[lines.count - 1] += (isFirst ? "" : " ") + word
      }
    }
    return lines.map { $0.replacing("\u{A0}", with: " ") }
  }
}
