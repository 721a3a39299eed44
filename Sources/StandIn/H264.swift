/// The little that has to be known of H.264 (ITU-T H.264) and its RTP packets (RFC 6184).
enum H264 {
  /// What a sequence parameter set says of the picture.
  struct ParameterSet {
    var width: Int
    var height: Int
    var profile: String
    var level: String
  }

  // Types of network abstraction units (Table 7-1).
  /// A coded slice of an IDR picture, where a recording may begin.
  private static let keySlice: UInt8 = 5
  static let sequenceSet: UInt8 = 7
  static let pictureSet: UInt8 = 8
  private static let delimiter: UInt8 = 9

  /// An access unit as a file holds it: every unit behind its length in four bytes (ISO/IEC
  /// 14496-15, 5.3.4.2). As MediaMTX does it, a key frame begins with the parameter sets, and there
  /// are neither others nor delimiters.
  static func sample(_ units: [[UInt8]], of track: Track) -> (data: [UInt8], isKey: Bool) {
    let isKey = units.contains { $0[0] & 0x1F == keySlice }
    var data: [UInt8] = []
    data.reserveCapacity(units.reduce(256) { $0 + 4 + $1.count })
    if isKey {
      for set in [track.sequenceSet, track.pictureSet] { data += MP4.number(set.count, 4) + set }
    }
    for unit in units {
      switch unit[0] & 0x1F {
      case sequenceSet, pictureSet, delimiter: continue
      default: data += MP4.number(unit.count, 4) + unit
      }
    }
    return (data, isKey)
  }
}

extension H264.ParameterSet {
  /// Reads a sequence parameter set (7.3.2.1.1); nil if it is none.
  init?(_ unit: [UInt8]) {
    guard unit.count > 4, unit[0] & 0x1F == 7 else { return nil }
    let profileNumber = unit[1]
    let levelNumber = unit[3]
    var bits = BitReader(unit: Array(unit[4...]))
    _ = bits.unsigned()  // seq_parameter_set_id
    var chromaFormat = 1
    if [100, 110, 122, 244, 44, 83, 86, 118, 128].contains(profileNumber) {
      chromaFormat = bits.unsigned()
      if chromaFormat == 3 { _ = bits.bit() }
      _ = bits.unsigned()
      _ = bits.unsigned()
      _ = bits.bit()
      if bits.bit() == 1 { bits.skipScalingLists(chromaFormat == 3 ? 12 : 8) }
    }
    _ = bits.unsigned()  // log2_max_frame_num_minus4
    bits.skipPictureOrder()
    _ = bits.unsigned()  // max_num_ref_frames
    _ = bits.bit()
    let widthInBlocks = bits.unsigned() + 1
    let heightInUnits = bits.unsigned() + 1
    let framesOnly = bits.bit()
    if framesOnly == 0 { _ = bits.bit() }
    _ = bits.bit()
    var crop = (left: 0, right: 0, top: 0, bottom: 0)
    if bits.bit() == 1 {
      crop = (bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned())
    }
    guard !bits.isExhausted, widthInBlocks <= 1024, heightInUnits <= 1024 else { return nil }
    let unitX = chromaFormat == 1 || chromaFormat == 2 ? 2 : 1
    let unitY = (chromaFormat == 1 ? 2 : 1) * (2 - framesOnly)
    width = widthInBlocks * 16 - (crop.left + crop.right) * unitX
    height = heightInUnits * 16 * (2 - framesOnly) - (crop.top + crop.bottom) * unitY
    profile = H264.ParameterSet.profileName(profileNumber)
    let (whole, part) = (levelNumber / 10, levelNumber % 10)
    level = part == 0 ? "\(whole)" : "\(whole).\(part)"
  }

  private static func profileName(_ number: UInt8) -> String {
    switch number {
    case 66: "Baseline"
    case 77: "Main"
    case 88: "Extended"
    case 100: "High"
    case 110: "High 10"
    case 122: "High 4:2:2"
    case 244: "High 4:4:4 Predictive"
    default: "\(number)"
    }
  }
}

/// Reads the bits of a unit, passing the bytes that prevent start codes (7.3.1).
private struct BitReader {
  private let bytes: [UInt8]
  private var position = 0
  private(set) var isExhausted = false

  init(unit: [UInt8]) {
    var bytes: [UInt8] = []
    for byte in unit {
      if byte == 3, bytes.suffix(2) == [0, 0] { continue }
      bytes.append(byte)
    }
    self.bytes = bytes
  }

  mutating func bit() -> Int {
    guard position < bytes.count * 8 else {
      isExhausted = true
      return 0
    }
    defer { position += 1 }
    return Int(bytes[position / 8] >> UInt8(7 - position % 8)) & 1
  }

  /// An Exp-Golomb code (9.1) of at most 16 bits of prefix.
  mutating func unsigned() -> Int {
    var zeros = 0
    while bit() == 0 {
      zeros += 1
      if isExhausted || zeros > 16 {
        isExhausted = true
        return 0
      }
    }
    var value = 0
    for _ in 0..<zeros { value = value << 1 | bit() }
    return (1 << zeros) - 1 + value
  }

  private mutating func signed() -> Int {
    let code = unsigned()
    return code % 2 == 0 ? -(code / 2) : (code + 1) / 2
  }

  mutating func skipScalingLists(_ count: Int) {
    for index in 0..<count where bit() == 1 {
      var last = 8
      var next = 8
      for _ in 0..<(index < 6 ? 16 : 64) {
        if next != 0 { next = (last + signed() + 256) % 256 }
        if next != 0 { last = next }
      }
    }
  }

  mutating func skipPictureOrder() {
    switch unsigned() {
    case 0: _ = unsigned()
    case 1:
      _ = bit()
      _ = signed()
      _ = signed()
      for _ in 0..<min(unsigned(), 255) { _ = signed() }
    default: break
    }
  }
}
