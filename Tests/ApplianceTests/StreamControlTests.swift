import Testing
import Wire

@testable import Appliance

/// What clients ask of streams.
@Suite struct StreamControlTests {
  @Test func stoppedByRequestItStaysStopped() throws {
    let (world, name) = try World.streaming()
    world.clearLog()
    try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
    world.run(30_000)
    #expect(world.feeds.isEmpty && world.feedSpawns(0).isEmpty)
    let entry = world.camera(name)
    #expect(entry.state == .ready && entry.reason == .stopped && !entry.enabled)
    #expect(world.streams[name] == .idle && world.health.state == .healthy)
    #expect(world.asked.contains(.rememberIdentities) && world.known.first?.stopped == true)
    #expect(world.asked.contains(.signal(.feed(slot: 0), life: 1, .terminate)))
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    // Also after a replug and a reboot.
    world.unplug("video0")
    world.plug(World.webcam())
    world.run(2000)
    #expect(world.cameras[name] == .ready && world.feeds.isEmpty)
    let next = World()
    next.remember(world.known)
    next.plug(World.webcam())
    next.run(3000)
    #expect(next.cameras[name] == .ready && next.camera(name).reason == .stopped)
    try next.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(try #require(next.timeToStream(name)) < 1000)
    #expect(next.known.first?.stopped == false)
  }

  /// A late memory of an earlier wish stops what has begun.
  @Test func theMemoryMayComeLate() throws {
    var known = KnownCamera()
    known.name = "hd-webcam-c270-deb2"
    known.rung = .serial
    (known.vendorID, known.productID) = (0x046D, 0x0825)
    known.serial = "A3B2C1D0"
    known.stopped = true
    let world = World()
    world.plug(World.webcam())
    world.run(4000)
    #expect(world.cameras["hd-webcam-c270-deb2"] == .streaming)
    world.remember([known])
    world.run(100)
    #expect(world.cameras["hd-webcam-c270-deb2"] == .ready && world.feeds.isEmpty)
  }

  @Test func stoppedInEveryState() throws {
    for plan in [
      FakeFeed.Plan.works, .mute, .dark, .damaged, .broken, .fails(.busy), .crashes, .absent,
    ] {
      for delay in stride(from: UInt64(0), to: 700, by: 41) {
        let world = World.up(feedPlan: plan)
        world.plug(World.webcam())
        world.run(55 + delay)
        let name = try #require(world.name(at: "video0"))
        try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
        world.run(3000)
        #expect(world.cameras[name] == .ready && world.feeds.isEmpty, "\(plan) \(delay)")
        #expect(world.camera(name).attempts == 0 && world.camera(name).nextAttemptInMs == 0)
        world.feedPlan = .works
        try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
        #expect(world.timeToStream(name) != nil)
      }
    }
  }

  @Test func startingTriesAtOnce() throws {
    let (world, name) = try World.streaming(.fails(.busy))
    world.run(100_000)
    world.feedPlan = .works
    #expect(world.camera(name).nextAttemptInMs > 1000)
    try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(try #require(world.timeToStream(name)) < 1000)
    #expect(throws: Status.unknownCamera) {
      try world.ask { try $0.startStream("nobody", now: $1, effects: &$2) }
    }
    #expect(throws: Status.unknownCamera) {
      try world.ask { try $0.stopStream("nobody", now: $1, effects: &$2) }
    }
  }

  @Test func theApplianceEndsAfterItsFeeds() throws {
    let (world, _) = try World.streaming()
    world.clearLog()
    try world.stop(.reboot)
    world.run(12_000)
    let ended = try #require(world.time { $0 == .stop(.reboot) })
    #expect(world.feeds.isEmpty && ended - world.log[0].ms < 1000)
    let stuck = try World.streaming().0
    stuck.feedsIgnoreKill = true
    stuck.clearLog()
    try stuck.stop(.powerOff)
    stuck.run(12_000)
    #expect(stuck.asked.contains(.signal(.feed(slot: 0), life: 1, .kill)))
    #expect(stuck.asked.contains(.stop(.powerOff)), "what does not end is left to init")
  }

  @Test func noFeedInSafeMode() throws {
    let (world, _) = try World.streaming()
    world.send(
      .historyLoaded(BootHistory(reset: .watchdog, bootCount: 4, recentWatchdogResets: 3)))
    world.run(5000)
    #expect(world.isSafeMode && world.feeds.isEmpty)
  }
}
