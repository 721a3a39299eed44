/// Why a picture cannot go out unchanged by RTP (RFC 2435) through MediaMTX. The numbers are those
/// of the reasons that the device tells.
public enum JPEGObstacle: UInt8, Sendable {
  case progressive = 1
  case precision = 2
  case sampling = 3
  case huffmanTables = 4
  case restartInterval = 5
  case quantizationTables = 6
  case dimensions = 7
  case tooLarge = 8

  /// One sentence for people.
  public var sentence: StaticString {
    switch self {
    case .progressive: "Its JPEG is progressive or in several scans; RTP carries baseline JPEG."
    case .precision: "Its JPEG has samples of more than 8 bits; RTP carries 8."
    case .sampling: "Its JPEG is not YCbCr with 4:2:2 or 4:2:0 sampling, which RTP demands."
    case .huffmanTables: "Its JPEG has Huffman tables of its own; RTP implies the standard ones."
    case .restartInterval: "Its JPEG has restart intervals, which MediaMTX refuses."
    case .quantizationTables:
      "Its JPEG has more than a luma and a chroma quantization table of 8 bits, as RTP carries."
    case .dimensions: "Its picture's width or height is no multiple of 8, as RTP demands."
    case .tooLarge: "Its picture is wider or higher than the 2040 pixels that RTP can tell."
    }
  }
}

extension JPEGPicture {
  /// The largest width and height of RFC 2435, section 3.1.5: 255 blocks of 8 pixels.
  public static let largestSide: UInt16 = 2040

  /// Nil when `JPEGPacketizer` can carry the picture as it is.
  public var obstacle: JPEGObstacle? { fatalError() }
}
