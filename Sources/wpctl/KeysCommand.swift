import ArgumentParser
import ControlClient
import Foundation
import Wire

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Says which clients have keys at the device, and for what.",
    subcommands: [
      List.self, Add.self, Remove.self, Change.self, Rotate.self, Mine.self,
    ],
    defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists the clients that have keys.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      let keys = try await connection.keys().map(KeyDocument.init).sorted { $0.name < $1.name }
      await connection.close()
      if options.json { return try Console.document(keys) }
      var table = TextTable("NAME", "ROLE", "CONNECTIONS", "RATE", "ADDED", "LAST SEEN", "KEY")
      for key in keys {
        table.add(
          .init(key.name), .init(key.role), .init(key.connectionWords), .init(key.rateWords),
          .init(key.addedWords), .init(key.seenWords), .init(key.fingerprint, .dim))
      }
      table.print()
    }
  }

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives another client a key.",
      discussion: """
        That client prints its public key with `wpctl keys mine`. What this prints is a secret, \
        and makes the device known there: `wpctl devices import -`.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The client's name, [a-z0-9-], at most 32.") var name: ClientName
    @Argument(help: ArgumentHelp("Its public key, 64 hexadecimal digits.", valueName: "key"))
    var key: ClientKey
    @Option(help: "viewer, operator or admin.") var role = RoleName(role: .viewer)
    @OptionGroup var limits: KeyLimitOptions

    func run() async throws {
      var wanted = KeyRequest()
      wanted.name = name.name
      wanted.publicKey = key.key
      wanted.role = role.role
      limits.put(into: &wanted)
      let connection = try await options.connect()
      let granted = GrantDocument(try await connection.addKey(wanted), to: name.name)
      await connection.close()
      if options.json { return try Console.document(granted) }
      Console.complain(
        "\(name) is \(role.role.phrase) of \(connection.device) now; what follows is for that "
          + "client alone: `wpctl devices import -`")
      Console.line(granted.line)
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rm", abstract: "Takes a client's key away; its sessions end.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The client's name, as `wpctl keys` lists it.") var name: ClientName
    @Flag(help: "Do not ask on a terminal.") var yes = false

    func run() async throws {
      guard yes || Console.confirms("Remove the key of \(name)?") else {
        throw CleanExit.message("Not done.")
      }
      let connection = try await options.connect()
      try await connection.removeKey(name.name)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.keyRemove)) }
      Console.line("\(name) has no key any more.")
    }
  }

  struct Change: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Changes what a client may do; what is not named stays.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The client's name, as `wpctl keys` lists it.") var name: ClientName
    @Option(help: "viewer, operator or admin.") var role: RoleName?
    @OptionGroup var limits: KeyLimitOptions

    func validate() throws {
      guard role != nil || !limits.isEmpty else {
        throw ValidationError("Name what is to be changed: `--role`, `--slots`, `--rate` …")
      }
    }

    func run() async throws {
      let connection = try await options.connect()
      let keys = try await connection.keys()
      guard let entry = keys.first(where: { $0.name == name.name }) else {
        throw ControlError.refused(
          operation: .keyChange, status: Status.notFound.rawValue, detail: 0,
          message: "There is no such key; list the keys for the names there are.")
      }
      var wanted = KeyRequest()
      wanted.name = name.name
      wanted.role = role?.role ?? entry.role.known ?? .viewer
      wanted.flags = entry.flags
      wanted.slots = entry.slots
      wanted.rate = entry.rate
      limits.put(into: &wanted)
      try await connection.changeKey(wanted)
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.keyChange)) }
      Console.line("\(name) is \(wanted.role.phrase) now.")
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives this client a new key at the device; the old one is void once it is used.",
      discussion: """
        While some devices know only the new key and some only the old one, both are kept. Ends \
        with 1 where a device could not be told.
        """)
    @OptionGroup var options: GlobalOptions
    @Flag(help: "At all devices that this client has a key at.") var all = false

    func run() async throws {
      let renewal = KeyRenewal(in: options.folder, timeout: options.duration)
      let address = try options.address()
      if !all, try KnownDevices(in: options.folder).find(address) == nil {
        throw ValidationError("This client has no key at \(address); `wpctl pair` gets one.")
      }
      let document = try await renewal.run(at: all ? nil : address)
      if options.json {
        try Console.document(document)
      } else {
        for device in document.renewed {
          Console.line("\(device) knows this client as \(document.fingerprint) now.")
        }
        for failure in document.failed {
          Console.complain("\(failure.device): \(failure.reason.printable)")
        }
      }
      if !document.failed.isEmpty { throw ExitCode(Outcome.refused.rawValue) }
    }
  }

  struct Mine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints this client's public key: what an admin gives to `wpctl keys add`.",
      discussion: """
        Makes one where there is none. The fingerprint is the first 16 bytes of the SHA-256 of the \
        public key.
        """)
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let identity = try ClientIdentity.findOrMake(in: options.folder)
      let key = OwnKeyDocument(identity, in: options.folder)
      if options.json { return try Console.document(key) }
      var facts = TextFacts()
      facts.add("Public key", key.publicKey)
      facts.add("Fingerprint", key.fingerprint)
      facts.add("Folder", key.folder)
      facts.print()
    }
  }
}

/// What a key may do besides its role.
struct KeyLimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Connections at once; 0: \(KeyDefaults.slots).", valueName: "n"))
  var slots: UInt16?
  @Option(help: ArgumentHelp("Requests a second; 0: \(KeyDefaults.rate).", valueName: "n"))
  var rate: UInt32?
  @Flag(inversion: .prefixedNo, help: "Limits that it was not given do not hold for it.")
  var loadTest: Bool?

  var isEmpty: Bool { slots == nil && rate == nil && loadTest == nil }

  func put(into request: inout KeyRequest) {
    request.slots = slots ?? request.slots
    request.rate = rate ?? request.rate
    if let loadTest {
      request.flags = loadTest ? request.flags | .loadTest : request.flags - .loadTest
    }
  }
}

/// A role that a key can have.
struct RoleName: ExpressibleByArgument, CustomStringConvertible {
  let role: Role

  init(role: Role) { self.role = role }

  init?(argument: String) {
    guard let role = Role(word: argument), role != .anybody else { return nil }
    self.role = role
  }

  var description: String { "\(role)" }
  var defaultValueDescription: String { description }
  static let allValueStrings = ["viewer", "operator", "admin"]
}

/// Another client's public key.
struct ClientKey: ExpressibleByArgument {
  let key: PublicKey

  init?(argument: String) {
    guard let key = PublicKey(text: argument) else { return nil }
    self.key = key
  }
}

extension KeyDocument {
  /// A key for load tests has only the limits that it was given.
  var connectionWords: String {
    let most = slots ?? (loadTest ? nil : KeyDefaults.slots)
    return "\(connections)" + (most.map { " of \($0)" } ?? "")
  }
  var rateWords: String {
    guard loadTest else { return "\(rate ?? KeyDefaults.rate)/s" }
    return (rate.map { "\($0)/s, " } ?? "") + "load test"
  }
  var addedWords: String {
    let when = addedUnixMs.map { spoken(unixMs: $0) } ?? "before the clock was set"
    return when + (addedBy.map { " by \($0)" } ?? "")
  }
  var seenWords: String {
    connections > 0 ? "now" : quietMs.map { "\(spoken(ms: $0)) ago" } ?? "–"
  }
}
