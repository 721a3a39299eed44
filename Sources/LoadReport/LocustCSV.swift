import Foundation

/// Tables in the column layout of Locust 2 (`--csv`), so that what reads those reads these.
public enum LocustCSV {
  private static let shares = [
    0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1,
  ]
  private static let shareNames = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"

  // MARK: stats.csv

  /// A line for each operation of each class over the whole run, and one for all.
  public static func stats(_ run: RunResult) -> String {
    var lines = [
      "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
        + "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,"
        + shareNames
    ]
    let seconds = run.stages.reduce(0) { $0 + $1.seconds }
    var all = RunResult.OperationResult(userClass: "", operation: "Aggregated")
    for operation in run.operations {
      lines.append(line(operation, seconds))
      guard !operation.isWhole else { continue }
      all.add(operation)
    }
    lines.append(line(all, seconds))
    return lines.joined(separator: "\r\n") + "\r\n"
  }

  private static func line(_ operation: RunResult.OperationResult, _ seconds: Double) -> String {
    let latency = operation.latency
    let answers = max(1, operation.requests - operation.failed)
    let figures: [String] = [
      "\(operation.requests)", "\(operation.failed)", milliseconds(latency.quantile(0.5)),
      number(latency.mean / 1e6), milliseconds(latency.values.first ?? 0),
      milliseconds(latency.max), number(Double(operation.bytes) / Double(answers)),
      number(seconds > 0 ? Double(operation.requests) / seconds : 0),
      number(seconds > 0 ? Double(operation.failed) / seconds : 0),
    ]
    let quantiles = shares.map { milliseconds(latency.quantile($0)) }
    return ([cell(operation.userClass), cell(operation.operation)] + figures + quantiles)
      .joined(separator: ",")
  }

  // MARK: stats_history.csv

  /// What came before a second.
  public struct Totals: Sendable {
    var requests = 0
    var failures = 0
    var bytes = 0
    var sumNs = 0.0
    var maxNs: UInt64 = 0

    public init() {}
  }

  public static let historyHead =
    "Timestamp,User Count,Type,Name,Requests/s,Failures/s," + shareNames
    + ",Total Request Count,Total Failure Count,Total Median Response Time,"
    + "Total Average Response Time,Total Min Response Time,Total Max Response Time,"
    + "Total Average Content Size\r\n"

  /// A line for a second; what a second does not know is `N/A`, as in Locust.
  public static func history(
    _ second: RunResult.Second, startedUnixS: Double, totals: inout Totals
  ) -> String {
    let answers = second.requests - second.failures
    totals.requests += second.requests
    totals.failures += second.failures
    totals.bytes += second.bytes
    totals.sumNs += second.meanNs * Double(answers)
    totals.maxNs = max(totals.maxNs, second.maxNs)
    let answered = max(1, totals.requests - totals.failures)
    var quantiles = Array(repeating: "N/A", count: shares.count)
    quantiles[0] = milliseconds(second.p50Ns)
    quantiles[5] = milliseconds(second.p95Ns)
    quantiles[7] = milliseconds(second.p99Ns)
    quantiles[10] = milliseconds(second.maxNs)
    let timestamp = Figures.whole((startedUnixS + second.second).rounded(.down))
    let fields: [String] =
      ["\(timestamp)", "\(second.users)", "", "Aggregated"]
      + [second.requests, second.failures].map { number(Double($0) / max(second.length, 0.001)) }
      + quantiles
      + ["\(totals.requests)", "\(totals.failures)", "N/A"]
      + [number(totals.sumNs / Double(answered) / 1e6), "N/A"]
      + [milliseconds(totals.maxNs), number(Double(totals.bytes) / Double(answered))]
    return fields.joined(separator: ",") + "\r\n"
  }

  // MARK: failures.csv

  public static func failures(_ run: RunResult) -> String {
    var lines = ["Method,Name,Error,Occurrences"]
    for operation in run.operations + run.connections {
      for (cause, count) in operation.failures.sorted(by: { $0.key < $1.key }) {
        lines.append(
          [cell(operation.userClass), cell(operation.operation), cell(cause), "\(count)"]
            .joined(separator: ","))
      }
    }
    return lines.joined(separator: "\r\n") + "\r\n"
  }

  // MARK: Cells

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    number(Double(nanoseconds) / 1e6)
  }

  private static func number(_ value: Double) -> String { String(format: "%.3f", value) }

  /// RFC 4180. Foreign text that a spreadsheet would take for a formula is kept from that.
  static func cell(_ text: String) -> String {
    // Scalars: to a String, CR and LF together are another character than each of them.
    var scalars = Array(text.unicodeScalars)
    if let first = scalars.first, "=+-@\t\r\n".unicodeScalars.contains(first) {
      scalars.insert("'", at: 0)
    }
    let isQuoted = scalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
    let quotes: [Unicode.Scalar] = isQuoted ? ["\""] : []
    let doubled = isQuoted ? scalars.flatMap { $0 == "\"" ? [$0, $0] : [$0] } : scalars
    return String(String.UnicodeScalarView(quotes + doubled + quotes))
  }
}

extension RunResult {
  /// Each operation of each class, over all stages.
  public var operations: [OperationResult] { RunResult.merged(stages.flatMap(\.operations)) }

  /// The same over the judged ones alone.
  var judgedOperations: [OperationResult] {
    RunResult.merged(stages.filter(\.isJudged).flatMap(\.operations))
  }

  /// Connections, over all stages.
  public var connections: [OperationResult] { RunResult.merged(stages.map(\.connects)) }

  /// In the order in which they came first.
  static func merged(_ all: [OperationResult]) -> [OperationResult] {
    var order: [String] = []
    var found: [String: OperationResult] = [:]
    for operation in all {
      let key = "\(operation.userClass)\u{0}\(operation.operation)"
      if found[key] == nil {
        order.append(key)
        found[key] = operation
      } else {
        found[key]?.add(operation)
      }
    }
    return order.compactMap { found[$0] }
  }
}

extension RunResult.OperationResult {
  var name: String { "\(userClass) \(operation)" }

  mutating func add(_ other: Self) {
    requests += other.requests
    failures.merge(other.failures, uniquingKeysWith: +)
    heldBack += other.heldBack
    bytes += other.bytes
    latency.add(other.latency)
  }
}
