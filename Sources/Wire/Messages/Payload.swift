/// What follows a header: fields in fixed places, little-endian, without padding of the compiler's.
///
/// Lengths are exact. New fields come out of reserved bytes, where zero means "not told"; what does
/// not fit there becomes a new operation. So requests must leave reserved bytes zero, and whoever
/// reads an answer ignores them.
public protocol Payload: Sendable {
  /// Bytes on the wire, always.
  static var size: Int { get }
  /// Writes exactly `size` bytes.
  func encode(into writer: inout ByteWriter)
  /// Reads exactly `size` bytes, which the caller has made sure of.
  init(from reader: inout ByteReader) throws(Status)
  /// The value of a whole payload. All but `MetricValues` must have exactly `size` bytes.
  static func decode(_ payload: UnsafeRawBufferPointer) throws(Status) -> Self
}

extension Payload {
  public static func decode(_ payload: UnsafeRawBufferPointer) throws(Status) -> Self {
    guard payload.count == size else { throw .malformed }
    var reader = ByteReader(payload)
    return try Self(from: &reader)
  }
}

/// The payload of operations that have nothing to say: 0 bytes.
public struct Empty: Payload, Equatable {
  public static let size = 0
  public init() {}
  public init(from reader: inout ByteReader) {}
  public func encode(into writer: inout ByteWriter) {}
}

/// A number that stands for a case of `Value`, or for one that is newer than this build.
///
/// Devices of several versions answer the same client: a state it does not know must not make the
/// rest of the answer unreadable.
public struct Code<Value: RawRepresentable & Sendable>: Equatable, Sendable
where Value.RawValue: FixedWidthInteger & Sendable {
  public var rawValue: Value.RawValue

  public init(_ value: Value) { rawValue = value.rawValue }
  public init(rawValue: Value.RawValue) { self.rawValue = rawValue }

  /// nil: newer than this build.
  public var known: Value? { Value(rawValue: rawValue) }

  public static func == (left: Self, right: Value) -> Bool { left.rawValue == right.rawValue }
  public static func != (left: Self, right: Value) -> Bool { left.rawValue != right.rawValue }
}

extension ByteReader {
  mutating func read<Value>(_: Code<Value>.Type = Code<Value>.self) -> Code<Value> {
    Code(rawValue: read(Value.RawValue.self))
  }

  mutating func read<Value: Flags>(_: Value.Type = Value.self) -> Value {
    Value(rawValue: read(Value.Bits.self))
  }

  /// Any byte but zero is true.
  mutating func readFlag() -> Bool { read(UInt8.self) != 0 }

  /// An IPv4 address: four bytes in the order in which it is spoken.
  mutating func readAddress() -> UInt32 { read(UInt32.self).byteSwapped }

  /// `count` reserved bytes of a request.
  mutating func expectZero(_ count: Int) throws(Status) {
    for byte in take(count) where byte != 0 { throw .reservedBits }
  }

  /// A text of a request: nothing but zeros after its end.
  mutating func readStrictly<let capacity: Int>() throws(Status) -> Text<capacity> {
    let bytes = take(capacity)
    let text = Text<capacity>(bytes)
    for index in text.count..<capacity where bytes[index] != 0 { throw .reservedBits }
    return text
  }
}

extension ByteWriter {
  mutating func write<Value>(_ code: Code<Value>) { write(code.rawValue) }
  mutating func write<Value: Flags>(_ flags: Value) { write(flags.rawValue) }
  mutating func write(address: UInt32) { write(address.byteSwapped) }
}

/// Identifies one boot of one machine: random, 16 bytes, never zero once known.
public struct BootID: Equatable, Sendable {
  public var bytes: InlineArray<16, UInt8>

  public init(_ bytes: InlineArray<16, UInt8> = InlineArray(repeating: 0)) { self.bytes = bytes }

  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<16 where left.bytes[index] != right.bytes[index] { return false }
    return true
  }

  init(from reader: inout ByteReader) {
    self.init()
    let source = reader.take(16)
    for index in 0..<16 { bytes[index] = source[index] }
  }

  func encode(into writer: inout ByteWriter) {
    for index in 0..<16 { writer.write(bytes[index]) }
  }
}
