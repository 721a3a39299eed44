import Simulation
import Testing

/// Simulated runs with fixed seeds, short ones: `simulate` runs the long ones.
@Suite struct SimulationTests {
  private static func run(_ seed: UInt64) -> RunResult {
    SimulationRun(RunOptions(seed: seed, hours: 0.02)).run()
  }

  @Test func theSameSeedIsTheSameRun() {
    let (first, second) = (Self.run(12), Self.run(12))
    #expect(first.traceHash == second.traceHash)
    #expect(first.turns == second.turns)
    #expect(Self.run(25).traceHash != first.traceHash)
  }

  /// Seeds whose runs are short; `simulate` runs all others.
  @Test(arguments: [
    UInt64(3), 6, 12, 15, 19, 23, 26, 29, 31, 33, 34, 39, 44, 48, 57, 60, 65, 66, 73, 79,
  ])
  func nothingIsFound(seed: UInt64) {
    let result = Self.run(seed)
    for violation in result.violations { Issue.record("seed \(seed): \(violation.text)") }
    #expect(result.turns > 500)
  }

  /// A card that hung tells its history late, to a loop that gets no processor time: safe mode
  /// comes when it is read, and cannot come before (seed 24420497256316178).
  @Test func safeModeComesWithTheHistory() {
    let faults = [
      Fault(kind: .diskHangs, atMs: 60_000, durationMs: 220_000),
      Fault(kind: .hardHang, atMs: 61_000, subject: 3),
      Fault(kind: .starvation, atMs: 270_000, durationMs: 20_000, subject: 1),
    ]
    var visited: [String] = []
    for seed in UInt64(1)...12 {
      var options = RunOptions(seed: seed, hours: 0.1)
      (options.keys, options.cameras, options.reportMs) = (false, 1, 2000)
      (options.probeIntervalMs, options.watchdogS) = (5000, 8)
      let result = SimulationRun(options, schedule: Schedule(faults)).run()
      for violation in result.violations { Issue.record("seed \(seed): \(violation.text)") }
      visited += result.coverage.lines.map(\.name)
    }
    #expect(visited.contains("state safe mode"))
  }

  /// Slow readers had all large buffers, so that somebody who had asked the box to identify itself
  /// was heard half a minute later: the world took its LEDs for wrong.
  @Test func whoIsHeardLateSeesTheBoxLate() {
    let result = SimulationRun(RunOptions(seed: 8_000_069_590)).run()
    for violation in result.violations { Issue.record("\(violation.text)") }
    #expect(result.coverage.lines.contains { $0.name == "answer identify 0" })
  }

  @Test(arguments: UInt64(1)...200)
  func aRunHasAtLeastThreeKindsOfFaults(seed: UInt64) {
    let options = RunOptions(seed: seed)
    var kinds: [FaultKind] = []
    for fault in Schedule.drawn(options).faults where !kinds.contains(fault.kind) {
      kinds.append(fault.kind)
    }
    #expect(kinds.count >= 3)
  }
}
