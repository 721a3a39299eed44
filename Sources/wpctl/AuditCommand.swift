import ArgumentParser
import ControlClient
import Foundation
import Wire

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Prints who came, was let in, and did what; the oldest first.",
    discussion: "With `--count` it ends after so many entries. Ctrl-C ends it with 0.")

  @OptionGroup var options: GlobalOptions
  @Flag(name: .shortAndLong, help: "Go on until interrupted.") var follow = false
  @Option(help: "access, keys, changes or admin; default: all of them.") var lane: LaneName?
  @Option(help: ArgumentHelp("End after so many entries.", valueName: "n")) var count: Int?
  @Option(help: ArgumentHelp("Seconds between two questions.", valueName: "s")) var interval = 1.0

  func validate() throws {
    if let count, count < 1 { throw ValidationError("`--count` is at least 1.") }
    guard interval >= 0.05, interval <= 3600 else {
      throw ValidationError("`--interval` is 0.05 to 3600 seconds.")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    if follow { Console.endCleanlyOnInterrupt() }
    var cursor: UInt64 = 0
    var left = count ?? .max
    while true {
      let page = try await connection.audit(from: cursor, lane: lane?.lane)
      let entries = page.entries.filter { $0.sequence >= cursor }.prefix(left)
      for entry in entries { try show(AuditDocument(entry)) }
      left -= entries.count
      // An answer that does not go on would be asked for ever.
      let isOver = entries.isEmpty || page.head.nextCursor <= cursor
      cursor = max(cursor, page.head.nextCursor)
      guard left > 0 else { break }
      guard isOver else { continue }
      guard follow else { break }
      try await Task.sleep(for: .milliseconds(Int64(interval * 1000)))
    }
    await connection.close()
  }

  private func show(_ entry: AuditDocument) throws {
    if options.json { return try Console.record(entry) }
    let when =
      entry.unixMs.map { spoken(unixMs: $0) }
      ?? "boot \(entry.boot.map { "\($0)" } ?? "?") + \(spoken(ms: entry.bootMs))"
    var words = [when, entry.code]
    if let detail = entry.detailWords { words.append(detail) }
    if let subject = entry.subject { words.append("of \(subject)") }
    if let key = entry.key { words.append("by \(key) (\(entry.role))") }
    if let address = entry.address { words.append("from \(address)") }
    if entry.count > 1 {
      words.append("\(entry.count) times in \(spoken(ms: UInt64(entry.spanMs)))")
    }
    Console.line(words.joined(separator: "  ").printable)
  }
}

/// A lane of the audit on the command line.
struct LaneName: ExpressibleByArgument {
  let lane: AuditLane

  init?(argument: String) {
    guard
      let lane = (0...3).compactMap({ AuditLane(rawValue: $0) }).first(where: {
        "\($0)" == argument
      })
    else { return nil }
    self.lane = lane
  }

  static let allValueStrings = ["access", "keys", "changes", "admin"]
}
