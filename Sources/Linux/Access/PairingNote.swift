import Appliance
import CLinux
import Wire

/// The text of a pairing: a file on the card for who has the card, and a line on the console for
/// who has a cable.
struct PairingNote {
  private let folder: AccessFolder
  private let hasConsole: Bool

  private static let elsewhere: StaticString = "pairing: the code is in pairing.txt"
  private static let nowhere: StaticString = "pairing: the code cannot be written to pairing.txt"

  init(_ folder: AccessFolder, hasConsole: Bool) {
    self.folder = folder
    self.hasConsole = hasConsole
  }

  private var path: Text<160> { folder.rootFile("pairing.txt") }

  /// Shows a text, or withdraws the one that is shown when it is empty.
  func show(_ text: UnsafeRawBufferPointer) -> Int32 {
    guard text.count > 0 else {
      // Said when it is so: whoever reads it may cut the power.
      let result = withdraw()
      KeeperLine("pairing is over").write()
      return result
    }
    if hasConsole { KeeperLine("pairing: ", text).write() }
    let result = folder.writing { folder.overwrite(path, text) }
    // What is not a console is a file or a journal, which is kept, and read by others.
    if !hasConsole {
      KeeperLine(result == 0 ? Self.elsewhere : Self.nowhere).write()
    }
    return result
  }

  /// Removes the file; one that is missing is no error. No code outlives the agent that gave it.
  func withdraw() -> Int32 {
    guard path.withCString({ lx_exists($0) }) != 0 else { return 0 }
    return folder.writing { folder.erase(path) }
  }
}

/// A line on standard error: the console of a board.
struct KeeperLine {
  private var line = Text<250>("watchpost keeper: ")

  init(_ text: StaticString) { line.append(text) }

  /// With the first line of `rest`, or as much as fits.
  init(_ text: StaticString, _ rest: UnsafeRawBufferPointer) {
    line.append(text)
    for byte in rest {
      guard byte != UInt8(ascii: "\n") else { break }
      // A terminal takes other bytes for orders.
      if byte >= 0x20, byte != 0x7F, line.count < 240 { line.append(byte) }
    }
  }

  func write() {
    var whole = Text<251>(line)
    whole.append("\n")
    // Somebody who has come to the device waits for it, and nobody here is in a hurry.
    whole.withBytes { _ = lx_say_within(2, $0.baseAddress!, $0.count, 1000) }
  }
}
