/// RTP payload of JPEG pictures (RFC 2435): types 0 and 1, quantization tables in the first packet
/// of every picture (Q 255), no restart markers.
public struct JPEGPacketizer: Packetizer {
  /// The static payload type (RFC 3551, section 6).
  public static let payloadType: UInt8 = 26

  public init() {}

  public var isDone: Bool { fatalError() }

  /// Starts a picture whose `obstacle` is nil; `bytes` are those it was inspected in. A picture that
  /// was not finished is forgotten.
  public mutating func begin(
    _ picture: JPEGPicture, _ bytes: UnsafeRawBufferPointer, timestamp: UInt32
  ) {
    fatalError()
  }

  public mutating func next(
    on stream: inout RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    fatalError()
  }
}
