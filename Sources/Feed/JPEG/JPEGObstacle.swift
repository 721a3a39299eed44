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
  /// The largest scan: fragment offsets have 24 bits (section 3.1.2).
  static let largestScan = 0xFF_FFFF

  /// Nil when `JPEGPacketizer` can carry the picture as it is.
  public var obstacle: JPEGObstacle? {
    guard process == .baseline, scanCount == 1 else { return .progressive }
    guard precision == 8 else { return .precision }
    guard hasCarriedSampling else { return .sampling }
    guard width <= JPEGPicture.largestSide, height <= JPEGPicture.largestSide,
      scan.count <= JPEGPicture.largestScan
    else { return .tooLarge }
    guard width % 8 == 0, height % 8 == 0 else { return .dimensions }
    guard restartInterval == 0 else { return .restartInterval }
    guard hasCarriedTables else { return .quantizationTables }
    return huffmanTables == .other ? .huffmanTables : nil
  }

  /// Luma 2x1 or 2x2, chroma 1x1 (RFC 2435, section 4.1).
  private var hasCarriedSampling: Bool {
    guard componentCount == 3, components[0].horizontal == 2, components[0].vertical <= 2 else {
      return false
    }
    return components[1].horizontal == 1 && components[1].vertical == 1
      && components[2].horizontal == 1 && components[2].vertical == 1
  }

  /// One table for both kinds or one for each, of 8 bits: MediaMTX takes 64 or 128 bytes.
  private var hasCarriedTables: Bool {
    guard components[1].quantizationTable == components[2].quantizationTable else { return false }
    for index in 0..<2 {
      let table = quantizationTables[Int(components[index].quantizationTable)]
      guard table?.bits == 8 else { return false }
    }
    return true
  }
}
