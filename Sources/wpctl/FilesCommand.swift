import ArgumentParser
import ControlClient
import Foundation
import Wire

struct FilesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "files", abstract: "Lists, gets and removes recordings and snapshots.",
    subcommands: [List.self, Info.self, Get.self, Remove.self])

  /// What files hold, on the command line.
  enum Kinds: String, ExpressibleByArgument, CaseIterable {
    case recordings
    case snapshots

    var kind: FileKind { self == .recordings ? .recording : .snapshot }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists files, the newest first.",
      discussion: """
        Times are ISO 8601 (2026-01-01T12:00, UTC unless they name a zone) or a time ago (2h, \
        1d12h). A file from before the device knew the time matches no `--since` and no `--until`.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Only of this camera.") var name: CameraName?
    @Option(help: "Only these.") var kind: Kinds?
    @Option(help: ArgumentHelp("Only what began then or later.", valueName: "time"))
    var since: PointInTime?
    @Option(help: ArgumentHelp("Only what began before.", valueName: "time"))
    var until: PointInTime?
    @Flag(help: "List the oldest first.") var oldestFirst = false
    @Option(help: ArgumentHelp("At most so many.", valueName: "n"))
    var limit = Limits.filesByDefault
    @Flag(help: "List all that match.") var all = false
    @Option(help: ArgumentHelp("Go on where an earlier list has ended.", valueName: "cursor"))
    var cursor: UInt64 = 0

    func validate() throws {
      guard limit >= 1 else { throw ValidationError("`--limit` is at least 1.") }
      if let since, let until, since.unixMs >= until.unixMs {
        throw ValidationError("`--since` is not before `--until`.")
      }
    }

    func run() async throws {
      var request = FileListRequest()
      request.kind = kind?.kind
      request.oldestFirst = oldestFirst
      request.fromUnixMs = since?.unixMs ?? 0
      request.untilUnixMs = until?.unixMs ?? 0
      request.camera = name?.name ?? Name()
      request.cursor = cursor
      let connection = try await options.connect()
      let listing = try await connection.files(request, upTo: all ? .max : limit)
      await connection.close()
      let document = FilesDocument(listing)
      if options.json { return try Console.document(document) }
      show(document)
    }

    private func show(_ document: FilesDocument) {
      guard !document.files.isEmpty else {
        switch document.known {
        case 0: return Console.line("There is no file.")
        case 1: return Console.line("The device's one file does not match.")
        default: return Console.line("None of the device's \(document.known) files matches.")
        }
      }
      var table = TextTable("FILE", "BEGAN", "LENGTH", "SIZE", "STATE")
      for file in document.files {
        table.add(
          .init(file.file), .init(file.began),
          .init(file.durationMs.map { spoken(ms: UInt64($0)) } ?? "–"),
          .init(spoken(bytes: file.bytes)), .init(file.stateWords, file.style))
      }
      table.print()
      if let cursor = document.nextCursor {
        Console.line(
          "… and more; go on with `--cursor \(cursor)`, or list `--all` of the device's "
            + "\(document.known).")
      }
    }
  }

  struct Info: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows one file.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The file, as `wpctl files ls` lists it.") var file: DeviceFile

    func run() async throws {
      let connection = try await options.connect()
      let entry = FileDocument(try await connection.file(file.request))
      await connection.close()
      if options.json { return try Console.document(entry) }
      var facts = TextFacts()
      facts.add("File", entry.file)
      facts.add("Kind", entry.kind)
      facts.add("State", entry.stateWords, entry.style)
      facts.add("Size", "\(spoken(bytes: entry.bytes)) (\(entry.bytes) bytes)")
      facts.add("Began", entry.began)
      facts.add("", "\(spoken(ms: entry.startedMs)) after the start of boot \(entry.boot)")
      facts.add("Length", entry.durationMs.map { spoken(ms: UInt64($0)) })
      facts.add("Recording", entry.recording.map { "\($0)" })
      facts.print()
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rm", abstract: "Removes files from the device.",
      discussion: "A file that cannot be removed does not keep the others from it.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "Files, as `wpctl files ls` lists them.") var files: [DeviceFile]

    func run() async throws {
      let connection = try await options.connect()
      var document = RemovedDocument()
      var first: (any Error)?
      for file in files {
        do {
          try await connection.removeFile(file.request)
          document.removed.append("\(file)")
          if !options.json { Console.line("\(file) is removed.") }
        } catch let error as ControlError {
          document.add(file, failedWith: "\(error)")
          if first != nil || files.count > 1 { Console.complain("\(file): \(error)") }
          first = first ?? error
          // Without a connection there is nothing to go on with.
          guard error.isRefusal else { break }
        }
      }
      await connection.close()
      if options.json { try Console.document(document) }
      guard let first else { return }
      if files.count == 1 { throw first }
      throw ExitCode(Outcome(first)?.rawValue ?? Outcome.refused.rawValue)
    }
  }
}

extension FileDocument {
  /// When it began, as far as the device knows.
  var began: String { unixMs.map { spoken(unixMs: $0) } ?? "before the clock was set" }

  var stateWords: String { afterGap ? "\(state), after a gap" : state }

  var style: Console.Style {
    switch state {
    case "complete": .plain
    case "damaged": .red
    default: .yellow
    }
  }
}

extension ControlError {
  /// The device has answered, and goes on answering.
  fileprivate var isRefusal: Bool {
    switch self {
    case .refused, .overloaded: true
    default: false
    }
  }
}
