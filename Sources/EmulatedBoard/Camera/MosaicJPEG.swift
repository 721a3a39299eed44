/// Colour of one cell, as JPEG stores it (ITU-R BT.601, full range).
struct MosaicColour: Hashable, Sendable {
  var y: UInt8
  var cb: UInt8
  var cr: UInt8

  static let black = MosaicColour(y: 0, cb: 128, cr: 128)
  static let white = MosaicColour(y: 255, cb: 128, cr: 128)
}

/// Writes baseline JPEG pictures (ITU-T T.81) that consist of flat cells of 16 x 16 pixels.
///
/// A flat block needs nothing but its DC coefficient, so no transform is computed; and every row of
/// cells ends with a restart marker, which makes rows independent: a row that did not change is
/// copied instead of coded again. A 720p picture then costs some microseconds per changed cell.
struct MosaicJPEG {
  /// Pixels along a cell's side: one minimum coded unit with 4:2:0 subsampling.
  static let cellSide = 16

  let size: FrameSize
  let columns: Int
  let rows: Int
  private let header: [UInt8]
  private let luminance = BlockCode(dc: .luminanceDC, ac: .luminanceAC)
  private let chrominance = BlockCode(dc: .chrominanceDC, ac: .chrominanceAC)

  init(size: FrameSize) {
    self.size = size
    columns = (Int(size.width) + Self.cellSide - 1) / Self.cellSide
    rows = (Int(size.height) + Self.cellSide - 1) / Self.cellSide
    header = Self.header(size: size, restartInterval: UInt16(columns))
  }

  /// A whole picture.
  /// - Parameters:
  ///   - comment: text of the COM segment, at most 1000 bytes.
  ///   - codedRows: `rows` rows as `code(row:)` made them.
  func picture(comment: String, codedRows: [[UInt8]]) -> [UInt8] {
    precondition(codedRows.count == rows)
    var bytes: [UInt8] = [0xFF, 0xD8]
    bytes.reserveCapacity(header.count + codedRows.reduce(0) { $0 + $1.count + 2 } + 1024)
    bytes += Self.segment(0xFE, Array(comment.utf8.prefix(1000)))
    bytes += header
    for (index, row) in codedRows.enumerated() {
      bytes += row
      let restart = UInt8(0xD0 + index % 8)
      bytes += [0xFF, index == rows - 1 ? 0xD9 : restart]
    }
    return bytes
  }

  /// Entropy-coded data of one row of `columns` cells.
  func code(row: [MosaicColour]) -> [UInt8] {
    precondition(row.count == columns)
    var bits = EntropyWriter()
    var last = MosaicColour(y: 128, cb: 128, cr: 128)
    for cell in row {
      luminance.write(Int(cell.y) - Int(last.y), to: &bits)
      for _ in 1..<4 { luminance.write(0, to: &bits) }
      chrominance.write(Int(cell.cb) - Int(last.cb), to: &bits)
      chrominance.write(Int(cell.cr) - Int(last.cr), to: &bits)
      last = cell
    }
    return bits.finish()
  }

  /// Everything between the comment and the first row (T.81, Annex B).
  private static func header(size: FrameSize, restartInterval: UInt16) -> [UInt8] {
    // A flat block of value v has the DC coefficient 8 (v - 128); divided by 8 it is the value.
    let quantization = [UInt8](repeating: 8, count: 64)
    let (width, height) = (size.width, size.height)
    let frame: [UInt8] =
      [8, UInt8(height >> 8), UInt8(height & 0xFF), UInt8(width >> 8), UInt8(width & 0xFF), 3]
      + [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]
    let tables: [(UInt8, JPEGHuffmanTable)] = [
      (0x00, .luminanceDC), (0x10, .luminanceAC), (0x01, .chrominanceDC), (0x11, .chrominanceAC),
    ]
    return segment(0xDB, [0] + quantization) + segment(0xDB, [1] + quantization)
      + segment(0xC0, frame)
      + tables.flatMap { segment(0xC4, [$0.0] + $0.1.counts + $0.1.symbols) }
      + segment(0xDD, [UInt8(restartInterval >> 8), UInt8(restartInterval & 0xFF)])
      + segment(0xDA, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0])
  }

  private static func segment(_ marker: UInt8, _ body: [UInt8]) -> [UInt8] {
    let length = body.count + 2
    return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + body
  }
}

/// Codes of flat blocks of one component: a DC difference, then end of block.
private struct BlockCode {
  private let categories: [(code: UInt32, length: Int)]
  private let endOfBlock: (code: UInt32, length: Int)

  init(dc: JPEGHuffmanTable, ac: JPEGHuffmanTable) {
    let (dcCodes, acCodes) = (dc.codes, ac.codes)
    guard let endOfBlock = acCodes[0] else { preconditionFailure("every AC table ends blocks") }
    self.endOfBlock = endOfBlock
    categories = (UInt8(0)...11).map { category in
      guard let code = dcCodes[category] else { preconditionFailure("DC tables have 12 codes") }
      return code
    }
  }

  /// Writes a block whose value differs from the previous one by -255 … 255 (T.81, F.1.2.1).
  func write(_ difference: Int, to bits: inout EntropyWriter) {
    let category = Int.bitWidth - difference.magnitude.leadingZeroBitCount
    bits.write(categories[category].code, length: categories[category].length)
    if category > 0 {
      let value = difference > 0 ? difference : difference + (1 << category) - 1
      bits.write(UInt32(value), length: category)
    }
    bits.write(endOfBlock.code, length: endOfBlock.length)
  }
}

/// Bits of an entropy-coded segment, with a zero after each FF (T.81, B.1.1.5).
private struct EntropyWriter {
  private var bytes: [UInt8] = []
  private var pending: UInt32 = 0
  private var count = 0

  mutating func write(_ value: UInt32, length: Int) {
    pending = pending << UInt32(length) | value
    count += length
    while count >= 8 {
      let byte = UInt8(truncatingIfNeeded: pending >> UInt32(count - 8))
      bytes.append(byte)
      if byte == 0xFF { bytes.append(0) }
      count -= 8
    }
  }

  /// Fills the last byte with ones, as the standard asks for before a marker.
  mutating func finish() -> [UInt8] {
    if count > 0 { write(1 << UInt32(8 - count) - 1, length: 8 - count) }
    return bytes
  }
}
