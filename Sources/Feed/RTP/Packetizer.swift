/// Cuts pictures into RTP packets. It is begun with a picture, then asked for packets until it is
/// done; the picture's bytes must stay where they are until then.
public protocol Packetizer {
  /// True when no packet of the current picture is left.
  var isDone: Bool { get }

  /// Writes the next whole packet, header included, to the front of `buffer`, which must have room
  /// for `RTPStream.packetSize` bytes. Returns its size, 0 when the picture is done.
  mutating func next(
    on stream: inout RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int
}

extension Packetizer {
  /// Writes packets back to back, each behind its interleaved header (RFC 2326, section 10.12), as
  /// many as fit: a whole picture goes out in one write where `buffer` is large enough. Returns the
  /// number of bytes; 0 when the picture is done. `buffer` must have room for
  /// `InterleavedHeader.size + RTPStream.packetSize` bytes at least.
  public mutating func fill(
    _ buffer: UnsafeMutableRawBufferPointer, on stream: inout RTPStream, channel: UInt8
  ) -> Int {
    let room = InterleavedHeader.size + RTPStream.packetSize
    precondition(buffer.count >= room, "no room for one packet")
    var filled = 0
    while !isDone, buffer.count - filled >= room {
      let start = filled + InterleavedHeader.size
      let size = next(
        on: &stream,
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + RTPStream.packetSize]))
      InterleavedHeader.write(
        channel: channel, size: size,
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<start]))
      filled = start + size
    }
    return filled
  }
}

/// What stands before a packet on an RTSP connection (RFC 2326, section 10.12).
public enum InterleavedHeader {
  public static let size = 4
  static let mark = UInt8(ascii: "$")

  /// `size` is the packet's, at most 65,535.
  public static func write(
    channel: UInt8, size: Int, into buffer: UnsafeMutableRawBufferPointer
  ) {
    buffer[0] = mark
    buffer[1] = channel
    buffer.store(bigEndian: UInt16(size), at: 2)
  }
}
