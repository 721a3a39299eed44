import Foundation
import Simulation

/// `--seeds A..B`: many runs, dealt out to processes.
struct Campaign {
  let seeds: ClosedRange<UInt64>
  let hours: Double
  let canary: String?
  let processes: Int
  /// Where results are kept; nil: nowhere.
  let file: String?
  /// Of the failures, so many are shrunk.
  let shrinks: Int

  /// One line of the file.
  struct Line: Codable {
    var seed: UInt64
    var hours: Double
    var turns: UInt64
    var simulatedMs: UInt64
    var lives: Int
    var trace: String
    /// Names of violated invariants, or that the agent has trapped.
    var violated: [String]
    var what: [String]
  }

  /// False: something was found.
  func run() throws -> Bool {
    let known = try knownSeeds()
    let open = seeds.filter { !known.contains($0) }
    if !known.isEmpty { print("\(seeds.count - open.count) seeds have their results already") }
    let kept = try file.map { try Self.appending(to: $0) }
    let began = Date()
    let workers = Workers(open, command: command, hours: hours, processes: processes)
    var runs = 0
    var simulatedMs: UInt64 = 0
    var failed: [Line] = []
    try workers.run { line in
      runs += 1
      simulatedMs += line.simulatedMs
      if !line.violated.isEmpty {
        failed.append(line)
        print("seed \(line.seed): \(line.what.first ?? line.violated[0])")
      }
      kept?.write(line.bytes)
    }
    let minutes = max(Date().timeIntervalSince(began), 0.001) / 60
    let simulatedHours = Double(simulatedMs) / 3_600_000
    print(
      "\(runs) runs, \(failed.count) failed; \(Int(Double(runs) / minutes)) runs/min, "
        + "\(Int(simulatedHours)) simulated hours in all, "
        + "\(Int(simulatedHours / minutes)) hours/min")
    for line in failed.prefix(shrinks) {
      let extra = canary.map { ["--canary", $0] } ?? []
      _ = try Child.run(["--seed", "\(line.seed)", "--hours", "\(hours)"] + extra, shows: true)
    }
    return failed.isEmpty
  }

  private var command: [String] {
    ["--hours", "\(hours)"] + (canary.map { ["--canary", $0] } ?? [])
  }

  private func knownSeeds() throws -> Set<UInt64> {
    guard let file, let text = try? String(contentsOfFile: file, encoding: .utf8) else { return [] }
    let decoder = JSONDecoder()
    var seeds: Set<UInt64> = []
    for line in text.split(separator: "\n") {
      guard let known = try? decoder.decode(Line.self, from: Data(line.utf8)) else { continue }
      if known.hours == hours { seeds.insert(known.seed) }
    }
    return seeds
  }

  private static func appending(to file: String) throws -> FileHandle {
    if !FileManager.default.fileExists(atPath: file) {
      FileManager.default.createFile(atPath: file, contents: nil)
    }
    let handle = try FileHandle(forWritingTo: URL(filePath: file))
    try handle.seekToEnd()
    return handle
  }
}
