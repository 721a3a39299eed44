import ArgumentParser
import ControlClient
import Foundation
import Wire

struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Prints events as they come.",
    discussion: """
      Without `--follow` it listens for `--timeout` seconds. With `--count` it ends after so many \
      events, or with 4 when they do not come in time. Ctrl-C ends it with 0.
      """)

  @OptionGroup var options: GlobalOptions
  @Flag(name: .shortAndLong, help: "Go on until interrupted.") var follow = false
  @Option(help: ArgumentHelp("End after so many events.", valueName: "n")) var count: Int?
  @Option(help: "Only this topic; may be given several times. Default: all.")
  var topic: [TopicName] = []

  func validate() throws {
    if let count, count < 1 { throw ValidationError("`--count` is at least 1.") }
  }

  func run() async throws {
    let connection = try await options.connect()
    let topics =
      topic.isEmpty ? Topics.all - .messages : topic.reduce(Topics.none) { $0 | $1.topic }
    try await connection.subscribe(topics)
    let listening = Listening(
      connection: connection, options: options, follow: follow, count: count, what: "events")
    try await listening.run(connection.events, show)
  }

  private func show(_ event: EventMessage) throws {
    let document = EventDocument(event)
    if options.json { return try Console.record(document) }
    if event.missed > 0 { Console.line("… \(event.missed) events missed") }
    Console.line(document.words)
  }
}

extension EventDocument {
  /// When, what, about whom, and what there is to say.
  var words: String {
    let time = unixMs.map { spoken(unixMs: $0) } ?? "\(Double(uptimeMs) / 1000) s"
    let words = [time, event, subject, detail].filter { !$0.isEmpty }
    // The value of an alert's change is two numbers in one, which its detail says in words.
    let number = value == 0 || alert != nil ? "" : "  (\(value))"
    return words.map(\.printable).joined(separator: "  ") + number
  }
}

struct LogsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Prints the device's log.")

  @OptionGroup var options: GlobalOptions
  @Flag(name: .shortAndLong, help: "Go on until interrupted.") var follow = false
  @Flag(help: "What MediaMTX prints, instead of the agent's own lines.") var media = false
  @Flag(help: "The last lines of the boot before this one.") var previous = false
  @Option(name: .customShort("n"), help: "Only the last so many lines of what there is.")
  var lines: Int?

  func validate() throws {
    if let lines, lines < 0 { throw ValidationError("`-n` is at least 0.") }
    if follow, previous { throw ValidationError("The boot before this one says nothing new.") }
  }

  private var source: LogSource {
    previous ? (media ? .mediaServerBefore : .agentBefore) : (media ? .mediaServer : .agent)
  }

  func run() async throws {
    let connection = try await options.connect()
    var log = LogLines()
    var first: [String] = []
    while let more = try await next(&log, connection) { first += more }
    for line in first.suffix(lines ?? .max) { try show(line) }
    guard follow else {
      if let rest = log.unfinished { try show(rest) }
      return await connection.close()
    }
    Console.endCleanlyOnInterrupt()
    while true {
      while let more = try await next(&log, connection) {
        for line in more { try show(line) }
      }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// The next piece's whole lines; nil when there is nothing new.
  private func next(_ log: inout LogLines, _ connection: ControlConnection) async throws
    -> [String]?
  {
    let chunk = try await connection.log(source, from: log.cursor)
    if chunk.head.oldestCursor > log.cursor, log.cursor > 0 {
      Console.complain("\(chunk.head.oldestCursor - log.cursor) bytes of the log were overwritten")
    }
    if chunk.head.nextCursor < log.cursor { Console.complain("the device's agent was restarted") }
    return log.take(chunk)
  }

  private func show(_ line: String) throws {
    if options.json {
      try Console.record(LogLineDocument(source: source, line: line))
    } else {
      Console.line(line.printable)
    }
  }
}

/// Makes lines of the pieces of a log.
struct LogLines {
  private(set) var cursor: UInt64 = 0
  private var rest: [UInt8] = []

  /// The lines that `chunk` completes; nil when it brings nothing.
  mutating func take(_ chunk: LogChunk) -> [String]? {
    cursor = chunk.head.nextCursor
    guard !chunk.text.isEmpty else { return nil }
    var parts = (rest + chunk.text).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    rest = Array(parts.removeLast())
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }

  /// A last line without its end.
  var unfinished: String? { rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self) }
}

/// A topic on the command line: its name, with any case and with or without hyphens.
struct TopicName: ExpressibleByArgument {
  let topic: Topics

  init?(argument: String) {
    let plain = argument.lowercased().filter { $0 != "-" }
    guard let named = Topics.named.first(where: { $0.name.lowercased() == plain }) else {
      return nil
    }
    topic = named.topic
  }

  static let allValueStrings = Topics.named.map(\.name)
}
