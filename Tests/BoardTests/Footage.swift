import EmulatedBoard
import Foundation
import StandInDriver
import Synchronization
import Testing

/// What cameras show in these tests, made by ffmpeg when it is needed: 1280x720, 30 a second.
final class Footage {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "footage-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func make(_ name: String, _ options: String...) throws -> String {
    let file = folder.appending(path: name).path
    let source = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30"]
    let encoder = try FFmpeg(source + options + [file])
    let status = encoder.exit(within: .seconds(60))
    try #require(status == 0, Comment(rawValue: encoder.complaints))
    return file
  }

  /// JPEGs that RFC 2435 carries as they are: baseline, 4:2:0, the standard Huffman tables.
  func pictures() throws -> StampedPictures {
    _ = try make(
      "%02d.jpg", "-frames:v", "12", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "8",
      "-huffman", "default")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return StampedPictures(
      try names.filter { $0.hasSuffix(".jpg") }.sorted().map {
        [UInt8](try Data(contentsOf: folder.appending(path: $0)))
      })
  }

  /// An H.264 stream, baseline, a key frame each second.
  func h264() throws -> AnnexBFile {
    try AnnexBFile(
      make(
        "a.h264", "-frames:v", "90", "-c:v", "libx264", "-profile:v", "baseline", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p", "-g", "30", "-b:v", "1M", "-f", "h264"))
  }
}

/// JPEGs over and over, each marked with its number and the moment it was taken, and remembered.
///
/// The mark is that of usbcam's test pattern, a JPEG comment
/// `watchpost-frame NUMBER realtime NANOSECONDS …` right after the picture's start.
struct StampedPictures: FrameSource {
  /// What a snapshot says of itself.
  struct Stamp: Equatable {
    var number: UInt64
    /// Nanoseconds since 1970 by the host's clock.
    var realtime: Int64

    init?(_ picture: [UInt8]) {
      let text = String(decoding: picture.prefix(120), as: UTF8.self)
      guard let match = text.firstMatch(of: #/watchpost-frame (\d+) realtime (\d+) /#),
        let number = UInt64(match.1), let realtime = Int64(match.2)
      else { return nil }
      (self.number, self.realtime) = (number, realtime)
    }
  }

  /// The last pictures that were sent, by number.
  final class Sent: Sendable {
    private let pictures = Mutex<[UInt64: [UInt8]]>([:])
    private static let kept: UInt64 = 256

    func note(_ number: UInt64, _ picture: [UInt8]) {
      pictures.withLock {
        $0[number] = picture
        if number >= Self.kept { $0[number - Self.kept] = nil }
      }
    }

    subscript(number: UInt64) -> [UInt8]? { pictures.withLock { $0[number] } }
  }

  let sent = Sent()
  private let pictures: [[UInt8]]

  init(_ pictures: [[UInt8]]) {
    precondition(!pictures.isEmpty)
    self.pictures = pictures
  }

  mutating func start(_ selection: StreamSelection) {}

  mutating func frame(_ number: UInt64) -> [UInt8] {
    let picture = pictures[Int(number % UInt64(pictures.count))]
    let text = "watchpost-frame \(number) realtime \(Self.now()) "
    // A comment segment (ITU-T T.81, B.2.4.5) behind the start of the image.
    let length = text.utf8.count + 2
    let comment = [0xFF, 0xFE, UInt8(length >> 8), UInt8(length & 0xFF)] + Array(text.utf8)
    let stamped = Array(picture[..<2]) + comment + picture[2...]
    sent.note(number, stamped)
    return stamped
  }

  /// Nanoseconds since 1970.
  static func now() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}
