import Testing
import Wire

@testable import Appliance

/// Feeds from plug to picture, in the world as it should be.
@Suite struct FeedTests {
  // MARK: The ordinary way

  @Test func pluggedStreams() throws {
    let world = World.up()
    world.clearLog()
    world.plug(World.webcam())
    world.run(20)
    #expect(world.feeds.isEmpty, "the probe has the device")
    let name = "hd-webcam-c270-deb2"
    let took = try #require(world.timeToStream(name))
    #expect(took < 1000)
    #expect(world.toldStates == [.starting, .streaming])
    let entry = world.camera(name)
    #expect(entry.format == PixelFormat.h264 && entry.width == 1280 && entry.height == 720)
    #expect(entry.rateMilli == 30_000 && entry.measuredRateMilli == 30_000)
    #expect(entry.delivery == .passThrough && entry.enabled && entry.attempts == 0)
    world.run(1000)
    #expect(world.camera(name).frames > entry.frames)
    let report = world.read { $0.healthReport(now: world.instant) }
    #expect(report.camerasStreaming == 1 && report.camerasFailed == 0)
    #expect(world.health.state == .healthy)
  }

  @Test func aFeedIsToldToPublishOnceItsPathIsListed() throws {
    let (world, _) = try World.streaming()
    let publish = try #require(
      world.time { if case .publishFeed(0, 1) = $0 { true } else { false } })
    let idle = try #require(world.events(.streamStatus).first)
    #expect(idle.event.value == UInt32(StreamState.idle.rawValue) && publish >= idle.ms)
    #expect(world.count { if case .publishFeed = $0 { true } else { false } } == 1)
    #expect(world.count { if case .silenceFeed = $0 { true } else { false } } == 0)
  }

  /// A path that is ready proves nothing.
  @Test func framesInErrorAreNoStream() throws {
    let (world, name) = try World.streaming(.broken, PixelFormat.mjpeg)
    world.run(10_000)
    let entry = world.camera(name)
    #expect(entry.state == .stalled && entry.reason == .notPublished)
    #expect(world.health.reasons.contains(.cameraStalled))
    // The pictures are there all the same.
    #expect(throws: Never.self) { try world.picture(name) }
  }

  @Test func unpluggedAndBackStreamsAtOnce() throws {
    let (world, name) = try World.streaming()
    for _ in 0..<20 {
      world.unplug("video0")
      #expect(world.cameras[name] == .absent)
      world.run(UInt64.random(in: 0..<300))
      world.plug(World.webcam())
      #expect(try #require(world.timeToStream(name)) < 1000)
    }
    #expect(world.feeds.count == 1)
  }

  /// A kernel that takes a device away is not to find its last descriptor closed halfway: the feed
  /// is asked to end, and killed only when it does not.
  @Test(arguments: [false, true]) func aDeviceThatIsGoneIsLetGoOfInTime(isStuck: Bool) throws {
    let (world, name) = try World.streaming()
    world.feedsIgnoreKill = isStuck
    world.clearLog()
    world.unplug("video0")
    world.run(999)
    let feed = ChildKind.feed(slot: 0)
    let asked = { world.asked.filter { if case .signal(feed, _, _) = $0 { true } else { false } } }
    #expect(world.cameras[name] == .absent)
    #expect(asked() == [.signal(feed, life: 1, .terminate)])
    world.run(1)
    #expect(asked().last == .signal(feed, life: 1, isStuck ? .kill : .terminate))
  }

  /// Neither a life that is over, nor one that has not begun, nor a slot that there is not.
  @Test(arguments: [(0, 0), (0, 7), (31, 1), (99, 1), (-1, 1)] as [(Int, UInt32)])
  func whatIsNoFeedOfThisLifeChangesNothing(slot: Int, life: UInt32) throws {
    let (world, name) = try World.streaming()
    let before = world.camera(name)
    world.clearLog()
    var report = FeedReport()
    (report.stage, report.failure) = (.failed, .gone)
    world.send(.feedReported(slot: slot, life: life, report))
    world.send(.childStarted(.feed(slot: slot), life: life, pid: 4))
    world.send(.childSpawnFailed(.feed(slot: slot), life: life, errno: 11))
    world.send(.childExited(.feed(slot: slot), life: life, .signal(11)))
    #expect(world.camera(name) == before && world.toldStates.isEmpty)
    world.run(5000)
    #expect(world.camera(name).state == .streaming && world.feeds.count == 1)
  }

  // MARK: Pictures

  @Test func picturesComeFromFeedsThatHaveOne() throws {
    let world = World.up { $0.cameras.modes[0] = .wish("*", format: PixelFormat.mjpeg) }
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    let source = try world.picture(name)
    #expect(source == PictureSource(slot: 0, life: 1, intervalUs: 33_333, transcoded: false))
    world.killFeed(of: name)
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    world.run(1500)
    #expect(try world.picture(name).life == 2)
    world.unplug("video0")
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    #expect(throws: Status.unknownCamera) { try world.picture("nobody") }
    let (other, h264) = try World.streaming()
    let key = try other.picture(h264)
    #expect(key.isKeyFrame && key.transcoded)
  }

  // MARK: Modes

  @Test func theConfigurationNamesTheMode() throws {
    let world = World.up {
      $0.cameras.modes[0] = .wish("*", format: PixelFormat.h264)
      $0.cameras.modes[1] = .wish("hd-webcam-c270-deb2", format: PixelFormat.mjpeg)
    }
    world.plug(World.webcam())
    world.run(1500)
    #expect(world.read { $0.feedOrder(0).mode.format } == PixelFormat.mjpeg)
    #expect(world.read { $0.feedOrder(0).camera } == "hd-webcam-c270-deb2")
    #expect(world.read { $0.feedOrder(0).node } == "video0")
  }

  @Test func aModeThatIsNotThereIsSaid() throws {
    let world = World.up {
      $0.cameras.modes[0] = .wish("*", format: PixelFormat.mjpeg, 1920, 1080)
    }
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    let entry = world.camera(name)
    #expect(entry.state == .failed && entry.reason == .modeRefused && world.feeds.isEmpty)
    let lines = world.asked.compactMap {
      if case .log(let line) = $0 { String(line.text) } else { nil }
    }
    #expect(
      lines.contains("\(name): no mode MJPG:1920x1080; it has MJPG:1280x720 H264:1280x720"))
    #expect(world.health.reasons.contains(.cameraFailed))
  }

  // MARK: Playback

  /// A file is told and probed as a device, but what is wished of cameras does not concern it.
  @Test func filesArePlayedAsCameras() throws {
    let world = World.up { $0.cameras.modes[0] = .wish("*", format: PixelFormat.mjpeg, 640, 480) }
    var file = DeviceFacts()
    file.node = "file0"
    file.bus = "/data/porch.mjpeg"
    file.product = "porch.mjpeg"
    world.enumerate([file])
    world.run(2000)
    let name = try #require(world.name(at: "file0"))
    #expect(name.hasPrefix("porch-mjpeg-") && world.cameras[name] == .streaming)
    #expect(world.camera(name).rung == .bus)
    #expect(world.read { $0.feedOrder(0).mode.width } == 1280)
    #expect(String(world.read { $0.feedOrder(0).node }) == "file0")
  }

  // MARK: Bounds

  @Test func thirtyTwoCameras() throws {
    let world = World.up()
    for number in 0..<Limits.cameras {
      world.plug(
        World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
    }
    for number in 0..<Limits.sources {
      try world.ask {
        try $0.addSource(Text("source-\(number)"), url: "rtsp://h/x", now: $1, effects: &$2)
      }
    }
    world.run(6000)
    #expect(world.feeds.count == 32 && world.cameras.values.allSatisfy { $0 == .streaming })
    #expect(world.streams.count == Limits.streams)
    for path in 0..<40 { world.addPath("stranger-\(path)") }
    world.run(1100)
    for name in world.cameras.keys { world.killFeed(of: name) }
    world.exitServer(.signal(9))
    world.run(3000)
    #expect(world.cameras.values.allSatisfy { $0 == .streaming })
    world.exitServer(.signal(9))
    for slot in world.feeds.keys { world.feeds[slot]?.isStopped = true }
    world.run(4000)
    #expect(world.cameras.values.allSatisfy { $0 == .streaming })
    world.serverAnswers = false
    for slot in world.feeds.keys { world.feeds[slot]?.isFrozen = true }
    world.run(8000)
    // Thirty-two others, all at once.
    world.enumerate(
      (0..<40).map { World.webcam("video\($0)", port: "3-\($0)", serial: "ONEANDALL") })
    world.run(8000)
    #expect(world.feeds.count == 32)
    try world.stop(.reboot)
    world.run(12_000)
    #expect(world.feeds.isEmpty && world.asked.contains(.stop(.reboot)))
    #expect(world.mostEffects > 128, "the test must reach what it bounds: \(world.mostEffects)")
    #expect(world.mostEffects < Effects.capacity)
  }
}
