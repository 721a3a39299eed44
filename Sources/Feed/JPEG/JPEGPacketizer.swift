/// RTP payload of JPEG pictures (RFC 2435): types 0 and 1, quantization tables in the first packet
/// of every picture (Q 255), no restart markers.
///
/// ```
/// RTP header                              12 bytes
/// type-specific 0, fragment offset         1 + 3    of the scan's bytes
/// type 0 (4:2:2) or 1 (4:2:0), Q 255       1 + 1
/// width and height in blocks of 8 pixels   1 + 1
/// first packet only: 0, precision 0,       1 + 1
///   length 128, tables                     2 + 128  luma, then chroma, also where both are one
/// bytes of the scan, without any marker
/// ```
public struct JPEGPacketizer: Packetizer {
  /// The static payload type (RFC 3551, section 6).
  public static let payloadType: UInt8 = 26
  private static let headerSize = 8
  private static let tableHeaderSize = 4
  private static let tableSize = 64

  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  private var scan = 0..<0
  /// Bytes of the scan in packets already written.
  private var sent = 0
  private var timestamp: UInt32 = 0
  private var type: UInt8 = 0
  private var widthInBlocks: UInt8 = 0
  private var heightInBlocks: UInt8 = 0
  // Types 0 and 1 name two tables (section 4.1). MediaMTX would also take one that serves both,
  // but ffmpeg refuses a picture that comes with one.
  private var lumaTable = 0
  private var chromaTable = 0

  public init() {}

  public var isDone: Bool { sent == scan.count }

  /// Starts a picture whose `obstacle` is nil; `bytes` are those it was inspected in. A picture
  /// that was not finished is forgotten.
  public mutating func begin(
    _ picture: JPEGPicture, _ bytes: UnsafeRawBufferPointer, timestamp: UInt32
  ) {
    precondition(picture.obstacle == nil, "RTP cannot carry this picture")
    precondition(bytes.count >= picture.end, "not the bytes that were inspected")
    self.bytes = bytes
    self.timestamp = timestamp
    scan = picture.scan
    sent = 0
    type = picture.components[0].vertical == 1 ? 0 : 1
    widthInBlocks = UInt8(picture.width / 8)
    heightInBlocks = UInt8(picture.height / 8)
    let (luma, chroma) = (picture.components[0], picture.components[1])
    lumaTable = picture.tableOffset(luma)
    chromaTable = picture.tableOffset(chroma)
  }

  public mutating func next(
    on stream: inout RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(buffer.count >= RTPStream.packetSize, "no room for a packet")
    guard !isDone else { return 0 }
    let start = RTPStream.headerSize
    buffer.store(bigEndian: UInt32(sent), at: start)
    buffer[start + 4] = type
    buffer[start + 5] = 255
    buffer[start + 6] = widthInBlocks
    buffer[start + 7] = heightInBlocks
    var size = start + JPEGPacketizer.headerSize
    if sent == 0 { size += writeTables(into: buffer, at: size) }

    let count = min(scan.count - sent, RTPStream.packetSize - size)
    let place = scan.lowerBound + sent
    buffer.copy(UnsafeRawBufferPointer(rebasing: bytes[place..<place + count]), at: size)
    sent += count
    size += count
    stream.writeHeader(
      timestamp: timestamp, marker: isDone, payloadSize: size - RTPStream.headerSize, into: buffer)
    return size
  }

  private func writeTables(into buffer: UnsafeMutableRawBufferPointer, at place: Int) -> Int {
    let length = 2 * JPEGPacketizer.tableSize
    buffer.store(bigEndian: UInt32(length), at: place)
    let first = place + JPEGPacketizer.tableHeaderSize
    copyTable(lumaTable, into: buffer, at: first)
    copyTable(chromaTable, into: buffer, at: first + JPEGPacketizer.tableSize)
    return JPEGPacketizer.tableHeaderSize + length
  }

  private func copyTable(
    _ offset: Int, into buffer: UnsafeMutableRawBufferPointer, at place: Int
  ) {
    let table = bytes[offset..<offset + JPEGPacketizer.tableSize]
    buffer.copy(UnsafeRawBufferPointer(rebasing: table), at: place)
  }
}

extension JPEGPicture {
  /// Where the component's quantization table lies; `inspect` has seen that it is there.
  fileprivate func tableOffset(_ component: JPEGComponent) -> Int {
    guard let table = quantizationTables[Int(component.quantizationTable)] else {
      preconditionFailure("a picture without its quantization tables")
    }
    return table.offset
  }
}
