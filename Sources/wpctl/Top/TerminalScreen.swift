import Foundation
import Signals

/// The whole terminal, without echo and without the cursor, until `leave`. What was there before
/// comes back then.
final class TerminalScreen {
  /// What the person or the system wants.
  enum Wish: Sendable { case quit, resize }

  private let before: termios
  private let heard: [HeardSignal]
  private let keys: any DispatchSourceRead
  private var update = ScreenUpdate()

  /// nil: standard input or output is no terminal that can do it.
  static var isThere: Bool {
    isatty(0) == 1 && isatty(1) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  init(_ wish: @escaping @Sendable (Wish) -> Void) {
    var attributes = termios()
    tcgetattr(0, &attributes)
    before = attributes
    // Keys come one by one and are not shown; Ctrl-C stays a signal.
    attributes.c_lflag &= ~tcflag_t(ICANON | ECHO)
    tcsetattr(0, TCSANOW, &attributes)
    heard = [SIGINT, SIGTERM, SIGHUP, SIGWINCH].map { number in
      HeardSignal(number) { wish(number == SIGWINCH ? .resize : .quit) }
    }
    // Stopped, it would leave the terminal as it is now.
    signal(SIGTSTP, SIG_IGN)
    keys = DispatchSource.makeReadSource(fileDescriptor: 0)
    keys.setEventHandler { Self.readKeys(wish) }
    keys.resume()
    // The other screen, no cursor, no wrapping at the right edge.
    Console.raw(Data("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l".utf8))
  }

  private static func readKeys(_ wish: (Wish) -> Void) {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(0, &bytes, bytes.count)
    // The end of the input is the end of the terminal; q, Q, and Ctrl-C where it is no signal.
    let quits = count <= 0 || bytes[..<count].contains { [0x71, 0x51, 0x03].contains($0) }
    if quits { wish(.quit) }
  }

  /// Draws what differs from what is there.
  func show(_ frame: (_ columns: Int, _ rows: Int) -> [String]) {
    let size = Terminal.size(of: 1) ?? (LiveFrame.columns, LiveFrame.rows)
    let bytes = update.show(
      frame(size.columns, size.rows), columns: size.columns, rows: size.rows)
    if !bytes.isEmpty { Console.raw(Data(bytes.utf8)) }
  }

  func leave() {
    for signal in heard { signal.cancel() }
    keys.cancel()
    Console.raw(Data("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l".utf8))
    var attributes = before
    tcsetattr(0, TCSANOW, &attributes)
  }
}
