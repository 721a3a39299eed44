import ArgumentParser
import ControlClient
import Foundation
import Wire

/// Where this client's keys are.
struct FolderOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where this client's keys are. Default: $WATCHPOST_KEYS, else ~/.config/watchpost.",
      valueName: "folder"))
  var keys: String?

  var folder: KeyFolder { keys.map { KeyFolder($0) } ?? KeyFolder() }
}

/// What a command needs that asks no device.
struct LocalOptions: ParsableArguments {
  @OptionGroup var folderOption: FolderOption
  @Flag(help: "Print JSON; the schemas are part of the source.") var json = false

  var folder: KeyFolder { folderOption.folder }
}

/// Which key is shown to devices.
struct KeyOptions: ParsableArguments {
  @OptionGroup var folderOption: FolderOption
  @Flag(help: "Do without keys: plain connections, which others can read and change.")
  var plain = false

  var folder: KeyFolder { folderOption.folder }
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
