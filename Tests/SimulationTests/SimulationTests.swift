import Simulation
import Testing

/// Simulated runs with fixed seeds, short ones: `simulate` runs the long ones.
@Suite struct SimulationTests {
  private static let hours = 0.1

  private static func run(_ seed: UInt64, _ schedule: Schedule? = nil) -> RunResult {
    SimulationRun(RunOptions(seed: seed, hours: hours), schedule: schedule).run()
  }

  @Test(arguments: [UInt64(5), 77])
  func theSameSeedIsTheSameRun(seed: UInt64) {
    let (first, second) = (Self.run(seed), Self.run(seed))
    #expect(first.traceHash == second.traceHash)
    #expect(first.turns == second.turns)
    #expect(Self.run(seed + 1).traceHash != first.traceHash)
  }

  @Test(arguments: UInt64(1)...20)
  func nothingIsFound(seed: UInt64) {
    let result = Self.run(seed)
    for violation in result.violations { Issue.record("seed \(seed): \(violation.text)") }
    #expect(result.turns > 1000)
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
