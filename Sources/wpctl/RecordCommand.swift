import ArgumentParser
import ControlClient
import Foundation
import Wire

struct RecordCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record", abstract: "Starts, stops and lists recordings.",
    discussion: """
      A recording goes on by itself after whatever interrupts it – a reboot, an unplugged camera, \
      a full disk – until it is stopped or its time is over. Alone, `record` lists.
      """,
    subcommands: [Start.self, Stop.self, List.self], defaultSubcommand: List.self)

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Records a camera from now on.",
      discussion: """
        Ends as soon as the device has accepted it. With `--wait` it ends when the file grows, or \
        with 4 when it does not within `--timeout` seconds.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The camera's name, as `wpctl cameras` lists it.") var name: CameraName
    @Option(
      name: .customLong("for"),
      help: ArgumentHelp(
        "For how long, 1s to 24h, e.g. 1h30m. Default: until it is stopped.", valueName: "time"))
    var length: TimeSpan?
    @Flag(help: "Wait until the recording's file grows.") var wait = false

    func validate() throws {
      guard let length else { return }
      guard (1...UInt64(Limits.recordingS)).contains(length.seconds) else {
        throw ValidationError("`--for` is 1s to 24h.")
      }
    }

    func run() async throws {
      let connection = try await options.connect()
      // Before the start, so that its event cannot come too early.
      if wait { try await connection.subscribe(.recordings) }
      var entry = try await connection.startRecording(
        name.name, seconds: UInt32(length?.seconds ?? 0))
      if wait {
        try await begin(of: entry, connection)
        let entries = try await connection.recordings()
        entry = entries.first { $0.recording == entry.recording } ?? entry
      }
      await connection.close()
      let recording = RecordingDocument(entry)
      if options.json { return try Console.document(recording) }
      let begun = wait ? "its file grows." : "`wpctl record` shows when its file grows."
      Console.line("\(recording.camera): recording \(recording.recording) is accepted; \(begun)")
    }

    /// Waits for the event that confirms the recording.
    private func begin(of entry: RecordingEntry, _ connection: ControlConnection) async throws {
      let came = try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          for await event in connection.events
          where event.code == .recordingStarted && event.value == entry.recording { return true }
          throw connection.endReason ?? ControlError.closed(connection.device)
        }
        group.addTask {
          try await Task.sleep(for: options.duration)
          return false
        }
        defer { group.cancelAll() }
        return try await group.next() ?? false
      }
      guard !came else { return }
      let now = try await connection.recordings().first { $0.recording == entry.recording }
      let state = now.map { RecordingDocument($0).stateWords } ?? "over"
      throw NothingCame(
        description: "The recording of \(name.name.string) has no growing file after "
          + "\(options.timeout) s: it is \(state). It stays asked for; `wpctl record` shows it.")
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ends the recording of a camera.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The camera's name, as `wpctl record` lists it.") var name: CameraName

    func run() async throws {
      let connection = try await options.connect()
      let recording = RecordingDocument(try await connection.stopRecording(name.name))
      await connection.close()
      if options.json { return try Console.document(recording) }
      Console.line(
        "\(recording.camera): recording \(recording.recording) stops; \(recording.written).")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists the recordings that are asked for.",
      discussion: "What was written counts since the recording or the agent started.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      let recordings = try await connection.recordings().map { RecordingDocument($0) }
      await connection.close()
      if options.json { return try Console.document(recordings) }
      guard !recordings.isEmpty else {
        return Console.line("Nothing is recorded; start with `wpctl record start CAMERA`.")
      }
      var table = TextTable("CAMERA", "STATE", "SINCE", "REMAINING", "WRITTEN", "FILES", "GAPS")
      for recording in recordings {
        table.add(
          .init(recording.camera), .init(recording.stateWords, recording.style),
          .init(spoken(ms: recording.forMs)), .init(recording.remaining),
          .init(spoken(bytes: recording.bytes)), .init("\(recording.segments)"),
          .init("\(recording.gaps)"))
      }
      table.print()
    }
  }
}

extension RecordingDocument {
  var stateWords: String { reason == "none" ? state : "\(state) (\(reason))" }

  var remaining: String {
    remainingS.map { spoken(ms: UInt64($0) * 1000) } ?? "until stopped"
  }

  var written: String {
    "\(spoken(bytes: bytes)) in \(segments) file\(segments == 1 ? "" : "s"), "
      + "\(gaps) gap\(gaps == 1 ? "" : "s")"
  }

  var style: Console.Style {
    switch state {
    case "recording": .green
    case "stalled", "suspended": .red
    default: .yellow
    }
  }
}
