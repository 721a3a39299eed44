import Testing
import Wire

@testable import Appliance

/// The ladder of a camera that gives no pictures.
@Suite struct RecoveryTests {
  static let hour: UInt64 = 3_600_000
  static let quarter = hour / 4

  /// A camera that streams, and stops sending for good.
  static func dark(_ configure: (World) -> Void = { _ in }) throws -> (World, String) {
    let (world, name) = try World.streaming()
    configure(world)
    world.feedPlan = .dark
    world.feeds[0]?.isFrozen = true
    world.clearLog()
    return (world, name)
  }

  // MARK: The way up

  @Test func theMildestStepComesFirst() throws {
    let (world, name) = try Self.dark()
    world.run(60_000)
    let (report, steps) = world.recovery(name)
    #expect(
      steps.prefix(6).map(\.rung.known) == [
        .restart, .restart, .restart, .reauthorise, .portPower, .rest,
      ])
    #expect(
      steps.prefix(5).map(\.outcome.known) == [
        .failed, .failed, .failed, .failed, .unsupported,
      ])
    #expect(steps.allSatisfy { $0.cause.known == .stalled })
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.atMs <= $1.atMs })
    #expect(report.reauthorisations == 1 && report.powerCycles == 1 && report.recoveries == 0)
    #expect(report.restarts == 3 + UInt32(steps.count(where: { $0.rung.known == .rest })))
    #expect(report.attempts == UInt32(steps.count) && report.rung.known == .rest)
    let events = world.events(.cameraRecovery).map(\.event)
    #expect(events.map(\.value) == [3, 4] && events.allSatisfy { String($0.subject) == name })
  }

  @Test(arguments: [RecoveryRung.reauthorise, .portPower])
  func aStepThatHelpsEndsIt(_ rung: RecoveryRung) throws {
    let (world, name) = try Self.dark {
      $0.steps.plans[.portPower] = .replugs
      $0.steps.cure = rung
    }
    world.run(45_000)
    #expect(world.cameras[name] == .streaming)
    let (report, steps) = world.recovery(name)
    #expect(report.rung.known == RecoveryRung.none && report.attempts == 0)
    #expect(report.recoveries == 1 && report.nextInMs == 0)
    #expect(steps.last?.rung.known == rung && steps.last?.outcome.known == .worked)
    #expect(steps.dropLast().allSatisfy { $0.outcome.known == .failed })
    #expect(world.events(.cameraDisconnected).count == world.events(.cameraConnected).count)
    #expect(world.health.state == .healthy)
  }

  @Test func aCameraThatHangsInItsProbeIsReset() throws {
    let (world, name) = try World.streaming()
    world.reports["video0"] = .some(nil)
    world.unplug("video0")
    world.run(1000)
    world.plug(World.webcam())
    world.clearLog()
    world.run(120_000)
    let causes = world.recovery(name).1.map(\.cause.known)
    #expect(world.stepsTaken(.reauthorise).count == 1 && causes.contains(.probeTimeout))
    world.reports["video0"] = nil
    #expect(world.timeToStream(name, within: 310_000) != nil)
  }

  @Test func aDeviceHeldInTheKernelIsTakenAway() throws {
    let (world, name) = try Self.dark { $0.feedsIgnoreKill = true }
    world.steps.plans[.reauthorise] = .exits(.code(RecoveryExit.done))
    world.run(20_000)
    #expect(world.camera(name).reason == .quarantined)
    #expect(world.stepsTaken(.reauthorise).count == 1)
    #expect(world.recovery(name).1.first?.cause.known == .quarantined)
    world.run(Self.quarter)
    #expect(world.feedSpawns(0).isEmpty, "nobody else is let near it")
    #expect(world.stepsTaken(.reauthorise).count > 2)
  }

  // MARK: The budget

  @Test func restsGrowUpToTheirCap() throws {
    let (world, name) = try Self.dark {
      $0.steps.plans[.reauthorise] = .exits(.code(RecoveryExit.unsupported))
    }
    world.run(Self.hour)
    let starts = world.feedSpawns(0)
    // What a life takes: opening, and five seconds without a first picture.
    let pauses = zip(starts, starts.dropFirst()).map { $1 - $0 - 5042 }
    #expect(pauses.prefix(2) == [250, 500])
    // Before the first rest come two steps of 10 ms that cannot be taken.
    #expect(pauses.dropFirst(2).prefix(6) == [10_020, 20_000, 40_000, 80_000, 160_000, 300_000])
    #expect(pauses.dropFirst(8).allSatisfy { $0 == 300_000 } && pauses.count > 14)
    let (report, steps) = world.recovery(name)
    #expect(report.rung.known == .rest && report.nextInMs > 0 && steps.count == 16)
    #expect(world.camera(name).nextAttemptInMs == report.nextInMs)
  }

  @Test func aShortRunIsNoRecovery() throws {
    let (world, name) = try World.streaming()
    for _ in 0..<4 {
      world.run(4000)
      world.feeds[0]?.isFrozen = true
      world.run(4000)
    }
    #expect(world.stepsTaken(.reauthorise).count == 1)
    #expect(world.recovery(name).0.recoveries == 0)
  }

  @Test func aGoodRunBringsItDown() throws {
    let (world, name) = try World.streaming()
    for round in 1...5 {
      world.feeds[0]?.isFrozen = true
      world.run(15_000)
      let (report, steps) = world.recovery(name)
      #expect(report.rung.known == RecoveryRung.none && report.recoveries == UInt32(round))
      #expect(steps.allSatisfy { $0.rung.known == .restart && $0.outcome.known == .worked })
    }
    #expect(world.stepsTaken(.reauthorise).isEmpty)
  }

  @Test func aPlugBringsItDown() throws {
    let (world, name) = try Self.dark()
    world.run(60_000)
    #expect(world.recovery(name).0.rung.known == .rest)
    world.unplug("video0")
    #expect(world.recovery(name).0.rung.known == RecoveryRung.none)
    world.plug(World.webcam())
    world.run(10_000)
    let (report, steps) = world.recovery(name)
    #expect(report.rung.known == .restart && report.attempts == 1)
    #expect(steps.count > 6, "the history stays")
  }

  // MARK: Where no reset helps

  @Test(arguments: [
    FakeFeed.Plan.fails(.busy), .fails(.noBandwidth), .fails(.modeRefused), .crashes, .absent,
  ])
  func whatNoResetCuresIsOnlyTriedAgain(_ plan: FakeFeed.Plan) throws {
    let (world, name) = try World.streaming(plan)
    world.run(Self.quarter)
    #expect(world.stepsTaken(.reauthorise).isEmpty && world.stepsTaken(.portPower).isEmpty)
    let (report, steps) = world.recovery(name)
    #expect(report.rung.known == .restart && steps.allSatisfy { $0.rung.known == .restart })
    #expect(steps.count == 16 && steps.last!.atMs > world.now - 31_000)
  }

  @Test func aCameraThatIsOnNoPortIsOnlyTriedAgain() throws {
    let world = World.up(feedPlan: .dark)
    world.plug(World.portless)
    world.run(Self.quarter)
    #expect(world.stepsTaken(.reauthorise).isEmpty)
    let starts = world.feedSpawns(0)
    #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 - $0 < 16_000 })
  }

  @Test func aStoppedStreamIsLeftAlone() throws {
    let (world, name) = try Self.dark()
    world.run(60_000)
    try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
    #expect(world.recovery(name).0.rung.known == RecoveryRung.none)
    world.clearLog()
    world.run(Self.quarter)
    #expect(world.feedSpawns(0).isEmpty && world.stepsTaken(.reauthorise).isEmpty)
    world.feedPlan = .works
    try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(world.timeToStream(name) != nil)
  }

  @Test func whoStartsAStreamNeedNotWait() throws {
    let (world, name) = try Self.dark()
    world.run(Self.quarter)
    while world.recovery(name).0.nextInMs < 200_000 { world.run(1000) }
    world.feedPlan = .works
    try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(world.timeToStream(name) != nil)
  }
}
