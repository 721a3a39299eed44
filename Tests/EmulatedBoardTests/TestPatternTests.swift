import Foundation
import Testing

@testable import EmulatedBoard

/// The test picture in all its kinds.
struct TestPatternTests {
  private static let sizes = ["640x480", "1280x720", "1920x1080"].compactMap(FrameSize.init)

  private func pattern(_ kind: PictureKind, _ size: FrameSize) -> TestPattern {
    var pattern = TestPattern(kind)
    pattern.start(StreamSelection(codec: .mjpeg, size: size, interval: 333_333))
    return pattern
  }

  @Test(arguments: PictureKind.allCases, sizes)
  func markersAreThoseOfTheKind(kind: PictureKind, size: FrameSize) throws {
    var pattern = pattern(kind, size)
    let outline = try #require(JPEGOutline(pattern.frame(1234)))
    #expect(outline.isComplete)

    let tables = outline.bodies(JPEG.quantizationTables)
    #expect(tables.map { $0[0] } == (kind == .threeTables ? [0, 1, 2] : [0, 1]))
    #expect(Set(tables.map { $0.dropFirst() }).count == tables.count, "tables differ")
    #expect(outline.bodies(JPEG.huffmanTables).count == (kind == .noHuffmanTables ? 0 : 4))

    let frame = try #require(outline.bodies(JPEG.startOfFrame).first)
    let sampling: UInt8 = kind == .yuv444 ? 0x11 : kind == .yuv422 ? 0x21 : 0x22
    #expect([frame[7], frame[10], frame[13]] == [sampling, 0x11, 0x11])
    #expect([frame[8], frame[11], frame[14]] == [0, 1, kind == .threeTables ? 2 : 1])

    // One restart interval per row, numbered 0 … 7 round and round (T.81, E.1.4), or none at all.
    let (columns, rows) = ((size.width + 15) / 16, (Int(size.height) + 15) / 16)
    let intervals = outline.bodies(JPEG.restartInterval)
    #expect(intervals == (kind == .restart ? [[UInt8(columns >> 8), UInt8(columns & 0xFF)]] : []))
    #expect(outline.restarts == (kind == .restart ? (0..<rows - 1).map { UInt8($0 % 8) } : []))
  }

  @Test(arguments: PictureKind.allCases)
  func commentHoldsNumberAndTimes(kind: PictureKind) throws {
    var pattern = pattern(kind, Self.sizes[0])
    let before = FrameStamp(number: 0)
    let picture = pattern.frame(77)
    let after = FrameStamp(number: 0)
    #expect(picture.prefix(4) == [0xFF, 0xD8, 0xFF, 0xFE], "the comment comes first")
    let comment = try #require(JPEGOutline(picture)?.comments.first)
    let words = comment.split(separator: " ")
    try #require(words.count == 6)
    #expect([words[0], words[2], words[4]] == ["watchpost-frame", "realtime", "monotonic"])
    #expect(words[1] == "77")
    let (realtime, monotonic) = (try #require(Int64(words[3])), try #require(Int64(words[5])))
    #expect((before.realtime...after.realtime).contains(realtime))
    #expect((before.monotonic...after.monotonic).contains(monotonic))
  }

  @Test(
    .enabled(if: FFmpegDecoder.isInstalled, "no ffmpeg: run board/setup first"),
    arguments: PictureKind.allCases, sizes)
  func decodesToBarsAndNumber(kind: PictureKind, size: FrameSize) throws {
    var pattern = pattern(kind, size)
    let numbers: [UInt64] = [0, 123_456, 7_890_999]
    let decoded = try FFmpegDecoder.decode(numbers.flatMap { pattern.frame($0) }, "mjpeg")
    #expect(decoded.complaints == "")
    #expect(decoded.status == 0)
    let chroma: (across: Int, down: Int) =
      kind == .yuv444 ? (1, 1) : kind == .yuv422 ? (2, 1) : (2, 2)
    let layout = RawPicture.Layout(
      width: Int(size.width), height: Int(size.height), chroma: chroma)
    try #require(decoded.output.count == numbers.count * layout.bytes)
    for (index, number) in numbers.enumerated() {
      let picture = RawPicture(
        layout: layout, bytes: decoded.output.dropFirst(index * layout.bytes))
      #expect(visibleNumber(picture) == number % 1_000_000)
      for y in [0, 15, 16, Int(size.height) - 1] {
        #expect(visibleBars(picture, y) == TestPattern.bars(columns: Int(size.width) / 16))
      }
    }
  }

  /// Colours along a line, one per cell: exact, as flat blocks lose nothing.
  private func visibleBars(_ picture: RawPicture, _ y: Int) -> [MosaicColour] {
    (0..<picture.layout.width / 16).map { picture.colour($0 * 16 + 9, y) }
  }

  private static let glyphs = [
    "### # # # # # # ###", " #  ##   #   #  ###", "###   # ### #   ###", "###   # ###   # ###",
    "# # # # ###   #   #", "### #   ###   # ###", "### #   ### # # ###", "###   #  #   #   # ",
    "### # # ### # # ###", "### # # ###   # ###",
  ]

  /// Reads the six digits in the middle of the picture, as a person would. Nil where something
  /// else is.
  private func visibleNumber(_ picture: RawPicture) -> UInt64? {
    let (columns, rows) = (picture.layout.width / 16, (picture.layout.height + 15) / 16)
    let scale = columns / 32
    let (left, top) = ((columns - 24 * scale) / 2, (rows - 5 * scale) / 2)
    var number: UInt64 = 0
    for digit in 0..<6 {
      let lines = (0..<5).map { line in
        String(
          (0..<3).map { dot -> Character in
            let (column, row) = (left + (4 * digit + dot) * scale, top + line * scale)
            switch picture.colour(column * 16 + 8, row * 16 + 8) {
            case .white: return "#"
            case .black: return " "
            default: return "?"
            }
          })
      }
      guard let value = Self.glyphs.firstIndex(of: lines.joined(separator: " ")) else {
        return nil
      }
      number = number * 10 + UInt64(value)
    }
    return number
  }

  /// A camera of 720p30 runs beside an emulated board, on whatever is left of a core. Measured in
  /// a debug build: 0.6 ms (4:2:0) … 0.95 ms (4:4:4).
  @Test(arguments: PictureKind.allCases)
  func aPictureCostsLessThanATenthOfItsTime(kind: PictureKind) {
    var pattern = pattern(kind, FrameSize(width: 1280, height: 720))
    let count: UInt64 = 100
    let start = processorTime()
    for number in 0..<count { _ = pattern.frame(number) }
    let cost = (processorTime() - start) / Int(count)
    // Tests/sanitize: instrumented code is slower.
    let slowness = ProcessInfo.processInfo.environment["WATCHPOST_SLOWNESS"].flatMap { Int($0) }
    #expect(cost < 3_000_000 * (slowness ?? 1), "\(cost) ns a picture")
  }

  /// Nanoseconds that this thread has run: other tests beside it do not count.
  private func processorTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
