import ArgumentParser
import ControlClient
import Foundation
import Wire

struct MetricsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics", abstract: "Prints counters and gauges, and how operations fare.",
    discussion: """
      Times run from the moment at which the device noticed a request until its answer was handed \
      to the kernel; they are those of the last 30 to 60 seconds.
      """)

  @OptionGroup var options: GlobalOptions
  @Flag(help: "Print the Prometheus text format, alerts and health included.")
  var prometheus = false

  func validate() throws {
    if prometheus, options.json {
      throw ValidationError("Choose one of `--prometheus` and `--json`.")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    if prometheus {
      let readings = try await connection.readings()
      await connection.close()
      return Console.raw(Data(readings.prometheusText.utf8))
    }
    let metrics = try await connection.metrics()
    await connection.close()
    if options.json { return try Console.document(MetricsDocument(metrics)) }
    var table = TextTable("METRIC", "VALUE")
    for (name, value) in metrics.named { table.add(.init(name), .init("\(value)")) }
    table.print()
    let used = metrics.operations.filter { $0.requests > 0 }
    if !used.isEmpty { show(used) }
  }

  private func show(_ operations: [OperationUse]) {
    var table = TextTable("OPERATION", "REQUESTS", "ERRORS", "P50", "P95", "P99", "MAX")
    for use in operations {
      let statistics = use.statistics
      // Without a request of late there is nothing to tell.
      let time = { (us: UInt64) in statistics.largestUs == 0 ? "–" : spoken(us: us) }
      table.add(
        .init(use.operation), .init("\(use.requests)"), .init("\(statistics.errors)"),
        .init(time(statistics.p50Us)), .init(time(statistics.p95Us)),
        .init(time(statistics.p99Us)), .init(time(statistics.largestUs)))
    }
    Console.line("")
    table.print()
  }
}

struct AlertsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alerts", abstract: "Shows what the device watches of itself.",
    discussion: """
      An alert is raised from its threshold on (throughput: below it); `–` is no threshold. \
      `events --topic health` tells when one changes.
      """)

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let connection = try await options.connect()
    let alerts = try await connection.alerts()
    await connection.close()
    if options.json { return try Console.document(alerts.map(AlertDocument.init)) }
    var table = TextTable("ALERT", "LEVEL", "VALUE", "WARNING", "CRITICAL", "FOR", "RAISED")
    for entry in alerts {
      table.add(
        .init(entry.alert.name), .init(entry.level.name, style(entry.level)),
        .init(words(entry.value, of: entry)), .init(threshold(entry.warning, of: entry)),
        .init(threshold(entry.critical, of: entry)), .init(spoken(ms: entry.levelForMs)),
        .init("\(entry.raised)"))
    }
    table.print()
  }

  private func style(_ level: Code<AlertLevel>) -> Console.Style {
    switch level.known {
    case AlertLevel.none?: .green
    case .critical?: .red
    case .warning?, nil: .yellow
    }
  }

  private func threshold(_ value: UInt32, of entry: AlertEntry) -> String {
    value == 0 ? "–" : words(value, of: entry)
  }

  private func words(_ value: UInt32, of entry: AlertEntry) -> String {
    switch entry.alert.known?.unit {
    case .microseconds?: spoken(us: UInt64(value))
    case .permille?: "\(Double(value) / 10) %"
    case .requestsPerSecond?: "\(value) requests/s"
    case nil: "\(value)"
    }
  }
}
