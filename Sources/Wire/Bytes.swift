/// Reads little-endian fields from a buffer whose length the caller has checked against the layout.
///
/// Reading past the end is a bug of ours and traps: every decoder compares the payload's length
/// with its layout first.
public struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Bytes not yet read.
  public var remaining: Int { bytes.count - offset }

  public mutating func read<Value: FixedWidthInteger>(_: Value.Type = Value.self) -> Value {
    let size = MemoryLayout<Value>.size
    precondition(remaining >= size, "read past the end of a payload")
    defer { offset += size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  public mutating func read<let capacity: Int>(_: Text<capacity>.Type = Text<capacity>.self)
    -> Text<capacity>
  {
    Text(take(capacity))
  }

  /// The next `count` bytes, in place.
  public mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
    precondition(remaining >= count, "read past the end of a payload")
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  public mutating func skip(_ count: Int) { _ = take(count) }
}

/// Writes little-endian fields into a buffer of fixed size. Overflow is a bug of ours and traps.
public struct ByteWriter {
  private let bytes: UnsafeMutableRawBufferPointer
  /// Bytes written so far.
  public private(set) var count = 0

  public init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

  /// Bytes that still fit.
  public var remaining: Int { bytes.count - count }

  /// What has been written, in place.
  public var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<count]) }

  public mutating func write<Value: FixedWidthInteger>(_ value: Value) {
    let size = MemoryLayout<Value>.size
    precondition(remaining >= size, "payload larger than its buffer")
    bytes.storeBytes(of: value.littleEndian, toByteOffset: count, as: Value.self)
    count += size
  }

  public mutating func write(_ flag: Bool) { write(flag ? UInt8(1) : 0) }

  public mutating func write(_ source: UnsafeRawBufferPointer) {
    precondition(remaining >= source.count, "payload larger than its buffer")
    UnsafeMutableRawBufferPointer(rebasing: bytes[count..<count + source.count])
      .copyMemory(from: source)
    count += source.count
  }

  /// A text with its padding: always `capacity` bytes.
  public mutating func write<let capacity: Int>(_ text: Text<capacity>) {
    text.withBytes { write($0) }
    zero(capacity - text.count)
  }

  /// `length` zero bytes.
  public mutating func zero(_ length: Int) {
    precondition(remaining >= length, "payload larger than its buffer")
    for index in count..<count + length { bytes[index] = 0 }
    count += length
  }
}
