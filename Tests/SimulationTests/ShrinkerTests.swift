import Simulation
import Testing

@Suite struct ShrinkerTests {
  @Test(arguments: [[3], [0, 9], [2, 3, 7], [], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
  func whatIsNeededIsLeft(needed: [Int]) {
    let shrinker = Shrinker { part in needed.allSatisfy(part.contains) }
    #expect(shrinker.shrink(10) == needed)
  }

  @Test func itEndsWhenItsRunsAreSpent() {
    var runs = 0
    let shrinker = Shrinker(budget: 7) { part in
      runs += 1
      return part.count == 64
    }
    #expect(shrinker.shrink(64).count == 64)
    #expect(runs <= 8)
  }

  /// A bug that needs one fault to show: what is left of the schedule shows it again, exactly.
  @Test func aShrunkScheduleFailsAgain() throws {
    var options = RunOptions(seed: 11, hours: 0.02)
    options.weights = [(.networkDown, 1), (.clockJump, 1), (.mediaExit, 1), (.junkFrames, 1)]
    options.faultsPerRun = 6
    let whole = Schedule.drawn(options)
    func run(_ indices: [Int]) -> RunResult {
      SimulationRun(options, schedule: whole.only(indices), canary: .secondSpawn).run()
    }
    func fails(_ indices: [Int]) -> Bool {
      run(indices).violations.first?.invariant == Canary.secondSpawn.caughtBy
    }
    #expect(fails(Array(whole.faults.indices)))
    let kept = Shrinker(fails: fails).shrink(whole.faults.count)
    #expect(kept.count == 1)
    #expect(whole.faults[try #require(kept.first)].kind == .mediaExit)
    let (first, second) = (run(kept), run(kept))
    #expect(first.violations == second.violations)
    #expect(first.traceHash == second.traceHash)
  }
}
