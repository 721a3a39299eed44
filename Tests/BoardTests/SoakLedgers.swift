import ControlClient
import Foundation
import Synchronization
import Wire

/// What must hold in a soak, seen from outside. The names are those of the simulator where it
/// checks the same from inside.
enum SoakRule: String, CaseIterable, Sendable {
  /// When a fault is over, the board becomes healthy within its kind's bound.
  case converges = "Converges"
  /// While a fault lasts, health tells of it.
  case told = "FaultTold"
  /// At most one MediaMTX runs.
  case oneMediaServer = "OneMediaServer"
  /// Every request is answered once, or its connection ends.
  case oneAnswer = "OneAnswer"
  /// Pings are answered within `PingBar`.
  case promptPing = "PromptPing"
  /// Events come in order, lost ones are counted, and the device's counters agree.
  case eventsCounted = "EventsCounted"
  /// Somebody with a key gets a slot and an answer.
  case operatorServed = "OperatorServed"
  /// LEDs agree with health.
  case lightsTell = "LightsTell"
  /// Nothing is reset or restarted but by the soak.
  case noReset = "NoReset"
  /// The agent's memory stays at its boot size.
  case memoryStays = "MemoryStays"
  /// Complete recordings stay, whole, until retention removes the oldest.
  case recordingsStay = "RecordingsStay"
  /// The bench itself did what was asked of it.
  case benchWorks = "BenchWorks"
}

/// One rule that did not hold.
struct Violation: Equatable, Sendable, CustomStringConvertible {
  var rule: SoakRule
  var words: String
  var description: String { "\(rule.rawValue): \(words)" }
}

/// What was violated, from any task.
final class Violations: Sendable {
  private let list = Mutex<[Violation]>([])

  /// A line's worth of the words is kept.
  func add(_ rule: SoakRule, _ words: String) {
    let violation = Violation(
      rule: rule, words: words.count > 300 ? words.prefix(300) + "…" : words)
    list.withLock { list in
      // What goes on for long is told once.
      if !list.contains(violation) { list.append(violation) }
    }
  }

  func add(_ rule: SoakRule, _ many: [String]) { for words in many { add(rule, words) } }

  /// Those since this was asked last.
  func take() -> [Violation] {
    list.withLock { list in
      defer { list = [] }
      return list
    }
  }
}

/// The bars for a client that pings ten times a second: that of REQ-PERF 001 and 003 for the 95th
/// percentile (100 ms, under load too), and the threshold at which the predecessor's health was no
/// longer good (REQUIREMENTS 2: response < 1000 ms) for every single one.
enum PingBar {
  static let p95Ms = 100.0
  static let longestMs = 1000.0

  /// What is wrong with these waits; `factor` is 2 while the host has too much to do.
  static func complaints(_ waitsMs: [Double], factor: Double) -> [String] {
    guard let longest = waitsMs.max() else { return [] }
    var complaints: [String] = []
    let p95 = percentile95(waitsMs)
    // Of fewer than twenty each one would be the 95th percentile.
    if waitsMs.count >= 20, p95 > p95Ms * factor {
      complaints.append("95 % of \(waitsMs.count) pings within \(Int(p95)) ms")
    }
    if longest > longestMs * factor { complaints.append("a ping took \(Int(longest)) ms") }
    return complaints
  }

  static func percentile95(_ waits: [Double]) -> Double {
    let sorted = waits.sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 95 / 100)]
  }
}

/// What one connection that is subscribed to all topics has been told.
struct EventLedger {
  /// The number of the next event.
  private var next: UInt64
  /// Events that came over this connection, and those that it was told it has lost.
  private(set) var received: UInt64 = 0
  private(set) var missed: UInt64 = 0
  /// MediaMTX as far as events tell; nil: none runs, or none was told of.
  private var mediaServer: UInt32?

  /// - Parameter next: `nextSequence` of the answer to `subscribe`.
  init(next: UInt64) { self.next = next }

  /// Takes an event; the rules that it breaks.
  mutating func take(_ event: EventMessage) -> [Violation] {
    var broken: [Violation] = []
    if event.sequence < next {
      broken.append(
        Violation(
          rule: .eventsCounted, words: "event \(event.sequence) came after \(next - 1) had come"))
    } else if event.sequence - next != UInt64(event.missed) {
      broken.append(
        Violation(
          rule: .eventsCounted,
          words: "\(event.sequence - next) events are missing before \(event.sequence), "
            + "\(event.missed) were counted"))
    }
    next = max(next, event.sequence + 1)
    received += 1
    missed += UInt64(event.missed)
    switch event.code.known {
    case .mediaServerStarted:
      if let mediaServer, event.missed == 0 {
        broken.append(
          Violation(
            rule: .oneMediaServer,
            words: "MediaMTX \(event.value) was started before \(mediaServer) had ended"))
      }
      mediaServer = event.value
    case .mediaServerExited: mediaServer = nil
    default: break
    }
    return broken
  }

  /// What is wrong with the device's books: this connection has all topics since its first event.
  /// - Parameter first: `nextSequence` of the answer to `subscribe`.
  static func complaints(_ told: SubscriptionStatistics, first: UInt64) -> [String] {
    var complaints: [String] = []
    let own = told.delivered + told.missed + UInt64(told.queued)
    if own != told.nextSequence - first {
      complaints.append(
        "\(told.nextSequence - first) events since \(first), but \(told.delivered) delivered, "
          + "\(told.missed) missed and \(told.queued) queued")
    }
    if told.published != told.nextSequence - 1 {
      complaints.append(
        "\(told.published) events published, but the next one is \(told.nextSequence)")
    }
    if told.missedTotal < told.missed {
      complaints.append("\(told.missed) missed here, \(told.missedTotal) in all")
    }
    return complaints
  }
}

/// The complete recordings that there were.
struct RecordingsLedger {
  /// Retention by size, bytes.
  let limit: UInt64
  private var known: [UInt64: FileEntry] = [:]

  init(limit: UInt64) { self.limit = limit }

  /// Compares with what is there now, and takes that over.
  mutating func compare(_ files: [FileEntry]) -> [String] {
    var complaints: [String] = []
    let there = Dictionary(files.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    if there.count != files.count { complaints.append("two files have one number") }
    let oldest = files.map(\.id).min() ?? .max
    let gone = known.values.filter { there[$0.id] == nil }
    let bytes = files.reduce(0) { $0 + $1.bytes }
    for file in gone.sorted(by: { $0.id < $1.id }) {
      // Retention takes the oldest, and only where there is too much: with what it took, and what
      // was written meanwhile, the limit was reached.
      let room = gone.reduce(bytes) { $0 + $1.bytes }
      if file.id > oldest || room < limit * 9 / 10 {
        complaints.append("\(file.name.string) of \(file.bytes) bytes has vanished")
      }
    }
    for file in files {
      if let before = known[file.id], before.bytes != file.bytes || before.name != file.name {
        complaints.append(
          "\(before.name.string) of \(before.bytes) bytes has become \(file.name.string) of "
            + "\(file.bytes)")
      }
    }
    known = there.filter { $0.value.state.known == .complete || $0.value.state.known == .repaired }
    return complaints
  }
}

/// The agent's memory in one life.
struct MemoryLedger {
  /// Pages that the first use of a code path touches; the same bound as after other campaigns.
  static let growthKiB: UInt32 = 256
  private var first: UInt32?

  /// The board began a new life.
  mutating func begin() { first = nil }

  mutating func take(_ residentKiB: UInt32) -> [String] {
    let first = first ?? residentKiB
    self.first = first
    guard residentKiB > first + Self.growthKiB else { return [] }
    return ["\(residentKiB) KiB resident, \(first) KiB when this life had become healthy"]
  }
}
