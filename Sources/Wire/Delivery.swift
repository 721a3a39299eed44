/// How a camera's pictures get from its driver into its stream.
public enum Delivery: UInt8, Sendable {
  /// No picture has come yet.
  case none = 0
  /// The camera's own bytes.
  case passThrough = 1
  /// Decoded and compressed anew on the device: see `DeliveryReason`.
  case transcoded = 2
}

/// Why a camera's pictures are transcoded: what RFC 2435 or MediaMTX does not carry.
public enum DeliveryReason: UInt8, Sendable {
  /// They are not.
  case none = 0
  /// Progressive instead of baseline JPEG.
  case progressive = 1
  /// More than 8 bits per sample.
  case precision = 2
  /// Chroma sampling other than 4:2:2 and 4:2:0.
  case sampling = 3
  /// Huffman tables of its own.
  case huffmanTables = 4
  /// Restart markers between the macroblocks.
  case restartInterval = 5
  /// More than two quantization tables, or tables of 16 bits.
  case quantizationTables = 6
  /// Width or height is not a multiple of 8.
  case dimensions = 7
  /// Wider or higher than 2040 pixels.
  case tooLarge = 8
  /// Not compressed by the camera.
  case rawFormat = 9

  /// A few words for people; empty for `none`.
  public var sentence: StaticString {
    switch self {
    case .none: ""
    case .progressive: "the camera sends progressive JPEG"
    case .precision: "the camera sends JPEG of more than 8 bits"
    case .sampling: "RTP carries only 4:2:2 and 4:2:0 JPEG"
    case .huffmanTables: "the camera's JPEG has Huffman tables of its own"
    case .restartInterval: "MediaMTX carries no JPEG with restart intervals"
    case .quantizationTables: "RTP carries at most two quantization tables of 8 bits"
    case .dimensions: "RTP carries only sizes that are multiples of 8"
    case .tooLarge: "RTP carries JPEG up to 2040 pixels"
    case .rawFormat: "the camera sends uncompressed pictures"
    }
  }
}
