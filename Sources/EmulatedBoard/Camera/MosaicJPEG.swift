/// Colour of one cell, as JPEG stores it (ITU-R BT.601, full range).
struct MosaicColour: Hashable, Sendable {
  var y: UInt8
  var cb: UInt8
  var cr: UInt8

  static let black = MosaicColour(y: 0, cb: 128, cr: 128)
  static let white = MosaicColour(y: 255, cb: 128, cr: 128)
  /// What the first unit of a scan or restart interval differs from (T.81, F.2.1.3.1).
  fileprivate static let reset = MosaicColour(y: 128, cb: 128, cr: 128)
}

/// Writes baseline JPEG pictures (ITU-T T.81) that consist of flat cells of 16 x 16 pixels.
///
/// A flat block needs nothing but its DC coefficient, so no transform is computed. What a row of
/// cells looks like as bits depends on the row before it only in its first unit, and on where in a
/// byte it begins: so a row is coded once, without its first unit, and spliced into as many places
/// as show it. A row that did not change costs a shift per four bytes.
struct MosaicJPEG {
  /// Pixels along a cell's side: the largest minimum coded unit of any kind.
  static let cellSide = 16

  /// A row of cells, coded.
  struct CodedRow {
    fileprivate let first: MosaicColour
    fileprivate let last: MosaicColour
    /// All its units but the first.
    fileprivate let rest: BitString
  }

  let size: FrameSize
  let kind: PictureKind
  let columns: Int
  let rows: Int
  private let header: [UInt8]
  private let units: UnitCode
  /// Minimum coded units in a row of them, and rows of them in the picture.
  private let unitColumns: Int
  private let unitRows: Int

  init(size: FrameSize, kind: PictureKind) {
    let (width, height) = (Int(size.width), Int(size.height))
    let (unitWidth, unitHeight) = (8 * kind.lumaBlocks.across, 8 * kind.lumaBlocks.down)
    (self.size, self.kind) = (size, kind)
    columns = (width + Self.cellSide - 1) / Self.cellSide
    rows = (height + Self.cellSide - 1) / Self.cellSide
    unitColumns = (width + unitWidth - 1) / unitWidth
    unitRows = (height + unitHeight - 1) / unitHeight
    units = UnitCode(kind)
    header = Self.header(size: size, kind: kind, restartInterval: UInt16(unitColumns))
  }

  /// A whole picture.
  /// - Parameters:
  ///   - comment: text of the COM segment, at most 1000 bytes.
  ///   - codedRows: `rows` rows as `code(row:)` made them.
  func picture(comment: String, codedRows: [CodedRow]) -> [UInt8] {
    precondition(codedRows.count == rows)
    let head = [0xFF, 0xD8] + JPEG.segment(JPEG.comment, Array(comment.utf8.prefix(1000))) + header
    // Flat units of 4:2:0 take 32 bits, of 4:4:4 14 for a quarter of the area.
    var scan = EntropyWriter(head, capacity: head.count + columns * rows * 8)
    var last = MosaicColour.reset
    let unitHeight = 8 * kind.lumaBlocks.down
    for unitRow in 0..<unitRows {
      let row = codedRows[unitRow * unitHeight / Self.cellSide]
      units.code(row.first, after: last) { scan.write($0, length: $1) }
      scan.write(row.rest)
      last = row.last
      if kind == .restart, unitRow < unitRows - 1 {
        scan.finish(marker: 0xD0 + UInt8(unitRow % 8))
        last = .reset
      }
    }
    scan.finish(marker: JPEG.endOfImage)
    return scan.bytes
  }

  /// Codes one row of `columns` cells.
  func code(row: [MosaicColour]) -> CodedRow {
    precondition(row.count == columns)
    var bits = BitString()
    var last = row[0]
    let unitsPerCell = Self.cellSide / (8 * kind.lumaBlocks.across)
    for unit in 1..<unitColumns {
      let cell = row[unit / unitsPerCell]
      units.code(cell, after: last) { bits.append($0, length: $1) }
      last = cell
    }
    return CodedRow(first: row[0], last: last, rest: bits)
  }

  /// Everything between the comment and the first row (T.81, Annex B).
  private static func header(
    size: FrameSize, kind: PictureKind, restartInterval: UInt16
  ) -> [UInt8] {
    let (width, height) = (size.width, size.height)
    let (tables, luma) = (kind.quantizationTables, kind.lumaBlocks)
    let frame: [UInt8] =
      [8, UInt8(height >> 8), UInt8(height & 0xFF), UInt8(width >> 8), UInt8(width & 0xFF), 3]
      + [1, UInt8(luma.across << 4 | luma.down), tables[0]]
      + [2, 0x11, tables[1]] + [3, 0x11, tables[2]]
    let huffman: [(UInt8, JPEGHuffmanTable)] = [
      (0x00, .luminanceDC), (0x10, .luminanceAC), (0x01, .chrominanceDC), (0x11, .chrominanceAC),
    ]
    var header: [UInt8] = []
    for (index, step) in kind.quantizationSteps.enumerated() {
      header += JPEG.segment(
        JPEG.quantizationTables, [UInt8(index)] + [UInt8](repeating: step, count: 64))
    }
    header += JPEG.segment(JPEG.startOfFrame, frame)
    if kind != .noHuffmanTables {
      for (id, table) in huffman {
        header += JPEG.segment(JPEG.huffmanTables, [id] + table.counts + table.symbols)
      }
    }
    if kind == .restart {
      header += JPEG.segment(
        JPEG.restartInterval, [UInt8(restartInterval >> 8), UInt8(restartInterval & 0xFF)])
    }
    return header + JPEG.segment(JPEG.startOfScan, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0])
  }
}

/// Codes of minimum coded units of one colour.
private struct UnitCode {
  private let lumaBlocks: Int
  private let y: BlockCode
  private let cb: BlockCode
  private let cr: BlockCode
  /// A unit of the same colour as the one before it, which most are; at most 32 bits.
  private let unchanged: (code: UInt32, length: Int)

  init(_ kind: PictureKind) {
    lumaBlocks = kind.lumaBlocks.across * kind.lumaBlocks.down
    let steps = kind.quantizationTables.map { Int(kind.quantizationSteps[Int($0)]) }
    y = BlockCode(dc: .luminanceDC, ac: .luminanceAC, step: steps[0])
    cb = BlockCode(dc: .chrominanceDC, ac: .chrominanceAC, step: steps[1])
    cr = BlockCode(dc: .chrominanceDC, ac: .chrominanceAC, step: steps[2])
    var bits = (code: UInt32(0), length: 0)
    func append(_ value: UInt32, _ length: Int) {
      bits = (bits.code << UInt32(length) | value, bits.length + length)
    }
    for _ in 0..<lumaBlocks { y.code(0, append) }
    cb.code(0, append)
    cr.code(0, append)
    unchanged = bits
  }

  /// Hands the bits of a unit that follows one of another or the same colour to `write`, as values
  /// and lengths.
  func code(_ colour: MosaicColour, after last: MosaicColour, _ write: (UInt32, Int) -> Void) {
    if colour == last { return write(unchanged.code, unchanged.length) }
    y.code(Int(colour.y) - Int(last.y), write)
    for _ in 1..<lumaBlocks { y.code(0, write) }
    cb.code(Int(colour.cb) - Int(last.cb), write)
    cr.code(Int(colour.cr) - Int(last.cr), write)
  }
}

/// Codes of flat blocks of one component: a DC difference, then end of block.
private struct BlockCode {
  private let categories: [(code: UInt32, length: Int)]
  private let endOfBlock: (code: UInt32, length: Int)
  /// Quantized coefficients per step of colour: a flat block of value v has the DC coefficient
  /// 8 (v - 128).
  private let scale: Int

  init(dc: JPEGHuffmanTable, ac: JPEGHuffmanTable, step: Int) {
    precondition(8 % step == 0, "a flat block's coefficient would be rounded")
    scale = 8 / step
    let (dcCodes, acCodes) = (dc.codes, ac.codes)
    guard let endOfBlock = acCodes[0] else { preconditionFailure("every AC table ends blocks") }
    self.endOfBlock = endOfBlock
    categories = (UInt8(0)...11).map { category in
      guard let code = dcCodes[category] else { preconditionFailure("DC tables have 12 codes") }
      return code
    }
  }

  /// A block whose value differs from the previous one by -255 … 255 (T.81, F.1.2.1).
  func code(_ difference: Int, _ write: (UInt32, Int) -> Void) {
    let coefficient = difference * scale
    let category = Int.bitWidth - coefficient.magnitude.leadingZeroBitCount
    write(categories[category].code, categories[category].length)
    if category > 0 {
      write(UInt32(coefficient > 0 ? coefficient : coefficient + 1 << category - 1), category)
    }
    write(endOfBlock.code, endOfBlock.length)
  }
}
