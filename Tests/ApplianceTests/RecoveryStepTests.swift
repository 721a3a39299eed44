import Testing
import Wire

@testable import Appliance

/// Steps at the USB that go wrong, and what else goes on meanwhile.
@Suite struct RecoveryStepTests {
  /// Runs until a step is asked for.
  private func untilStep(_ rung: RecoveryRung, _ world: World) {
    for _ in 0..<100_000 where world.stepsTaken(rung).isEmpty { world.run(5) }
  }

  @Test func neverTwoAtOnce() throws {
    let world = World.up(feedPlan: .dark)
    for number in 0..<8 {
      world.plug(
        World.webcam("video\(number)", port: "1-\(number + 1)", serial: "SERIAL\(number)"))
    }
    world.run(120_000)
    let times = world.stepsTaken(.reauthorise)
    #expect(times.count == 8 && world.steps.mostAlive == 1)
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 500 })
  }

  @Test func aStepThatHangsIsKilled() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .hangs }
    untilStep(.reauthorise, world)
    #expect(world.recovery(name).0.rung.known == .reauthorise)
    world.run(29_000)
    #expect(world.steps.alive == 1)
    world.run(2000)
    #expect(world.steps.alive == 0)
    world.run(RecoveryTests.quarter)
    #expect(world.stepsTaken(.reauthorise).count > 2 && world.feedSpawns(0).count > 3)
  }

  /// In an uninterruptible sleep: it stays, nobody waits for it, and the feed is tried on.
  @Test func aStepThatCannotBeEndedIsTheLastOne() throws {
    let (world, name) = try RecoveryTests.dark {
      $0.steps.plans[.reauthorise] = .hangs
      $0.steps.ignoreKill = true
    }
    untilStep(.reauthorise, world)
    world.run(RecoveryTests.quarter)
    #expect(world.stepsTaken(.reauthorise).count == 1 && world.stepsTaken(.portPower).isEmpty)
    #expect(world.feedSpawns(0).count > 7)
    world.endStep(0, 1, .signal(9))
    world.run(RecoveryTests.quarter)
    #expect(world.stepsTaken(.reauthorise).count > 1)
    world.feedPlan = .works
    #expect(world.timeToStream(name, within: 310_000) != nil)
  }

  /// What we have taken from the bus is given back again and again, budget or not.
  @Test func aDeviceThatStaysAwayIsAskedFor() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .takesAway }
    untilStep(.reauthorise, world)
    world.run(RecoveryTests.quarter)
    #expect(world.cameras[name] == .absent)
    #expect(world.stepsTaken(.reauthorise).count > 5)
    #expect(world.recovery(name).0.rung.known == .rest)
    world.steps.plans[.reauthorise] = .replugs
    world.feedPlan = .works
    #expect(world.timeToStream(name, within: 310_000) != nil)
    world.run(10_000)
    #expect(world.recovery(name).0.recoveries == 1)
  }

  /// Back after its step's process has ended, it is a camera like any other again.
  @Test func aDeviceThatReturnsLateIsBack() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .takesAway }
    untilStep(.reauthorise, world)
    world.run(30_000)
    world.steps.plans[.reauthorise] = .exits(.code(RecoveryExit.done))
    for _ in 0..<60 where world.stepsTaken(.reauthorise).count < 3 { world.run(1000) }
    world.run(2000)
    world.plug(World.webcam())
    world.run(1000)
    #expect(world.cameras[name] != .absent && world.recovery(name).0.rung.known == .reauthorise)
    let returned = world.now
    world.run(RecoveryTests.quarter)
    let times = world.stepsTaken(.reauthorise).filter { $0 > returned }
    #expect(times.count > 2)
    #expect(
      zip(times, times.dropFirst()).allSatisfy {
        $1 - $0 >= RecoveryTiming.reauthoriseSpacingMs
      }, "the budget holds again")
  }

  /// The process that held the device lets go of it during a rest.
  @Test func whatWorksDuringARestIsOverIt() throws {
    let (world, name) = try RecoveryTests.dark { $0.feedsIgnoreKill = true }
    world.steps.plans[.reauthorise] = .exits(.code(RecoveryExit.unsupported))
    world.run(300_000)
    #expect(world.recovery(name).0.rung.known == .rest)
    world.feedsIgnoreKill = false
    world.feedPlan = .works
    world.endFeed(0, world.feeds[0]?.life ?? 0, .signal(9))
    #expect(world.timeToStream(name) != nil)
    world.run(11_000)
    let (report, _) = world.recovery(name)
    #expect(report.rung.known == RecoveryRung.none && report.recoveries == 1)
  }

  @Test func aDeviceThatWasPulledMeanwhileIsNoLongerAskedFor() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .takesAway }
    untilStep(.reauthorise, world)
    world.run(15_000)
    world.steps.plans[.reauthorise] = .exits(.code(RecoveryExit.notThere))
    world.run(60_000)
    let (report, _) = world.recovery(name)
    #expect(report.rung.known == RecoveryRung.none && report.nextInMs == 0)
    world.clearLog()
    world.run(RecoveryTests.quarter)
    #expect(world.stepsTaken(.reauthorise).isEmpty)
  }

  /// Another camera in the place of one that a step has taken away is none of its business.
  @Test func aStrangerInItsPlaceIsLeftAlone() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .takesAway }
    untilStep(.reauthorise, world)
    world.run(15_000)
    world.feedPlan = .works
    world.plug(World.webcam(serial: "OTHER"))
    world.clearLog()
    world.run(RecoveryTests.quarter)
    #expect(world.stepsTaken(.reauthorise).isEmpty)
    #expect(world.recovery(name).0.rung.known == RecoveryRung.none)
    #expect(world.cameras[name] == .absent && world.cameras.values.contains(.streaming))
  }

  @Test func aReopenedDeviceIsToldOf() throws {
    let (world, name) = try World.streaming()
    world.feeds[0]?.report.reopens = 1
    world.run(300)
    #expect(world.recovery(name).0.rung.known == .reopen)
    world.run(12_000)
    let (report, steps) = world.recovery(name)
    #expect(report.reopens == 1 && report.restarts == 0 && report.recoveries == 1)
    #expect(steps.map(\.rung.known) == [.reopen] && steps[0].outcome.known == .worked)
    #expect(steps[0].cause.known == .stalled && world.feedSpawns(0).count == 1)
  }

  @Test func theHistoryHoldsTheLastSteps() {
    var history = RecoveryHistory()
    for number in 0..<40 {
      history.add(.restart, cause: .stalled, now: Instant(ms: UInt64(number)))
      #expect(history.count == min(16, number + 1))
      #expect(history[history.count - 1].at.ms == UInt64(number))
    }
    #expect((0..<16).map { history[$0].at.ms } == Array(24..<40))
    #expect(history[14].outcome == .failed && history[15].outcome == .pending)
    history.judge(.worked)
    history.judge(.failed)
    #expect(history[15].outcome == .worked, "the first judgement counts")
  }

  @Test func aBudgetIsSpentAndComesBack() {
    var budget = RecoveryBudget(spacingMs: 1000)
    var taken: [UInt64] = []
    for ms in stride(from: UInt64(0), to: 3 * RecoveryTests.hour, by: 100)
    where budget.allows(at: Instant(ms: ms)) {
      budget.spend(at: Instant(ms: ms))
      taken.append(ms)
    }
    let first = (0..<6).map { UInt64($0) * 1000 }
    let hour = RecoveryTests.hour
    #expect(taken == first + first.map { $0 + hour } + first.map { $0 + 2 * hour })
  }

  /// The board must not be switched off between taking a device away and giving it back.
  @Test func anOrderlyStopWaitsForAStep() throws {
    let (world, _) = try RecoveryTests.dark()
    untilStep(.reauthorise, world)
    try world.stop(.reboot)
    world.run(400)
    #expect(world.time { if case .stop = $0 { true } else { false } } == nil)
    world.run(300)
    #expect(world.time { if case .stop = $0 { true } else { false } } != nil)
    world.run(60_000)
    #expect(world.stepsTaken(.reauthorise).count == 1)
  }

  @Test func whatIsOfAnEarlierLifeIsDropped() throws {
    let (world, name) = try RecoveryTests.dark { $0.steps.plans[.reauthorise] = .hangs }
    untilStep(.reauthorise, world)
    let before = world.recovery(name).0
    world.send(.childExited(.recovery(slot: 0), life: 99, .code(0)))
    world.send(.childExited(.recovery(slot: 77), life: 1, .code(0)))
    world.send(.childStarted(.recovery(slot: 77), life: 1, pid: 5))
    #expect(world.recovery(name).0 == before)
  }
}
