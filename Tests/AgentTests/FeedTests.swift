import Foundation
import Glibc
import StandInDriver
import Testing

/// What a feed sends, as ffmpeg understands it: an RTSP server that nobody here has written.
@Suite(.serialized, .oneDevice, .timeLimit(.minutes(10))) struct FeedTests {
  /// Frames that ffmpeg decodes in this time are counted; longer with WATCHPOST_FEED_SECONDS.
  static let seconds =
    Double(ProcessInfo.processInfo.environment["WATCHPOST_FEED_SECONDS"] ?? "") ?? 4

  static let films: [(String, URL)] = [
    ("baseline 4:2:0", Films.conforming), ("4:4:4", Films.coarse),
    ("Huffman tables of its own", Films.ownTables), ("644x484", Films.odd),
    ("H.264", Films.h264), ("H.264 with delimiters", Films.delimited),
  ]

  @Test(arguments: films) func ffmpegDecodesEveryFrame(kind: String, film: URL) throws {
    let port = freePort()
    let server = try ffmpeg([
      "-rtsp_flags", "listen", "-i", "rtsp://127.0.0.1:\(port)/x", "-t", "\(Self.seconds)",
      "-f", "framecrc", "-",
    ])
    let feed = try Self.start(film, port: port)
    defer { Self.end(feed) }
    let run = try server.finish()
    #expect(run.code == 0 && run.errors == "", "\(kind): \(run.errors)")
    let frames = run.output.split(separator: "\n").filter { !$0.hasPrefix("#") }.count
    // Time stamps are the camera's: so many frames have passed in that time, the last one on the
    // border.
    let expected = Int(Self.seconds * Double(Films.rate))
    // What is coded anew gives way to whatever else runs: beside the whole suite, and by the debug
    // build, some are passed over.
    let fewest = AgentProcess.isShipped ? expected - 2 : expected / 2
    #expect((fewest...expected + 1).contains(frames), "\(kind): \(frames) of \(expected)")
  }

  /// The feed's memory does not grow with what it sends.
  @Test func memoryStaysAsItIs() throws {
    let port = freePort()
    let server = try ffmpeg([
      "-v", "quiet", "-rtsp_flags", "listen", "-i", "rtsp://127.0.0.1:\(port)/x", "-f", "null",
      "-",
    ])
    // Eight times as fast as a camera: nearly 1000 frames in four seconds.
    let feed = try Self.start(Films.conforming, port: port, rate: 240)
    defer {
      Self.end(feed)
      server.end()
    }
    Thread.sleep(forTimeInterval: 2)
    let before = try Self.residentKiB(feed)
    Thread.sleep(forTimeInterval: 4)
    let after = try Self.residentKiB(feed)
    #expect(after - before <= 64, "\(before) KiB, then \(after) KiB")
  }

  /// A feed by itself, publishing to `port`.
  static func start(_ film: URL, port: UInt16, rate: Int = Films.rate) throws -> Process {
    let feed = Process()
    feed.executableURL = AgentProcess.program
    feed.arguments = [
      "feed", film.path, "--rate", "\(rate)", "--to", "rtsp://127.0.0.1:\(port)/x",
    ]
    try feed.run()
    return feed
  }

  static func end(_ feed: Process) {
    Glibc.kill(feed.processIdentifier, SIGKILL)
    feed.waitUntilExit()
  }

  static func residentKiB(_ process: Process) throws -> Int {
    let path = "/proc/\(process.processIdentifier)/status"
    let status = try String(contentsOfFile: path, encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.split(separator: " ").dropLast().last ?? "") ?? 0
  }
}
