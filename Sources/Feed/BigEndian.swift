// Network byte order, in and out. Reading past the end is a bug of ours and traps: the callers have
// compared the length before.

extension UnsafeRawBufferPointer {
  @inline(__always)
  func bigEndian16(at offset: Int) -> UInt16 {
    UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
}

extension UnsafeMutableRawBufferPointer {
  @inline(__always)
  func store<Value: FixedWidthInteger>(bigEndian value: Value, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
  }

  /// The low 24 bits of `value`.
  @inline(__always)
  func store(bigEndian24 value: Int, at offset: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value >> 16)
    store(bigEndian: UInt16(truncatingIfNeeded: value), at: offset + 1)
  }

  @inline(__always)
  func copy(_ source: UnsafeRawBufferPointer, at offset: Int) {
    UnsafeMutableRawBufferPointer(rebasing: self[offset..<offset + source.count])
      .copyMemory(from: source)
  }
}
