import Feed
import Foundation
import StandInDriver
import Testing
import Wire

@testable import Linux

/// OpenH264 and libjpeg against ffmpeg, and against what no camera should send.
@Suite(.serialized, .timeLimit(.minutes(5))) struct KeyFrameDecoderTests {
  private static let kinds: [String: [String]] = [
    "640x480": ["-profile:v", "baseline", "-pix_fmt", "yuv420p"],
    "1920x1080": ["-profile:v", "high", "-bf", "2", "-pix_fmt", "yuv420p"],
    "642x362": ["-profile:v", "main", "-x264-params", "slices=4", "-pix_fmt", "yuv420p"],
    "320x240": ["-profile:v", "high", "-pix_fmt", "yuvj420p"],
    "4096x2176": ["-profile:v", "high", "-pix_fmt", "yuv420p"],
  ]

  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "key-frames-\(UUID())")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func run(_ arguments: [String]) throws {
    let program = try FFmpeg(["-y"] + arguments)
    try #require(program.exit(within: .seconds(60)) == 0, Comment(rawValue: program.complaints))
  }

  /// Makes a film of two pictures. Returns its path.
  private func film(_ size: String, _ options: [String]) throws -> String {
    let path = folder.appending(path: "\(size).h264").path
    try run(
      ["-f", "lavfi", "-i", "testsrc2=s=\(size):r=30", "-frames:v", "2", "-c:v", "libx264"]
        + ["-preset", "fast", "-crf", "18"] + options + ["-f", "h264", path])
    return path
  }

  /// The first access unit of a film as a feed keeps it.
  private func keyFrame(_ film: String) throws -> [UInt8] {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: film)))
    return try bytes.withUnsafeBytes { bytes in
      let unit = try #require(AccessUnits.next(in: bytes, from: 0))
      var packetizer = H264Packetizer()
      try packetizer.begin(UnsafeRawBufferPointer(rebasing: bytes[unit]), timestamp: 0)
      var kept = [UInt8](repeating: 0, count: Limits.pictureSize)
      let count = kept.withUnsafeMutableBytes { packetizer.writeKeyFrame(into: $0) }
      return Array(kept[..<count])
    }
  }

  private func jpeg(_ bytes: [UInt8], room: Int = Limits.pictureSize) throws(Status)
    -> (bytes: [UInt8], width: Int, height: Int)
  {
    // Of its own size: a read behind the end is one that valgrind and the heap see.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
    let out = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
    defer {
      copy.deallocate()
      out.deallocate()
    }
    copy.copyBytes(from: bytes)
    let coded = try KeyFrameDecoder.jpeg(
      of: UnsafeRawBufferPointer(rebasing: copy[..<bytes.count]), into: out)
    return (Array(out[..<coded.count]), Int(coded.width), Int(coded.height))
  }

  /// The first picture of a file in red, green and blue, as ffmpeg sees it.
  private func colours(_ file: String) throws -> [UInt8] {
    let raw = folder.appending(path: "colours.rgb").path
    try run(["-i", file, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", raw])
    return [UInt8](try Data(contentsOf: URL(filePath: raw)))
  }

  /// Peak signal to noise ratio, in decibels.
  private func likeness(_ one: [UInt8], _ other: [UInt8]) -> Double {
    var squares = 0
    for index in one.indices {
      let difference = Int(one[index]) - Int(other[index])
      squares += difference * difference
    }
    return 10 * log10(255 * 255 * Double(one.count) / Double(max(squares, 1)))
  }

  @Test(arguments: kinds.keys.sorted()) func aKeyFrameLooksAsFFmpegSeesIt(size: String) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let film = try film(size, Self.kinds[size]!)
    let key = try keyFrame(film)
    let began = ContinuousClock.now
    let made = try jpeg(key)
    let took = ContinuousClock.now - began
    #expect("\(made.width)x\(made.height)" == size)
    let file = folder.appending(path: "made.jpg")
    try Data(made.bytes).write(to: file)
    let (ours, theirs) = (try colours(file.path), try colours(film))
    try #require(ours.count == theirs.count && ours.count == made.width * made.height * 3)
    let decibels = likeness(ours, theirs)
    print("measured | \(size): \(key.count) bytes to \(made.bytes.count), \(took), \(decibels) dB")
    #expect(decibels >= 30)
  }

  @Test func damageIsATypedError() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let key = try keyFrame(try film("320x240", Self.kinds["320x240"]!))
    #expect(throws: Status.cameraNotStreaming) { try jpeg([]) }
    #expect(throws: Status.cameraNotStreaming) { try jpeg([0, 0, 1]) }
    #expect(throws: Status.cameraNotStreaming) { try jpeg(Array("no picture".utf8)) }
    for count in stride(from: 1, to: key.count - 64, by: 97) {
      #expect(throws: Status.cameraNotStreaming, "cut at \(count)") {
        try jpeg(Array(key[..<count]))
      }
    }
    // A decoder cannot see every changed bit; whatever it makes of one has the picture's size.
    var dice = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var damaged = key
      for _ in 0..<Int.random(in: 1...8, using: &dice) {
        damaged[Int.random(in: 0..<key.count, using: &dice)] ^= 1 << UInt8.random(in: 0..<8)
      }
      do throws(Status) {
        let made = try jpeg(damaged)
        #expect(made.width <= KeyFrame.widthLimit && made.height <= KeyFrame.heightLimit)
      } catch { #expect(error == .cameraNotStreaming || error == .notSupported) }
    }
    // The decoder works on as before.
    #expect(try jpeg(key).width == 320)
  }

  @Test func whatCannotBeDecodedSaysSo() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let fields = try film("720x576", ["-x264-params", "tff=1", "-pix_fmt", "yuv420p"])
    #expect(throws: Status.notSupported) { try jpeg(try keyFrame(fields)) }
    let rich = try film("320x240", ["-profile:v", "high422", "-pix_fmt", "yuv422p"])
    #expect(throws: Status.notSupported) { try jpeg(try keyFrame(rich)) }
    let deep = try film("352x288", ["-profile:v", "high10", "-pix_fmt", "yuv420p10le"])
    #expect(throws: Status.notSupported) { try jpeg(try keyFrame(deep)) }
    let large = try film("4112x2176", Self.kinds["4096x2176"]!)
    #expect(throws: Status.notSupported) { try jpeg(try keyFrame(large)) }
  }

  /// Where the best JPEG does not fit, a smaller one does; where none does, that is said.
  @Test func aSmallRoomCostsQuality() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let key = try keyFrame(try film("640x480", Self.kinds["640x480"]!))
    let best = try jpeg(key)
    let smaller = try jpeg(key, room: best.bytes.count * 3 / 4)
    #expect(smaller.bytes.count <= best.bytes.count * 3 / 4 && smaller.width == 640)
    #expect(throws: Status.notSupported) { try jpeg(key, room: 500) }
  }
}
