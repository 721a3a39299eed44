import Foundation

/// What a run has found, as Markdown for people and as CSV for everything else.
struct Report {
  var outcomes: [Outcome] = []
  /// Every measurement: row, pair, whose.
  private(set) var samples: [(row: String, pair: Int, who: String, sample: Sample)] = []

  mutating func add(_ sample: Sample, of who: String, _ row: String, pair: Int) {
    samples.append((row, pair, who, sample))
  }

  /// Measurements during which others had more of a processor than this.
  static let disturbance = 0.1
  var disturbed: Int { samples.count { $0.sample.othersBusy > Report.disturbance } }

  /// Demands that are not met.
  var broken: Int { outcomes.count { $0.verdict == .broken } }

  static let head = """
    | load | measure | against | watchpost | other | result | bar | verdict | busy: server, load |
    |---|---|---|---|---|---|---|---|---|
    """

  static func line(_ outcome: Outcome) -> String {
    let verdict =
      outcome.failures > 0
      ? "BROKEN: \(outcome.failures) failed" : outcome.verdict.rawValue
    let cells = [
      outcome.row, outcome.measure, outcome.against, amount(outcome.ours, outcome.unit),
      outcome.theirs.map { amount($0, outcome.unit) } ?? "–", result(outcome), bar(outcome),
      verdict,
      outcome.busy.map { "\(fixed($0.server * 100, 0)) %, \(fixed($0.generator * 100, 0)) %" }
        ?? "–",
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private static func result(_ outcome: Outcome) -> String {
    guard let range = outcome.range else { return "**\(amount(outcome.result, outcome.unit))**" }
    return "**\(fixed(outcome.result, 2))** (\(fixed(range.lowerBound, 2)) … "
      + "\(fixed(range.upperBound, 2)))"
  }

  private static func bar(_ outcome: Outcome) -> String {
    func limit(_ value: Double) -> String {
      outcome.range == nil ? amount(value, outcome.unit) : fixed(value, 2)
    }
    return switch outcome.bar {
    case .atMost(let most): "≤ \(limit(most))"
    case .atLeast(let least): "≥ \(limit(least))"
    case .exactly(let wanted): "= \(limit(wanted))"
    case .none: "–"
    }
  }

  private static func amount(_ value: Double, _ unit: String) -> String {
    let text = fixed(value, ["µs", "ms"].contains(unit) ? 2 : unit == "%" ? 1 : 0)
    return unit.isEmpty ? text : "\(text) \(unit)"
  }

  func markdown(title: String) -> String {
    ([title, "", Report.head] + outcomes.map(Report.line) + [""]).joined(separator: "\n")
  }

  /// The least and the largest ratio are empty where the result is no ratio.
  var csv: String {
    let head = "row,measure,against,unit,watchpost,other,result,ratio_min,ratio_max,bar,verdict,"
    let lines = outcomes.map { outcome in
      [
        quoted(outcome.row), quoted(outcome.measure), outcome.against, outcome.unit,
        fixed(outcome.ours, 4), outcome.theirs.map { fixed($0, 4) } ?? "",
        fixed(outcome.result, 4), outcome.range.map { fixed($0.lowerBound, 4) } ?? "",
        outcome.range.map { fixed($0.upperBound, 4) } ?? "",
        Report.bar(outcome),
        outcome.verdict == .told ? "" : "\(outcome.verdict)",
        "\(outcome.failures)", "\(outcome.pairs)",
      ].joined(separator: ",")
    }
    return ([head + "failures,pairs"] + lines + [""]).joined(separator: "\n")
  }

  var samplesCSV: String {
    let head =
      "row,pair,server,requests,cpu_ns,generator_ns,per_second,p50_ns,p99_ns,lateness_p99_ns,"
      + "server_busy,generator_busy,others_busy,failures,resident_kib"
    let lines = samples.map { entry in
      let sample = entry.sample
      return [
        quoted(entry.row), "\(entry.pair)", entry.who, "\(sample.requests)",
        fixed(sample.cpuPerRequest, 1), fixed(sample.ownCPUPerRequest, 1),
        fixed(sample.perSecond, 0), fixed(sample.p50, 0), fixed(sample.p99, 0),
        fixed(sample.latenessP99, 0), fixed(sample.serverBusy, 3),
        fixed(sample.generatorBusy, 3), fixed(sample.othersBusy, 3), "\(sample.failures)",
        "\(sample.residentKiB)",
      ].joined(separator: ",")
    }
    return ([head] + lines + [""]).joined(separator: "\n")
  }
}

func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

private func quoted(_ text: String) -> String {
  "\"\(text.replacing("\"", with: "\"\"").replacing("\n", with: " "))\""
}
