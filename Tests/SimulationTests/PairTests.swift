import Foundation
import Simulation
import Testing

/// In which states simulated machines have been told what: `Tests/Fixtures/simulated.md`.
/// `WATCHPOST_REGENERATE=1 swift test --filter PairTests` writes it anew.
///
/// What the table leaves open is no gap: `MachineTests` says everything in every state. Here it is
/// shown which of it a whole device meets by itself, and that the impossible does not happen.
@Suite struct PairTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/simulated.md")
  /// Short runs.
  private static let seeds: [UInt64] = [3, 12, 23, 29, 33, 39, 48, 60, 66, 79]
  /// Pairs that were met as often as this will be met again after any change of the simulation.
  private static let often = 40

  private struct Pair: Hashable {
    var machine: String
    var state: String
    var input: String
  }

  /// What cannot happen: states, inputs, the reason.
  private static let impossible: [(String, [String], [String], String)] =
    [("boot", ["starting", "ready", "stopping", "stopped"], ["started"], "a life starts once")]
    + [("MediaMTX's process", "mediaServer"), ("probe", "probe")].flatMap { machine, kind in
      [
        (
          machine, ["idle", "waiting"], ["\(kind) started", "\(kind) ended"],
          "an end is told once, and nothing after it"
        ),
        (
          machine, ["running", "terminating", "killed", "quarantined"],
          ["\(kind) started", "\(kind) not spawned"], "the start of a life is told once"
        ),
      ]
    }

  private static func isImpossible(_ pair: Pair) -> Bool {
    impossible.contains {
      $0.0 == pair.machine && $0.1.contains(pair.state) && $0.2.contains(pair.input)
    }
  }

  /// What the runs have met.
  private static func met() async -> [Pair: Int] {
    await withTaskGroup(of: [(name: String, count: Int)].self) { group in
      for seed in seeds {
        group.addTask {
          var options = RunOptions(seed: seed, hours: 0.02)
          options.notesPairs = true
          return SimulationRun(options).run().coverage.lines
        }
      }
      var met: [Pair: Int] = [:]
      for await lines in group {
        for line in lines where line.name.hasPrefix("pair: ") {
          let parts = line.name.dropFirst(6).components(separatedBy: ", ")
          met[Pair(machine: parts[0], state: parts[1], input: parts[2]), default: 0] += line.count
        }
      }
      return met
    }
  }

  @Test func theDeviceMeetsWhatItMetBefore() async throws {
    let met = await Self.met()
    #expect(met.count > 200)
    for pair in met.keys where Self.isImpossible(pair) {
      Issue.record("impossible: \(pair.machine), \(pair.state), \(pair.input)")
    }
    if ProcessInfo.processInfo.environment["WATCHPOST_REGENERATE"] != nil {
      try Self.text(met).write(to: Self.page, atomically: true, encoding: .utf8)
    }
    let wanted = Self.parse(try String(contentsOf: Self.page, encoding: .utf8))
    #expect(wanted.count > 100)
    for pair in wanted where met[pair] == nil {
      Issue.record("met by no seed: \(pair.machine), \(pair.state), \(pair.input)")
    }
  }

  // MARK: The page

  private static func text(_ met: [Pair: Int]) -> String {
    var text = """
      # What a simulated device meets by itself

      Written by `WATCHPOST_REGENERATE=1 swift test --filter PairTests`: for each machine, which
      inputs of the appliance come in which of its states in \(seeds.count) short simulated runs.
      `✓`: again and again, and so in every run of the tests; `+`: now and then; nothing: not here,
      but in `machines.md`, which says everything in every state; `–`: impossible, see below.

      """
    for machine in Set(met.keys.map(\.machine)).sorted() {
      let own = met.keys.filter { $0.machine == machine }
      let states = Set(own.map(\.state)).sorted()
      text += "\n## \(machine)\n\n| | " + states.joined(separator: " | ") + " |\n"
      text += "|---" + String(repeating: "|---", count: states.count) + "|\n"
      for input in Set(own.map(\.input)).sorted() {
        let cells = states.map { state in
          let pair = Pair(machine: machine, state: state, input: input)
          let count = met[pair] ?? 0
          return isImpossible(pair) ? "–" : count >= often ? "✓" : count > 0 ? "+" : ""
        }
        text += "| \(input) | " + cells.joined(separator: " | ") + " |\n"
      }
    }
    text += "\nImpossible:\n"
    for entry in impossible {
      text += "- \(entry.0): \(entry.1.joined(separator: ", ")) – "
      text += "\(entry.2.joined(separator: ", ")): \(entry.3).\n"
    }
    return text
  }

  /// The pairs with a check mark.
  private static func parse(_ text: String) -> [Pair] {
    var pairs: [Pair] = []
    var (machine, states) = ("", [String]())
    for line in text.split(separator: "\n") {
      let cells = line.components(separatedBy: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      if line.hasPrefix("## ") {
        machine = String(line.dropFirst(3))
      } else if line.hasPrefix("| | ") {
        states = Array(cells[2..<cells.count - 1])
      } else if line.hasPrefix("| "), cells.count == states.count + 3 {
        for (state, mark) in zip(states, cells[2...]) where mark == "✓" {
          pairs.append(Pair(machine: machine, state: state, input: cells[1]))
        }
      }
    }
    return pairs
  }
}
