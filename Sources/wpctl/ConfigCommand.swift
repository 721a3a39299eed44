import ArgumentParser
import ControlClient
import Foundation
import Wire

struct ConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Shows and changes the device's configuration.",
    discussion: """
      A change is staged, approved by somebody else where the configuration wants it, applied, and \
      confirmed within two minutes over a new connection; else the device goes back to what it had.
      """,
    subcommands: [
      Get.self, Check.self, Stage.self, Pending.self, Show.self, Approve.self, Reject.self,
      Apply.self, Confirm.self, History.self,
    ])

  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the text in force, or that of a change. It may hold passwords.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change; default: what is in force.") var id: UInt32 = 0

    func run() async throws {
      let connection = try await options.connect()
      let text = try await connection.configuration(of: id)
      await connection.close()
      if options.json { return try Console.document(ConfigurationDocument(text, of: id)) }
      Console.raw(Data(text))
    }
  }

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Has the device check a text; ends with 1 where it is wrong.")
    @OptionGroup var options: GlobalOptions
    @OptionGroup var source: ConfigurationFile

    func run() async throws {
      let text = try source.read()
      let connection = try await options.connect()
      let proof = ProofDocument(try await connection.check(configuration: text))
      await connection.close()
      if options.json {
        try Console.document(proof)
      } else if let line = proof.line {
        Console.line(
          "\(source.file):\(line):\(proof.column ?? 1): \((proof.message ?? "wrong").printable)")
      } else {
        Console.line("\(source.file) is right.")
      }
      guard proof.isRight else { throw ExitCode(Outcome.refused.rawValue) }
    }
  }

  struct Stage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Hands a text in: nothing changes yet.")
    @OptionGroup var options: GlobalOptions
    @OptionGroup var source: ConfigurationFile
    @Argument(help: "What to call it: letters, digits, `.`, `_`, `-`, at most 32.")
    var label: VersionLabel
    @Option(help: "The devices that it is for, [a-z0-9-].") var ring = RingName()

    func run() async throws {
      let text = try source.read()
      let connection = try await options.connect()
      let change = ChangeDocument(
        try await connection.stage(text, version: label.text, ring: ring.name))
      await connection.close()
      try change.show(options)
    }
  }

  struct Pending: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the changes that have not ended.")
    @OptionGroup var options: GlobalOptions
    func run() async throws { try await list(options, ended: false) }
  }

  struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the changes that have ended.")
    @OptionGroup var options: GlobalOptions
    func run() async throws { try await list(options, ended: true) }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows a change with its text. It may hold passwords.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change, as `wpctl config pending` lists it.") var id: UInt32

    func run() async throws {
      let connection = try await options.connect()
      let changes = try await connection.changes(ended: false) + connection.changes(ended: true)
      guard let change = changes.first(where: { $0.id == id }) else {
        throw ControlError.refused(
          operation: .changeList, status: Status.notFound.rawValue, detail: 0,
          message: "There is no such change; list the changes for the numbers there are.")
      }
      var text: [UInt8]?
      do {
        text = try await connection.configuration(of: id)
      } catch let error as ControlError where error.status == .notFound || error.status == .state {
        // Of one that has ended it need not be there any more.
      }
      await connection.close()
      let shown = ShownChangeDocument(change, text: text)
      if options.json { return try Console.document(shown) }
      try shown.change.show(options)
      if let text {
        Console.line("")
        Console.raw(Data(text))
      }
    }
  }

  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Agrees to a change.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change, as `wpctl config pending` lists it.") var id: UInt32
    func run() async throws { try await decide(options, .changeApprove, id) }
  }

  struct Reject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Turns a change down, also one that was approved and not applied yet.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change, as `wpctl config pending` lists it.") var id: UInt32
    func run() async throws { try await decide(options, .changeReject, id) }
  }

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Puts a change in force, until it is confirmed or its time is over.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change, as `wpctl config pending` lists it.") var id: UInt32

    func run() async throws {
      let connection = try await options.connect()
      let change = ChangeDocument(try await connection.apply(id))
      await connection.close()
      try change.show(options)
      Console.complain(
        "the device begins anew with it; `wpctl config confirm \(id)` keeps it for good")
    }
  }

  struct Confirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keeps a change in force for good.",
      discussion: """
        Over a new connection. A device that has just begun to apply the change is asked again for \
        20 seconds, until it is back.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The change, as `wpctl config pending` lists it.") var id: UInt32

    func run() async throws {
      let confirmation = ChangeConfirmation(
        at: try options.address(), as: options.credentials, timeout: options.duration)
      let change = try await confirmation.confirm(id) { _ in
        Console.complain("the device is not ready for it yet; it is asked again for up to 20 s")
      }
      try ChangeDocument(change).show(options)
    }
  }

  private static func list(_ options: GlobalOptions, ended: Bool) async throws {
    let connection = try await options.connect()
    let changes = try await connection.changes(ended: ended).map(ChangeDocument.init)
    await connection.close()
    if options.json { return try Console.document(changes) }
    var table = TextTable("CHANGE", "VERSION", "RING", "STATE", "STAGED BY", "DECIDED BY", "LEFT")
    for change in changes {
      table.add(
        .init("\(change.id)"), .init(change.version), .init(change.ring),
        .init(change.stateWords), .init(change.stager), .init(change.decider ?? "–"),
        .init(change.remainingS.map { spoken(ms: UInt64($0) * 1000) } ?? "–"))
    }
    table.print()
  }

  private static func decide(
    _ options: GlobalOptions, _ kind: Kind, _ id: UInt32
  ) async throws {
    let connection = try await options.connect()
    let change = ChangeDocument(try await connection.decide(kind, id))
    await connection.close()
    try change.show(options)
  }
}

/// A text on the command line.
struct ConfigurationFile: ParsableArguments {
  @Argument(help: "The text; `-`: standard input.") var file: String

  func read() throws -> [UInt8] {
    let text: Data
    do {
      text =
        file == "-"
        ? try FileHandle.standardInput.readToEnd() ?? Data()
        : try Data(contentsOf: URL(filePath: file))
    } catch {
      throw ValidationError("\(file) cannot be read: \((error as NSError).localizedDescription)")
    }
    guard (1...Limits.configurationSize).contains(text.count) else {
      throw ValidationError(
        "\(file) has \(text.count) bytes; a configuration has 1 … \(Limits.configurationSize).")
    }
    return [UInt8](text)
  }
}

/// What a change is called.
struct VersionLabel: ExpressibleByArgument {
  let text: Text<32>

  init?(argument: String) {
    let fits = argument.utf8.allSatisfy { byte in
      let sign = Unicode.Scalar(byte)
      return ("a"..."z").contains(sign) || ("A"..."Z").contains(sign)
        || ("0"..."9").contains(sign) || sign == "." || sign == "_" || sign == "-"
    }
    guard fits, (1...32).contains(argument.utf8.count) else { return nil }
    text = Array(argument.utf8).withUnsafeBytes { Text($0) }
  }
}

/// The devices that a change is for.
struct RingName: ExpressibleByArgument, CustomStringConvertible {
  let name: Name

  init() { name = Name("all") }

  init?(argument: String) {
    guard let name = CameraName(argument: argument) else { return nil }
    self.name = name.name
  }

  var description: String { name.string }
  var defaultValueDescription: String { description }
}

extension ChangeDocument {
  var stateWords: String { state + (reason.map { " (\($0))" } ?? "") }

  fileprivate func show(_ options: GlobalOptions) throws {
    if options.json { return try Console.document(self) }
    var facts = TextFacts()
    facts.add("Change", "\(id), version \(version) for \(ring)")
    facts.add("State", stateWords, line == nil ? .plain : .yellow)
    if let line { facts.add("Wrong", "line \(line), column \(column ?? 1): \(message ?? "")") }
    facts.add("Left", remainingS.map { spoken(ms: UInt64($0) * 1000) })
    facts.add("Staged by", stager + (stagedUnixMs.map { ", \(spoken(unixMs: $0)) UTC" } ?? ""))
    facts.add(
      "Decided by",
      decider.map { $0 + (decidedUnixMs.map { ", \(spoken(unixMs: $0)) UTC" } ?? "") })
    facts.add("Ended", endedUnixMs.map { "\(spoken(unixMs: $0)) UTC" })
    facts.add("Text", "\(bytes) bytes, SHA-256 \(digest)…")
    facts.print()
  }
}
