import Testing
import Wire

@testable import Appliance

/// RTSP sources on the network.
@Suite struct SourceTests {
  private func add(_ world: World, _ name: String, _ url: String = "rtsp://u:p@h/x") throws {
    try world.ask { try $0.addSource(Text(name), url: Text(url), now: $1, effects: &$2) }
  }

  private func remove(_ world: World, _ name: String) throws {
    try world.ask { try $0.removeSource(Text(name), now: $1, effects: &$2) }
  }

  private func load(_ world: World, _ sources: [KnownSource]) {
    sources.withUnsafeBufferPointer { world.send(.sourcesLoaded($0)) }
  }

  private func saved(_ world: World) -> Int { world.count { $0 == .rememberSources } }

  private func entries(_ world: World) throws -> [SourceEntry] {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.payloadSize, alignment: 8)
    defer { bytes.deallocate() }
    var writer = ByteWriter(bytes)
    world.read { $0.writeSourceList(into: &writer) }
    var (head, reader) = try SourceListHead.open(writer.written)
    return (0..<head.count).map { _ in SourceEntry(from: &reader) }
  }

  @Test func addedItIsPulledShownAndKept() throws {
    let world = World.up()
    load(world, [])
    try add(world, "yard")
    #expect(saved(world) == 1)
    world.run(1500)
    #expect(world.streams == ["yard": .idle] && saved(world) == 1)
    #expect(world.read { $0.streams.url(of: "yard") } == "rtsp://u:p@h/x")
    world.serverPaths["yard"]?.ready = true
    world.run(1100)
    world.serverPaths["yard"]?.inboundBytes = 1000
    world.run(1100)
    let entry = try #require(try entries(world).first)
    #expect(entry.name == "yard" && entry.url == "rtsp://u:***@h/x")
    #expect(entry.state == .flowing && entry.ready)
    try remove(world, "yard")
    world.run(1500)
    #expect(try entries(world).isEmpty && world.serverPaths.isEmpty && saved(world) == 2)
  }

  @Test func namesAreShared() throws {
    let world = World.up()
    load(world, [])
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    #expect(throws: Status.alreadyExists) { try add(world, name) }
    world.unplug("video0")
    #expect(throws: Status.alreadyExists) { try add(world, name) }
    try add(world, "yard")
    #expect(throws: Status.alreadyExists) { try add(world, "yard", "rtsp://other/") }
    #expect(throws: Status.notFound) { try remove(world, name) }
    #expect(throws: Status.notFound) { try remove(world, "nobody") }
    #expect(throws: Status.invalidArgument) { try add(world, "Yard") }
    #expect(throws: Status.invalidArgument) { try add(world, "gate", "http://h/") }
    #expect(try entries(world).count == 1)
  }

  /// A new camera that would get a source's name gets another one.
  @Test func camerasGiveWay() throws {
    let world = World.up()
    load(world, [])
    try add(world, "hd-webcam-c270-deb2")
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    #expect(name != "hd-webcam-c270-deb2" && name.hasPrefix("hd-webcam-c270-"))
    #expect(world.cameras[name] == .streaming)
    world.unplug("video0")
    world.plug(World.webcam())
    world.run(1500)
    #expect(world.name(at: "video0") == name)
  }

  @Test func theTableIsBounded() throws {
    let world = World.up()
    for number in 0..<Limits.sources { try add(world, "source-\(number)") }
    #expect(throws: Status.busy) { try add(world, "one-more") }
    world.run(8000)
    #expect(world.streams.count == Limits.sources)
    #expect(try entries(world).count == Limits.sources)
    try remove(world, "source-7")
    try add(world, "one-more")
  }

  @Test func theyAreRememberedOverAReboot() throws {
    let known = [
      KnownSource(name: "yard", url: "rtsp://h/1"), KnownSource(name: "bad name", url: "rtsp://h/"),
      KnownSource(name: "gate", url: "gopher://h/"), KnownSource(name: "yard", url: "rtsp://h/2"),
    ]
    let world = World()
    // Until the memory has been read nothing is written, or half would replace the whole.
    try add(world, "early")
    world.run(100)
    #expect(saved(world) == 0)
    load(world, known)
    world.run(1000)
    #expect(saved(world) == 1)
    #expect(try entries(world).map { String($0.name) } == ["early", "yard"])
    #expect(world.read { $0.streams.url(of: "yard") } == "rtsp://h/1")
    #expect(Set(world.streams.keys) == ["early", "yard"])
  }

  /// Removed and added again with another address while MediaMTX still has the old path.
  @Test func anotherAddressReplacesThePath() throws {
    let world = World.up()
    load(world, [])
    try add(world, "yard", "rtsp://h/1")
    world.run(1500)
    world.clearLog()
    try remove(world, "yard")
    try add(world, "yard", "rtsp://h/2")
    #expect(world.streams == ["yard": .pending])
    world.run(3000)
    let calls = world.asked.compactMap { effect -> String? in
      switch effect {
      case .media(.addPath): "add"
      case .media(.removePath): "remove"
      default: nil
      }
    }
    #expect(calls == ["remove", "add"])
    #expect(world.streams == ["yard": .idle])
    #expect(world.read { $0.streams.url(of: "yard") } == "rtsp://h/2")
  }

  @Test func strangersDoNotTakeTheirPlace() throws {
    let world = World.up()
    for path in 0..<Limits.streams { world.addPath("stranger-\(path)") }
    world.serverForgets = true
    world.run(1500)
    try add(world, "yard")
    #expect(world.streams == ["yard": .pending])
  }
}
