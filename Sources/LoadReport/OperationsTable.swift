/// What became of the operations of a stage, as a table of a page.
struct OperationsTable {
  let html: String

  init(_ stage: RunResult.StageResult) {
    let asked = (stage.operations + [stage.connects]).filter { $0.requests + $0.heldBack > 0 }
    // Hardly any run has it.
    let isHeldBack = asked.contains { $0.heldBack > 0 }
    let columns =
      ["requests", "failed"] + (isHeldBack ? ["held back"] : []) + [
        "p50", "mean", "p95", "p99", "longest", "a second", "answer's size",
      ]
    html =
      HTMLTable(
        [.words("operation")] + columns.map { .figure($0) },
        asked.map { operation in
          HTMLTable.Row(
            cells: ["\(operation.userClass) \(operation.operation)"]
              + Self.counts(operation, isHeldBack) + Self.times(operation.latency)
              + [Self.rate(operation, stage.seconds), Self.size(operation)])
        }
      ).html
  }

  private static func counts(
    _ operation: RunResult.OperationResult, _ isHeldBack: Bool
  ) -> [String] {
    let causes = operation.failures.sorted { $0.key < $1.key }
      .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    return [Figures.grouped(operation.requests), operation.failed == 0 ? "0" : causes]
      + (isHeldBack ? [Figures.grouped(operation.heldBack)] : [])
  }

  private static func times(_ latency: Latencies) -> [String] {
    guard latency.count > 0 else { return Array(repeating: "–", count: 5) }
    return [
      latency.quantile(0.5), UInt64(latency.mean), latency.quantile(0.95), latency.quantile(0.99),
      latency.max,
    ].map(Figures.time)
  }

  private static func rate(_ operation: RunResult.OperationResult, _ seconds: Double) -> String {
    seconds > 0 ? Figures.number(Double(operation.requests) / seconds) : "–"
  }

  /// On average, as in Locust's table. A connection answers nothing.
  private static func size(_ operation: RunResult.OperationResult) -> String {
    let answers = operation.requests - operation.failed
    guard answers > 0, !operation.userClass.isEmpty else { return "–" }
    return Figures.size(Double(operation.bytes) / Double(answers))
  }
}
