import Foundation

/// A card with a volatile write cache: the raw file that QEMU writes to, a copy of it from
/// power-on, and the log of what was written since. A power cut makes the card that copy again and
/// carries out on it what survives.
struct LosingCard {
  private let card: String
  private let before: String
  let log: String

  private static let fresh = "card.img"
  private static let copy = "card-at-power-on.img"
  private static let writes = "writes.log"
  /// What lies in the state folder.
  static let files = [fresh, copy, writes]

  /// - Parameter card: raw file that is the card; nil takes a fresh copy of the image's disk.
  init(card: String?, disk: String, in state: StateFolder) throws {
    self.card = card ?? state.file(Self.fresh)
    (before, log) = (state.file(Self.copy), state.file(Self.writes))
    if card == nil { try CardFile.copy(disk, to: self.card) }
  }

  var file: (file: String, format: String) { (card, "raw") }

  /// Keeps the card as it is, and begins an empty log.
  func powerOn() throws {
    try CardFile.copy(card, to: before)
    guard FileManager.default.createFile(atPath: log, contents: nil) else {
      throw BoardError("The log of the card's writes \(log) cannot be made: is the disk full?")
    }
  }

  /// Looks at the log, 10 ms apart or more.
  private static let patience = 6000

  /// Waits until nothing more comes into the log. Throws when that takes a minute or more.
  ///
  /// QEMU assigns an entry its place before it writes it, and writes several at once. If it were
  /// killed meanwhile, a gap could hide entries behind it whose completion the board knows of.
  /// - Parameter rest: time without a further byte after which no request is thought to be under
  ///   way.
  func logRests(for rest: Duration = .milliseconds(50)) async throws {
    // Looks are counted, not time: on a busy machine a single one may take long.
    var looks = 0
    var (bytes, since) = (try logBytes(), ContinuousClock.now)
    while ContinuousClock.now - since < rest {
      looks += 1
      guard looks <= Self.patience else {
        throw BoardError("The card is still written to, \(looks) looks after it was stopped.")
      }
      try await Task.sleep(for: .milliseconds(10))
      let now = try logBytes()
      if now != bytes { (bytes, since) = (now, .now) }
    }
  }

  /// Bytes of the log, which grows with what is written.
  func logBytes() throws -> UInt64 {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: log))
    defer { try? file.close() }
    return try file.seekToEnd()
  }

  /// Makes the card what it is after a power cut. QEMU must have ended.
  func loseWrites(_ seed: UInt64) throws -> LostWrites {
    let data = try Data(contentsOf: URL(fileURLWithPath: log), options: .alwaysMapped)
    let medium = try FileHandle(forUpdating: URL(fileURLWithPath: card))
    defer { try? medium.close() }
    let cardSectors = Int(try medium.seekToEnd()) / WriteLog.sectorBytes
    let writes = try WriteLog(data, cardSectors: cardSectors)
    guard writes.end >= data.count else {
      throw BoardError(
        "The log of the card's writes is unreadable from byte \(writes.end) of \(data.count) on: "
          + "what the board was told of behind it would be lost.")
    }
    var generator = SplitMix(seed: seed)
    let fates = VolatileCache.fates(of: writes.entries, using: &generator)
    // `cp` empties the file that is there, and does not replace it: `medium` stays the card.
    try CardFile.copy(before, to: card)
    for (entry, fate) in zip(writes.entries, fates) {
      try Self.carryOut(entry, fate, from: data, on: medium)
    }
    return LostWrites(seed: seed, entries: writes.entries, fates: fates)
  }

  private static func carryOut(
    _ entry: WriteLog.Entry, _ fate: WriteFate, from log: Data, on medium: FileHandle
  ) throws {
    let sectors =
      switch fate {
      case .safe, .kept: entry.isWrite ? entry.sectors : 0
      case .torn(let first): first
      case .dropped: 0
      }
    guard sectors > 0 else { return }
    try medium.seek(toOffset: UInt64(entry.sector * WriteLog.sectorBytes))
    try medium.write(contentsOf: log[entry.data..<entry.data + sectors * WriteLog.sectorBytes])
  }
}
