/// What becomes of a stream's access unit delimiters (ITU-T H.264, 7.3.2.4). Cameras differ in
/// whether they send them.
public enum AccessUnitDelimiters: String, CaseIterable, Sendable {
  case keep
  /// Every access unit begins with one.
  case add
  case remove
}

/// H.264 byte streams (ITU-T H.264, Annex B).
public enum AnnexB {
  /// nal_unit_type (table 7-1).
  enum NALUnitType {
    static let slices: ClosedRange<UInt8> = 1...5
    static let supplementalInformation: UInt8 = 6
    static let accessUnitDelimiter: UInt8 = 9
    static let prefix: UInt8 = 14
  }

  /// payloadType of an SEI message with data of anyone's own (D.1.6).
  static let userDataUnregistered: UInt8 = 5

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

  /// An access unit with or without a delimiter at its beginning.
  static func accessUnit(_ unit: [UInt8], with delimiters: AccessUnitDelimiters) -> [UInt8] {
    let parts = nalUnits(of: unit)
    let isDelimiter = { (payload: Int) in
      unit[payload] & 0x1F == NALUnitType.accessUnitDelimiter
    }
    switch delimiters {
    case .keep:
      return unit
    case .add:
      if parts.contains(where: { isDelimiter($0.payload) }) { return unit }
      // primary_pic_type 7: slices of any type may follow (table 7-5); then the stop bit.
      return [0, 0, 0, 1, NALUnitType.accessUnitDelimiter, 0xF0] + unit
    case .remove:
      var rest: [UInt8] = []
      for (index, part) in parts.enumerated() where !isDelimiter(part.payload) {
        // An access unit's first start code has a zero_byte, others need none (B.1.2).
        if rest.isEmpty, part.payload - part.start == 3 { rest.append(0) }
        rest += unit[part.start..<(index + 1 < parts.count ? parts[index + 1].start : unit.count)]
      }
      return rest
    }
  }

  /// Where the first slice of an access unit begins, with its start code and its prefix NAL unit
  /// if it has one: the place for one more SEI message (7.4.1.2.3).
  static func firstSlice(of unit: [UInt8]) -> Int {
    let slice = nalUnits(of: unit).first {
      isPicture(unit[$0.payload]) || unit[$0.payload] & 0x1F == NALUnitType.prefix
    }
    return slice?.start ?? unit.count
  }

  /// The payload of a NAL unit, escaped so that it holds no start code: a 3 is put before a byte of
  /// 0 … 3 that follows two zeros (7.4.1).
  static func preventingEmulation(_ payload: [UInt8]) -> [UInt8] {
    var escaped: [UInt8] = []
    var zeros = 0
    for byte in payload {
      if zeros == 2, byte <= 3 {
        escaped.append(3)
        zeros = 0
      }
      escaped.append(byte)
      zeros = byte == 0 ? zeros + 1 : 0
    }
    return escaped
  }

  /// Where each NAL unit begins: its start code, and its first byte after that.
  static func nalUnits(of stream: [UInt8]) -> [(start: Int, payload: Int)] {
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

  /// Whether a NAL unit with this first byte is a slice of a primary coded picture.
  static func isPicture(_ header: UInt8) -> Bool { NALUnitType.slices.contains(header & 0x1F) }

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
