/// Walks the markers of one picture (T.81, Annex B). Every step forward consumes bytes and every
/// length is compared with what is left before it is believed.
struct JPEGMarkerReader {
  /// What a Huffman table in the picture turned out to be.
  private enum HuffmanTable { case absent, luminance, chrominance, other }

  private let bytes: UnsafeRawBufferPointer
  private var offset = 2
  private var picture = JPEGPicture()
  private var hasFrame = false
  private var hasHuffmanTables = false
  private var dc = InlineArray<4, HuffmanTable>(repeating: .absent)
  private var ac = InlineArray<4, HuffmanTable>(repeating: .absent)

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func read() throws(JPEGError) -> JPEGPicture {
    guard !bytes.isEmpty else { throw .empty }
    guard bytes.count >= 2, bytes[0] == 0xFF, bytes[1] == 0xD8 else { throw .notJPEG }
    while true {
      let marker = try nextMarker()
      switch marker {
      case 0xD9:
        guard picture.scanCount > 0 else { throw .noScan }
        picture.end = offset
        return picture
      case 0xD8:
        // The next picture: this one has lost its end.
        throw .truncated
      case 0x00...0x01, 0xD0...0xD7:
        throw .malformed
      default:
        try read(marker, try nextSegment())
      }
    }
  }

  /// Leaves `offset` behind the marker.
  private mutating func nextMarker() throws(JPEGError) -> UInt8 {
    guard offset < bytes.count else { throw .truncated }
    guard bytes[offset] == 0xFF else { throw .malformed }
    // Any number of fill bytes may stand before a marker (B.1.1.2).
    while offset < bytes.count, bytes[offset] == 0xFF { offset += 1 }
    guard offset < bytes.count else { throw .truncated }
    offset += 1
    return bytes[offset - 1]
  }

  /// A segment's parameters, without its length; leaves `offset` behind them.
  private mutating func nextSegment() throws(JPEGError) -> Range<Int> {
    guard bytes.count - offset >= 2 else { throw .truncated }
    let length = Int(bytes.bigEndian16(at: offset))
    guard length >= 2 else { throw .malformed }
    guard bytes.count - offset >= length else { throw .truncated }
    defer { offset += length }
    return offset + 2..<offset + length
  }

  private mutating func read(_ marker: UInt8, _ segment: Range<Int>) throws(JPEGError) {
    switch marker {
    case 0xC4: try readHuffmanTables(segment)
    case 0xDA: try readScan(segment)
    case 0xDB: try readQuantizationTables(segment)
    case 0xDD:
      guard segment.count == 2 else { throw .malformed }
      picture.restartInterval = bytes.bigEndian16(at: segment.lowerBound)
    case 0xC8, 0xCC:
      break  // reserved for extensions; conditioning of arithmetic coding
    case 0xC0...0xCF:
      guard let process = JPEGProcess(rawValue: marker) else { throw .unknownProcess }
      try readFrame(process, segment)
    default:
      break  // application data, comments
    }
  }

  // MARK: Headers

  private mutating func readFrame(
    _ process: JPEGProcess, _ segment: Range<Int>
  ) throws(JPEGError) {
    guard !hasFrame else { throw .frameHeader }
    guard segment.count >= 6 else { throw .malformed }
    let start = segment.lowerBound
    let count = Int(bytes[start + 5])
    guard (1...4).contains(count), segment.count == 6 + 3 * count else { throw .malformed }
    picture.process = process
    picture.precision = bytes[start]
    picture.height = bytes.bigEndian16(at: start + 1)
    picture.width = bytes.bigEndian16(at: start + 3)
    // A height of 0 would be told behind the first scan (DNL), which no camera does.
    guard picture.width > 0, picture.height > 0 else { throw .frameHeader }
    picture.componentCount = count
    for index in 0..<count {
      let entry = start + 6 + 3 * index
      let component = JPEGComponent(
        id: bytes[entry], horizontal: bytes[entry + 1] >> 4, vertical: bytes[entry + 1] & 15,
        quantizationTable: bytes[entry + 2])
      guard (1...4).contains(component.horizontal), (1...4).contains(component.vertical),
        component.quantizationTable < 4
      else { throw .malformed }
      picture.components[index] = component
    }
    hasFrame = true
  }

  private mutating func readQuantizationTables(_ segment: Range<Int>) throws(JPEGError) {
    var place = segment.lowerBound
    while place < segment.upperBound {
      let (precision, number) = (bytes[place] >> 4, Int(bytes[place] & 15))
      let size = precision == 0 ? 64 : 128
      guard precision < 2, number < 4, segment.upperBound - place > size else { throw .malformed }
      picture.quantizationTables[number] = JPEGQuantizationTable(
        offset: place + 1, bits: precision == 0 ? 8 : 16)
      place += 1 + size
    }
  }

  private mutating func readHuffmanTables(_ segment: Range<Int>) throws(JPEGError) {
    var place = segment.lowerBound
    while place < segment.upperBound {
      let (kind, number) = (bytes[place] >> 4, Int(bytes[place] & 15))
      guard kind < 2, number < 4, segment.upperBound - place >= 17 else { throw .malformed }
      var symbols = 0
      for index in place + 1...place + 16 { symbols += Int(bytes[index]) }
      let table = place + 1..<place + 17 + symbols
      guard symbols <= 256, table.upperBound <= segment.upperBound else { throw .malformed }
      if kind == 0 {
        dc[number] = recognize(
          table, JPEGStandardTables.luminanceDC, JPEGStandardTables.chrominanceDC)
      } else {
        ac[number] = recognize(
          table, JPEGStandardTables.luminanceAC, JPEGStandardTables.chrominanceAC)
      }
      hasHuffmanTables = true
      place = table.upperBound
    }
  }

  private func recognize(
    _ table: Range<Int>, _ luminance: Range<Int>, _ chrominance: Range<Int>
  ) -> HuffmanTable {
    if isStandard(table, luminance) { return .luminance }
    return isStandard(table, chrominance) ? .chrominance : .other
  }

  private func isStandard(_ table: Range<Int>, _ standard: Range<Int>) -> Bool {
    guard table.count == standard.count else { return false }
    for index in 0..<table.count
    where bytes[table.lowerBound + index]
      != JPEGStandardTables.segment[standard.lowerBound + index]
    {
      return false
    }
    return true
  }

  // MARK: Scans

  private mutating func readScan(_ segment: Range<Int>) throws(JPEGError) {
    guard hasFrame else { throw .frameHeader }
    let start = segment.lowerBound
    guard segment.count >= 4 else { throw .malformed }
    let count = Int(bytes[start])
    guard (1...4).contains(count), segment.count == 4 + 2 * count else { throw .malformed }
    picture.scanCount += 1
    let coded = try findEndOfScan()
    guard picture.scanCount == 1 else { return }
    guard !coded.isEmpty else { throw .noScan }
    // Two bytes of marker and two of length stand before the parameters.
    picture.scanHeader = start - 4
    picture.scan = coded
    for index in 0..<picture.componentCount
    where picture.quantizationTables[Int(picture.components[index].quantizationTable)] == nil {
      throw .malformed
    }
    guard count == picture.componentCount else {
      // Not interleaved: more scans follow, and RTP carries one.
      picture.huffmanTables = hasHuffmanTables ? .other : .implied
      return
    }
    picture.huffmanTables = try huffmanTables(start: start + 1, count: count)
  }

  /// Whether each component of the scan is coded with the standard table made for it.
  private func huffmanTables(start: Int, count: Int) throws(JPEGError) -> JPEGHuffmanTables {
    var isStandard = true
    for index in 0..<count {
      let entry = start + 2 * index
      // The order is that of the frame header (B.2.3).
      guard bytes[entry] == picture.components[index].id else { throw .malformed }
      let (dcNumber, acNumber) = (Int(bytes[entry + 1] >> 4), Int(bytes[entry + 1] & 15))
      guard dcNumber < 4, acNumber < 4 else { throw .malformed }
      let wanted: HuffmanTable = index == 0 ? .luminance : .chrominance
      if dc[dcNumber] != wanted || ac[acNumber] != wanted { isStandard = false }
    }
    if !hasHuffmanTables { return .implied }
    return isStandard ? .standard : .other
  }

  /// The coded bytes from `offset` on; leaves it at the marker behind them.
  private mutating func findEndOfScan() throws(JPEGError) -> Range<Int> {
    let start = offset
    while true {
      let place = bytes.firstMarker(from: offset)
      guard place < bytes.count else { throw .truncated }
      switch bytes[place + 1] {
      case 0xD0...0xD7:
        guard picture.restartInterval > 0 else { throw .malformed }
        offset = place + 2
      case 0xFF:
        offset = place + 1
      default:
        offset = place
        // Fill bytes before the marker are not data, which never ends with FF.
        var end = place
        while end > start, bytes[end - 1] == 0xFF { end -= 1 }
        return start..<end
      }
    }
  }
}
