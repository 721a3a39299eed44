import Appliance
import EventLoop
import Wire

/// Hands what the agent and MediaMTX say to the storage worker, which keeps it for after a reset.
///
/// A child that floods its log must not push out of the worker's queue what matters more: each log
/// has so many bytes a second, and what comes beyond them is kept in memory only.
struct LogKeeper {
  /// Bytes a second that are kept of each log; as many can be saved.
  static let bytesPerSecond = 4096

  private var left = InlineArray<2, Int>(repeating: bytesPerSecond)
  private var filledAt = Instant(ms: 0)

  /// How many of `count` bytes of a log may be kept now.
  mutating func spend(_ source: LogSource, _ count: Int, now: Instant) -> Int {
    let elapsed = Int(min(now.since(filledAt), 1000))
    if elapsed > 0 {
      filledAt = now
      for index in left.indices {
        left[index] = min(left[index] + Self.bytesPerSecond * elapsed / 1000, Self.bytesPerSecond)
      }
    }
    let index = source == .agent ? 0 : 1
    let spent = min(count, left[index])
    left[index] -= spent
    return spent
  }
}

extension LinuxSystem {
  /// Keeps text of a log beyond this boot, as far as it may.
  mutating func keep(_ source: LogSource, _ text: UnsafeRawBufferPointer) {
    let count = logs.spend(source, text.count, now: now)
    guard count > 0 else { return }
    storage.tell(.log) { writer in
      writer.write(source.rawValue)
      writer.write(UnsafeRawBufferPointer(rebasing: text[..<count]))
    }
  }
}
