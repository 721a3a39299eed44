import Appliance
import Testing
import Wire

@testable import EventLoop

/// Pictures travel in parts, and nobody waits behind them.
@Suite struct PictureTests {
  static let name = Name("front")

  /// A JPEG-sized row of bytes, each telling its place.
  static func picture(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }

  static func snapshot(id: UInt32) -> [UInt8] {
    request(.snapshot, id: id, Array("front".utf8) + [UInt8](repeating: 0, count: 27))
  }

  /// A loop with one camera that streams.
  static func fixture() -> Fixture {
    var fixture = Fixture { configuration in
      configuration.cameras.enabled = true
      configuration.mediaServer.path = Text("/bin/mediamtx")
    }
    fixture.stream(Self.name)
    return fixture
  }

  /// The parts of the answers to `id`, put together; nil unless they are whole.
  static func assembled(_ replies: [Reply], id: UInt32) -> [UInt8]? {
    var bytes: [UInt8] = []
    for reply in replies where reply.id == id {
      guard reply.status == 0, reply.kind == Kind.snapshot.rawValue else { return nil }
      let part = reply.payload.withUnsafeBytes { try? SnapshotPart.open($0) }
      guard let part, part.0.offset == UInt32(bytes.count) else { return nil }
      bytes += part.bytes
      if part.0.isLast { return bytes.count == Int(part.0.total) ? bytes : nil }
    }
    return nil
  }

  @Test(arguments: [
    1, SnapshotPart.capacity - 1, SnapshotPart.capacity, SnapshotPart.capacity + 1, 100_000,
    2 << 20,
  ])
  func travelsInParts(size: Int) throws {
    var fixture = Self.fixture()
    let client = fixture.loop.system.connect(Self.snapshot(id: 9))
    fixture.loop.system.picture = Self.picture(size)
    fixture.turns(2)
    #expect(fixture.loop.system.askedPictures.count == 1)
    #expect(fixture.loop.system.peers[client]!.received.isEmpty)
    fixture.loop.system.answerPictures()
    fixture.turns(2 + 2 * (size / 16_000 + 1))
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(Self.assembled(frames, id: 9) == Self.picture(size))
    #expect(fixture.loop.pictures.used == 0)
    #expect(fixture.loop.system.askedPictures.isEmpty)
  }

  /// The newest picture is asked for: one interval before the request is old enough.
  @Test func asksForTheNewest() throws {
    var fixture = Self.fixture()
    _ = fixture.loop.system.connect(Self.snapshot(id: 1))
    let now = fixture.loop.system.timeUs
    fixture.turns(2)
    let asked = try #require(fixture.loop.system.askedPictures[0])
    #expect(asked.notBeforeUs >= now - 33_334 && asked.notBeforeUs <= now)
    #expect(asked.deadlineUs > now)
  }

  /// A client that takes little by little gets its pings answered between the parts.
  @Test func pingsOvertake() throws {
    var fixture = Self.fixture()
    let client = fixture.loop.system.connect(Self.snapshot(id: 1))
    fixture.loop.system.picture = Self.picture(200_000)
    fixture.loop.system.peers[client]!.budget = 20_000
    fixture.turns(2)
    fixture.loop.system.answerPictures()
    fixture.turns(4)
    fixture.loop.system.peers[client]!.chunks.append(ping(id: 2, [7]))
    for _ in 0..<40 {
      fixture.loop.system.peers[client]!.budget += 9000
      fixture.turns(2)
    }
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    let ping = try #require(frames.firstIndex { $0.id == 2 })
    let last = try #require(frames.lastIndex { $0.id == 1 })
    #expect(ping < last && ping <= 4)
    #expect(Self.assembled(frames, id: 1) == Self.picture(200_000))
  }

  @Test func manyAtOnceThenBusy() throws {
    var fixture = Self.fixture()
    fixture.loop.system.picture = Self.picture(40_000)
    let requests = (0..<17).flatMap { Self.snapshot(id: UInt32($0)) }
    let client = fixture.loop.system.connect(requests)
    fixture.turns(3)
    #expect(fixture.loop.pictures.used == 16)
    fixture.loop.system.answerPictures()
    fixture.turns(200)
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    let busy = frames.filter { $0.status == Status.busy.rawValue }
    #expect(busy.map { $0.id } == [16])
    for id in UInt32(0)..<16 { #expect(Self.assembled(frames, id: id) == Self.picture(40_000)) }
    #expect(fixture.loop.pictures.used == 0)
  }

  @Test func aMissingPictureIsTold() throws {
    var fixture = Self.fixture()
    let client = fixture.loop.system.connect(Self.snapshot(id: 3))
    fixture.turns(2)
    fixture.loop.system.answerPictures()
    fixture.turns(3)
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(frames.map { $0.status } == [Status.cameraNotStreaming.rawValue])
    #expect(fixture.loop.pictures.used == 0)
  }

  /// A worker that says nothing costs the client two seconds, and no entry.
  @Test func silenceIsTold() throws {
    var fixture = Self.fixture()
    let client = fixture.loop.system.connect(Self.snapshot(id: 3))
    fixture.turns(2)
    fixture.pass(ms: 2100)
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(frames.map { $0.status } == [Status.cameraNotStreaming.rawValue])
    #expect(fixture.loop.system.askedPictures.isEmpty)
  }

  @Test func aClientThatLeavesFreesItsPicture() {
    var fixture = Self.fixture()
    fixture.loop.system.picture = Self.picture(100_000)
    let client = fixture.loop.system.connect(Self.snapshot(id: 3))
    fixture.turns(2)
    fixture.loop.system.peers[client]!.ended = true
    fixture.turns(2)
    #expect(fixture.loop.pictures.used == 0)
    #expect(fixture.loop.system.askedPictures.isEmpty)
  }

  @Test func unknownAndUnreachable() throws {
    var fixture = Self.fixture()
    let other = request(.snapshot, id: 4, Array("rear".utf8) + [UInt8](repeating: 0, count: 28))
    let client = fixture.loop.system.connect(other)
    fixture.turns(3)
    fixture.loop.system.picturesOff = true
    fixture.loop.system.peers[client]!.chunks.append(Self.snapshot(id: 5))
    fixture.turns(3)
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(
      frames.map { $0.status } == [Status.unknownCamera.rawValue, Status.busy.rawValue])
    #expect(fixture.loop.pictures.used == 0)
  }
}
