import ArgumentParser
import ControlClient
import Foundation
import Wire

struct PairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pair",
    abstract: "Gets this client a key at a device: sealed connections and a role.",
    discussion: """
      A device lets one client in after its button was pressed, after `wpctl pairing open`, or \
      while it has no admin. It then shows a code, in pairing.txt on its card and on its serial \
      console, unless it was opened by the button. Compare the fingerprint (the first 16 bytes of \
      the SHA-256 of its public key) with what the device shows, if you can.
      """)

  @OptionGroup var options: GlobalOptions
  @Argument(help: ArgumentHelp("The device, if `--device` does not name it.", valueName: "host"))
  var host: DeviceAddress?
  @Option(help: ArgumentHelp("The code that it shows; `-`: standard input.", valueName: "code"))
  var code: String?
  @Option(
    help: ArgumentHelp(
      "This client's name there, [a-z0-9-], at most 32. Default: user and host.",
      valueName: "name"))
  var name: ClientName?
  @Flag(help: "Pair anew with a device that is known.") var again = false

  func validate() throws {
    if options.keyOptions.plain {
      throw ValidationError("`--plain` does without keys, and `pair` makes one.")
    }
  }

  func run() async throws {
    let device = try host ?? options.address()
    let introduction = Introduction(
      to: device, from: options.folder, timeout: options.duration)
    let offer = try await introduction.ask()
    if let known = offer.known, !again, try await isPaired(device, offer) {
      if options.json { return try Console.document(PairDocument(known, client: nil)) }
      return Console.line(
        "\(device) (\(known.name.printable)) is paired already; `--again` pairs anew.")
    }
    guard offer.isOpen else { throw PairingError.closed(device) }
    Console.complain(
      "\(device) calls itself \(offer.report.name.string.printable), its key is "
        + "\(offer.fingerprint)")
    let name = name ?? ClientName.ofThisUser
    let known = try await introduction.pair(
      offer, named: name.name, code: try offer.needsCode ? readCode() : nil)
    if options.json { return try Console.document(PairDocument(known, client: "\(name)")) }
    Console.line(
      "\(device) is paired: this client is \(known.role?.phrase ?? "known") of the name \(name).")
  }

  /// Proves it, and remembers this address if it is a new one. One that does not know this client,
  /// and lets somebody in, may have been cut off before it did.
  private func isPaired(_ device: DeviceAddress, _ offer: Introduction.Offer) async throws -> Bool {
    do {
      let connection = try await ControlConnection.open(
        device, timeout: options.duration, as: options.credentials)
      await connection.close()
      return true
    } catch ControlError.handshakeRefused(_, .keyUnknown) where offer.isOpen {
      return false
    } catch ControlError.handshakeRefused(_, .unproven) where offer.isOpen {
      return false
    }
  }

  private func readCode() throws -> PairingCode {
    let typed: String
    switch code {
    case "-"?: typed = readLine() ?? ""
    case let code?: typed = code
    case nil:
      guard isatty(0) == 1 else {
        throw ValidationError("The device wants a code: `--code CODE`, or `--code -` reads it.")
      }
      Console.ask("The code that the device shows: ")
      typed = readLine() ?? ""
    }
    let code = Array(typed.utf8.filter { $0 != 0x0D && $0 != 0x09 }).withUnsafeBytes {
      PairingCode(typed: $0)
    }
    guard let code else {
      throw ValidationError("A code has twelve letters and digits, like 7K3M-0WXY-9ABC.")
    }
    return code
  }
}

/// A client's name at a device.
struct ClientName: ExpressibleByArgument, CustomStringConvertible {
  let name: Name

  init?(argument: String) {
    guard argument.utf8.count <= 32 else { return nil }
    name = Array(argument.utf8).withUnsafeBytes { Name($0) }
    guard name.isName else { return nil }
  }

  /// The user's name and the machine's, with dashes for all that a name does not take.
  init(user: String, host: String) {
    let machine = host.prefix { $0 != "." }
    var text = ""
    for sign in "\(user)-\(machine)".lowercased().unicodeScalars {
      let fits = ("a"..."z").contains(sign) || ("0"..."9").contains(sign)
      if fits { text.unicodeScalars.append(sign) } else if text.last != "-" { text += "-" }
    }
    let bytes = text.utf8.prefix(32).drop { $0 == UInt8(ascii: "-") }
    let name = Array(bytes).withUnsafeBytes { Name($0) }
    self.name = name.isName ? name : Name("client")
  }

  static var ofThisUser: ClientName {
    ClientName(user: NSUserName(), host: ProcessInfo.processInfo.hostName)
  }

  var description: String { name.string }
}
