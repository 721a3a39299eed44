import ArgumentParser
import ControlClient
import Foundation

struct DevicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "Shows and forgets the devices that this client has a key at.",
    subcommands: [List.self, Forget.self, Import.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists their addresses.")
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let devices = try KnownDevices(in: options.folder).all().map(KnownDeviceDocument.init)
      if options.json { return try Console.document(devices) }
      guard !devices.isEmpty else {
        return Console.complain("no device knows this client; `wpctl pair HOST` makes it known")
      }
      var table = TextTable("DEVICE", "NAME", "ROLE", "KEY")
      for device in devices {
        table.add(
          .init(device.address), .init(device.name), .init(device.role ?? "–"),
          .init(device.fingerprint, .dim))
      }
      table.print()
    }
  }

  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forgets addresses: what answers there is a stranger again.",
      discussion: """
        The device keeps this client's key: an admin removes it with `wpctl keys rm`. Other \
        addresses of the same device stay.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp("Addresses, as `wpctl devices` lists them.", valueName: "host"))
    var addresses: [DeviceAddress]

    func run() async throws {
      let devices = KnownDevices(in: options.folder)
      var forgotten: [String] = []
      var unknown: [String] = []
      for address in addresses {
        if try devices.forget(address) {
          forgotten.append("\(address)")
        } else {
          unknown.append("\(address)")
        }
      }
      if options.json {
        try Console.document(ForgottenDocument(forgotten: forgotten, unknown: unknown))
      } else {
        for address in forgotten { Console.line("\(address) is forgotten.") }
        for address in unknown {
          Console.complain("\(address) is not known; `wpctl devices` lists those that are")
        }
      }
      if !unknown.isEmpty { throw ExitCode(Outcome.refused.rawValue) }
    }
  }

  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes a device from the line that `wpctl keys add` has printed on another client.",
      discussion: """
        The line holds a secret. `-`, which reads it, keeps it out of the shell's history.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: ArgumentHelp("The line; `-`: standard input.", valueName: "line"))
    var line: [String]

    func run() async throws {
      let text = line == ["-"] ? readLine() ?? "" : line.joined(separator: " ")
      guard let device = KnownDevices.device(from: text) else {
        throw ValidationError(
          "This is no line of `wpctl keys add`: ADDRESS PUBLIC-KEY SECRET ROLE NAME.")
      }
      try KnownDevices(in: options.folder).remember(device)
      if options.json { return try Console.document(KnownDeviceDocument(device)) }
      Console.line("\(device.address) (\(device.name.printable)) is known now.")
    }
  }
}
