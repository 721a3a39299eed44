/// What becomes of a write when the power goes.
enum WriteFate: Equatable {
  /// It is on the medium, as the card had promised.
  case safe
  case kept
  case dropped
  /// This many of its first sectors are kept, at least one and not all.
  case torn(sectors: Int)
}

/// The model of a card that answers a write once it is in a volatile cache, and brings the cache to
/// the medium in any order and at any time, a sector of 512 bytes being the least that it writes at
/// once.
///
/// - What was completed before a flush was completed stays: that is what a flush is for.
/// - A write with FUA stays.
/// - Of all other writes each is kept, dropped or torn; those that are kept are carried out in the
///   order of their completion.
/// - A discard is never carried out. A drive is free to answer with what was there before, and QEMU
///   does so unless a drive is given `discard=unmap`.
enum VolatileCache {
  /// Of the writes that may be lost, one in this many is torn.
  private static let tornOneIn = 8

  /// The fate of each entry. Entries and generator alone decide.
  static func fates(
    of entries: [WriteLog.Entry], using generator: inout some RandomNumberGenerator
  ) -> [WriteFate] {
    let flush = entries.lastIndex { $0.flags.contains(.flush) } ?? entries.startIndex
    // One share per cut and not one half for all: nearly everything lost, and nearly nothing, are
    // the cases in which a single write makes the difference.
    let share = Double.random(in: 0...1, using: &generator)
    return entries.indices.map { index in
      let entry = entries[index]
      if entry.flags.contains(.discard) { return .dropped }
      let isSafe = index < flush || entry.flags.contains(.forceUnitAccess) || !entry.isWrite
      return isSafe ? .safe : fate(of: entry, share: share, using: &generator)
    }
  }

  private static func fate(
    of entry: WriteLog.Entry, share: Double, using generator: inout some RandomNumberGenerator
  ) -> WriteFate {
    if entry.sectors > 1, Int.random(in: 0..<tornOneIn, using: &generator) == 0 {
      return .torn(sectors: Int.random(in: 1..<entry.sectors, using: &generator))
    }
    return Double.random(in: 0..<1, using: &generator) < share ? .kept : .dropped
  }
}

/// What a power cut did to the writes of the life that it ended.
public struct LostWrites: Equatable, Sendable, CustomStringConvertible {
  /// Repeats the same choice for the same writes.
  public let seed: UInt64
  /// Flushes that the card had completed.
  public internal(set) var flushes = 0
  /// Writes that were safe: completed before the last flush, or forced to the medium.
  public internal(set) var flushed = 0
  /// Writes behind the last flush that are on the card nevertheless.
  public internal(set) var kept = 0
  /// Writes behind the last flush of which only the first sectors are on the card.
  public internal(set) var torn = 0
  /// Writes behind the last flush that are lost.
  public internal(set) var dropped = 0

  public var description: String {
    "\(flushed) writes covered by \(flushes) flushes; behind them \(kept) kept, \(torn) torn, "
      + "\(dropped) lost (seed \(seed))"
  }

  init(seed: UInt64, entries: [WriteLog.Entry], fates: [WriteFate]) {
    self.seed = seed
    for (entry, fate) in zip(entries, fates) {
      if entry.flags.contains(.flush) { flushes += 1 }
      guard entry.isWrite else { continue }
      switch fate {
      case .safe: flushed += 1
      case .kept: kept += 1
      case .torn: torn += 1
      case .dropped: dropped += 1
      }
    }
  }
}
