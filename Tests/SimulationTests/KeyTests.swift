import Simulation
import Testing

/// Runs with keys and changes of the configuration: what they are to find must happen in them.
@Suite struct KeyTests {
  private static func run(
    _ seed: UInt64, _ faults: [Fault], watchdogS: UInt32? = nil
  ) -> RunResult {
    var options = RunOptions(seed: seed, hours: 0.3)
    options.watchdogS = watchdogS ?? options.watchdogS
    (options.keys, options.slots, options.cameras, options.pollers) = (true, 64, 1, 1)
    options.reportMs = 2000
    options.probeIntervalMs = 5000
    return SimulationRun(options, schedule: Schedule(faults)).run()
  }

  private static func visited(_ results: [RunResult]) -> [String] {
    results.flatMap { $0.coverage.lines.map { $0.name } }
  }

  @Test func keysAndChangesComeAllTheirWay() {
    let results = (UInt64(1)...12).map { Self.run($0, []) }
    #expect(results.flatMap(\.violations) == [])
    let visited = Self.visited(results)
    for name in [
      "answer handshake 0", "answer keyAdd 0", "answer keyRemove 0", "answer keyRotate 0",
      "answer keyChange 0", "answer pairingOpen 0", "answer configurationStage 0",
      "answer changeApprove 0", "answer changeReject 0", "answer changeApply 0",
      "answer changeConfirm 0", "keeper rollBack", "keeper drop", "change applied",
      "life ends stopped(Appliance.PowerAction.reload)",
    ] {
      #expect(visited.contains(name), "nobody has come to \(name)")
    }
  }

  @Test(arguments: [
    FaultKind.keeperCrash, .keeperSlow, .keeperHangs, .keeperRefuses, .keeperUnreadable,
    .factoryReset, .powerCut, .agentCrash, .stalledSubscribers, .shortPress, .longPress,
    .copiedHandshakes,
  ])
  func nothingIsFoundWithThisFaultAgainAndAgain(kind: FaultKind) {
    let faults = (1...12).map { turn in
      Fault(
        kind: kind, atMs: UInt64(turn) * 80_000, durationMs: kind == .shortPress ? 700 : 20_000,
        subject: UInt64(turn))
    }
    let result = Self.run(UInt64(kind.rawValue), faults)
    for violation in result.violations { Issue.record("\(kind): \(violation.text)") }
    #expect(Self.visited([result]).contains("fault \(kind)"))
    #expect(kind != .shortPress || Self.visited([result]).contains("guest paired"))
    #expect(kind != .longPress || Self.visited([result]).contains("keeper forget"))
  }

  /// A loop that got no processor time while somebody pressed the button for a moment took it for
  /// somebody who held it, and forgot everything.
  @Test func aPressIsNoLongerThanItIs() {
    var faults = [Fault(kind: .starvation, atMs: 290_000, durationMs: 600_000, subject: 0)]
    for turn in UInt64(0)...29 {
      faults.append(Fault(kind: .shortPress, atMs: 300_000 + 20_000 * turn, durationMs: 2900))
    }
    for seed in UInt64(1)...6 {
      for violation in Self.run(seed, faults, watchdogS: 15).violations {
        Issue.record("seed \(seed): \(violation.text)")
      }
    }
  }

  /// A keeper that was started again while its card could not be read told a device key for the
  /// time being, and the agent took it for its own: nobody got in.
  @Test func aCardThatCannotBeReadLocksNobodyOut() {
    let faults = [
      Fault(kind: .keeperUnreadable, atMs: 300_000, durationMs: 600_000),
      Fault(kind: .keeperCrash, atMs: 310_000),
    ]
    for seed in UInt64(1)...3 {
      for violation in Self.run(seed, faults).violations {
        Issue.record("seed \(seed): \(violation.text)")
      }
    }
  }

  /// 1192: changes are put in force, confirmed or not, under many faults. 900057: admins who
  /// confirm nothing, and a device that applies what they approve at once; each change goes back in
  /// time, and the next one comes.
  @Test(arguments: [UInt64(1192), 900_057]) func changesAreSettled(seed: UInt64) {
    let result = SimulationRun(RunOptions(seed: seed)).run()
    for violation in result.violations { Issue.record("seed \(seed): \(violation.text)") }
    #expect(Self.visited([result]).contains("change settled"))
  }

  /// Somebody is told of its key that a slow card has not got yet, and then the power is cut: the
  /// world took the key for kept in the next life, and the device for one that forgets.
  @Test func whatASlowCardHasNotGotGoesWithThePower() {
    let result = SimulationRun(RunOptions(seed: 8_000_057_252)).run()
    for violation in result.violations { Issue.record("\(violation.text)") }
    #expect(Self.visited([result]).contains("fault keeperSlow"))
  }

  /// Somebody holds the button, and switches off before a card that fails has forgotten all: the
  /// changes were gone, the keys were not, and the world missed the changes.
  @Test func aResetMayBeCutInTwo() {
    let result = SimulationRun(RunOptions(seed: 8_000_061_780)).run()
    for violation in result.violations { Issue.record("\(violation.text)") }
    #expect(Self.visited([result]).contains("fault longPress"))
  }
}
