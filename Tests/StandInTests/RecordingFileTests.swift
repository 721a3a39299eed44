import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// The pieces that recordings are made of.
@Suite struct RecordingFileTests {
  /// A grey picture of one unit of each type, whose blocks have no coefficients at all.
  private func grey(type: UInt8, quality: UInt8, tables: [UInt8] = []) -> JPEGFrame {
    // A block of luma is 00 1010 and one of chroma 00 00; ones fill the last byte.
    let bits = String(repeating: "001010", count: type == 0 ? 2 : 4) + "00000000"
    let filled = bits + String(repeating: "1", count: (8 - bits.count % 8) % 8)
    let scan = stride(from: 0, to: filled.count, by: 8).map { offset in
      UInt8(filled.dropFirst(offset).prefix(8), radix: 2)!
    }
    return JPEGFrame(
      type: type, quality: quality, width: 16, height: type == 0 ? 8 : 16, tables: tables,
      scan: scan)
  }

  @Test(
    .enabled(if: FFmpeg.isInstalled, "no ffmpeg: run board/setup first"),
    arguments: [0, 1] as [UInt8])
  func everyTypeOfPictureIsDecoded(type: UInt8) throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "grey-\(UUID()).jpg")
    defer { try? FileManager.default.removeItem(at: file) }
    let one = [UInt8](repeating: 16, count: 64)
    for (quality, tables) in [(50, []), (255, one), (255, one + one)] as [(UInt8, [UInt8])] {
      try Data(grey(type: type, quality: quality, tables: tables).file).write(to: file)
      let finding = try #require(try FFmpeg.probe(file))
      #expect(finding.frames == 1)
      #expect(finding.complaints == "")
      #expect(try FFmpeg.pictures(file)?.count == 1)
    }
  }

  @Test func tablesAreScaled() {
    func first(_ quality: UInt8) -> [UInt8] {
      Array(grey(type: 1, quality: quality).file.dropFirst(7).prefix(3))
    }
    #expect(first(50) == [16, 11, 12])  // those of the standard
    #expect(first(99) == [1, 1, 1])
    #expect(first(25) == [32, 22, 24])
    #expect(first(1) == [255, 255, 255])
  }

  @Test func durationsAreThoseOfTheSamples() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "durations-\(UUID()).mp4")
    defer { try? FileManager.default.removeItem(at: file) }
    func part(_ durations: [Int64], isKey: Bool) -> [UInt8] {
      RecordingFile.part(
        number: 0, baseTime: 0,
        samples: durations.map { RecordedSample(duration: $0, size: 1, isKey: isKey) },
        media: [UInt8](repeating: 0, count: durations.count))
    }
    let header = RecordingFile.header(
      .motionJPEG(width: 16, height: 16), stream: MP4.zeros(16), segment: 0, start: (0, 0))
    let first = part([45_000, 22_500], isKey: true)
    let bytes = header + first + part([90_000], isKey: false)
    func duration(_ count: Int) throws -> Nanoseconds? {
      try Data(bytes.prefix(count)).write(to: file)
      return RecordingFile.duration(of: file.path)
    }
    #expect(try duration(bytes.count) == 1750 * millisecond)
    #expect(try duration(bytes.count - 1) == 750 * millisecond)
    #expect(try duration(header.count + first.count) == 750 * millisecond)
    #expect(try duration(header.count + first.count - 1) == 0)
    try Data("not a recording of anything".utf8).write(to: file)
    #expect(RecordingFile.duration(of: file.path) == nil)
  }

  /// RTP's clock wraps; the wall clock is looked at again when it and the media are 5 s apart.
  @Test func mediaTimeGoesOnWithTheStream() {
    var clock = MediaClock()
    let start = 1_000_000 * second
    func time(_ stamp: UInt32, _ wall: Nanoseconds) -> [Int64] {
      let time = clock.time(of: stamp, wallClock: start + wall)
      return [time.ticks, (time.real - start) / millisecond]
    }
    #expect(time(.max - 89_999, 0) == [0, 0])
    #expect(time(0, 1200 * millisecond) == [90_000, 1000])
    #expect(time(90_000, 2100 * millisecond) == [180_000, 2000])
    #expect(time(180_000, 63 * second) == [270_000, 63_000])
    #expect(time(270_000, 4 * second) == [360_000, 4000])
    #expect(time(225_000, 4100 * millisecond) == [315_000, 3500])
  }

  @Test func filesAreNamedByTheFirstPicture() {
    let path = RecordPath("/data/%path/%Y-%m-%d_%H-%M-%S-%f.mp4")
    #expect(
      path.name(path: "cam", start: 1_000_000 * second + 1000)
        == "/data/cam/1970-01-12_13-46-40-000001.mp4")
  }

  /// A frame that lacks a packet, or has too much, is none.
  @Test func onlyWholeFramesAreFrames() {
    func packet(_ payload: [UInt8], isLast: Bool) -> RTPPacket {
      RTPPacket(([0x80, isLast ? 0xE0 : 0x60] + MP4.zeros(10) + payload)[...])!
    }
    var assembly = FrameAssembly(.h264)
    func units(_ packets: [RTPPacket]) -> [[UInt8]]? {
      for packet in packets { _ = assembly.take(packet) }
      guard case .accessUnit(let units) = assembly.takeFrame() else { return nil }
      return units
    }
    let (first, last) = (
      packet([0x7C, 0x85, 1], isLast: false), packet([0x7C, 0x45, 2], isLast: true)
    )
    #expect(
      units([packet([0x78, 0, 2, 0x67, 9, 0, 1, 0x68], isLast: false), first, last])
        == [[0x67, 9], [0x68], [0x65, 1, 2]])
    #expect(units([first]) == nil)
    #expect(units([packet([0x59, 0, 0], isLast: false), packet([0x41, 7], isLast: true)]) == nil)
    #expect(units([packet([0x41, 7], isLast: true)]) == [[0x41, 7]])
    let large = packet([0x41] + MP4.zeros(60_000), isLast: false)
    let many = [RTPPacket](repeating: large, count: FrameAssembly.maximumFrame / 60_000 + 1)
    #expect(units(many + [packet([0x41], isLast: true)]) == nil)
    #expect(units([packet([0x41, 8], isLast: true)]) == [[0x41, 8]])
  }
}
