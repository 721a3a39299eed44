import Testing
import Wire

@testable import Appliance

/// A ladder alone, over days: every try fails after `tryMs`, every step takes `stepMs`.
private struct LadderRun {
  var recovery = Recovery()
  var now = Instant(ms: 5000)
  var outcome = ChildExit.exited(.code(RecoveryExit.done))
  var leaves = true
  private(set) var steps: [RecoveryRung: [UInt64]] = [:]
  private(set) var tries: [UInt64] = []

  static let tryMs: UInt64 = 6000
  static let stepMs: UInt64 = 700

  /// Goes on until `end`; the camera's own clock lets it try 250 ms after a failure.
  mutating func run(until end: UInt64) {
    var held = false
    while now.ms < end {
      if !held {
        now = now + 250
        recovery.tried(now: now)
        tries.append(now.ms)
        now = now + Self.tryMs
        held = recovery.failed(.stalled, reach: .device, now: now)
        continue
      }
      switch recovery.tick(reach: .device, isVacant: true, isTurn: true, now: now) {
      case .release: held = false
      case .step(let rung, _):
        steps[rung, default: []].append(now.ms)
        #expect(recovery.started(pid: 7, now: now) == .none)
        if leaves { recovery.left(now: now) }
        now = now + Self.stepMs
        #expect(recovery.ended(outcome, now: now) == .none)
        if leaves, recovery.isOurDoing {
          recovery.returned()
          held = false
        }
      case .none:
        let next = recovery.nextDeadline(isVacant: true)
        // A step is due at once, everything else at its time.
        if next != .never { now = max(now, next) }
      case .signal: Issue.record("nothing hangs here")
      }
    }
  }
}

/// How often what is done, however long it lasts.
@Suite struct RecoveryBudgetTests {
  private static let day: UInt64 = 24 * 3_600_000

  @Test(arguments: [true, false])
  func itGoesOnForEverWithinItsBudget(_ leaves: Bool) {
    var run = LadderRun()
    run.leaves = leaves
    run.run(until: 3 * Self.day)
    for (rung, spacing) in [
      (RecoveryRung.reauthorise, RecoveryTiming.reauthoriseSpacingMs),
      (.portPower, RecoveryTiming.portPowerSpacingMs),
    ] {
      let times = run.steps[rung] ?? []
      let hour = RecoveryBudget.hourMs
      #expect(times.count > 72 && times.last! > run.now.ms - hour, "\(rung): \(times.count)")
      #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= spacing })
      #expect(zip(times, times.dropFirst(RecoveryBudget.perHour)).allSatisfy { $1 - $0 >= hour })
    }
    let pauses = zip(run.tries, run.tries.dropFirst()).map { $1 - $0 }
    #expect(pauses.allSatisfy { $0 < RecoveryTiming.restCapMs + 10_000 })
    #expect(run.recovery.history.count == 16 && run.recovery.recoveries == 0)
  }

  @Test func withoutSwitchablePortsThereAreOtherSteps() {
    var run = LadderRun()
    run.outcome = .exited(.code(RecoveryExit.unsupported))
    run.leaves = false
    run.run(until: Self.day)
    #expect(run.steps[.reauthorise]?.count == 1 && run.steps[.portPower]?.count == 1)
    let pauses = zip(run.tries, run.tries.dropFirst()).map { $1 - $0 }
    #expect(pauses.suffix(200).allSatisfy { $0 == RecoveryTiming.restCapMs + 6250 })
  }
}
