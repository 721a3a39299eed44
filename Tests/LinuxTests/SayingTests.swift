import CLinux
import Foundation
import Glibc
import Testing

/// Lines for whoever watches, when nobody takes them any more.
@Suite struct SayingTests {
  private static let line = [UInt8](repeating: UInt8(ascii: "x"), count: 150)

  private func say(to descriptor: Int32) -> Int64 {
    Self.line.withUnsafeBytes { lx_say(descriptor, $0.baseAddress!, $0.count) }
  }

  /// Says lines until one is not taken. Returns those that were.
  private func fill(_ descriptor: Int32) -> Int {
    var taken = 0
    while taken < 100_000, say(to: descriptor) == Self.line.count { taken += 1 }
    return taken
  }

  @Test func aPipeThatNobodyReads() {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let taken = fill(ends[1])
    #expect(taken > 100 && taken < 100_000)
    #expect(say(to: ends[1]) == -Int64(EAGAIN))
    #expect(fcntl(ends[1], F_GETFL) & O_NONBLOCK == 0, "it is others' descriptor, too")
    var bytes = [UInt8](repeating: 0, count: 65_536)
    #expect(read(ends[0], &bytes, bytes.count) > 0)
    #expect(say(to: ends[1]) == Self.line.count, "who reads again is told again")
  }

  @Test(arguments: [false, true]) func aTerminalThatIsHeld(nonblocking: Bool) throws {
    let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    // ioctl_tty(2): TIOCSPTLCK unlocks the other side, TIOCGPTN tells its number.
    var locked: Int32 = 0
    var number: Int32 = 0
    try #require(
      ioctl(controller, 0x4004_5431, &locked) == 0 && ioctl(controller, 0x8004_5430, &number) == 0)
    defer { close(controller) }
    let flags = O_RDWR | O_NOCTTY | (nonblocking ? O_NONBLOCK : 0)
    let terminal = open("/dev/pts/\(number)", flags)
    try #require(terminal >= 0)
    defer { close(terminal) }
    #expect(tcflow(terminal, TCOOFF) == 0)
    #expect(fill(terminal) < 100_000)
    #expect(say(to: terminal) < Self.line.count)
    #expect(tcflow(terminal, TCOON) == 0)
    var bytes = [UInt8](repeating: 0, count: 65_536)
    // Whatever had been taken is there to be read.
    if fill(terminal) > 0 { #expect(read(controller, &bytes, bytes.count) > 0) }
  }
}
