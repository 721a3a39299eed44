import ArgumentParser
import ControlClient
import Foundation
import Wire

struct SnapshotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot", abstract: "Takes a picture with a camera.",
    discussion: """
      The picture is never older than one frame interval. With `-o -` it goes to standard output:
      as a picture where the terminal shows pictures (iTerm2's protocol), as JPEG into a pipe. \
      `--save` keeps it on the device instead, as a file that `wpctl files` lists.
      """)

  @OptionGroup var options: GlobalOptions
  @Argument(help: "The camera's name, as `wpctl cameras` lists it.") var name: CameraName
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where to write the JPEG; `-`: standard output. Default: NAME.jpg.", valueName: "file"))
  var output: String?
  @Flag(help: "Keep it as a file of the device; print its name.") var save = false

  func validate() throws {
    guard !(save && output != nil) else {
      throw ValidationError("`--save` keeps it on the device, `-o` writes it here; choose one.")
    }
    guard !(options.json && output == "-") else {
      throw ValidationError("`--json` and `-o -` both want standard output; choose one.")
    }
    if output == "-", isatty(1) == 1, !Terminal.showsPictures {
      throw ValidationError("This terminal shows no pictures; write to a file with `-o FILE`.")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    if save { return try await keep(connection) }
    let snapshot = try await connection.snapshot(of: name.name)
    await connection.close()
    let picture = Data(snapshot.bytes)
    if output == "-" {
      return isatty(1) == 1
        ? Terminal.show(picture, named: "\(name.name.string).jpg") : Console.raw(picture)
    }
    let file = output ?? "\(name.name.string).jpg"
    do {
      try picture.write(to: URL(filePath: file), options: .atomic)
    } catch {
      throw Unwritable(file: file, reason: (error as NSError).localizedDescription)
    }
    let document = SnapshotDocument(snapshot, of: name.name, file: file)
    if options.json { return try Console.document(document) }
    let notes =
      (document.transcoded ? ", coded anew" : "")
      + (document.completed ? ", Huffman tables inserted" : "")
    Console.line(
      "\(file): \(document.width)x\(document.height), \(spoken(bytes: UInt64(document.bytes))), "
        + "taken \(String(format: "%.0f", document.ageMs)) ms before it was sent\(notes)")
  }

  private func keep(_ connection: ControlConnection) async throws {
    let file = FileDocument(try await connection.saveSnapshot(of: name.name))
    await connection.close()
    if options.json { return try Console.document(file) }
    Console.line("\(file.file.printable): \(spoken(bytes: file.bytes)), on the device")
  }
}

/// The picture has come, and cannot be kept.
struct Unwritable: Error, CustomStringConvertible {
  let file: String
  let reason: String
  var description: String { "\(file) cannot be written: \(reason)" }
}

/// Pictures on a terminal, by iTerm2's inline images protocol, which takes JPEG as it is.
enum Terminal {
  static let showsPictures: Bool = {
    let environment = ProcessInfo.processInfo.environment
    let programs: Set = ["iTerm.app", "WezTerm", "mintty", "vscode"]
    return programs.contains(environment["TERM_PROGRAM", default: ""])
      || environment["LC_TERMINAL"] == "iTerm2" || environment["KONSOLE_VERSION"] != nil
  }()

  static func show(_ picture: Data, named name: String) {
    let title = Data(name.utf8).base64EncodedString()
    Console.line(
      "\u{1B}]1337;File=name=\(title);size=\(picture.count);inline=1:"
        + picture.base64EncodedString() + "\u{07}")
  }
}

struct StreamCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream", abstract: "Starts and stops the stream of a camera.",
    subcommands: [Start.self, Stop.self])

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Starts a camera's stream.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The camera's name, as `wpctl cameras` lists it.") var name: CameraName

    func run() async throws {
      let connection = try await options.connect()
      try await connection.startStream(name.name)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.streamStart)) }
      Console.line("The stream of \(name.name.string) starts.")
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stops a camera's stream, until it is started again; a reboot changes nothing.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The camera's name, as `wpctl cameras` lists it.") var name: CameraName

    func run() async throws {
      let connection = try await options.connect()
      try await connection.stopStream(name.name)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.streamStop)) }
      Console.line("The stream of \(name.name.string) is stopped.")
    }
  }
}

struct SourceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "source", abstract: "RTSP sources on the network that the device passes on.",
    subcommands: [Add.self, Remove.self, List.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Adds a source; it is kept over a reboot.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Its name here: a–z, 0–9 and dashes, at most 32.") var name: CameraName
    @Argument(help: "Where it is: rtsp://[USER:PASSWORD@]HOST[:PORT]/PATH.") var url: String

    func validate() throws {
      guard url.utf8.count <= Limits.urlSize else {
        throw ValidationError("The URL is longer than \(Limits.urlSize) bytes.")
      }
    }

    func run() async throws {
      let connection = try await options.connect()
      let text = Array(url.utf8).withUnsafeBytes { Text<160>($0) }
      try await connection.addSource(name.name, url: text)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.sourceAdd)) }
      Console.line("\(name.name.string) is added; `wpctl source ls` shows its state.")
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rm", abstract: "Removes a source.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Its name, as `wpctl source ls` lists it.") var name: CameraName

    func run() async throws {
      let connection = try await options.connect()
      try await connection.removeSource(name.name)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.sourceRemove)) }
      Console.line("\(name.name.string) is removed.")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists the sources with their state.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      let sources = try await connection.sources().map(SourceDocument.init)
      await connection.close()
      if options.json { return try Console.document(sources) }
      guard !sources.isEmpty else {
        return Console.line("There is no source; add one with `wpctl source add NAME URL`.")
      }
      var table = TextTable("NAME", "STATE", "URL")
      for source in sources {
        table.add(
          .init(source.name), .init(source.state, source.state == "flowing" ? .green : .yellow),
          .init(source.url))
      }
      table.print()
    }
  }
}
