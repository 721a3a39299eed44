import Foundation
import Testing

@testable import EmulatedBoard

/// Pictures from files, with and without stamps.
struct FileSourceTests {
  private static let selection = StreamSelection(
    codec: .h264, size: FrameSize(width: 1280, height: 720), interval: 333_333)

  private func write(_ bytes: [UInt8], _ name: String, in folder: URL) throws {
    try Data(bytes).write(to: folder.appending(path: name))
  }

  @Test func folderPlaysInOrderAndStamps() throws {
    var pattern = TestPattern()
    let pictures = (0..<2).map { pattern.frame($0) }
    try FFmpegDecoder.withFolder { folder in
      try write(pictures[1], "b.JPEG", in: folder)
      try write(pictures[0], "a.jpg", in: folder)
      try write([1], "notes.txt", in: folder)
      var plain = try JPEGFolder(folder.path, stamped: false)
      plain.start(Self.selection)
      #expect((0..<3).map { plain.frame($0) } == [pictures[0], pictures[1], pictures[0]])

      var stamped = try JPEGFolder(folder.path)
      stamped.start(Self.selection)
      for number in UInt64(7)...9 {
        let outline = try #require(JPEGOutline(stamped.frame(number)))
        let comment = try #require(outline.comments.first)
        #expect(outline.isComplete && outline.segments[0].marker == JPEG.comment)
        #expect(comment.hasPrefix("watchpost-frame \(number) realtime "))
        #expect(outline.comments.count == 2, "the picture's own comment stays")
      }
    }
  }

  @Test func whatIsNoPictureIsNotStamped() throws {
    try FFmpegDecoder.withFolder { folder in
      #expect(throws: FrameSourceError.self) { try JPEGFolder(folder.path) }
      try write([1, 2, 3], "a.jpg", in: folder)
      #expect(throws: FrameSourceError.self) { try JPEGFolder(folder.path) }
      var plain = try JPEGFolder(folder.path, stamped: false)
      #expect(plain.frame(0) == [1, 2, 3])
    }
  }

  private static let frames = 20

  /// A stream of x264 with a key frame every ten, as a file.
  private func makeStream(in folder: URL, delimiters: Bool) throws -> String {
    let made = try FFmpegDecoder.run(
      ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=30"]
        + [
          "-frames:v", "\(Self.frames)", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt",
          "yuv420p", "-g", "10",
        ]
        + ["-x264-params", "aud=\(delimiters ? 1 : 0)", "-f", "h264"], in: folder)
    try #require(made.status == 0, Comment(rawValue: made.complaints))
    let file = folder.appending(path: "made.h264")
    try Data(made.output).write(to: file)
    return file.path
  }

  @Test(
    .enabled(if: FFmpegDecoder.isInstalled, "no ffmpeg: run board/setup first"),
    arguments: AccessUnitDelimiters.allCases, [false, true])
  func streamIsStampedAndDecodesToTheSame(
    delimiters: AccessUnitDelimiters, hadDelimiters: Bool
  ) throws {
    try FFmpegDecoder.withFolder { folder in
      let file = try makeStream(in: folder, delimiters: hadDelimiters)
      let stream = try [UInt8](Data(contentsOf: URL(filePath: file)))
      let original = try FFmpegDecoder.decode(stream, "h264")
      var source = try AnnexBFile(file, delimiters: delimiters)
      source.start(Self.selection)
      let units = (0..<UInt64(Self.frames)).map { source.frame($0) }
      let has = delimiters == .add || delimiters == .keep && hadDelimiters
      for (number, unit) in units.enumerated() {
        let types = AnnexB.nalUnits(of: unit).map { unit[$0.payload] & 0x1F }
        #expect((types.first == 9) == has && types.dropFirst().allSatisfy { $0 != 9 })
        #expect(unit.starts(with: [0, 0, 0, 1]))
        let slice = try #require(types.firstIndex { (1...5).contains($0) })
        #expect(slice > 0 && types[slice - 1] == 6, "the stamp stands before the slice: \(types)")
        let text = try #require(stamps(of: unit).last)
        #expect(text.hasPrefix("watchpost-frame \(number) realtime "))
      }
      let decoded = try FFmpegDecoder.decode(units.flatMap { $0 }, "h264")
      #expect(decoded.complaints == "")
      #expect(decoded.output.count == Self.frames * 320 * 240 * 3 / 2)
      #expect(decoded.output == original.output)
    }
  }

  @Test(.enabled(if: FFmpegDecoder.isInstalled, "no ffmpeg: run board/setup first"))
  func withoutStampsTheStreamIsTheFile() throws {
    try FFmpegDecoder.withFolder { folder in
      let file = try makeStream(in: folder, delimiters: false)
      var source = try AnnexBFile(file, stamped: false)
      let units = (0..<UInt64(Self.frames)).map { source.frame($0) }
      #expect(try units.flatMap { $0 } == [UInt8](Data(contentsOf: URL(filePath: file))))
    }
  }

  /// Texts of an access unit's SEI messages with the stamps' identifier, read as H.264 says.
  private func stamps(of unit: [UInt8]) -> [String] {
    let parts = AnnexB.nalUnits(of: unit)
    let ends = parts.dropFirst().map(\.start) + [unit.count]
    return zip(parts, ends).compactMap { part, end in
      guard unit[part.payload] == 6 else { return nil }
      var payload: [UInt8] = []
      for byte in unit[(part.payload + 1)..<end] {
        // emulation_prevention_three_byte (7.3.1)
        if byte == 3, payload.suffix(2) == [0, 0] { continue }
        payload.append(byte)
      }
      guard payload.count > 18, payload[0] == 5, payload[1] < 255 else { return nil }
      let message = payload.dropFirst(2).prefix(Int(payload[1]))
      guard message.count == Int(payload[1]), payload.dropFirst(2 + message.count) == [0x80],
        message.starts(with: FrameStamp.userDataIdentifier)
      else { return nil }
      return String(decoding: message.dropFirst(16), as: UTF8.self)
    }
  }
}
