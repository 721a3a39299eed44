import Wire

/// One record of the index of files: an append-only row of records of one size.
///
/// ```
/// offset size field
///      0    4 checksum           CRC-32C of all that follows
///      4    1 kind               header 1, put 2, removed 3, dated 4, clock 5
///      5    3 zero
///      8    4 ageS               age clock: of a file's begin (put), or now (clock)
///     12    4 zero
///     16  144 FileEntry          put: all of it; header: id is magic and version; removed: id;
///                                dated: boot and unixMs; clock: id, boot and startedMs
/// ```
///
/// A record is as long as it is so that the state of a file is always told whole: the newest record
/// of a file is all there is to know, and a record that is lost costs nothing but itself.
public enum IndexRecord: Equatable, Sendable {
  /// Always the first one.
  case header
  /// All that is known of a file; `ageS` is the age clock at its begin.
  case put(FileEntry, ageS: UInt32)
  case removed(id: UInt64)
  /// Unix time in milliseconds at the start of that boot's kernel.
  case dated(boot: UInt32, originMs: UInt64)
  /// The age clock, and the id that the next file gets.
  case clock(AgeClock, nextID: UInt64)

  public static let size = 16 + FileEntry.size
  /// "WPIX" and the layout's version, 1.
  private static let magic: UInt64 = 0x0000_0001_5849_5057

  private enum Kind: UInt8 {
    case header = 1
    case put
    case removed
    case dated
    case clock
  }

  /// Writes exactly `size` bytes to the beginning of `bytes`.
  public func encode(into bytes: UnsafeMutableRawBufferPointer) {
    var entry = FileEntry()
    var kind = Kind.header
    var ageS: UInt32 = 0
    switch self {
    case .header: entry.id = IndexRecord.magic
    case .put(let file, let age): (kind, entry, ageS) = (.put, file, age)
    case .removed(let id): (kind, entry.id) = (.removed, id)
    case .dated(let boot, let originMs):
      (kind, entry.boot, entry.unixMs) = (.dated, boot, originMs)
    case .clock(let clock, let nextID):
      (kind, entry.id, ageS) = (.clock, nextID, clock.ageS)
      (entry.boot, entry.startedMs) = (clock.boot, clock.atMs)
    }
    let body = UnsafeMutableRawBufferPointer(rebasing: bytes[4..<IndexRecord.size])
    var writer = ByteWriter(body)
    writer.write(kind.rawValue)
    writer.zero(3)
    writer.write(ageS)
    writer.zero(4)
    entry.encode(into: &writer)
    bytes.storeBytes(of: CRC32C.of(UnsafeRawBufferPointer(body)).littleEndian, as: UInt32.self)
  }

  /// nil: `bytes`, which are `size` long, are no record that this build knows.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == IndexRecord.size else { return nil }
    var reader = ByteReader(bytes)
    let sum = reader.read(UInt32.self)
    guard CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[4...])) == sum else { return nil }
    let kind = Kind(rawValue: reader.read())
    reader.skip(3)
    let ageS = reader.read(UInt32.self)
    reader.skip(4)
    let entry = FileEntry(from: &reader)
    switch kind {
    case .header:
      guard entry.id == IndexRecord.magic else { return nil }
      self = .header
    case .put: self = .put(entry, ageS: ageS)
    case .removed: self = .removed(id: entry.id)
    case .dated: self = .dated(boot: entry.boot, originMs: entry.unixMs)
    case .clock:
      let clock = AgeClock(ageS: ageS, boot: entry.boot, atMs: entry.startedMs)
      self = .clock(clock, nextID: entry.id)
    case nil: return nil
    }
  }
}

/// Reads an index piece by piece, and tells what became of it.
///
/// A power cut leaves the end of the file unfinished, or full of what was never written: wrong
/// records with no right one behind them are a torn tail, and cut off. A wrong record before a
/// right one is damage. What is right is told in either case: no record needs the one before it.
public struct IndexReplay {
  public enum Outcome: Equatable, Sendable {
    case whole
    /// The end of the last right record, where the file is to be cut.
    case tornTail(at: UInt64)
    case damaged
  }

  /// More wrong records than this at the end are not what a power cut leaves: a record is on the
  /// disk before much follows it.
  public static let tornRecords = 64

  private var partial = InlineArray<160, UInt8>(repeating: 0)
  private var filled = 0
  private var rightBytes: UInt64 = 0
  private var wrongRecords = 0
  private var isDamaged = false

  public init() {}

  /// Bytes up to the end of the last right record.
  public var end: UInt64 { rightBytes }

  /// Takes the next bytes of the file, and tells the records that are complete.
  public mutating func take(_ bytes: UnsafeRawBufferPointer, _ tell: (IndexRecord) -> Void) {
    var at = 0
    while at < bytes.count {
      if filled == 0, bytes.count - at >= IndexRecord.size {
        judge(UnsafeRawBufferPointer(rebasing: bytes[at..<at + IndexRecord.size]), tell)
        at += IndexRecord.size
        continue
      }
      partial[filled] = bytes[at]
      filled += 1
      at += 1
      guard filled == IndexRecord.size else { continue }
      filled = 0
      let whole = partial
      whole.span.withUnsafeBytes { judge($0, tell) }
    }
  }

  /// What became of the file, all of which has been taken.
  public func outcome() -> Outcome {
    guard !isDamaged, rightBytes > 0, wrongRecords <= IndexReplay.tornRecords else {
      return .damaged
    }
    return wrongRecords == 0 && filled == 0 ? .whole : .tornTail(at: rightBytes)
  }

  private mutating func judge(
    _ bytes: UnsafeRawBufferPointer, _ tell: (IndexRecord) -> Void
  ) {
    guard let record = IndexRecord(bytes) else {
      wrongRecords += 1
      return
    }
    if rightBytes == 0, record != .header { isDamaged = true }
    if wrongRecords > 0 { isDamaged = true }
    rightBytes += UInt64(IndexRecord.size)
    tell(record)
  }
}
