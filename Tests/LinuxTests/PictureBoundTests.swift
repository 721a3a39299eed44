import CLinux
import Foundation
import Testing

/// Pictures whose headers promise more than their bytes hold; found by the fuzzer `decoders`.
@Suite(.serialized, .timeLimit(.minutes(1))) struct PictureBoundTests {
  /// A picture of Tests/Fixtures/feed, with other sides where they are given.
  private func picture(_ name: String, _ width: Int = 0, _ height: Int = 0) throws -> [UInt8] {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/feed/\(name).jpeg.hex")
    let digits = try Data(contentsOf: path).compactMap { Int(String(UnicodeScalar($0)), radix: 16) }
    var bytes = stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
    guard width > 0 else { return bytes }
    var place = 2
    while !(0xC0...0xC2).contains(bytes[place + 1]) {
      place += 2 + Int(bytes[place + 2]) << 8 + Int(bytes[place + 3])
    }
    let sides = [height >> 8, height & 255, width >> 8, width & 255].map { UInt8($0) }
    bytes.replaceSubrange(place + 5..<place + 9, with: sides)
    return bytes
  }

  private func transcode(_ bytes: [UInt8]) -> (result: Int32, coded: lx_coded) {
    var room = [UInt8](repeating: 0, count: 1 << 20)
    var coded = lx_coded()
    let result = lx_transcode_jpeg(bytes, bytes.count, &room, room.count, &coded)
    return (result, coded)
  }

  /// 65,496 × 65,496 pixels took 12 s; as progressive JPEG, 25 GB of coefficients.
  @Test(arguments: ["yuv444", "progressive", "odd-size", "restart-interval"])
  func aPictureTakesNoMoreThanItCanBeWorth(_ name: String) throws {
    let began = ContinuousClock.now
    #expect(transcode(try picture(name, 65_496, 65_496)).result == -22)
    #expect(transcode(try picture(name, 16_321, 64)).result == -22)
    #expect(ContinuousClock.now - began < .seconds(2))
  }

  /// 8184 × 8184 in several scans: within the bound of pixels, and 200 MB of coefficients at once.
  @Test func coefficientsHaveABound() throws {
    let before = try residentKiB()
    _ = transcode(try picture("progressive", 8184, 8184))
    #expect(try residentKiB() - before < 128 * 1024)
  }

  /// The most that this process has ever had.
  private func residentKiB() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.split { $0 == " " || $0 == "\t" }[1]))
  }

  @Test(arguments: ["yuv444", "progressive", "odd-size", "restart-interval"])
  func whatCamerasHaveIsDecodedAsBefore(_ name: String) throws {
    let (result, coded) = transcode(try picture(name))
    #expect(result == 0 && coded.count > 0 && coded.width > 0 && coded.height > 0)
  }

  /// The sums of libv4lconvert have 31 bits.
  @Test func uncompressedPicturesHaveABound() {
    let yuyv: UInt32 = 0x5659_5559
    for (width, height) in [(65_534, 65_534), (65_534, 32_768), (16_384, 16)] as [(UInt32, UInt32)]
    {
      #expect(lx_transcode_begin(-1, yuyv, width, height) == -22)
    }
    #expect(lx_transcode_begin(-1, yuyv, 640, 480) == -9, "only then the device is asked")
  }
}
