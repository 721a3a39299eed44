/// The kinds of NAL unit that matter to packets (H.264, table 7-1).
public enum NALType {
  public static let slice: UInt8 = 1
  public static let partitionA: UInt8 = 2
  /// A coded slice of an IDR picture: decoding can begin here.
  public static let keySlice: UInt8 = 5
  public static let sei: UInt8 = 6
  public static let sequenceParameterSet: UInt8 = 7
  public static let pictureParameterSet: UInt8 = 8
  public static let delimiter: UInt8 = 9
}

/// What is wrong with a NAL unit. Such a unit is left out and counted.
public enum NALDefect: Error, Equatable, Sendable {
  /// Only a header, or not even that.
  case empty
  /// forbidden_zero_bit is set: it was damaged on its way.
  case forbiddenBit
  /// Type 0 or 24 … 31, which no encoder makes; RTP uses them for packets.
  case type
}

/// One NAL unit without start code and trailing zeros.
struct NALUnit {
  let bytes: UnsafeRawBufferPointer

  /// The header's five bits; the unit must not be empty.
  var type: UInt8 { bytes[0] & 0x1F }

  var defect: NALDefect? {
    guard let header = bytes.first else { return .empty }
    guard header & 0x80 == 0 else { return .forbiddenBit }
    guard (1...23).contains(header & 0x1F) else { return .type }
    // The ends of sequence and stream (10, 11) are nothing but a header.
    return bytes.count > 1 || (10...11).contains(header & 0x1F) ? nil : .empty
  }

  /// A slice of the primary coded picture.
  var isSlice: Bool {
    type == NALType.slice || type == NALType.partitionA || type == NALType.keySlice
  }

  /// The first slice of its picture: first_mb_in_slice, an Exp-Golomb code, is 0.
  var beginsPicture: Bool { isSlice && bytes.count > 1 && bytes[1] & 0x80 != 0 }

  /// Begins an access unit when it stands behind the slices of another (7.4.1.2.3).
  var precedesPicture: Bool { (6...9).contains(type) || (14...18).contains(type) }
}

/// Takes a byte stream (H.264, Annex B) apart. What stands before the first start code is no unit.
struct AnnexBReader {
  private let bytes: UnsafeRawBufferPointer
  /// The start code that comes next; `bytes.count`: none.
  private(set) var offset: Int

  init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) {
    self.bytes = bytes
    offset = bytes.firstStartCode(from: start)
  }

  /// Where the next unit lies, which may be empty.
  mutating func next() -> Range<Int>? {
    guard offset < bytes.count else { return nil }
    let start = offset + 3
    offset = bytes.firstStartCode(from: start)
    // A unit never ends with a zero byte (7.4.1): those are padding, or of a longer start code.
    var end = offset
    while end > start, bytes[end - 1] == 0 { end -= 1 }
    return start..<end
  }
}

extension UnsafeRawBufferPointer {
  func unit(_ range: Range<Int>) -> NALUnit {
    NALUnit(bytes: UnsafeRawBufferPointer(rebasing: self[range]))
  }
}
