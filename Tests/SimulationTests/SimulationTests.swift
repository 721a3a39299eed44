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
