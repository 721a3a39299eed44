import Foundation

/// What QEMU's `blklogwrites` driver logged: every completed request that changes a card, in order.
///
///     sector 0   magic u64 │ version u64 │ entries u64 │ sector size u32 │ zeros
///     an entry   sector u64 │ sectors u64 │ flags u64 │ data length u64 │ zeros up to the sector's
///                end │ the data, `sectors` sectors of it, unless it is a discard
///
/// All numbers are little-endian. The format is that of the kernel's dm-log-writes
/// (drivers/md/dm-log-writes.c). QEMU updates sector 0 seldom, so that the number of entries there
/// says little when QEMU was killed: an entry is one as long as everything in it can be true.
struct WriteLog {
  struct Flags: OptionSet {
    let rawValue: UInt64
    /// Everything that was completed before is on the medium.
    static let flush = Flags(rawValue: 1)
    /// The data of this entry is on the medium.
    static let forceUnitAccess = Flags(rawValue: 2)
    static let discard = Flags(rawValue: 4)
    /// A text for the reader of the log, in the entry's own sector.
    static let mark = Flags(rawValue: 8)
    static let known: Flags = [.flush, .forceUnitAccess, .discard, .mark]
  }

  struct Entry: Equatable {
    /// First sector of the card.
    var sector: Int
    /// Number of sectors.
    var sectors: Int
    var flags: Flags
    /// Byte of the log at which the data begins.
    var data: Int

    var isWrite: Bool { sectors > 0 && !flags.contains(.discard) }
  }

  static let sectorBytes = 512
  static let magic: UInt64 = 0x6A_7366_7773_6872
  static let version: UInt64 = 1

  private(set) var entries: [Entry] = []
  /// Byte at which the last entry ends; what follows, if anything, is an entry that QEMU did not
  /// come to finish, so that the board was never told of its completion.
  private(set) var end = Self.sectorBytes

  /// Takes a log apart.
  /// - Parameter cardSectors: size of the card; no entry reaches beyond it.
  init(_ log: Data, cardSectors: Int) throws(BoardError) {
    guard try Self.hasSuperblock(log) else { return }
    while let entry = Self.entry(at: end, of: log, cardSectors: cardSectors) {
      entries.append(entry)
      end = entry.data + (entry.isWrite ? entry.sectors * Self.sectorBytes : 0)
    }
  }

  /// False for a log in which nothing was written yet. Until the first flush, the sector is zero.
  private static func hasSuperblock(_ log: Data) throws(BoardError) -> Bool {
    guard log.count >= sectorBytes else { return false }
    let words = words(at: 0, of: log)
    if words.allSatisfy({ $0 == 0 }) { return true }
    guard words[0] == magic, words[1] == version, words[3] == UInt64(sectorBytes) else {
      throw BoardError("The log of the card's writes is none, or has another sector size.")
    }
    return true
  }

  private static func entry(at offset: Int, of log: Data, cardSectors: Int) -> Entry? {
    guard log.count - offset >= sectorBytes else { return nil }
    let words = words(at: offset, of: log)
    let flags = Flags(rawValue: words[2])
    guard flags.isSubset(of: .known), let sector = Int(exactly: words[0]),
      let sectors = Int(exactly: words[1]), sector <= cardSectors, sectors <= cardSectors - sector,
      // Zeros are a gap, which a later entry left by overtaking one that was never written.
      sectors > 0 || !flags.isEmpty,
      flags.contains(.mark) || words[3...].allSatisfy({ $0 == 0 })
    else { return nil }
    let entry = Entry(sector: sector, sectors: sectors, flags: flags, data: offset + sectorBytes)
    let bytes = entry.isWrite ? sectors * sectorBytes : 0
    return log.count - entry.data >= bytes ? entry : nil
  }

  /// The 64 words of a sector.
  private static func words(at offset: Int, of log: Data) -> [UInt64] {
    log.withUnsafeBytes { bytes in
      stride(from: offset, to: offset + sectorBytes, by: 8).map {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
      }
    }
  }
}
