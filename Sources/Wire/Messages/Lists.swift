/// The head of an answer that is a list: `count` entries of fixed size follow it.
public protocol ListHead: Payload {
  associatedtype Entry: Payload
  /// The most entries that a list may have.
  static var maximum: Int { get }
  var count: UInt16 { get }
}

extension ListHead {
  /// Bytes of a payload with `count` entries.
  public static func size(count: Int) -> Int { size + count * Entry.size }

  /// Splits a list's payload into its head and a reader that stands at the first entry.
  /// The payload must be exactly as long as its count says.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status) -> (Self, ByteReader) {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = try Self(from: &reader)
    let count = Int(head.count)
    guard count <= maximum, payload.count == size(count: count) else { throw .malformed }
    return (head, reader)
  }
}
