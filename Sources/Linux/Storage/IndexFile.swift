import Appliance
import Archive
import CLinux
import Wire

/// `state/index` on the data partition: the records of all files, appended one after another.
///
/// Appending may fail (a full disk): then the file is behind what the catalog knows, and is written
/// anew as soon as that works. Until then nothing is lost: a later start finds in the folders what
/// the index does not tell.
struct IndexFile: ~Copyable {
  /// Dead records are worth writing it anew from this many on, if they are more than the live ones.
  private static let deadRecords = 4096
  private static let name: StaticString = "index"
  private static let fresh: StaticString = "index.new"

  enum Loaded {
    /// There was none.
    case missing
    case whole
    case damaged
  }

  private let folder: DataFolder
  private var file: Int32 = -1
  private var bytes: UInt64 = 0
  /// Records that were appended are not on the disk for sure.
  private(set) var isDirty = false
  /// The catalog knows more than it tells.
  var isBehind = false

  init(_ folder: DataFolder) { self.folder = folder }

  deinit { if file >= 0 { lx_close(file) } }

  /// Reads all of it, and cuts off a torn tail.
  mutating func load(
    _ scratch: UnsafeMutableRawBufferPointer, _ tell: (IndexRecord) -> Void
  ) -> Loaded {
    let state = folder.open("state")
    guard state >= 0 else { return .missing }
    defer { lx_close(state) }
    let found = lx_file_open_at(state, Self.name.cString, folder.isWritable ? 1 : 0)
    guard found >= 0 else {
      return folder.judge(found) == -Int32(LX_ENOENT.rawValue) ? .missing : .damaged
    }
    file = found
    var replay = IndexReplay()
    while true {
      let count = folder.judge(lx_read_at(file, scratch.baseAddress!, scratch.count, bytes))
      guard count > 0 else {
        if count < 0 { return .damaged }
        break
      }
      replay.take(UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)]), tell)
      bytes += UInt64(count)
    }
    switch replay.outcome() {
    case .whole: return .whole
    case .damaged: return .damaged
    case .tornTail(let end):
      bytes = end
      if folder.isWritable { isBehind = folder.judge(lx_file_truncate(file, end)) < 0 }
      return .whole
    }
  }

  /// True: a record more has been appended; it reaches the disk with the next `sync`.
  mutating func append(_ record: IndexRecord) {
    guard folder.isWritable, !isBehind else { return }
    guard file >= 0 else {
      isBehind = true
      return
    }
    let size = IndexRecord.size
    let written = withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { memory in
      record.encode(into: memory)
      return folder.judge(lx_write_at(file, memory.baseAddress!, size, bytes))
    }
    if written == Int64(size) {
      bytes += UInt64(size)
      isDirty = true
    } else {
      // What a full disk has taken of it would be a torn record in the middle.
      _ = lx_file_truncate(file, bytes)
      isBehind = true
    }
  }

  /// What has been appended is on the disk afterwards; false: it is not.
  @discardableResult
  mutating func sync() -> Bool {
    guard isDirty, file >= 0 else { return !isBehind }
    isDirty = false
    if folder.judge(lx_data_sync(file)) < 0 { isBehind = true }
    return !isBehind
  }

  /// Whether it should be written anew.
  func isWorthRewriting(_ catalog: borrowing Catalog) -> Bool {
    let records = Int(bytes) / IndexRecord.size
    let dead = records - catalog.totals.files
    return isBehind || (dead > Self.deadRecords && dead > catalog.totals.files)
  }

  /// Writes it anew from what the catalog knows, and replaces it atomically.
  mutating func rewrite(
    _ catalog: borrowing Catalog, _ clock: AgeClock, dated: IndexRecord?,
    _ scratch: UnsafeMutableRawBufferPointer
  ) {
    guard folder.isWritable else { return }
    let state = folder.open("state")
    guard state >= 0 else { return }
    defer { lx_close(state) }
    _ = lx_unlink_at(state, Self.fresh.cString)
    let fresh = folder.judge(lx_file_make_at(state, Self.fresh.cString))
    guard fresh >= 0 else { return }
    var writing = RecordWriter(file: fresh, scratch: scratch)
    writing.write(.header)
    writing.write(.clock(clock, nextID: catalog.idToCome))
    if let dated { writing.write(dated) }
    for place in catalog.oldest..<max(catalog.oldest, catalog.used) where catalog[place].isThere {
      writing.write(catalog.record(place))
    }
    writing.flush()
    var result = folder.judge(writing.failure)
    if result == 0 { result = folder.judge(lx_fsync(fresh)) }
    if result == 0 {
      result = folder.judge(lx_rename_at(state, Self.fresh.cString, Self.name.cString))
    }
    guard result == 0 else {
      lx_close(fresh)
      _ = lx_unlink_at(state, Self.fresh.cString)
      return
    }
    isBehind = folder.judge(lx_fsync(state)) < 0
    isDirty = false
    if file >= 0 { lx_close(file) }
    file = fresh
    bytes = writing.bytes
  }
}

extension Catalog {
  /// What the index tells of the file at a place. One whose end has not been looked at is told as
  /// open, so that the next start looks at it too.
  func record(_ place: Int) -> IndexRecord {
    var entry = entry(place)
    if self[place].isUnchecked { entry.state = Code(.open) }
    return .put(entry, ageS: self[place].ageS)
  }
}

/// Records on their way to a file, many at a time.
private struct RecordWriter {
  let file: Int32
  let scratch: UnsafeMutableRawBufferPointer
  private var filled = 0
  private(set) var bytes: UInt64 = 0
  private(set) var failure: Int32 = 0

  init(file: Int32, scratch: UnsafeMutableRawBufferPointer) {
    self.file = file
    self.scratch = scratch
  }

  mutating func write(_ record: IndexRecord) {
    if scratch.count - filled < IndexRecord.size { flush() }
    record.encode(into: UnsafeMutableRawBufferPointer(rebasing: scratch[filled...]))
    filled += IndexRecord.size
  }

  mutating func flush() {
    if failure == 0 { failure = lx_write_all(file, scratch.baseAddress!, filled) }
    bytes += UInt64(filled)
    filled = 0
  }
}
