import Testing
import Wire

@testable import Appliance

/// What earlier boots have left, told in the middle of a life because the card is slower than the
/// start.
@Suite struct HistoryTests {
  private func world(_ reset: ResetReason = .unknown, resets: UInt32 = 0) -> World {
    var facts = World.facts
    facts.reset = reset
    facts.recentWatchdogResets = resets
    let world = World(facts: facts)
    world.remember([])
    world.enumerate([World.webcam()])
    world.send(.networkChanged(address: IPv4(10, 0, 0, 1), linkUp: true))
    world.run(12_000)
    return world
  }

  private func report(_ world: World) -> HealthReport {
    world.read { $0.healthReport(now: world.instant) }
  }

  private func send(_ world: World, _ reset: ResetReason, boots: UInt32 = 7, resets: UInt32 = 0) {
    world.send(
      .historyLoaded(
        BootHistory(reset: reset, bootCount: boots, recentWatchdogResets: resets)))
  }

  @Test(arguments: [ResetReason.powerOn, .requested, .panic])
  func healthTellsItAsSoonAsItIsRead(reset: ResetReason) {
    let world = world()
    #expect(report(world).resetReason == .unknown && report(world).bootCount == 0)
    let before = world.health
    send(world, reset)
    #expect(report(world).resetReason == Code(reset) && report(world).bootCount == 7)
    #expect(report(world).recentWatchdogResets == 0 && report(world).agentStarts == 1)
    #expect(world.health == before, "nothing is wrong with it")
  }

  @Test func theWatchdogsOwnWordCountsMore() {
    let world = world(.watchdog, resets: 1)
    send(world, .powerOn, resets: 2)
    #expect(report(world).resetReason == .watchdog)
    #expect(report(world).recentWatchdogResets == 2 && !world.isSafeMode)
  }

  /// A further life in a boot whose watchdog no longer tells.
  @Test func aWatchdogResetMayBeLearnedLate() {
    let world = world()
    world.clearLog()
    send(world, .watchdog, resets: 1)
    #expect(report(world).resetReason == .watchdog && !world.isSafeMode)
    #expect(world.health.reasons.contains(.watchdogReset) && world.health.state == .healthy)
    #expect(world.events(.healthChanged).count == 1)
    send(world, .watchdog, resets: 1)
    #expect(world.events(.healthChanged).count == 1, "the same once more is no news")
  }

  @Test func theThirdResetInARowLeadsToSafeModeThoughItIsLearnedLate() {
    let world = world(.watchdog, resets: 1)
    #expect(!world.isSafeMode && world.health.state == .healthy)
    world.clearLog()
    send(world, .watchdog, resets: 3)
    #expect(world.isSafeMode && report(world).safeMode)
    #expect(world.health.state == .failed && world.health.reasons.contains(.safeMode))
    #expect(world.asked.contains { if case .log = $0 { true } else { false } })
    world.run(20_000)
    let ends = world.count {
      if case .signal(.mediaServer, _, .terminate) = $0 { true } else { false }
    }
    #expect(ends == 1)
    #expect(world.read { $0.mediaServer.isGone })
    world.clearLog()
    world.plug(World.webcam("video4", port: "1-2", serial: "B"))
    send(world, .watchdog, resets: 3)
    world.run(60_000)
    for effect in world.asked {
      switch effect {
      case .spawnMediaServer, .spawnProbe, .spawnFeed, .publishFeed, .media, .log, .reauthorise,
        .cyclePower:
        Issue.record("safe mode does \(effect)")
      case .signal, .cancelMedia, .checkMediaSockets, .light, .petWatchdog, .publish,
        .rememberIdentities, .rememberSources, .silenceFeed, .breadcrumb, .stop,
        .rememberRecordings, .tagRecording, .setRetention, .remountData,
        .tellClock, .press:
        break
      }
    }
    #expect(world.count { $0 == .petWatchdog } > 0, "the watchdog is petted all the same")
  }

  /// A count alone, left by resets before a power cut, is no reason.
  @Test(arguments: [ResetReason.powerOn, .requested, .unknown, .panic])
  func onlyAWatchdogResetLeadsToSafeMode(reset: ResetReason) {
    let world = world()
    send(world, reset, resets: 9)
    #expect(!world.isSafeMode && world.health.state == .healthy)
  }

  @Test func aBootThatHasLivedLongStaysAsItIs() {
    let world = world(.watchdog, resets: 1)
    world.run(600_000)
    send(world, .watchdog, resets: 3)
    #expect(!world.isSafeMode && world.health.state == .healthy)
    #expect(report(world).recentWatchdogResets == 3)
  }

  @Test func safeModeIsNotLeftInTheMiddleOfALife() {
    let world = world(.watchdog, resets: 3)
    #expect(world.isSafeMode)
    send(world, .watchdog, resets: 1)
    #expect(world.isSafeMode)
  }

  @Test func historyBeforeTheStartIsLeftToTheFirstInput() {
    let world = World(start: false)
    send(world, .watchdog, resets: 3)
    #expect(world.asked.isEmpty && world.deadline == .max)
    world.send(.started(World.facts))
    #expect(!world.isSafeMode && report(world).bootCount == 0)
  }

  @Test func anEndThatIsUnderWayGoesOn() throws {
    let world = world(.watchdog, resets: 1)
    try world.stop(.reboot)
    send(world, .watchdog, resets: 3)
    world.run(10_000)
    #expect(!world.isSafeMode && world.asked.contains(.stop(.reboot)))
  }
}
