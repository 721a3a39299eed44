import Simulation
import Testing

/// Bugs planted between the loop and the world: a simulator that finds nothing proves nothing.
@Suite struct CanaryTests {
  /// A short run in which everything happens that a canary may need.
  private static func found(_ canary: Canary?, seed: UInt64) -> Violation? {
    var options = RunOptions(seed: seed, hours: 0.5)
    (options.cameras, options.operators, options.reportMs) = (1, 2, 2000)
    options.probeIntervalMs = 5000
    options.keys = canary == .unkeptKeys
    if options.keys { options.slots = 64 }
    let schedule = Schedule([
      Fault(kind: .networkDown, atMs: 70_000, durationMs: 30_000),
      Fault(kind: .connectionResets, atMs: 120_000),
      Fault(kind: .feedCrash, atMs: 130_000),
      Fault(kind: .agentCrash, atMs: 1_500_000),
      Fault(kind: .mediaExit, atMs: 1_700_000),
    ])
    return SimulationRun(options, schedule: schedule, canary: canary).run().violations.first
  }

  @Test(arguments: Canary.allCases)
  func itIsCaughtByItsInvariant(canary: Canary) {
    // Not in every run somebody asks for a recording.
    let first = (UInt64(1)...24).lazy.compactMap { Self.found(canary, seed: $0) }.first
    #expect(first?.invariant == canary.caughtBy)
  }

  @Test func nothingIsFoundWithoutOne() { #expect(Self.found(nil, seed: 1) == nil) }
}
