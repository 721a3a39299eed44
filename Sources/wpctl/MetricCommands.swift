import ArgumentParser
import ControlClient
import Foundation
import Wire

struct AlertsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alerts", abstract: "Shows what the device watches of itself.",
    discussion: """
      An alert is raised from its threshold on (throughput: up to it); `–` is no threshold. \
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
