import Foundation

/// The files of Tests/Fixtures/feed, made by the script that lies there.
enum Fixture {
  static let carried = ["yuv422", "yuv420", "yuv422-large", "yuv420-large", "one-table"]
  static let uncarried = [
    "restart-interval", "three-tables", "yuv444", "grey", "progressive", "optimized", "odd-size",
    "too-large",
  ]
  static let pictures = carried + uncarried + ["no-tables"]
  static let streams = ["delimited", "fragmented"]

  static func jpeg(_ name: String) throws -> [UInt8] { try bytes("\(name).jpeg.hex") }

  static func h264(_ name: String) throws -> [UInt8] { try bytes("\(name).h264.hex") }

  /// The packets that ffmpeg's RTP muxer made of the file of that name.
  static func packets(_ name: String) throws -> [[UInt8]] {
    try text("\(name).rtp.hex").split(separator: "\n").map(decode)
  }

  private static func bytes(_ file: String) throws -> [UInt8] {
    try text(file).split(separator: "\n").flatMap(decode)
  }

  private static func text(_ file: String) throws -> String {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fixtures/feed")
    return try String(contentsOf: folder.appending(path: file), encoding: .utf8)
  }

  private static func decode(_ line: Substring) -> [UInt8] {
    let digits = Array(line.utf8).map { UInt8($0 < 0x3A ? $0 - 0x30 : $0 - 0x57) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

/// Repeatable numbers for damage (SplitMix64).
struct Dice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
