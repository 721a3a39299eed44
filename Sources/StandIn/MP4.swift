/// Boxes of the ISO base media file format (ISO/IEC 14496-12).
enum MP4 {
  /// Ticks a second of RTP's video clock, and of the tracks' time.
  static let ticksPerSecond: Int64 = 90_000

  static func box(_ type: String, _ content: [UInt8]...) -> [UInt8] {
    boxBytes(type, content)
  }

  /// A box with a version and 24 bits of flags.
  static func fullBox(
    _ type: String, version: UInt8 = 0, flags: Int = 0, _ content: [UInt8]...
  ) -> [UInt8] {
    boxBytes(type, [[version], Array(number(flags, 4)[1...])] + content)
  }

  private static func boxBytes(_ type: String, _ content: [[UInt8]]) -> [UInt8] {
    let size = content.reduce(8) { $0 + $1.count }
    var bytes = number(size, 4)
    bytes.reserveCapacity(size)
    bytes += type.utf8
    for piece in content { bytes += piece }
    return bytes
  }

  /// A number of so many bytes, the most significant one first.
  static func number(_ value: Int, _ size: Int) -> [UInt8] {
    var bytes = zeros(size)
    for index in 0..<size {
      bytes[index] = UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index)))
    }
    return bytes
  }

  static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

  /// Reads a number of `size` bytes; nil past the end.
  static func number(_ bytes: ArraySlice<UInt8>, at offset: Int, size: Int = 4) -> Int? {
    let start = bytes.startIndex + offset
    guard offset >= 0, start + size <= bytes.endIndex else { return nil }
    return bytes[start..<start + size].reduce(0) { $0 << 8 | Int($1) }
  }

  /// The boxes within a box's content: types and contents, as far as they are whole.
  static func boxes(_ bytes: ArraySlice<UInt8>) -> [(type: String, content: ArraySlice<UInt8>)] {
    var boxes: [(type: String, content: ArraySlice<UInt8>)] = []
    var rest = bytes
    while let size = number(rest, at: 0), size >= 8, size <= rest.count {
      let start = rest.startIndex
      let type = String(decoding: rest[start + 4..<start + 8], as: UTF8.self)
      boxes.append((type, rest[start + 8..<start + size]))
      rest = rest[(start + size)...]
    }
    return boxes
  }

  static func nanoseconds(ticks: Int64) -> Nanoseconds {
    // By parts: a product of the whole would overflow after 28 hours.
    ticks / ticksPerSecond * second + ticks % ticksPerSecond * second / ticksPerSecond
  }
}
