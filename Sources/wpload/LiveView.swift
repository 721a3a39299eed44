import ControlClient
import Foundation
import LoadPlan
import LoadReport
import LoadTest

/// What is seen while a plan runs: a line for each second; on a terminal the last one is written
/// over until its stage ends.
final class LiveView: @unchecked Sendable {
  private let plan: Plan
  private let isTerminal: Bool
  private let lock = NSLock()
  private var isOpen = false
  private var lost: (@Sendable (String) -> Void)?

  /// On a terminal that cannot erase, plain lines are written, too.
  init(_ plan: Plan) {
    self.plan = plan
    let kind = ProcessInfo.processInfo.environment["TERM"]
    isTerminal = isatty(STDOUT_FILENO) != 0 && kind != "dumb"
  }

  /// `act` is called once, with the kernel's word, where nobody takes what is written.
  func whenLost(_ act: @escaping @Sendable (String) -> Void) { lock.withLock { lost = act } }

  func begin(seed: UInt64, targets: [DeviceAddress]) {
    print("\(plan.name): \(plan.summary)")
    print("targets \(targets.map { "\($0)" }.joined(separator: ", ")), seed \(seed)")
    print("")
    print(
      "   time  stage              users   answers/s      p50      p95      p99   failed  target")
  }

  func show(_ news: LoadRun.News) {
    lock.withLock {
      switch news {
      case .began, .standing: break
      case .second(let second, let targets): write(line(second, targets), stays: !isTerminal)
      case .ended(let stage):
        write("         \(stage.name) has ended after \(Self.number(stage.seconds)) s", stays: true)
      }
    }
  }

  func end() {
    lock.withLock { if isOpen { print("") } }
  }

  private func write(_ line: String, stays: Bool) {
    // Back to the beginning, and what stood there is erased (ECMA-48: CR, EL).
    if isOpen { print("\r\u{1B}[K", terminator: "") }
    print(stays ? line : cut(line), terminator: stays ? "\n" : "")
    isOpen = !stays
    guard fflush(nil) != 0, let lost else { return }
    self.lost = nil
    lost(String(cString: strerror(errno)))
  }

  /// What goes on in the terminal's next line could not be erased.
  private func cut(_ line: String) -> String {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return line }
    return String(line.prefix(Int(size.ws_col) - 1))
  }

  private func line(
    _ second: RunResult.Second, _ targets: [(health: String?, memoryKiB: Double?)]
  ) -> String {
    let failed = second.failures + second.busy
    let answers = Double(second.requests - second.failures)
    let rate = String(format: "%.0f", answers / max(second.length, 0.001))
    let health = targets.map { target in
      let memory = target.memoryKiB.map { " \(Self.number($0 / 1024)) MiB" } ?? ""
      return (target.health ?? "no answer") + memory
    }
    return [
      Self.right(Self.number(second.second), 6) + "s ", Self.left(second.stage, 18),
      Self.right("\(second.users)", 5), Self.right(rate, 10),
      Self.right(Self.time(second.p50Ns), 8), Self.right(Self.time(second.p95Ns), 8),
      Self.right(Self.time(second.p99Ns), 8), Self.right("\(failed)", 7) + " ",
      health.joined(separator: ", "),
    ].joined(separator: " ")
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func left(_ text: String, _ width: Int) -> String {
    String(text.prefix(width)) + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

  private static func time(_ nanoseconds: UInt64) -> String {
    let milliseconds = Double(nanoseconds) / 1e6
    return String(format: milliseconds < 10 ? "%.2f ms" : "%.0f ms", milliseconds)
  }
}
