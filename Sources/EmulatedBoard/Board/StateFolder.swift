import Foundation

/// The folder of a running board: sockets, logs, the card's copy, `ports.json`. One board at a time
/// has it, by a lock that ends with the process.
final class StateFolder: Sendable {
  let path: String
  private let isTemporary: Bool
  private let lock: Int32

  /// - Parameter path: folder to use, made if need be; nil for a temporary one.
  init(_ path: String?) throws {
    isTemporary = path == nil
    let chosen = path ?? NSTemporaryDirectory() + "/watchpost-board-\(UUID().uuidString.prefix(8))"
    self.path = URL(fileURLWithPath: chosen).standardizedFileURL.path
    do {
      try FileManager.default.createDirectory(
        atPath: self.path, withIntermediateDirectories: true)
    } catch {
      throw BoardError("The state folder \(self.path) cannot be made: choose another (--state).")
    }
    lock = open("\(self.path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      if lock >= 0 { close(lock) }
      throw BoardError(
        "\(self.path) is in use by another emulated board: end that one, or choose another "
          + "folder (--state).")
    }
  }

  deinit { close(lock) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Removes what has no meaning without a running board.
  func removeSockets() {
    for name in ["qmp", "qtest", "serial", "ports.json"] + USBPort.allCases.map(\.rawValue) {
      unlink(file(name))
    }
  }

  /// Removes a temporary folder, or what is left in a given one.
  func clean() {
    if isTemporary {
      try? FileManager.default.removeItem(atPath: path)
    } else {
      removeSockets()
      for name in ["card.qcow2", "lock"] + LosingCard.files { unlink(file(name)) }
    }
  }
}
