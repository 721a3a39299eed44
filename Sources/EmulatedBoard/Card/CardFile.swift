import Foundation

/// Files that serve as the board's card.
enum CardFile {
  /// A card that keeps what is written, as its own file.
  static func existing(_ path: String) throws -> (file: String, format: String) {
    let full = URL(fileURLWithPath: path).standardizedFileURL.path
    guard let file = FileHandle(forUpdatingAtPath: full) else {
      throw BoardError("The card \(full) cannot be opened for writing.")
    }
    defer { try? file.close() }
    let magic = (try? file.read(upToCount: 4)) ?? Data()
    return (full, magic == Data([0x51, 0x46, 0x49, 0xFB]) ? "qcow2" : "raw")
  }

  /// A card that takes writes beside the image's disk, which stays as it is.
  static func overlay(of disk: String, in state: StateFolder) throws
    -> (file: String, format: String)
  {
    let file = state.file("card.qcow2")
    try make(file, ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk, file])
    return (file, "qcow2")
  }

  /// Copies a raw card, without the sectors that were never written where the disk allows it.
  static func copy(_ source: String, to target: String) throws {
    try make(target, ["cp", "--reflink=auto", "--sparse=always", "--", source, target])
  }

  private static func make(_ file: String, _ command: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    do {
      try process.run()
    } catch {
      throw BoardError("\(command[0]) cannot be run (\(error)): `board/setup` installs it.")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BoardError("The card's copy \(file) cannot be made: is the disk full?")
    }
  }
}
