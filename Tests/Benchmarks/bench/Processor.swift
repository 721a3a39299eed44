import Foundation
import Synchronization

/// What `/proc` tells of a process.
enum ProcessFigures {
  /// Nanoseconds that all its threads have been on a processor (first field of `schedstat`,
  /// Documentation/scheduler/sched-stats.rst): exact, where `stat` counts ticks of 10 ms.
  static func cpuNs(of pid: Int32) throws -> UInt64 {
    var sum: UInt64 = 0
    for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
      let text = try String(
        contentsOfFile: "/proc/\(pid)/task/\(thread)/schedstat", encoding: .utf8)
      guard let field = text.split(separator: " ").first, let value = UInt64(field) else {
        throw BenchError("/proc/\(pid)/task/\(thread)/schedstat holds \(text)")
      }
      sum += value
    }
    return sum
  }

  /// The same, once the process has come to rest: the count of a running thread lags behind.
  static func settledCPUNs(of pid: Int32) throws -> UInt64 {
    var last = try cpuNs(of: pid)
    for _ in 0..<200 {
      usleep(3000)
      let now = try cpuNs(of: pid)
      if now == last { break }
      last = now
    }
    return last
  }

  /// Seconds that all processors together have been busy, in ticks (proc(5), `/proc/stat`).
  static func busySeconds() throws -> Double {
    let line = try String(contentsOfFile: "/proc/stat", encoding: .utf8).prefix { $0 != "\n" }
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
    guard fields.count >= 8 else { throw BenchError("/proc/stat begins with \(line)") }
    let busy = fields[..<8].reduce(0, +) - fields[3] - fields[4]
    return busy / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Resident KiB, counted page by page; `status` lags behind by some pages for each processor.
  static func residentKiB(of pid: Int32) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("Rss:") {
      if let value = Int(line.split(separator: " ").dropLast().last ?? "") { return value }
    }
    throw BenchError("/proc/\(pid)/smaps_rollup tells no Rss")
  }

  /// Open sockets of a process.
  static func sockets(of pid: Int32) throws -> Int {
    let folder = "/proc/\(pid)/fd"
    return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
      return target?.hasPrefix("socket:") ?? false
    }
  }

  /// The most resident KiB of a process while `body` runs, looked at all the time.
  static func largestResidentKiB<Result>(
    of pid: Int32, during body: () throws -> Result
  ) throws -> (kiB: Int, result: Result) {
    let look = Look(pid)
    Thread.detachNewThread { look.run() }
    defer { look.end() }
    let result = try body()
    return (look.end(), result)
  }

  /// The processors that this process may use.
  static func allowedProcessors() throws -> [Int] {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
    return line.split(separator: "\t").last.map { list in
      list.split(separator: ",").flatMap { part -> [Int] in
        let ends = part.split(separator: "-").compactMap { Int($0) }
        return ends.count == 2 ? Array(ends[0]...ends[1]) : ends
      }
    } ?? []
  }
}

/// A thread that follows the memory of a process.
private final class Look: Sendable {
  private struct State {
    var largest = 0
    var isOver = false
    var hasEnded = false
  }

  /// Between two looks: short enough for what lasts some milliseconds.
  private static let pauseUs: UInt32 = 300

  private let pid: Int32
  private let state = Mutex(State())

  init(_ pid: Int32) { self.pid = pid }

  func run() {
    while !state.withLock({ $0.isOver }) {
      let kiB = (try? ProcessFigures.residentKiB(of: pid)) ?? 0
      state.withLock { $0.largest = max($0.largest, kiB) }
      usleep(Look.pauseUs)
    }
    state.withLock { $0.hasEnded = true }
  }

  /// Waits for the thread's end; the most that it has seen.
  @discardableResult
  func end() -> Int {
    state.withLock { $0.isOver = true }
    while !state.withLock({ $0.hasEnded }) { usleep(Look.pauseUs) }
    return state.withLock { $0.largest }
  }
}

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
