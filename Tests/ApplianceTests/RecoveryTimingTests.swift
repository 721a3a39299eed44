import Testing
import Wire

@testable import Appliance

/// How long a step at the USB may take, to the millisecond.
@Suite struct RecoveryTimingTests {
  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  /// A ladder whose restarts are spent at `ms`, and whose USB step has begun there.
  private func stepping(at ms: UInt64 = 10_000) -> Recovery {
    var recovery = Recovery()
    for _ in 0..<3 {
      #expect(recovery.failed(.stalled, reach: .device, now: at(ms)) == false)
      recovery.tried(now: at(ms))
    }
    #expect(recovery.failed(.stalled, reach: .device, now: at(ms)) == true)
    let action = recovery.tick(reach: .device, isVacant: true, isTurn: true, now: at(ms))
    #expect(action == .step(.reauthorise, life: 1))
    _ = recovery.started(pid: 9, now: at(ms))
    return recovery
  }

  private func tick(_ recovery: inout Recovery, _ ms: UInt64) -> Recovery.Action {
    recovery.tick(reach: .device, isVacant: true, isTurn: true, now: at(ms))
  }

  @Test func aStepHasHalfAMinute() {
    var recovery = stepping()
    #expect(recovery.nextDeadline(isVacant: true) == at(40_000))
    #expect(tick(&recovery, 39_999) == .none)
    #expect(tick(&recovery, 40_000) == .signal(life: 1, .kill))
  }

  /// A device that was not taken away has two seconds to leave, one that was ten to return.
  @Test(arguments: [(false, 2000), (true, 10_000)] as [(Bool, UInt64)])
  func aDeviceHasItsTimeToReturn(hasLeft: Bool, ms: UInt64) {
    var recovery = stepping()
    if hasLeft { recovery.left(now: at(11_000)) }
    #expect(recovery.ended(.exited(.code(RecoveryExit.done)), now: at(12_000)) == .none)
    #expect(recovery.state == .settling(.reauthorise, until: at(12_000 + ms)))
    _ = tick(&recovery, 12_000 + ms - 1)
    #expect(recovery.state == .settling(.reauthorise, until: at(12_000 + ms)))
    #expect(tick(&recovery, 12_000 + ms) == (hasLeft ? .none : .release))
    #expect(recovery.state == (hasLeft ? .due(.portPower) : .trying(.reauthorise)))
  }

  /// Before its turn has come a device may be found to be in order: its process is tried again.
  @Test func whatIsNoLongerNeededIsNotDone() {
    var recovery = Recovery()
    for _ in 0..<3 {
      _ = recovery.failed(.stalled, reach: .device, now: at(1000))
      recovery.tried(now: at(1000))
    }
    _ = recovery.failed(.stalled, reach: .device, now: at(1000))
    #expect(recovery.state == .due(.reauthorise))
    for (isVacant, isTurn) in [(false, true), (true, false)] {
      let action = recovery.tick(reach: .device, isVacant: isVacant, isTurn: isTurn, now: at(2000))
      #expect(action == .none && recovery.state == .due(.reauthorise))
    }
    let action = recovery.tick(reach: .process, isVacant: true, isTurn: true, now: at(3000))
    #expect(action == .release && recovery.state == .failing)
  }

  /// One that leaves late has ten seconds from then on.
  @Test func aDeviceThatLeavesLateHasItsTimeToReturn() {
    var recovery = stepping()
    _ = recovery.ended(.exited(.code(RecoveryExit.done)), now: at(12_000))
    recovery.left(now: at(13_500))
    #expect(recovery.state == .settling(.reauthorise, until: at(23_500)))
    recovery.returned()
    #expect(recovery.state == .trying(.reauthorise))
  }

  @Test func tenSecondsOfPicturesEndIt() {
    var recovery = stepping()
    _ = recovery.ended(.exited(.code(RecoveryExit.done)), now: at(12_000))
    _ = tick(&recovery, 14_000)
    recovery.pictures(now: at(20_000))
    recovery.pictures(now: at(29_999))
    #expect(recovery.state == .trying(.reauthorise) && recovery.recoveries == 0)
    recovery.pictures(now: at(30_000))
    #expect(recovery.state == .ground && recovery.recoveries == 1)
  }

  /// Two minutes from one step to the next, and six in an hour at most.
  @Test func stepsHaveABudget() {
    var budget = RecoveryBudget(spacingMs: RecoveryTiming.reauthoriseSpacingMs)
    budget.spend(at: at(1000))
    #expect(!budget.allows(at: at(120_999)) && budget.allows(at: at(121_000)))
    for number in 1..<6 as Range<UInt64> { budget.spend(at: at(1000 + number * 120_000)) }
    #expect(!budget.allows(at: at(3_600_999)) && budget.allows(at: at(3_601_000)))
  }
}
