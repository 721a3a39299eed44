// The only work per byte of a picture that the feed does beside copying it: a word at a time.

extension UnsafeRawBufferPointer {
  /// The offset of the first 0xFF at or behind `start`; `count` when there is none.
  func firstFF(from start: Int) -> Int {
    var offset = start
    // Inverted, for what is looked for is then a zero.
    while count - offset >= 32 {
      let zeros =
        zeroBytes(~word(at: offset)) | zeroBytes(~word(at: offset + 8))
        | zeroBytes(~word(at: offset + 16)) | zeroBytes(~word(at: offset + 24))
      if zeros != 0 { break }
      offset += 32
    }
    while count - offset >= 8 {
      let zeros = zeroBytes(~word(at: offset))
      if zeros != 0 { return offset + zeros.trailingZeroBitCount / 8 }
      offset += 8
    }
    while offset < count, self[offset] != 0xFF { offset += 1 }
    return offset
  }

  /// The offset of the first 00 00 01 at or behind `start`; `count` when there is none.
  func firstStartCode(from start: Int) -> Int {
    var offset = start
    while count - offset >= 3 {
      if count - offset >= 10, zeroBytes(word(at: offset)) == 0 {
        offset += 8
      } else if self[offset + 2] > 1 {
        offset += 3
      } else if self[offset] == 0, self[offset + 1] == 0, self[offset + 2] == 1 {
        return offset
      } else {
        offset += 1
      }
    }
    return count
  }

  /// Eight bytes, the first one lowest.
  @inline(__always)
  private func word(at offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Not zero exactly when a byte of `word` is; its lowest set bit is in the first such byte.
  @inline(__always)
  private func zeroBytes(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }
}
