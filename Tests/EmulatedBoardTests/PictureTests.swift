import Foundation
import Testing

@testable import EmulatedBoard

/// Access units and generated pictures.
struct PictureTests {
  private static let sps: [UInt8] = [0, 0, 0, 1, 0x67, 1, 2]
  private static let pps: [UInt8] = [0, 0, 0, 1, 0x68, 3]
  private static let delimiter: [UInt8] = [0, 0, 0, 1, 0x09, 0xF0]
  private static let key: [UInt8] = [0, 0, 1, 0x65, 0x88, 4]
  private static let secondSlice: [UInt8] = [0, 0, 1, 0x65, 0x40, 5]
  private static let inter: [UInt8] = [0, 0, 0, 1, 0x41, 0x9A, 6]

  @Test func delimitersBeginAccessUnits() {
    let first = Self.delimiter + Self.sps + Self.pps + Self.key
    let second = Self.delimiter + Self.inter
    #expect(AnnexB.accessUnits(of: first + second) == [first, second])
  }

  @Test func withoutDelimitersFirstSlicesBeginAccessUnits() {
    let first = Self.sps + Self.pps + Self.key + Self.secondSlice
    let second = Self.inter
    let third = Self.sps + Self.pps + Self.key
    #expect(
      AnnexB.accessUnits(of: first + second + third + second) == [first, second, third, second])
  }

  @Test func whatHoldsNoPictureIsNoAccessUnit() {
    #expect(AnnexB.accessUnits(of: []) == [])
    #expect(AnnexB.accessUnits(of: [0, 0, 1]) == [])
    #expect(AnnexB.accessUnits(of: Self.sps + Self.pps) == [])
  }

  @Test(arguments: [("640x480", 40, 30), ("1280x720", 80, 45), ("1920x1080", 120, 68)])
  func patternIsJPEGWithItsNumber(size: String, columns: Int, rows: Int) throws {
    let selection = StreamSelection(
      codec: .mjpeg, size: try #require(FrameSize(size)), interval: 333_333)
    var pattern = TestPattern()
    pattern.start(selection)
    let picture = pattern.frame(1234)
    #expect(picture.prefix(4) == [0xFF, 0xD8, 0xFF, 0xFE])
    #expect(picture.suffix(2) == [0xFF, 0xD9])
    let text = String(decoding: picture[6..<80], as: UTF8.self)
    #expect(text.hasPrefix("watchpost-frame 1234 realtime "))
    // One restart interval per row, numbered 0 … 7 round and round (T.81, E.1.4).
    var restarts: [UInt8] = []
    for index in picture.indices.dropLast()
    where picture[index] == 0xFF && (0xD0...0xD7).contains(picture[index + 1]) {
      restarts.append(picture[index + 1] & 7)
    }
    #expect(restarts == (0..<rows - 1).map { UInt8($0 % 8) })
    let next = pattern.frame(1235)
    #expect(next != picture)
  }
}
