import ArgumentParser
import ControlClient
import Foundation
import Wire

/// Which key is shown to devices.
struct KeyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where this client's keys are. Default: $WATCHPOST_KEYS, else ~/.config/watchpost.",
      valueName: "folder"))
  var keys: String?

  @Flag(help: "Do without keys: plain connections, which others can read and change.")
  var plain = false

  var folder: KeyFolder { keys.map { KeyFolder($0) } ?? KeyFolder() }
  var credentials: Credentials { plain ? .none : .folder(folder) }
}

/// What each role may do, out of the table that the device goes by.
enum RoleTable {
  static let text: String = {
    let kinds = (1..<0x8000).compactMap { Kind(rawValue: $0) }
    let roles = (0...3).compactMap { Role(rawValue: $0) }
    return roles.map { role in
      "\(role): " + kinds.filter { $0.leastRole == role }.map { "\($0)" }.joined(separator: ", ")
    }.joined(separator: "\n\n")
  }()
}
