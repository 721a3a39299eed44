import Foundation

/// What a run has found, as Markdown for people and as CSV for everything else.
struct Report {
  var outcomes: [Outcome] = []
  /// Every measurement: row, pair, contestant.
  private(set) var samples: [(row: String, pair: Int, who: String, sample: Sample)] = []
  /// Resident KiB of Watchpost when idle and at most.
  var idleKiB = 0
  var largestKiB = 0
  /// What the growth may be, KiB.
  static let growthBarKiB = 64

  mutating func add(_ sample: Sample, of who: Contestant, _ row: Row, pair: Int) {
    samples.append((row.name, pair, who.rawValue, sample))
    if who == .watchpost { largestKiB = max(largestKiB, sample.residentKiB) }
  }

  var growthKiB: Int { largestKiB - idleKiB }

  /// Demands that are not met.
  var broken: Int {
    outcomes.count { $0.verdict == .broken } + (growthKiB > Report.growthBarKiB ? 1 : 0)
  }

  static let head = """
    | load | measure | against | watchpost | other | ratio | bar | verdict | busy: server, load |
    |---|---|---|---|---|---|---|---|---|
    """

  static func line(_ outcome: Outcome) -> String {
    let sign = outcome.isBetterWhenHigher ? "≥" : "≤"
    let bar = outcome.bar.map { "\(sign) \(fixed($0, 2))" } ?? "–"
    let digits = outcome.unit == "µs" ? 2 : 0
    let verdict =
      outcome.failures > 0
      ? "BROKEN: \(outcome.failures) failed" : outcome.verdict.rawValue
    let cells = [
      outcome.row, outcome.measure, outcome.against,
      "\(fixed(outcome.ours, digits)) \(outcome.unit)",
      "\(fixed(outcome.theirs, digits)) \(outcome.unit)",
      "**\(fixed(outcome.ratio, 2))** (\(fixed(outcome.range.lowerBound, 2)) … "
        + "\(fixed(outcome.range.upperBound, 2)))",
      bar, verdict,
      "\(fixed(outcome.serverBusy * 100, 0)) %, \(fixed(outcome.generatorBusy * 100, 0)) %",
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  var memoryLine: String {
    let verdict = growthKiB <= Report.growthBarKiB ? "ok" : "BROKEN"
    return "| all of the above | resident memory | itself when idle | \(largestKiB) KiB | "
      + "\(idleKiB) KiB | **+\(growthKiB) KiB** | ≤ +\(Report.growthBarKiB) KiB | \(verdict) | – |"
  }

  func markdown(title: String) -> String {
    ([title, "", Report.head] + outcomes.map(Report.line) + [memoryLine, ""])
      .joined(separator: "\n")
  }

  var csv: String {
    let head = "row,measure,against,unit,watchpost,other,ratio,ratio_min,ratio_max,bar,verdict,"
    let lines = outcomes.map { outcome in
      [
        quoted(outcome.row), outcome.measure, outcome.against, outcome.unit,
        fixed(outcome.ours, 4), fixed(outcome.theirs, 4), fixed(outcome.ratio, 4),
        fixed(outcome.range.lowerBound, 4), fixed(outcome.range.upperBound, 4),
        outcome.bar.map { fixed($0, 2) } ?? "",
        outcome.verdict == .told ? "" : "\(outcome.verdict)",
        "\(outcome.failures)", "\(outcome.pairs)",
      ].joined(separator: ",")
    }
    let memory =
      "all,resident memory,idle,KiB,\(largestKiB),\(idleKiB),,,,\(Report.growthBarKiB),"
      + "\(growthKiB <= Report.growthBarKiB ? "ok" : "broken"),0,1"
    return ([head + "failures,pairs"] + lines + [memory, ""]).joined(separator: "\n")
  }

  var samplesCSV: String {
    let head =
      "row,pair,server,requests,cpu_ns,generator_ns,per_second,p50_ns,p99_ns,lateness_p99_ns,"
      + "server_busy,generator_busy,failures,resident_kib"
    let lines = samples.map { entry in
      let sample = entry.sample
      return [
        quoted(entry.row), "\(entry.pair)", entry.who, "\(sample.requests)",
        fixed(sample.cpuPerRequest, 1), fixed(sample.ownCPUPerRequest, 1),
        fixed(sample.perSecond, 0), fixed(sample.p50, 0), fixed(sample.p99, 0),
        fixed(sample.latenessP99, 0), fixed(sample.serverBusy, 3),
        fixed(sample.generatorBusy, 3), "\(sample.failures)", "\(sample.residentKiB)",
      ].joined(separator: ",")
    }
    return ([head] + lines + [""]).joined(separator: "\n")
  }
}

func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

private func quoted(_ text: String) -> String { "\"\(text)\"" }
