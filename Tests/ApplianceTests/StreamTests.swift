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
    #expect(spawns(world) == 1 + MediaServerTiming.poisonRestarts)
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
}
