/// H.264 byte streams (ITU-T H.264, Annex B).
public enum AnnexB {
  /// Splits a byte stream into access units, each with its start codes, so that joining them gives
  /// the stream again. Works with and without access unit delimiters.
  public static func accessUnits(of stream: [UInt8]) -> [[UInt8]] {
    var units: [[UInt8]] = []
    var start: Int?
    var hasPicture = false
    for unit in nalUnits(of: stream) {
      if start == nil {
        start = unit.start
      } else if hasPicture, beginsAccessUnit(stream, payload: unit.payload) {
        units.append(Array(stream[start!..<unit.start]))
        start = unit.start
        hasPicture = false
      }
      hasPicture = hasPicture || isPicture(stream[unit.payload])
    }
    if let start, hasPicture { units.append(Array(stream[start...])) }
    return units
  }

  /// Where each NAL unit begins: its start code, and its first byte after that.
  private static func nalUnits(of stream: [UInt8]) -> [(start: Int, payload: Int)] {
    var found: [(start: Int, payload: Int)] = []
    var index = 0
    stream.withUnsafeBufferPointer { bytes in
      while index + 3 < bytes.count {
        if bytes[index + 2] > 1 {
          index += 3
        } else if bytes[index] == 0, bytes[index + 1] == 0, bytes[index + 2] == 1 {
          // The zero_byte before a start code belongs to it (B.1.1).
          let start = index > 0 && bytes[index - 1] == 0 ? index - 1 : index
          found.append((start, index + 3))
          index += 3
        } else {
          index += 1
        }
      }
    }
    return found
  }

  /// nal_unit_type 1 … 5: a slice of a primary coded picture (table 7-1).
  private static func isPicture(_ header: UInt8) -> Bool { (1...5).contains(header & 0x1F) }

  /// Whether a NAL unit after a picture is the first of the next access unit (7.4.1.2.3).
  private static func beginsAccessUnit(_ stream: [UInt8], payload: Int) -> Bool {
    switch stream[payload] & 0x1F {
    case 6...9, 14...18:
      return true
    case 1, 2, 5:
      // first_mb_in_slice is the slice header's first field; 0 is coded as a single 1 bit, and
      // without arbitrary slice order only a picture's first slice has it.
      return payload + 1 < stream.count && stream[payload + 1] & 0x80 != 0
    default:
      return false
    }
  }
}
