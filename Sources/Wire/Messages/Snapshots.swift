/// One part of the answer to `snapshot`; `count` bytes of the JPEG follow.
///
/// A picture comes in one frame or more, all with the request's id and in order of their offsets;
/// answers to other requests may lie between them. The last one is where `offset + count == total`.
/// A frame with another status ends the answer early: what came before it is worth nothing.
///
/// ```
/// offset size field
///      0    4 total              bytes of the whole JPEG, 1 … 2,097,152
///      4    4 offset             of this part's bytes in the JPEG
///      8    4 count              bytes that follow, at least 1
///     12    2 width              pixels
///     14    2 height
///     16    8 frame              number of the picture since its feed began
///     24    8 capturedUs         microseconds since the kernel started, when it was taken
///     32    8 unixMs             the same since 1970-01-01 UTC; 0: clock not trusted
///     40    4 ageUs              microseconds from capturedUs to this answer's first part
///     44    1 completed          1: the standard Huffman tables were inserted
///     45    1 transcoded         1: compressed by the device, not by the camera
///     46    2 reserved
///     48      bytes              count bytes of the JPEG
/// ```
public struct SnapshotPart: Payload, Equatable {
  public static let size = 48
  /// Bytes of a JPEG that fit into one frame.
  public static let capacity = Limits.payloadSize - size

  public var total: UInt32 = 0
  public var offset: UInt32 = 0
  public var count: UInt32 = 0
  public var width: UInt16 = 0
  public var height: UInt16 = 0
  public var frame: UInt64 = 0
  /// The earliest moment at which the picture can have been taken.
  public var capturedUs: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var ageUs: UInt32 = 0
  public var completed = false
  public var transcoded = false

  public init() {}

  public init(from reader: inout ByteReader) {
    total = reader.read()
    offset = reader.read()
    count = reader.read()
    width = reader.read()
    height = reader.read()
    frame = reader.read()
    capturedUs = reader.read()
    unixMs = reader.read()
    ageUs = reader.read()
    completed = reader.readFlag()
    transcoded = reader.readFlag()
    reader.skip(2)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(total)
    writer.write(offset)
    writer.write(count)
    writer.write(width)
    writer.write(height)
    writer.write(frame)
    writer.write(capturedUs)
    writer.write(unixMs)
    writer.write(ageUs)
    writer.write(completed)
    writer.write(transcoded)
    writer.zero(2)
  }

  /// True for the part that completes the picture.
  public var isLast: Bool { UInt64(offset) + UInt64(count) == UInt64(total) }

  /// Splits an answer into its head and its bytes, which lie in `payload`. `.malformed` if they do
  /// not fit each other, or the picture's bounds.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, bytes: UnsafeRawBufferPointer)
  {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = Self(from: &reader)
    guard head.total <= UInt32(Limits.pictureSize), head.count > 0,
      UInt64(head.offset) + UInt64(head.count) <= UInt64(head.total),
      reader.remaining == Int(head.count)
    else { throw .malformed }
    return (head, reader.take(Int(head.count)))
  }
}
