import ControlClient
import Foundation
import Glibc
import StandInDriver
import Testing
import Wire

/// The agent with films for cameras and the stand-in for MediaMTX: streams and snapshots.
@Suite(.serialized, .oneDevice, .timeLimit(.minutes(10))) struct PictureTests {
  /// An agent whose cameras play these films, and a client of it.
  final class Station {
    let agent: AgentProcess
    let client: ControlConnection
    private(set) var names: [Name] = []

    /// `expected` cameras are waited for; `kept` is a folder that stays.
    init(_ films: [URL], streaming expected: Int? = nil, in kept: URL? = nil) async throws {
      let beside = AgentProcess.program.deletingLastPathComponent()
      let named = ProcessInfo.processInfo.environment["MEDIAMTX_STANDIN"]
      let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()
      let server =
        named
        ?? (AgentProcess.isShipped ? tests : beside)
        .appending(path: "mediamtx-standin").path
      let playback = films.map { "\($0.path)@\(Films.rate)" }.joined(separator: ", ")
      agent = try AgentProcess(
        media: """
          path = \(server)
          rtsp_port = \(freePort())
          api_port = \(freePort())
          metrics_port = \(freePort())
          """, cameras: "playback = \(playback)", in: kept)
      client = try await ControlConnection.open(
        DeviceAddress(host: "127.0.0.1", port: Int(agent.port)))
      names = try await streaming(expected ?? films.count)
    }

    /// The names of the cameras once so many stream.
    @discardableResult func streaming(_ count: Int, within seconds: Double = 20) async throws
      -> [Name]
    {
      let end = ContinuousClock.now + .seconds(seconds)
      while true {
        let cameras = try await client.cameras().cameras
        let flowing = cameras.filter { $0.state == .streaming }
        if flowing.count == count { return flowing.map { $0.name } }
        guard ContinuousClock.now < end else {
          throw TestError("\(flowing.count) of \(count) cameras stream")
        }
        try await Task.sleep(for: .milliseconds(10))
      }
    }

    /// The agent's children that run this role.
    func children(_ role: String) throws -> [Int32] {
      try agent.children().filter { pid in
        let line = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        return line?.split(separator: "\0").contains { $0.hasSuffix(role) } ?? false
      }
    }

    func descriptors() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(agent.pid)/fd").count
    }
  }

  @Test func aSnapshotIsTheCamerasOwnAndNew() async throws {
    let station = try await Station([Films.conforming])
    let film = try Data(contentsOf: Films.conforming)
    var took: [Double] = []
    for _ in 0..<200 {
      let start = ContinuousClock.now
      let snapshot = try await station.client.snapshot(of: station.names[0])
      took.append((ContinuousClock.now - start) / .milliseconds(1))
      // Taken no earlier than one interval before the request came, and some for the way.
      #expect(snapshot.head.ageUs <= 33_400 + UInt32(took.last! * 1000))
      #expect(film.range(of: Data(snapshot.bytes)) != nil)
      #expect(!snapshot.head.completed && !snapshot.head.transcoded)
      // Not in step with the camera.
      try await Task.sleep(for: .milliseconds(Int64.random(in: 0...33)))
    }
    took.sort()
    print("snapshot: median \(took[100]) ms, 95th percentile \(took[190]) ms, most \(took[199]) ms")
    // The bar is 10 ms on a machine that does nothing else.
    if AgentProcess.isShipped { #expect(took[190] <= 20) }
  }

  @Test func whatCannotBeCarriedIsCodedAnewAndSaysWhy() async throws {
    let station = try await Station([Films.coarse, Films.odd, Films.ownTables])
    let reasons = try await station.client.cameras().cameras.map { $0.deliveryReason.known }
    #expect(reasons == [.sampling, .dimensions, .huffmanTables])
    // A snapshot is the camera's own all the same.
    let film = try Data(contentsOf: Films.odd)
    let odd = try await station.client.snapshot(of: station.names[1])
    #expect(film.range(of: Data(odd.bytes)) != nil)
    #expect(!odd.head.transcoded && odd.head.width == 644 && odd.head.height == 484)
  }

  /// The newest key frame, however old: one comes each second.
  @Test func h264HasASnapshotToo() async throws {
    let station = try await Station([Films.h264, Films.delimited])
    for name in station.names {
      var took: [Double] = []
      for _ in 0..<10 {
        let began = ContinuousClock.now
        let snapshot = try await station.client.snapshot(of: name)
        took.append((ContinuousClock.now - began) / .milliseconds(1))
        #expect((snapshot.head.width, snapshot.head.height) == (1280, 720))
        #expect(snapshot.head.transcoded && !snapshot.head.completed)
        #expect(snapshot.head.ageUs < 1_500_000)
        // Its number is that of a key frame, one of thirty.
        #expect(snapshot.head.frame % 30 == 1)
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jpg")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(snapshot.bytes).write(to: file)
        let decoded = try ffmpeg(["-i", file.path, "-f", "null", "-"]).finish()
        #expect(decoded.code == 0 && decoded.errors.isEmpty, "\(decoded.errors)")
      }
      print("measured | snapshot of H.264 1280x720: \(took.sorted()) ms")
    }
  }

  /// A picture of a feed that stands still would be old: there is none.
  @Test func aStoppedFeedGivesNoOldPicture() async throws {
    let station = try await Station([Films.conforming])
    let feed = try #require(try station.children("feed").first)
    Glibc.kill(feed, SIGSTOP)
    usleep(60_000)
    do {
      let snapshot = try await station.client.snapshot(of: station.names[0])
      // A feed that was started anew may have given it.
      #expect(snapshot.head.ageUs < 100_000)
    } catch ControlError.refused(_, let status, _, _) {
      #expect(status == Status.cameraNotStreaming.rawValue)
    }
    try await station.streaming(1, within: 5)
  }

  /// Whatever is ended or stopped, everything streams again, and nothing is left behind.
  @Test func everythingComesBack() async throws {
    let station = try await Station([Films.conforming, Films.h264])
    let descriptors = try station.descriptors()
    var random = SystemRandomNumberGenerator()
    var took: [Double] = []
    for _ in 0..<12 {
      let start = ContinuousClock.now
      switch Int.random(in: 0..<3, using: &random) {
      case 0: Glibc.kill(try #require(try station.children("feed").randomElement()), SIGKILL)
      case 1: Glibc.kill(try #require(try station.children("feed").randomElement()), SIGSTOP)
      default: Glibc.kill(try #require(try station.children(".yml").first), SIGKILL)
      }
      // Until it is noticed; a feed's silence takes a second.
      let noticed = ContinuousClock.now + .seconds(2)
      while ContinuousClock.now < noticed {
        let cameras = try await station.client.cameras().cameras
        if !cameras.allSatisfy({ $0.state == .streaming }) { break }
        try await Task.sleep(for: .milliseconds(5))
      }
      try await station.streaming(2)
      took.append((ContinuousClock.now - start) / .milliseconds(1))
    }
    print("streaming again after \(took.map { Int($0) }) ms")
    #expect(took.max()! < 3000)
    #expect(try station.descriptors() <= descriptors)
    #expect(try station.children("feed").count == 2)
    #expect(try station.children(".yml").count == 1)
  }

  /// A stopped stream stays stopped, and a source stays, over the agent's lives.
  @Test func wishesOutliveTheAgent() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kept-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let yard = Name(Text<160>("yard"))
    var stopped = Name()
    do {
      let station = try await Station([Films.conforming, Films.h264], in: folder)
      stopped = station.names[0]
      try await station.client.addSource(yard, url: Text("rtsp://me:secret@127.0.0.1:9/live"))
      try await station.client.stopStream(stopped)
      #expect(try await station.client.camera(stopped).reason == .stopped)
      // The storage worker has the card's time to write.
      try await Task.sleep(for: .milliseconds(500))
      station.agent.kill()
    }
    let station = try await Station(
      [Films.conforming, Films.h264], streaming: 1, in: folder)
    #expect(try await station.client.camera(stopped).reason == .stopped)
    #expect(try station.children("feed").count == 1)
    let sources = try await station.client.sources()
    #expect(sources.map { $0.name.string } == ["yard"])
    #expect(sources.map { $0.url.string } == ["rtsp://me:***@127.0.0.1:9/live"])
    try await station.client.startStream(stopped)
    try await station.streaming(2)
    try await station.client.removeSource(yard)
    #expect(try await station.client.sources().isEmpty)
  }
}
