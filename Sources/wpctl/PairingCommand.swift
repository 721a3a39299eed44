import ArgumentParser
import ControlClient
import Foundation
import Wire

struct PairingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pairing", abstract: "Lets another client pair with the device.",
    subcommands: [Open.self, Cancel.self])

  struct Open: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints a code that lets one client in: `wpctl pair` there.")
    @OptionGroup var options: GlobalOptions
    @Option(help: "viewer, operator or admin.") var role = RoleName(role: .operator)

    func run() async throws {
      let connection = try await options.connect()
      let reply = try await connection.openPairing(role: role.role)
      await connection.close()
      let pairing = PairingDocument(reply, role: role.role)
      if options.json { return try Console.document(pairing) }
      Console.line(pairing.code)
      Console.complain(
        "the code makes one client \(role.role.phrase) of \(connection.device), for "
          + "\(spoken(ms: UInt64(pairing.openForMs)))")
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lets nobody in any more.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let connection = try await options.connect()
      try await connection.cancelPairing()
      await connection.close()
      if options.json { return try Console.document(DoneDocument(.pairingCancel)) }
      Console.line("\(connection.device) lets nobody in.")
    }
  }
}
