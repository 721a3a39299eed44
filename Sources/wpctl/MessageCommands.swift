import ArgumentParser
import ControlClient
import Foundation
import Wire

struct PublishCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Sends a message to every client that listens for them.",
    discussion: "Up to 2 MiB; what a message says is between the clients (see `messages`).")

  @OptionGroup var options: GlobalOptions
  @Argument(help: ArgumentHelp("The message; `-`: standard input.", valueName: "file")) var file:
    String

  func run() async throws {
    let message: Data
    do {
      message =
        file == "-"
        ? try FileHandle.standardInput.readToEnd() ?? Data()
        : try Data(contentsOf: URL(filePath: file))
    } catch {
      throw ValidationError("\(file) cannot be read: \((error as NSError).localizedDescription)")
    }
    guard (1...Limits.messageSize).contains(message.count) else {
      throw ValidationError(
        "\(file) has \(message.count) bytes; a message has 1 … \(Limits.messageSize).")
    }
    let connection = try await options.connect()
    let reply = try await connection.publish([UInt8](message))
    await connection.close()
    let document = PublishDocument(reply, bytes: message.count)
    if options.json { return try Console.document(document) }
    Console.line(
      "message \(document.sequence), \(spoken(bytes: UInt64(document.bytes))), for "
        + "\(document.subscribers) clients")
  }
}

struct MessagesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "messages", abstract: "Prints the messages that clients publish, as they come.",
    discussion: """
      Without `--follow` it listens for `--timeout` seconds. With `--count` it ends after so many \
      messages, or with 4 when they do not come in time. `--raw` writes nothing but their bytes.
      """)

  @OptionGroup var options: GlobalOptions
  @Flag(name: .shortAndLong, help: "Go on until interrupted.") var follow = false
  @Option(help: ArgumentHelp("End after so many messages.", valueName: "n")) var count: Int?
  @Flag(help: "Write the messages' bytes to standard output, one after the other.") var raw = false

  func validate() throws {
    if let count, count < 1 { throw ValidationError("`--count` is at least 1.") }
    if raw, options.json { throw ValidationError("Choose one of `--raw` and `--json`.") }
  }

  func run() async throws {
    let connection = try await options.connect()
    try await connection.subscribe(.messages)
    let listening = Listening(
      connection: connection, options: options, follow: follow, count: count, what: "messages")
    try await listening.run(connection.messages, show)
  }

  private func show(_ message: Message) throws {
    if message.missed > 0 { Console.complain("\(message.missed) messages were missed") }
    if raw { return Console.raw(Data(message.bytes)) }
    let document = MessageDocument(message)
    if options.json { return try Console.record(document) }
    let beginning = String(decoding: message.bytes.prefix(60), as: UTF8.self).printable
    Console.line(
      "\(document.sequence)  \(spoken(bytes: UInt64(message.bytes.count)))  \(beginning)"
        + (message.bytes.count > 60 ? " …" : ""))
  }
}
