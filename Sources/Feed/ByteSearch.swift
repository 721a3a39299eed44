// The only work per byte of a picture that the feed does beside copying it: a word at a time.

extension UnsafeRawBufferPointer {
  /// The offset of the first 0xFF with another byte than 0 behind it, at or behind `start`; `count`
  /// when there is none. Coded data holds an FF 00 every hundred bytes or so: it is passed without
  /// a branch.
  func firstMarker(from start: Int) -> Int {
    var offset = start
    while count - offset >= 17 {
      if markers(at: offset) | markers(at: offset + 8) != 0 { break }
      offset += 16
    }
    while count - offset >= 9 {
      let found = markers(at: offset)
      if found != 0 { return offset + found.trailingZeroBitCount / 8 }
      offset += 8
    }
    while count - offset >= 2 {
      if self[offset] == 0xFF, self[offset + 1] != 0 { return offset }
      offset += 1
    }
    return count
  }

  /// The top bit of each of eight bytes that is FF and has no 0 behind it.
  @inline(__always)
  private func markers(at offset: Int) -> UInt64 {
    let (low, ones): (UInt64, UInt64) = (0x7F7F_7F7F_7F7F_7F7F, 0x0101_0101_0101_0101)
    let (these, next) = (word(at: offset), word(at: offset + 1))
    // Neither sum carries into the next byte, so that every bit is exact.
    let isFF = ((these & low) &+ ones) & these
    let isNotZero = ((next & low) &+ low) | next
    return isFF & isNotZero & ~low
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
