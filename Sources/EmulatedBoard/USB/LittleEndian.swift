/// Bytes under construction, little-endian as USB and usb-redir want them.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func put8(_ value: UInt8) { bytes.append(value) }
  mutating func put16(_ value: UInt16) { put(value) }
  mutating func put32(_ value: UInt32) { put(value) }
  mutating func put64(_ value: UInt64) { put(value) }
  mutating func put(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }
  mutating func pad(to count: Int) {
    precondition(bytes.count <= count)
    bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
  }

  private mutating func put<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}

/// Bytes being taken apart, little-endian. Every read answers nil at the end.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private var index: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    index = bytes.startIndex
  }

  init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  var remaining: Int { bytes.endIndex - index }

  mutating func take8() -> UInt8? { take(UInt8.self) }
  mutating func take16() -> UInt16? { take(UInt16.self) }
  mutating func take32() -> UInt32? { take(UInt32.self) }
  mutating func take64() -> UInt64? { take(UInt64.self) }

  mutating func take(count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, remaining >= count else { return nil }
    defer { index += count }
    return bytes[index..<index + count]
  }

  mutating func takeRest() -> [UInt8] {
    defer { index = bytes.endIndex }
    return Array(bytes[index...])
  }

  private mutating func take<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    let width = MemoryLayout<Number>.size
    guard remaining >= width else { return nil }
    var value: Number = 0
    for offset in 0..<width { value |= Number(bytes[index + offset]) << (8 * offset) }
    index += width
    return value
  }
}
