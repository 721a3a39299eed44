import Testing
import Wire

@testable import Appliance

@Suite struct WatchdogTests {
  private func pets(_ world: World) -> [UInt64] {
    world.log.filter { $0.effect == .petWatchdog }.map(\.ms)
  }

  @Test func pettedAtMostEveryQuarterOfTheTimeout() {
    let world = World(configure: { $0.watchdog.timeoutS = 8 })
    world.run(60_000)
    let times = pets(world)
    let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
    #expect(times.count >= 29 && gaps.allSatisfy { $0 >= 2000 && $0 < 2200 })
  }

  /// Every set of vitals but the whole one.
  @Test(arguments: 0..<Vitals.all.rawValue)
  func neverPettedWithAVitalMissing(bits: UInt8) {
    let world = World()
    for _ in 0..<100 {
      world.send(.turnCompleted(Vitals(rawValue: bits)))
      world.send(.tick)
    }
    #expect(pets(world).isEmpty)
    world.send(.turnCompleted(.all))
    #expect(pets(world).count == 1)
  }

  @Test func noOtherInputPets() {
    let world = World()
    world.send(.tick)
    world.send(.devicesEnumerated)
    world.send(.connectionsChanged(used: 5))
    #expect(pets(world).isEmpty)
  }

  @Test func aMissingVitalDoesNotSpinTheLoop() {
    let world = World()
    world.send(.turnCompleted([.turn, .deadlines].reduce(.none) { $0 | $1 }))
    #expect(world.deadline > world.now)
  }

  @Test func noDeviceIsAReasonAndNothingIsPetted() {
    var facts = World.facts
    facts.watchdogAvailable = false
    let world = World(facts: facts)
    world.run(20_000)
    #expect(pets(world).isEmpty && world.health.reasons.contains(.watchdogUnavailable))
    let without = World(facts: facts, configure: { $0.watchdog.device = "" })
    #expect(!without.health.reasons.contains(.watchdogUnavailable))
  }

  // MARK: Resets

  private func world(resets: UInt32, reset: ResetReason = .watchdog) -> World {
    var facts = World.facts
    facts.recentWatchdogResets = resets
    facts.reset = reset
    let world = World(facts: facts)
    world.remember([])
    world.enumerate([World.webcam()])
    world.send(.networkChanged(address: IPv4(10, 0, 0, 1), linkUp: true))
    world.run(12_000)
    return world
  }

  @Test func aResetIsNamedButNoFault() {
    let world = world(resets: 1)
    #expect(world.health.reasons.contains(.watchdogReset) && world.health.state == .healthy)
    #expect(world.read { $0.healthReport(now: world.instant).resetReason } == .watchdog)
    #expect(!world.isSafeMode)
  }

  @Test func threeResetsLeadToSafeMode() {
    #expect(!world(resets: 2).isSafeMode)
    let world = world(resets: 3)
    #expect(world.isSafeMode)
    #expect(world.health.state == .failed && world.health.reasons.contains(.safeMode))
    for effect in world.asked {
      switch effect {
      case .spawnMediaServer, .spawnProbe, .spawnFeed, .publishFeed, .media, .reauthorise,
        .cyclePower:
        Issue.record("safe mode does \(effect)")
      case .signal, .cancelMedia, .checkMediaSockets, .light, .petWatchdog, .publish,
        .rememberIdentities, .rememberSources, .silenceFeed, .log, .breadcrumb, .stop,
        .rememberRecordings, .tagRecording, .setRetention, .remountData,
        .tellClock, .press:
        break
      }
    }
    #expect(!pets(world).isEmpty, "the watchdog is petted all the same")
    #expect(world.cameras.isEmpty)
    #expect(world.read { $0.healthReport(now: world.instant).safeMode })
  }

  @Test func tenMinutesOfLifeEndTheRow() {
    let world = World(at: 5000)
    world.run(594_000)
    #expect(!world.asked.contains(.breadcrumb(.longLived)))
    world.run(10_000)
    #expect(world.time { $0 == .breadcrumb(.longLived) } == 600_000)
    world.run(700_000)
    #expect(world.count { $0 == .breadcrumb(.longLived) } == 1)
  }
}
