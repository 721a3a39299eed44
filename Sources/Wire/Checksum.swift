import CChecksum

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4), as in iSCSI and
/// ext4.
public enum CRC32C {
  /// The checksum of `bytes`.
  @inline(__always)
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 { of(bytes, behind: 0) }

  /// The checksum of `bytes` behind others, whose checksum is given.
  @inline(__always)
  public static func of(_ bytes: UnsafeRawBufferPointer, behind crc: UInt32) -> UInt32 {
    guard let start = bytes.baseAddress, cc_crc32c_available() else {
      return portable(bytes, behind: crc)
    }
    return ~cc_crc32c(~crc, start, bytes.count)
  }

  /// The checksum where the processor has no instruction for it.
  ///
  /// Slicing by eight: eight bytes cost eight independent look-ups instead of a chain of eight, and
  /// that makes the checksum of a full frame cheaper than copying it through a socket.
  static func portable(_ bytes: UnsafeRawBufferPointer, behind first: UInt32 = 0) -> UInt32 {
    var crc = ~first
    var offset = 0
    while bytes.count - offset >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let mixed = UInt64(littleEndian: word) ^ UInt64(crc)
      crc = remainder(of: mixed, byte: 0, behind: 7) ^ remainder(of: mixed, byte: 1, behind: 6)
      crc ^= remainder(of: mixed, byte: 2, behind: 5) ^ remainder(of: mixed, byte: 3, behind: 4)
      crc ^= remainder(of: mixed, byte: 4, behind: 3) ^ remainder(of: mixed, byte: 5, behind: 2)
      crc ^= remainder(of: mixed, byte: 6, behind: 1) ^ remainder(of: mixed, byte: 7, behind: 0)
      offset += 8
    }
    while offset < bytes.count {
      crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[offset])] ^ (crc >> 8)
      offset += 1
    }
    return ~crc
  }

  /// The remainder of one byte of `word` with `behind` bytes after it.
  @inline(__always)
  private static func remainder(of word: UInt64, byte: Int, behind: Int) -> UInt32 {
    tables[256 * behind + Int(UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)))]
  }
}
