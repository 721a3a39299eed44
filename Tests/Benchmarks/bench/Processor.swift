import Foundation

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

  /// Resident KiB, counted page by page; `status` lags behind by some pages for each processor.
  static func residentKiB(of pid: Int32) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("Rss:") {
      if let value = Int(line.split(separator: " ").dropLast().last ?? "") { return value }
    }
    throw BenchError("/proc/\(pid)/smaps_rollup tells no Rss")
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

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
