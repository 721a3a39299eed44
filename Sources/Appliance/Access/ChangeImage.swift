import Wire

/// Why an image of configuration changes cannot be used.
public enum ChangeImageError: Error, Equatable, Sendable {
  /// It has not `ConfigurationChanges.imageSize` bytes.
  case length
  /// Its bytes are not those that were written.
  case checksum
  /// It is no such image, or one of another version.
  case version
  /// What it says cannot be.
  case content
  /// Something has begun already.
  case state
}

/// What was confirmed last.
public struct ConfirmedChange: Equatable, Sendable {
  public var id: UInt32
  public var text: ConfigurationText
  /// Name of the key that staged it.
  public var stager: Text<32>
}

/// All configuration changes as they are kept over lives of the agent and of the device.
///
/// ```
/// offset size field
///      0    4 checksum           CRC-32C of all that follows
///      4    4 magic              "WPCH"
///      8    2 version            1
///     10    1 ended              records of changes that have ended
///     11    5 zero
///     16   16 boot               id of the boot in which it was written
///     32    8 keptAt             when it was written, milliseconds since the kernel started
///     40    4 lastID             the id that was given last
///     44    4 inForce            id of what was confirmed last; 0: not known
///     48  128 text, stager       of that
///    176  416 records            8 places of open ones, and 32 of ended ones, the oldest first
/// ```
///
/// A record is a ChangeEntry, and what clients are not told:
///
/// ```
///    352    8 expiresAt          in milliseconds since the kernel started
///    360    8 until              applying: to when at most; unconfirmed: since when
///    368    1 failures           of rolling back
///    369   15 zero
///    384   32 applier            applying: name of the key
/// ```
///
/// A place is free where its id is 0. Times are right together with `keptAt` only.
struct ChangeImage {
  static let headSize = 176
  static let recordSize = ChangeEntry.size + 64
  static let size = headSize + ConfigurationChanges.capacity * recordSize
  /// "WPCH".
  private static let magic: UInt32 = 0x4843_5057
  private static let version: UInt16 = 1

  var boot = BootID()
  var keptAt = Instant(ms: 0)
  var lastID: UInt32 = 0
  var endedCount = 0
  var inForce: ConfirmedChange?

  init() {}

  // MARK: Writing

  /// Writes the head and `records`, in their order, to `bytes` of exactly `size` bytes.
  func encode(
    _ records: (Int) -> ConfigurationChange, into bytes: UnsafeMutableRawBufferPointer
  ) {
    precondition(bytes.count == ChangeImage.size, "an image of changes has one size")
    let body = UnsafeMutableRawBufferPointer(rebasing: bytes[4...])
    var writer = ByteWriter(body)
    writer.write(ChangeImage.magic)
    writer.write(ChangeImage.version)
    writer.write(UInt8(endedCount))
    writer.zero(5)
    for index in boot.bytes.indices { writer.write(boot.bytes[index]) }
    writer.write(keptAt.ms)
    writer.write(lastID)
    writer.write(inForce?.id ?? 0)
    let text = inForce?.text ?? ConfigurationText()
    writer.write(text.version)
    writer.write(text.ring)
    text.digest.encode(into: &writer)
    writer.write(text.size)
    writer.zero(12)
    writer.write(inForce?.stager ?? .empty)
    for index in 0..<ConfigurationChanges.capacity {
      ChangeImage.encode(records(index), now: keptAt, into: &writer)
    }
    bytes.storeBytes(of: CRC32C.of(UnsafeRawBufferPointer(body)).littleEndian, as: UInt32.self)
  }

  private static func encode(
    _ change: ConfigurationChange, now: Instant, into writer: inout ByteWriter
  ) {
    guard !change.isFree else { return writer.zero(recordSize) }
    change.entry(now: now).encode(into: &writer)
    writer.write(change.facts.expiresAt.ms)
    switch change.state {
    case .applying(_, let until): writer.write(until.ms)
    case .unconfirmed(let since): writer.write(since.ms)
    case .free, .checking, .pending, .approved, .rollingBack, .ended: writer.write(UInt64(0))
    }
    if case .rollingBack(_, let failures, _) = change.state {
      writer.write(failures)
    } else {
      writer.zero(1)
    }
    writer.zero(15)
    if case .applying(let key, _) = change.state { writer.write(key) } else { writer.zero(32) }
  }

  // MARK: Reading

  /// Reads a whole image, and its records into `table`, whose content is worth nothing if this
  /// throws.
  init(
    _ bytes: UnsafeRawBufferPointer, into table: Table<ConfigurationChange>
  ) throws(ChangeImageError) {
    guard bytes.count == ChangeImage.size else { throw .length }
    var reader = ByteReader(bytes)
    let sum = reader.read(UInt32.self)
    guard CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[4...])) == sum else { throw .checksum }
    guard reader.read(UInt32.self) == ChangeImage.magic,
      reader.read(UInt16.self) == ChangeImage.version
    else { throw .version }
    endedCount = Int(reader.read(UInt8.self))
    guard endedCount <= Limits.endedChanges else { throw .content }
    reader.skip(5)
    for index in boot.bytes.indices { boot.bytes[index] = reader.read() }
    keptAt = Instant(ms: reader.read())
    lastID = reader.read()
    inForce = try ChangeImage.confirmed(from: &reader, upTo: lastID)
    for place in 0..<ConfigurationChanges.capacity {
      let change = try ChangeImage.change(from: &reader, keptAt: keptAt)
      guard isPossible(change, at: place, behind: table) else { throw .content }
      table[place] = change
    }
  }

  private static func confirmed(
    from reader: inout ByteReader, upTo lastID: UInt32
  ) throws(ChangeImageError) -> ConfirmedChange? {
    let id = reader.read(UInt32.self)
    var text = ConfigurationText()
    text.version = reader.read()
    text.ring = reader.read()
    text.digest = ConfigurationDigest(from: &reader)
    text.size = reader.read()
    reader.skip(12)
    let stager = reader.read(Text<32>.self)
    if id == 0 { return nil }
    guard id <= lastID, text.refusal == nil, !stager.isEmpty else { throw .content }
    return ConfirmedChange(id: id, text: text, stager: stager)
  }

  /// Whether a record can be where it is, given those before it.
  private func isPossible(
    _ change: ConfigurationChange, at place: Int, behind table: Table<ConfigurationChange>
  ) -> Bool {
    let isOpen = place < Limits.openChanges
    if change.isFree { return isOpen || place >= Limits.openChanges + endedCount }
    guard change.id <= lastID, change.hasEnded != isOpen,
      place < Limits.openChanges + endedCount
    else { return false }
    for other in 0..<place where !table[other].isFree {
      if table[other].id == change.id { return false }
      guard isOpen else { continue }
      if change.isUnderWay && table[other].isUnderWay { return false }
      if change.facts.text.hasName(of: table[other].facts.text) { return false }
    }
    return true
  }

  private static func change(
    from reader: inout ByteReader, keptAt: Instant
  ) throws(ChangeImageError) -> ConfigurationChange {
    let entry = ChangeEntry(from: &reader)
    var facts = ChangeFacts(entry)
    facts.expiresAt = Instant(ms: reader.read())
    let until = Instant(ms: reader.read())
    let failures = reader.read(UInt8.self)
    reader.skip(15)
    let applier = reader.read(Text<32>.self)
    if entry.id == 0 { return ConfigurationChange() }
    let change = ConfigurationChange(
      facts, try state(entry, until: until, failures: failures, applier: applier))
    let isDecided = !facts.decider.isEmpty
    guard facts.text.refusal == nil, !facts.stager.isEmpty else { throw .content }
    switch change.state {
    case .free: throw .content
    case .checking, .pending:
      guard !isDecided, change.canExpire(from: keptAt) else { throw .content }
    case .approved: guard isDecided, change.canExpire(from: keptAt) else { throw .content }
    case .applying:
      let isSoon = until <= keptAt + ChangeTiming.applyMs
      guard isDecided, isSoon, !applier.isEmpty else { throw .content }
    case .unconfirmed: guard isDecided, until <= keptAt else { throw .content }
    case .rollingBack, .ended(.confirmed), .ended(.rejected), .ended(.rolledBack):
      guard isDecided else { throw .content }
    case .ended(.refused): guard !isDecided else { throw .content }
    case .ended(.expired): break
    }
    return change
  }

  private static func state(
    _ entry: ChangeEntry, until: Instant, failures: UInt8, applier: Text<32>
  ) throws(ChangeImageError) -> ConfigurationChange.State {
    guard let state = entry.state.known, let reason = entry.reason.known else { throw .content }
    switch (state, reason) {
    case (.checking, .none): return .checking(until: .never)
    case (.pending, .none): return .pending
    case (.approved, .none): return .approved
    case (.applying, .none): return .applying(by: applier, until: until)
    case (.unconfirmed, .none): return .unconfirmed(since: until)
    case (.confirmed, .none): return .ended(.confirmed)
    case (.rejected, .none): return .ended(.rejected)
    case (.expired, .none): return .ended(.expired)
    case (.refused, .wrongText), (.refused, .textLost):
      let error = ConfigurationError(
        line: entry.line, column: entry.column, message: entry.message)
      return .ended(.refused(reason, error))
    case (.rollingBack, .notConfirmed), (.rollingBack, .restarted), (.rollingBack, .applyFailed):
      return .rollingBack(reason, failures: failures, .resting(until: .never))
    case (.rolledBack, .notConfirmed), (.rolledBack, .restarted), (.rolledBack, .applyFailed):
      return .ended(.rolledBack(reason))
    case (.checking, _), (.pending, _), (.approved, _), (.applying, _), (.unconfirmed, _),
      (.rollingBack, _), (.confirmed, _), (.rejected, _), (.refused, _), (.expired, _),
      (.rolledBack, _):
      throw .content
    }
  }
}

extension ChangeFacts {
  /// All but the time of expiry, which clients are told in another form.
  fileprivate init(_ entry: ChangeEntry) {
    self.init()
    id = entry.id
    text.version = entry.version
    text.ring = entry.ring
    text.digest = entry.digest
    text.size = entry.bytes
    stager = entry.stager
    decider = entry.decider
    staged = ChangeStamp(entry.stagedMs, entry.stagedUnixMs, entry.stagedBoot)
    decided = ChangeStamp(entry.decidedMs, entry.decidedUnixMs, entry.decidedBoot)
    ended = ChangeStamp(entry.endedMs, entry.endedUnixMs, entry.endedBoot)
  }
}

extension ChangeStamp {
  fileprivate init(_ ms: UInt64, _ unixMs: UInt64, _ boot: UInt32) {
    self.init(at: Instant(ms: ms), unixMs: unixMs, boot: boot)
  }
}

extension ConfigurationChange {
  fileprivate func canExpire(from keptAt: Instant) -> Bool {
    facts.expiresAt <= keptAt + ChangeTiming.expiryMs
  }
}
