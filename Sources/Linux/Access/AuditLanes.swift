import Appliance
import CLinux
import Wire

/// The audit on the data partition: `DATA/state/audit-LANE`, records of a fixed size whose content,
/// checksum included, is the agent's business.
///
/// Records are appended. A lane that would become longer than twice its share is written anew with
/// the newest share of it, and renamed (ext4 has a journal). No file stays open, so that the
/// partition can be unmounted at any time.
struct AuditLanes {
  /// Bytes of a record.
  static let recordSize = 128
  static let count = 4
  /// Records of the largest share: as many as fit `KeeperMemory.former`.
  static let shareLimit = ConfigurationParser.fileLimit / recordSize
  /// Records that a message tells.
  private static let recordsAtOnce =
    (KeeperMessage.size - KeeperMessage.replyHead - AuditNews.size) / recordSize

  private struct Lane {
    /// Records.
    var share = 0
    /// Records on the disk; nil: the lane could not be loaded.
    var count: Int?
  }

  private let data: Text<96>
  private let memory: KeeperMemory
  private var lanes = InlineArray<4, Lane>(repeating: Lane())

  init(_ data: Text<96>, _ memory: KeeperMemory) {
    self.data = data
    self.memory = memory
  }

  /// Says how many records a lane has to keep. False: it cannot be.
  mutating func setShare(_ lane: Int, _ records: Int) -> Bool {
    guard records >= 1, records <= Self.shareLimit else { return false }
    lanes[lane].share = records
    return true
  }

  /// The partition is going away, or is not there.
  mutating func leave() {
    for lane in lanes.indices { lanes[lane].count = nil }
  }

  func isLoaded(_ lane: Int) -> Bool { lanes[lane].count != nil }

  private var state: Text<160> {
    var path = Text<160>(data)
    path.append("/state")
    return path
  }

  private func path(_ lane: Int, _ suffix: StaticString = "") -> Text<160> {
    let names: InlineArray<4, StaticString> = ["access", "keys", "changes", "admin"]
    var path = state
    path.append("/audit-")
    path.append(names[lane])
    path.append(suffix)
    return path
  }

  // MARK: Loading

  /// Tells all that a lane holds, the oldest first, in one or more messages.
  mutating func load(
    _ lane: Int, _ tell: (AuditNews, UnsafeRawBufferPointer) -> Void
  ) {
    lanes[lane].count = nil
    var news = AuditNews()
    news.lane = UInt8(lane)
    let result = read(lane, &news, tell)
    if result < 0 {
      news.outcome = KeeperOutcome(result)
      news.errno = -result
      lanes[lane].count = nil
    }
    news.isLast = true
    tell(news, UnsafeRawBufferPointer(start: nil, count: 0))
  }

  private mutating func read(
    _ lane: Int, _ news: inout AuditNews, _ tell: (AuditNews, UnsafeRawBufferPointer) -> Void
  ) -> Int32 {
    var place = lx_place()
    let looked = data.withCString { lx_place_of($0, &place) }
    guard looked == 0 else { return looked }
    _ = path(lane, ".new").withCString { lx_unlink($0) }
    let file = path(lane).withCString { lx_open($0, LX_READ, 1) }
    if file == -Int32(LX_ENOENT.rawValue) {
      lanes[lane].count = 0
      return 0
    }
    guard file >= 0 else { return file }
    defer { lx_close(file) }
    var facts = lx_file_facts()
    let told = lx_file_facts_of(file, &facts)
    guard told == 0 else { return told }
    let records = Int(clamping: facts.bytes) / Self.recordSize
    news.torn = UInt8(facts.bytes % UInt64(Self.recordSize))
    var at = max(0, records - 2 * lanes[lane].share)
    news.skipped = UInt32(clamping: at)
    news.isLast = false
    while at < records {
      let wanted = min(Self.recordsAtOnce, records - at) * Self.recordSize
      let bytes = UnsafeMutableRawBufferPointer(rebasing: memory.former[..<wanted])
      let count = read(file, bytes, record: at)
      guard count == 0 else { return count }
      tell(news, UnsafeRawBufferPointer(bytes))
      at += wanted / Self.recordSize
    }
    lanes[lane].count = records
    return 0
  }

  private func read(_ file: Int32, _ bytes: UnsafeMutableRawBufferPointer, record: Int) -> Int32 {
    guard bytes.count > 0 else { return 0 }
    let offset = UInt64(record) * UInt64(Self.recordSize)
    let count = lx_read_at(file, bytes.baseAddress!, bytes.count, offset)
    if count < 0 { return Int32(count) }
    return count == Int64(bytes.count) ? 0 : -Int32(LX_EIO.rawValue)
  }

  // MARK: Appending

  /// Appends whole records. 0 when they are on the disk, or a negative errno; then none of them is.
  mutating func append(_ lane: Int, _ records: UnsafeRawBufferPointer) -> Int32 {
    guard let count = lanes[lane].count else { return -Int32(LX_ENOENT.rawValue) }
    let new = records.count / Self.recordSize
    guard new > 0 else { return 0 }
    if count == 0 {
      let made = makeFolder()
      guard made == 0 else { return made }
    }
    let result =
      count + new <= 2 * lanes[lane].share
      ? extend(lane, records, at: count) : rotate(lane, records, count)
    if KeeperOutcome(result) == .missing { lanes[lane].count = nil }
    return result
  }

  private mutating func extend(
    _ lane: Int, _ records: UnsafeRawBufferPointer, at count: Int
  ) -> Int32 {
    let offset = UInt64(count) * UInt64(Self.recordSize)
    let append = { [path = path(lane)] in
      path.withCString { lx_append_at($0, records.baseAddress!, records.count, offset) }
    }
    var result = append()
    if result == 0, count == 0 { result = state.withCString { lx_sync_folder($0, false) } }
    if result == 0 { lanes[lane].count = count + records.count / Self.recordSize }
    return result
  }

  private func makeFolder() -> Int32 {
    var place = lx_place()
    let looked = data.withCString { lx_place_of($0, &place) }
    guard looked == 0 else { return looked }
    return state.withCString { lx_mkdir($0) }
  }

  /// Writes the newest share of what there is and of what is new.
  private mutating func rotate(
    _ lane: Int, _ records: UnsafeRawBufferPointer, _ count: Int
  ) -> Int32 {
    let share = lanes[lane].share
    let new = min(records.count / Self.recordSize, share)
    let old = min(share - new, count)
    let bytes = UnsafeMutableRawBufferPointer(
      rebasing: memory.former[..<((old + new) * Self.recordSize)])
    if old > 0 {
      let file = path(lane).withCString { lx_open($0, LX_READ, 1) }
      guard file >= 0 else { return file }
      defer { lx_close(file) }
      let kept = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(old * Self.recordSize)])
      let result = read(file, kept, record: count - old)
      guard result == 0 else { return result }
    }
    UnsafeMutableRawBufferPointer(rebasing: bytes[(old * Self.recordSize)...]).copyMemory(
      from: UnsafeRawBufferPointer(
        rebasing: records[(records.count - new * Self.recordSize)...]))
    return replace(lane, UnsafeRawBufferPointer(bytes))
  }

  private mutating func replace(_ lane: Int, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    let fresh = path(lane, ".new")
    var result = fresh.withCString { lx_overwrite($0, bytes.baseAddress!, bytes.count) }
    if result == 0 {
      result = fresh.withCString { from in path(lane).withCString { lx_rename(from, $0) } }
    }
    guard result == 0 else {
      _ = fresh.withCString { lx_unlink($0) }
      return result
    }
    lanes[lane].count = bytes.count / Self.recordSize
    return state.withCString { lx_sync_folder($0, false) }
  }
}
