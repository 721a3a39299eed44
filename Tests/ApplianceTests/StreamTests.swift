import Testing
import Wire

@testable import Appliance

@Suite struct StreamTests {
  private func adds(_ world: World) -> Int {
    world.count { if case .media(.addPath) = $0 { true } else { false } }
  }

  private func spawns(_ world: World) -> Int {
    world.count { if case .spawnMediaServer = $0 { true } else { false } }
  }

  private func withCamera() throws -> (World, String) {
    let world = World.up(feedPlan: .absent)
    world.plug(World.webcam())
    world.run(1000)
    return (world, try #require(world.name(at: "video0")))
  }

  @Test func everyCameraGetsItsPath() throws {
    let (world, name) = try withCamera()
    #expect(adds(world) == 1)
    #expect(world.streams == [name: .idle])
    #expect(world.events(.streamStatus).last?.event.value == UInt32(StreamState.idle.rawValue))
  }

  @Test func rememberedCamerasHaveTheirPathFromTheStart() {
    var camera = KnownCamera()
    camera.name = "porch-0001"
    camera.rung = .port
    camera.port = "1-4"
    let world = World()
    world.remember([camera])
    world.run(500)
    #expect(world.streams == ["porch-0001": .idle])
  }

  @Test func anAnswerIsNoEffectYet() throws {
    let world = World.up(feedPlan: .absent)
    world.serverForgets = true
    world.plug(World.webcam())
    world.run(1000)
    #expect(world.streams.values.first == .pending && adds(world) == 1)
    // Asked again, at growing intervals.
    world.run(30_000)
    #expect((4...5).contains(adds(world)))
    world.serverForgets = false
    world.run(40_000)
    #expect(world.streams.values.first == .idle)
  }

  /// A publisher that followed another one between two looks at the list.
  @Test func aSuccessorIsReadySinceItCame() {
    var path = MediaPath()
    path.ready = true
    path.inboundBytes = 900
    var flow = StreamFlow(path, now: Instant(ms: 1000))
    path.inboundBytes = 9000
    flow.update(path, now: Instant(ms: 2000))
    #expect(flow.readyAt == Instant(ms: 1000))
    path.inboundBytes = 40
    flow.update(path, now: Instant(ms: 3000))
    #expect(flow.readyAt == Instant(ms: 3000))
    #expect(flow.state == .flowing)
  }

  @Test func theListIsReadPageByPage() {
    let world = World.up(feedPlan: .absent)
    world.serverPageSize = 2
    for number in 0..<5 {
      world.plug(
        World.webcam("video\(number)", port: "1-\(number)", serial: "SER-A\(number)77"))
    }
    world.run(3000)
    #expect(world.streams.count == 5 && world.streams.values.allSatisfy { $0 == .idle })
    #expect(adds(world) == 5)
  }

  @Test func aPathNobodyWantsIsRemoved() {
    let world = World.up(feedPlan: .absent)
    world.addPath("stranger")
    world.run(3000)
    #expect(world.asked.contains(.media(.removePath(life: 1, "stranger"))))
    #expect(world.serverPaths.isEmpty && world.streams.isEmpty)
  }

  @Test func aRejectedChangeRestartsTheServerWithinItsBudget() throws {
    let world = World.up(feedPlan: .absent)
    world.serverRejects = 400
    world.plug(World.webcam())
    world.run(2000)
    #expect(spawns(world) == 2)
    #expect(world.streams.values.first == .idle, "the file of the new life holds the path")
    for number in 1..<8 {
      world.plug(World.webcam("video\(number)", port: "1-\(number)", serial: "SER-B\(number)77"))
      world.run(5000)
    }
    #expect(spawns(world) == 4)
  }

  @Test func otherRejectionsAreRetried() {
    let world = World.up(feedPlan: .absent)
    world.serverRejects = 404
    world.plug(World.webcam())
    world.run(5000)
    #expect(spawns(world) == 1 && (1...3).contains(adds(world)))
  }

  @Test func aDeadServersStreamsAreDown() throws {
    let (world, name) = try withCamera()
    world.clearLog()
    world.exitServer(.signal(9))
    #expect(world.streams == [name: .down])
    world.run(100)
    #expect(world.streams == [name: .idle])
    #expect(
      world.events(.streamStatus).map(\.event.value)
        == [UInt32(StreamState.down.rawValue), UInt32(StreamState.idle.rawValue)])
    // The file already held it.
    #expect(adds(world) == 0)
  }

  @Test func theStateFollowsBytesNotReadiness() throws {
    let (world, name) = try withCamera()
    func state() -> StreamState? { world.streams[name] }
    world.serverPaths[name]?.ready = true
    world.run(1100)
    #expect(state() == .opening)
    world.serverPaths[name]?.inboundBytes = 5000
    world.run(1100)
    #expect(state() == .flowing)
    for _ in 0..<5 {
      world.serverPaths[name]?.inboundBytes += 5000
      world.run(1100)
      #expect(state() == .flowing)
    }
    world.run(5000)
    #expect(state() == .stalled, "bytes that do not grow")
    world.serverPaths[name]?.inboundBytes += 1
    world.run(1100)
    #expect(state() == .flowing)
    world.serverPaths[name]?.inboundBytes += 1
    world.serverPaths[name]?.inboundFramesInError += 3
    world.run(1100)
    #expect(state() == .stalled, "frames in error")
    world.serverPaths[name]?.ready = false
    world.run(1100)
    #expect(state() == .idle)
  }

  /// M-JPEG that MediaMTX cannot carry: ready for ever, not one byte.
  @Test func aReadyStreamWithoutBytesIsNotFlowing() throws {
    let (world, name) = try withCamera()
    world.serverPaths[name]?.ready = true
    world.run(3000)
    #expect(world.streams[name] == .opening)
    world.serverPaths[name]?.inboundFramesInError = 10
    world.run(1100)
    #expect(world.streams[name] == .stalled)
    world.run(20_000)
    #expect(world.streams[name] == .stalled)
  }

  /// One error of a while costs one look; a stream that errs again and again settles as stalled
  /// instead of changing for ever.
  @Test func occasionalErrorsDoNotFlap() {
    var path = MediaPath()
    path.ready = true
    var flow = StreamFlow(path, now: Instant(ms: 0))
    var now: UInt64 = 0
    func look(errors: UInt64 = 0) -> StreamState {
      now += 1000
      path.inboundBytes += 1000
      path.inboundFramesInError += errors
      flow.update(path, now: Instant(ms: now))
      return flow.state
    }
    #expect(look() == .flowing)
    #expect(look(errors: 1) == .stalled && look() == .flowing)
    // A minute later it is forgotten.
    for _ in 0..<60 { #expect(look() == .flowing) }
    #expect(look(errors: 1) == .stalled && look() == .flowing)
    // An error every five seconds, for ten minutes.
    var changes = 0
    var last = flow.state
    for second in 0..<600 {
      let state = look(errors: second % 5 == 0 ? 1 : 0)
      if state != last { changes += 1 }
      last = state
    }
    #expect(changes < 12 && last == .stalled)
    // It ends: the stream is well again within the longest probation.
    for _ in 0..<31 { last = look() }
    #expect(last == .flowing)
  }

  /// The counters of a new publisher begin at 0, and so do its errors.
  @Test func aNewPublisherIsJudgedByItself() {
    var path = MediaPath()
    path.ready = true
    var flow = StreamFlow(path, now: Instant(ms: 0))
    (path.inboundBytes, path.inboundFramesInError) = (9000, 5)
    flow.update(path, now: Instant(ms: 250))
    (path.inboundBytes, path.inboundFramesInError) = (4000, 0)
    flow.update(path, now: Instant(ms: 500))
    #expect(flow.state == .flowing)
    (path.inboundBytes, path.inboundFramesInError) = (0, 0)
    flow.update(path, now: Instant(ms: 750))
    #expect(flow.state == .opening)
    (path.inboundBytes, path.inboundFramesInError) = (0, 3)
    flow.update(path, now: Instant(ms: 1000))
    #expect(flow.state == .stalled)
  }
}
