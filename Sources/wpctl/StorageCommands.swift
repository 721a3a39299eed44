import ArgumentParser
import ControlClient
import Foundation
import Wire

struct StorageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage", abstract: "Shows the data partition: room, files, retention.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let connection = try await options.connect()
    let storage = StorageDocument(try await connection.storage())
    await connection.close()
    if options.json { return try Console.document(storage) }
    var facts = TextFacts()
    facts.add("State", storage.state, storage.state == "writable" ? .green : .red)
    facts.add("Level", storage.level, storage.style)
    facts.add("Room", storage.room)
    facts.add(
      "Reserve",
      storage.reserveBytes == 0
        ? nil : "\(spoken(bytes: storage.reserveBytes)) for running recordings")
    facts.add("Recordings", storage.recordings.words)
    facts.add("Snapshots", storage.snapshots.words)
    facts.add(
      "Foreign files",
      storage.foreignFiles == 0 ? nil : "\(storage.foreignFiles), which are never touched")
    facts.add("Repaired", storage.repairedFiles == 0 ? nil : "\(storage.repairedFiles) files")
    facts.add("Retention", storage.retention.words)
    facts.add("Removed", storage.removed.files == 0 ? nil : storage.removed.words)
    let limits = storage.thresholds
    facts.add(
      "Thresholds",
      "\(limits.warning) % warning, \(limits.low) % no new recordings, "
        + "\(limits.critical) % recordings wait")
    facts.print()
  }
}

struct RetentionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retention", abstract: "Says when recordings and snapshots may go.",
    discussion: """
      The oldest files go first, never one that is being written. Age counts the time that the \
      device has run since, so that no wrong clock removes anything. Alone, `retention` shows.
      """,
    subcommands: [Show.self, Set.self, Run.self], defaultSubcommand: Show.self)

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the rules.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      let storage = StorageDocument(try await connection.storage())
      await connection.close()
      storage.complainOfLate(storage.retention)
      if options.json { return try Console.document(storage.retention) }
      Console.line("Files go \(storage.retention.words).")
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sets the rules; they are kept over a reboot.",
      discussion: "A rule that is not named stays as it is.")
    @OptionGroup var options: GlobalOptions
    @Option(help: ArgumentHelp("Files older than this go, from 1m on; `off`.", valueName: "time"))
    var age: Rule<TimeSpan>?
    @Option(
      help: ArgumentHelp(
        "The oldest go while all take more than this, from 1M on; `off`.", valueName: "bytes"))
    var size: Rule<ByteAmount>?
    @Flag(help: "Nothing goes unless somebody removes it.") var manual = false

    func validate() throws {
      guard manual != (age != nil || size != nil) else {
        throw ValidationError("Choose `--manual`, or one or both of `--age` and `--size`.")
      }
      if case .on(let span)? = age {
        guard (UInt64(Limits.retentionS)...UInt64(UInt32.max)).contains(span.seconds) else {
          throw ValidationError("`--age` is 1m to \(UInt32.max / 86_400)d.")
        }
      }
      if case .on(let amount)? = size, amount.bytes < Limits.retentionBytes {
        throw ValidationError("`--size` is at least 1M.")
      }
    }

    func run() async throws {
      let connection = try await options.connect()
      var policy = RetentionPolicy()
      let storage = try await connection.storage()
      if !manual {
        policy = RetentionPolicy(storage)
        if let age { policy.maximumAgeS = UInt32(age.value?.seconds ?? 0) }
        if let size { policy.maximumBytes = size.value?.bytes ?? 0 }
      }
      try await connection.setRetention(policy)
      await connection.close()
      let retention = RetentionDocument(policy)
      StorageDocument(storage).complainOfLate(retention)
      if options.json { return try Console.document(retention) }
      Console.line("From now on files go \(retention.words).")
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Does at once what would be done within the next minute.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      let report = RetentionRunDocument(try await connection.runRetention())
      await connection.close()
      if options.json { return try Console.document(report) }
      Console.line(
        report.files == 0
          ? "No file had to go."
          : "\(report.files) files of \(spoken(bytes: report.bytes)) were removed.")
    }
  }
}

/// A rule on the command line: its value, or `off`.
enum Rule<Value: ExpressibleByArgument & Sendable>: ExpressibleByArgument, Sendable {
  case off
  case on(Value)

  init?(argument: String) {
    if argument == "off" {
      self = .off
    } else if let value = Value(argument: argument) {
      self = .on(value)
    } else {
      return nil
    }
  }

  var value: Value? {
    if case .on(let value) = self { value } else { nil }
  }
}

extension StorageDocument {
  /// Says when the device is too full to record before these rules remove anything.
  func complainOfLate(_ rules: RetentionDocument) {
    guard let bound = rules.maximumBytes, let room = roomForFiles, bound > room else { return }
    Console.complain(
      "there is room for \(spoken(bytes: room)) of files before new recordings are refused, at "
        + "\(thresholds.low) % used; a bound above that comes too late, set a smaller `--size`")
  }

  /// Percent of the partition that are used.
  var usedPercent: Double {
    totalBytes == 0 ? 0 : Double(totalBytes - min(freeBytes, totalBytes)) * 100 / Double(totalBytes)
  }

  var room: String {
    totalBytes == 0
      ? "none"
      : "\(spoken(bytes: freeBytes)) free of \(spoken(bytes: totalBytes)), "
        + String(format: "%.1f %% used", usedPercent)
  }

  var style: Console.Style {
    switch level {
    case "normal": .green
    case "warning": .yellow
    default: .red
    }
  }
}

extension StorageDocument.Files {
  fileprivate var words: String {
    "\(files) file\(files == 1 ? "" : "s"), \(spoken(bytes: bytes))"
  }
}

extension RetentionDocument {
  /// When files go, in words.
  var words: String {
    let age = maximumAgeS.map { "after \(spoken(ms: UInt64($0) * 1000)) of running" }
    let size = maximumBytes.map { "the oldest first beyond \(spoken(bytes: $0)) in all" }
    let rules = [age, size].compactMap(\.self)
    return rules.isEmpty ? "only when somebody removes them" : rules.joined(separator: ", and ")
  }
}
