import Foundation
import StandInDriver
import Testing
import Wire

@testable import Appliance
@testable import Linux

@Suite struct ListeningSocketsTests {
  /// Tables in the kernel's layout, made by hand: listeners of every reach, and a connection.
  private static let tcp = fixture("tcp")
  private static let tcp6 = fixture("tcp6")

  private static func fixture(_ name: String) -> String {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/proc-net/\(name).txt")
    return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
  }

  private typealias Socket = ListeningSockets.Socket

  private func parse(
    _ text: String, _ kind: ListeningSockets.Socket.Kind, cut: Int? = nil
  ) -> ListeningSockets {
    var sockets = ListeningSockets()
    var lines = SocketLines(kind)
    let bytes = Array(text.utf8)
    for piece in [bytes[..<(cut ?? 0)], bytes[(cut ?? 0)...]] {
      if !piece.withUnsafeBytes({ lines.take($0, into: &sockets) }) { break }
    }
    return sockets
  }

  @Test func addressesAreTold() {
    let sockets = parse(Self.tcp, .stream)
    // The connection ends the list: the kernel lists what listens first.
    #expect(sockets.count == 3)
    #expect(sockets[0] == Socket(kind: .stream, reach: .loopback, port: 9997, inode: 0))
    #expect(sockets[1] == Socket(kind: .stream, reach: .loopback, port: 9998, inode: 0))
    #expect(sockets[2] == Socket(kind: .stream, reach: .other, port: 22, inode: 0))
    #expect((0..<3).map { sockets[$0].inode } == [101, 102, 103])
    let sixes = parse(Self.tcp6, .stream)
    #expect(
      (0..<sixes.count).map { sixes[$0].reach } == [.everybody, .loopback, .loopback, .other])
    #expect((0..<sixes.count).map { sixes[$0].port } == [8554, 631, 80, 81])
  }

  @Test func everySplitGivesTheSameSockets() {
    for text in [Self.tcp, Self.tcp6] {
      let whole = parse(text, .stream)
      for cut in 0...text.utf8.count { #expect(parse(text, .stream, cut: cut) == whole) }
    }
  }

  @Test func garbageIsHarmless() {
    for text in ["", "\n", "\n\n\n", "x\ny z\n", "h\n 0: 1 2 0A\n", "h\n 0: :1 2 0A\n"] {
      #expect(parse(text, .stream).count <= 1)
    }
    let long = "heading\n" + String(repeating: "9", count: 100_000) + "\n"
    #expect(parse(long, .stream).count == 0)
    let row = "   0: 00000000:1F90 00000000:0000 07 0:0 0:0 0 0 0 1\n"
    let many = "heading\n" + String(repeating: row, count: 1000)
    #expect(parse(many, .datagram).count == ListeningSockets.capacity)
  }

  private func verdict(_ sockets: [Socket]) -> ListeningSockets.Verdict {
    var list = ListeningSockets()
    for socket in sockets { list.append(socket) }
    return list.verdict(Configuration.MediaServer())
  }

  @Test func onlyTheWantedSocketsPass() {
    let api = Socket(kind: .stream, reach: .loopback, port: 9997, inode: 1)
    let metrics = Socket(kind: .stream, reach: .loopback, port: 9998, inode: 2)
    let rtsp = Socket(kind: .stream, reach: .everybody, port: 8554, inode: 3)
    #expect(verdict([api, metrics, rtsp]) == .asWanted)
    #expect(verdict([api, metrics]) == .missing(port: 8554))
    #expect(verdict([api, rtsp]) == .missing(port: 9998))
    #expect(verdict([metrics, rtsp]) == .missing(port: 9997))
    var open = api
    open.reach = .everybody
    #expect(verdict([open, metrics, rtsp]) == .unexpected(open))
    var closed = rtsp
    closed.reach = .loopback
    #expect(verdict([api, metrics, closed]) == .unexpected(closed))
    let other = Socket(kind: .datagram, reach: .everybody, port: 8554, inode: 4)
    #expect(verdict([api, metrics, rtsp, other]) == .unexpected(other))
    #expect(
      ListeningSockets.Verdict.unexpected(other).text
        == "mediamtx: unwanted socket on port 8554/udp")
  }

  @Test func theStandInHasTheWantedSockets() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    let verdict = ListeningSockets.check(pid: standIn.identifier, settings.mediaServer)
    #expect(verdict == .asWanted)
    var other = settings.mediaServer
    other.metricsPort = freePort()
    #expect(
      ListeningSockets.check(pid: standIn.identifier, other)
        == .unexpected(
          Socket(
            kind: .stream, reach: .loopback, port: settings.mediaServer.metricsPort, inode: 0)))
  }

  /// A server that a configuration of ours did not switch off is found.
  @Test func aServerTooManyIsFound() throws {
    let port = freePort()
    let standIn = try StandInProcess { ports, folder in
      StandInProcess.configuration(ports, folder)
        .replacing("rtmp: no", with: "rtmp: yes\nrtmpAddress: :\(port)")
        .replacing("playback: yes", with: "playback: no")
        .replacing("rtspAddress: 127.0.0.1:", with: "rtspAddress: :")
    }
    #expect(standIn.waitUntilUp())
    var settings = Configuration.MediaServer()
    settings.apiPort = standIn.ports.api
    settings.metricsPort = standIn.ports.metrics
    settings.rtspPort = standIn.ports.rtsp
    #expect(
      ListeningSockets.check(pid: standIn.identifier, settings)
        == .unexpected(Socket(kind: .stream, reach: .everybody, port: port, inode: 0)))
  }

  @Test func aProcessThatIsGoneCannotBeRead() {
    let gone: Int32 = 1 << 30
    #expect(ListeningSockets.check(pid: gone, .init()) == .unreadable(errno: 2))
  }
}
