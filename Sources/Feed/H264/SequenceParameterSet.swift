/// What a sequence parameter set tells of the stream (H.264, section 7.3.2.1.1).
public struct SequenceParameterSet: Equatable, Sendable {
  /// Its number, 0 … 31.
  public let id: UInt8
  /// profile_idc, the constraint flags and level_idc: `profile-level-id` in SDP.
  public let profileLevel: UInt32
  /// In pixels, after cropping.
  public let width: UInt16
  public let height: UInt16
  /// Macroblocks of a whole frame, before cropping.
  public let blocks: UInt32
  /// Frames that a decoder must hold beside the one it decodes (max_num_ref_frames).
  public let references: UInt8
  /// Its pictures are 8-bit 4:2:0, in whole frames.
  public let isPlain: Bool
  /// Black is 0 and white 255 (video_full_range_flag); where nothing is said, they are 16 and 235.
  public let isFullRange: Bool

  /// Macroblocks across or down of the largest picture that is believed: 16,384 pixels.
  private static let blockLimit: UInt64 = 1024

  /// Nil when `unit` – a whole NAL unit with its header – is no readable set.
  public init?(unit: UnsafeRawBufferPointer) {
    guard unit.count > 4, NALUnit(bytes: unit).type == NALType.sequenceParameterSet else {
      return nil
    }
    profileLevel = UInt32(unit[1]) << 16 | UInt32(unit[2]) << 8 | UInt32(unit[3])
    var bits = BitReader(unit, from: 4)
    let number = bits.unsigned()
    guard number < 32 else { return nil }
    id = UInt8(number)
    let (chromaFormat, depth) = bits.takeChroma(profile: unit[1])
    _ = bits.unsigned()  // log2_max_frame_num_minus4
    bits.skipPictureOrder()
    let references = bits.unsigned()
    bits.skip(1)  // gaps_in_frame_num_value_allowed_flag
    let blocksAcross = bits.unsigned() + 1
    let unitsDown = bits.unsigned() + 1
    let framesOnly = bits.flag()
    if !framesOnly { bits.skip(1) }  // mb_adaptive_frame_field_flag
    bits.skip(1)  // direct_8x8_inference_flag
    var crop: (left: UInt64, right: UInt64, top: UInt64, bottom: UInt64) = (0, 0, 0, 0)
    if bits.flag() {
      crop = (bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned())
    }
    // A map unit is a pair of macroblocks where pictures may be fields.
    let blocksDown = unitsDown * (framesOnly ? 1 : 2)
    guard !bits.isExhausted, blocksAcross <= SequenceParameterSet.blockLimit,
      blocksDown <= SequenceParameterSet.blockLimit, references <= 16
    else { return nil }
    // Cropping counts chroma samples (7-19 … 7-22).
    let stepX: UInt64 = chromaFormat == 1 || chromaFormat == 2 ? 2 : 1
    let stepY: UInt64 = (chromaFormat == 1 ? 2 : 1) * (framesOnly ? 1 : 2)
    let (cutX, cutY) = ((crop.left + crop.right) * stepX, (crop.top + crop.bottom) * stepY)
    guard cutX < blocksAcross * 16, cutY < blocksDown * 16 else { return nil }
    width = UInt16(blocksAcross * 16 - cutX)
    height = UInt16(blocksDown * 16 - cutY)
    blocks = UInt32(blocksAcross * blocksDown)
    self.references = UInt8(references)
    isPlain = chromaFormat == 1 && depth == 8 && framesOnly
    // Whoever breaks off in the middle of this has not said it.
    let saysFullRange = bits.flag() && bits.takeFullRange()
    isFullRange = saysFullRange && !bits.isExhausted
  }
}

extension BitReader {
  /// Reads what only the high profiles have: chroma_format_idc, and the bits of the deepest plane.
  fileprivate mutating func takeChroma(profile: UInt8) -> (format: UInt64, depth: UInt64) {
    switch profile {
    case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135: break
    default: return (1, 8)
    }
    let format = unsigned()
    if format == 3 { skip(1) }  // separate_colour_plane_flag
    let depth = 8 + max(unsigned(), unsigned())  // bit_depth_luma_minus8, bit_depth_chroma_minus8
    skip(1)  // qpprime_y_zero_transform_bypass_flag
    if flag() { skipScalingLists(format == 3 ? 12 : 8) }
    return (format, depth)
  }

  /// video_full_range_flag of the parameters for presentation (section E.1.1); false where they
  /// leave it out.
  fileprivate mutating func takeFullRange() -> Bool {
    if flag() {  // aspect_ratio_info_present_flag
      var aspect = 0
      for _ in 0..<8 { aspect = aspect << 1 | (flag() ? 1 : 0) }
      if aspect == 255 { skip(32) }
    }
    if flag() { skip(1) }  // overscan_info_present_flag, overscan_appropriate_flag
    guard flag() else { return false }  // video_signal_type_present_flag
    skip(3)  // video_format
    return flag()
  }

  /// Section 7.3.2.1.1.1.
  private mutating func skipScalingLists(_ count: Int) {
    for index in 0..<count where flag() {
      var (last, next): (Int64, Int64) = (8, 8)
      for _ in 0..<(index < 6 ? 16 : 64) {
        if next != 0 { next = (last + signed()) & 0xFF }
        if next != 0 { last = next }
      }
    }
  }

  fileprivate mutating func skipPictureOrder() {
    switch unsigned() {
    case 0:
      _ = unsigned()  // log2_max_pic_order_cnt_lsb_minus4
    case 1:
      skip(1)  // delta_pic_order_always_zero_flag
      _ = signed()
      _ = signed()
      for _ in 0..<min(unsigned(), 255) { _ = signed() }
    default:
      break
    }
  }
}
