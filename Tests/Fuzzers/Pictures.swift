import Wire

@testable import Feed

extension Fuzzer {
  /// In: a picture, or a file of pictures. Holds: what is told lies in the bytes; a completed
  /// picture is one with its tables; packets carry the scan byte by byte; pictures of a file follow
  /// each other, and there is an end.
  static let jpeg = Fuzzer("jpeg", longest: 8192) {
    [MadePicture.bytes(), MadePicture.bytes() + MadePicture.bytes(scan: 3000)]
  } run: { bytes in
    withCopy(bytes) { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      if let picture = try? JPEGPicture.inspect(bytes) { look(picture, bytes) }
      walk(bytes)
    }
  }
}

private func look(_ picture: JPEGPicture, _ bytes: UnsafeRawBufferPointer) {
  require(picture.end <= bytes.count && picture.end > picture.scan.upperBound, "its end")
  require(picture.scanHeader < picture.scan.lowerBound && !picture.scan.isEmpty, "its scan")
  require(picture.width > 0 && picture.height > 0, "its size")
  var complete = [UInt8](repeating: 0xA5, count: picture.completedSize)
  complete.withUnsafeMutableBytes { room in
    require(picture.complete(bytes, into: room) == room.count, "its completed size")
  }
  complete.withUnsafeBytes { complete in
    guard let again = try? JPEGPicture.inspect(complete) else {
      return require(false, "a completed picture is one")
    }
    require(again.end == complete.count, "nothing follows it")
    require(again.scan.count == picture.scan.count, "the same scan")
    require(again.huffmanTables != .implied, "its tables are there")
    // Whatever keeps it from being sent, it is not the tables that were put in.
    require(
      picture.huffmanTables == .other || again.huffmanTables == .standard
        || picture.scanCount > 1 || picture.componentCount > 1, "the standard tables")
  }
  guard picture.obstacle == nil else { return }
  var packetizer = JPEGPacketizer()
  packetizer.begin(picture, bytes, timestamp: 1)
  var stream = RTPStream(payloadType: JPEGPacketizer.payloadType, source: 1, sequence: 65_535)
  var scan: [UInt8] = []
  for packet in packets(&packetizer, &stream) {
    let offset = Int(packet[13]) << 16 | Int(packet[14]) << 8 | Int(packet[15])
    require(offset == scan.count, "fragments follow each other")
    scan += packet[(offset == 0 ? 20 + 4 + 128 : 20)...]
    require((packet[1] & 0x80 != 0) == (scan.count == picture.scan.count), "the last has its mark")
  }
  scan.withUnsafeBytes {
    require(isEqual($0, .init(rebasing: bytes[picture.scan])), "the scan goes out as it is")
  }
}

private func walk(_ bytes: UnsafeRawBufferPointer) {
  var offset = 0
  while let range = JPEGPicture.next(in: bytes, from: offset) {
    require(range.lowerBound >= offset && range.upperBound <= bytes.count, "within the file")
    require(range.count >= 2, "each step goes on")
    offset = range.upperBound
  }
}

/// All packets of what was begun.
func packets(
  _ packetizer: inout some Packetizer, _ stream: inout RTPStream
) -> [[UInt8]] {
  var packets: [[UInt8]] = []
  while !packetizer.isDone {
    var room = [UInt8](repeating: 0, count: RTPStream.packetSize)
    let sequence = stream.sequence
    let size = room.withUnsafeMutableBytes { packetizer.next(on: &stream, into: $0) }
    require(size > RTPStream.headerSize && size <= RTPStream.packetSize, "a packet's size")
    require(stream.sequence == sequence &+ 1, "packets are counted")
    packets.append([UInt8](room[..<size]))
  }
  return packets
}

/// A picture with everything that RTP can carry.
enum MadePicture {
  static func bytes(scan: Int = 40) -> [UInt8] {
    var bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0] + [UInt8](repeating: 16, count: 64)
    bytes += [0xFF, 0xC0, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]
    bytes += [0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]
    return bytes + [UInt8](repeating: 0x5A, count: scan) + [0xFF, 0xD9]
  }
}
