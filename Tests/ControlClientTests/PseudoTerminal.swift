import Foundation
import Synchronization

/// A terminal without a person: what a program writes to it is kept.
final class PseudoTerminal: Sendable {
  private let master: Int32
  let slave: Int32
  private let output = Mutex<[UInt8]>([])

  init(columns: UInt16, rows: UInt16) throws {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    // ioctl_tty(2): TIOCSPTLCK unlocks the other side, TIOCGPTN tells its number.
    var locked: Int32 = 0
    var number: Int32 = 0
    guard master >= 0, ioctl(master, 0x4004_5431, &locked) == 0,
      ioctl(master, 0x8004_5430, &number) == 0
    else { throw POSIXError(.ENXIO) }
    slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    guard slave >= 0 else { throw POSIXError(.ENXIO) }
    resize(columns: columns, rows: rows)
    let reader = Thread { [self] in read() }
    reader.start()
  }

  func resize(columns: UInt16, rows: UInt16) {
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  /// Everything that was written so far.
  var text: String { output.withLock { String(decoding: $0, as: UTF8.self) } }
  var count: Int { output.withLock { $0.count } }

  /// What a person types.
  func type(_ text: String) { _ = text.withCString { write(master, $0, strlen($0)) } }

  /// Characters are shown as they are typed.
  var echoes: Bool {
    var attributes = termios()
    tcgetattr(slave, &attributes)
    return attributes.c_lflag & tcflag_t(ECHO) != 0
  }

  /// Waits until the condition holds for what was written; false: it did not within 20 s.
  func waits(_ condition: (String) -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(20 * slowness)
    while ContinuousClock.now < deadline {
      if condition(text) { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return false
  }

  /// Ends the reading; the descriptors go with it.
  func hangUp() { close(slave) }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Foundation.read(master, &buffer, buffer.count)
      // EIO: nobody has the other side any longer.
      guard count > 0 else { break }
      output.withLock { $0 += buffer[..<count] }
    }
    close(master)
  }
}
