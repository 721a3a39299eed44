/// Why bytes are no picture. Such a picture is dropped and counted.
public enum JPEGError: Error, Equatable, Sendable {
  /// No bytes at all: what a camera delivers when it has skipped a frame.
  case empty
  /// It does not begin with SOI.
  case notJPEG
  /// It ends, or the next picture begins, before EOI.
  case truncated
  /// A marker is missing where one must stand, or a segment contradicts itself.
  case malformed
  /// No frame header (SOF) before the first scan, or more than one.
  case frameHeader
  /// No scan, or one without data.
  case noScan
  /// Lossless or hierarchical: nothing that a camera sends, and nothing that libjpeg decodes.
  case unknownProcess
}

/// How the coefficients are coded, from the frame header's marker (T.81, table B.1).
public enum JPEGProcess: UInt8, Sendable {
  case baseline = 0xC0
  case extended = 0xC1
  case progressive = 0xC2
  case arithmetic = 0xC9
  case arithmeticProgressive = 0xCA
}

/// One colour component of the frame header and what its scan refers to.
public struct JPEGComponent: Equatable, Sendable {
  public var id: UInt8 = 0
  /// Sampling factors, 1 … 4.
  public var horizontal: UInt8 = 0
  public var vertical: UInt8 = 0
  /// The number of its quantization table, 0 … 3.
  public var quantizationTable: UInt8 = 0
}

/// Where a quantization table lies in the picture.
public struct JPEGQuantizationTable: Equatable, Sendable {
  /// Of the first of its 64 values, in zigzag order.
  public var offset: Int
  /// Bits of a value, 8 or 16.
  public var bits: UInt8
}

/// Which Huffman tables a picture uses.
public enum JPEGHuffmanTables: Equatable, Sendable {
  /// None are there: the standard ones are meant, as in M-JPEG from most cameras.
  case implied
  /// The ones of T.81, Annex K.3, each for what it was made for.
  case standard
  case other
}

/// What one pass over a picture's markers tells. Holds offsets, not bytes.
public struct JPEGPicture: Sendable {
  public internal(set) var process = JPEGProcess.baseline
  /// In pixels, at least 1.
  public internal(set) var width: UInt16 = 0
  public internal(set) var height: UInt16 = 0
  /// Bits of a sample.
  public internal(set) var precision: UInt8 = 0
  /// Colour components; the first four are in `components`.
  public internal(set) var componentCount = 0
  public internal(set) var components = InlineArray<4, JPEGComponent>(repeating: JPEGComponent())
  /// By number, those that are there.
  public internal(set) var quantizationTables = InlineArray<4, JPEGQuantizationTable?>(
    repeating: nil)
  public internal(set) var huffmanTables = JPEGHuffmanTables.implied
  /// Coding units between restart markers, 0: no such markers.
  public internal(set) var restartInterval: UInt16 = 0
  /// Scans; one in pictures that RTP can carry.
  public internal(set) var scanCount = 0
  /// The first scan's marker, SOS: where missing Huffman tables belong.
  public internal(set) var scanHeader = 0
  /// The first scan's entropy-coded bytes, without any marker behind them.
  public internal(set) var scan = 0..<0
  /// The offset behind EOI. What follows is padding, or the next picture of a file.
  public internal(set) var end = 0

  /// Looks at the picture that begins with the first of `bytes` and ends before the last of them.
  public static func inspect(_ bytes: UnsafeRawBufferPointer) throws(JPEGError) -> JPEGPicture {
    var reader = JPEGMarkerReader(bytes)
    return try reader.read()
  }

  /// Where the next picture of a file of concatenated pictures lies, at or behind `offset`: from
  /// its SOI to behind EOI, or, where it is damaged, as far as another picture begins or bytes go.
  /// Nil when there is none. What is wrong with a damaged one, `inspect` tells.
  public static func next(
    in bytes: UnsafeRawBufferPointer, from offset: Int
  ) -> Range<Int>? {
    let start = firstPicture(in: bytes, from: offset)
    guard start < bytes.count else { return nil }
    do throws(JPEGError) {
      let picture = try inspect(UnsafeRawBufferPointer(rebasing: bytes[start...]))
      return start..<start + picture.end
    } catch {
      return start..<firstPicture(in: bytes, from: start + 2)
    }
  }

  /// The offset of the first SOI with another marker behind it; `bytes.count` when there is none.
  private static func firstPicture(in bytes: UnsafeRawBufferPointer, from offset: Int) -> Int {
    var place = offset
    while place < bytes.count {
      place = bytes.firstMarker(from: place)
      guard bytes.count - place >= 3 else { return bytes.count }
      if bytes[place + 1] == 0xD8, bytes[place + 2] == 0xFF { return place }
      place += 1
    }
    return bytes.count
  }
}
