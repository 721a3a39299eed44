import Foundation
import LoadGenerator

/// Instructions per request, counted by callgrind: a figure that does not depend on the machine's
/// mood, for finding out whether a change has made the way of a request longer.
///
/// The server answers 2N requests in one life and N in another that is as long; the difference
/// divided by N is free of starting, ending, and of what it does by the clock. Kernel code is not
/// counted.
struct InstructionCount {
  /// The committed figure may be exceeded by this much.
  static let tolerance = 1.10
  /// Longer than what a server does on its own after its start.
  private static let shortestLife = Duration.seconds(3)

  private let workshop: Workshop
  private var committed: URL { workshop.top.appending(path: "Tests/Benchmarks/instructions") }

  init(_ workshop: Workshop) { self.workshop = workshop }

  private struct Case {
    let operation: Operation
    let depth: Int
    /// Enough to drown what happens once or by the clock.
    var requests: Int { depth == 1 ? 60_000 : 300_000 }
    /// The report of health is made anew by the clock: how often, depends on the machine's speed.
    var isJudged: Bool { operation == .ping }
    var name: String { "\(operation.rawValue), depth \(depth)" }
  }

  private static let cases = [
    Case(operation: .ping, depth: 1), Case(operation: .ping, depth: 16),
    Case(operation: .health, depth: 1), Case(operation: .health, depth: 16),
  ]

  /// Counts, and compares with what is committed. Returns whether nothing has grown too much.
  func run(update: Bool) throws -> Bool {
    let limits = update ? [:] : try figures(in: committed)
    var lines: [String] = []
    var isMet = true
    say("| request | instructions | C server | committed | verdict |\n|---|---|---|---|---|")
    for entry in InstructionCount.cases {
      let ours = try perRequest(.watchpost, entry)
      let theirs = try perRequest(.peer, entry)
      lines.append("\(entry.name): \(ours)")
      let limit = limits[entry.name]
      if !update && limit == nil { throw BenchError("\(committed.path) lacks \(entry.name)") }
      let isOver =
        entry.isJudged
        && (limit.map { Double(ours) > Double($0) * InstructionCount.tolerance } ?? false)
      if isOver { isMet = false }
      let cells = [
        entry.name, "\(ours)", "\(theirs)", limit.map { "\($0)" } ?? "–",
        isOver ? "GROWN by more than 10 %" : entry.isJudged ? "ok" : "told only",
      ]
      say("| " + cells.joined(separator: " | ") + " |")
    }
    if update {
      try (lines.joined(separator: "\n") + "\n").write(
        to: committed, atomically: true, encoding: .utf8)
    }
    return isMet
  }

  private func figures(in file: URL) throws -> [String: Int] {
    var figures: [String: Int] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let parts = line.split(separator: ": ")
      guard parts.count == 2, let value = Int(parts[1]) else {
        throw BenchError("\(file.path) holds \(line)")
      }
      figures[String(parts[0])] = value
    }
    return figures
  }

  private func perRequest(_ contestant: Contestant, _ entry: Case) throws -> Int {
    let count = entry.requests
    let twice = try live(
      contestant, entry, requests: 2 * count, atLeast: InstructionCount.shortestLife)
    let once = try live(contestant, entry, requests: count, atLeast: twice.time)
    return (twice.instructions - once.instructions) / count
  }

  /// A life of the server in which it answers so many requests: its instructions, and how long it
  /// was from the first request on.
  private func live(
    _ contestant: Contestant, _ entry: Case, requests: Int, atLeast least: Duration
  ) throws -> (instructions: Int, time: Duration) {
    let file = workshop.folder.appending(path: "callgrind.out")
    try? FileManager.default.removeItem(at: file)
    let wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=\(file.path)", "--"]
    let server =
      contestant == .watchpost
      ? try workshop.startWatchpost(limits: .unmet, wrapper, patience: 60)
      : try workshop.startPeer(health: Array(0...255), wrapper, patience: 60)
    var load = try LoadGenerator(
      Contest.dialect(contestant, entry.operation), to: server.endpoint, connections: 1)
    let start = ContinuousClock.now
    guard try load.connect() == 0,
      try load.closedLoop(depth: entry.depth, for: .requests(requests)).answers == requests
    else { throw BenchError("\(server.name) did not answer \(requests) requests under callgrind") }
    let rest = least - (ContinuousClock.now - start)
    if rest > .zero { usleep(UInt32(rest / .microseconds(1))) }
    let time = ContinuousClock.now - start
    server.stop()
    let text = try String(contentsOf: file, encoding: .utf8)
    guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("totals:") }),
      let total = Int(line.dropFirst(7).trimmingCharacters(in: .whitespaces))
    else { throw BenchError("\(file.path) has no totals") }
    return (total, time)
  }
}
