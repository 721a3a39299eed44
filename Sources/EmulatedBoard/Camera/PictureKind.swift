/// How a test picture is coded as JPEG: which of the ways that cameras have it stands for.
///
/// Every kind is baseline, with 8 bits a sample and one scan (ITU-T T.81). `yuv420`, `yuv422` and
/// `noHuffmanTables` are what RTP carries in its plain types 0 and 1 (RFC 2435, 3.1.3 and 4.1); the
/// others have to become one of these on the way.
public enum PictureKind: String, CaseIterable, Sendable {
  /// 4:2:0 (luma 2x2), two quantization tables, the typical Huffman tables, no restart markers.
  case yuv420 = "420"
  /// As `yuv420` but 4:2:2 (luma 2x1), as most USB cameras send.
  case yuv422 = "422"
  /// As `yuv420` but 4:4:4 (luma 1x1), which RTP has no type for.
  case yuv444 = "444"
  /// As `yuv420` with a restart interval as long as a row: RTP has types 64 and 65 for it, but few
  /// receivers know them.
  case restart
  /// As `yuv420` without the Huffman tables: they are the typical ones, which the receiver is meant
  /// to know (UVC Motion-JPEG payload, 3.3), so a file of it is incomplete.
  case noHuffmanTables = "no-dht"
  /// As `yuv420` with a quantization table of its own for each component.
  case threeTables = "three-tables"

  /// Luma blocks in a minimum coded unit, which has one block of each chroma component.
  var lumaBlocks: (across: Int, down: Int) {
    switch self {
    case .yuv420, .restart, .noHuffmanTables, .threeTables: (2, 2)
    case .yuv422: (2, 1)
    case .yuv444: (1, 1)
    }
  }

  /// Quantization tables, each of one value for all coefficients. They differ, so that a decoder
  /// that mixes them up shows other colours. Each divides 8, which keeps flat blocks exact.
  var quantizationSteps: [UInt8] { self == .threeTables ? [8, 4, 2] : [8, 4] }

  /// Index of the quantization table of Y, Cb and Cr.
  var quantizationTables: [UInt8] { self == .threeTables ? [0, 1, 2] : [0, 1, 1] }
}
