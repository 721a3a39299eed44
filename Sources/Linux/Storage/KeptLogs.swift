import Appliance
import Archive
import CLinux
import EventLoop
import Wire

/// The last lines of a log, kept on the data partition for the boot after this one.
///
/// Two files turn about: `log-NAME` grows to 64 KiB, then takes the place of `log-NAME.old`. Each
/// begins with the id of its boot, so that the first start in another boot moves both aside, to
/// `log-NAME-before` and `log-NAME-before.old`, whatever was lost or half written in between.
///
/// What is said while there is no partition to write to waits in memory, the newest of it.
struct KeptLog: ~Copyable {
  /// Bytes of each of the two files, head included.
  static let size = 64 * 1024
  /// How often what was written is put onto the disk: a card wears.
  static let syncMs: UInt64 = 3_000
  /// "WPL1", then the boot's id.
  private static let magic: UInt32 = 0x314C_5057
  private static let headSize = 20

  /// The names of its files, without the folder.
  struct Names {
    let now: StaticString
    let old: StaticString
    let before: StaticString
    let beforeOld: StaticString

    static let agent = Self(
      now: "log-agent", old: "log-agent.old", before: "log-agent-before",
      beforeOld: "log-agent-before.old")
    static let media = Self(
      now: "log-media", old: "log-media.old", before: "log-media-before",
      beforeOld: "log-media-before.old")
  }

  private let folder: DataFolder
  private let names: Names
  private var file: Int32 = -1
  private var bytes: UInt64 = 0
  private var bootID = InlineArray<16, UInt8>(repeating: 0)
  private var isDirty = false
  private var syncedMs: UInt64 = 0
  /// What waits for the partition, and up to where it has been written.
  private var early = LogRing(reserved(bytes: 8 * 1024).assumingMemoryBound(to: UInt8.self))
  private var earlyRead: UInt64 = 1

  init(_ folder: DataFolder, _ names: Names) {
    self.folder = folder
    self.names = names
  }

  deinit { if file >= 0 { lx_close(file) } }

  /// Goes on with the files of this boot, and moves those of another one aside.
  mutating func start(_ bootID: InlineArray<16, UInt8>) {
    stop()
    self.bootID = bootID
    guard folder.isWritable else { return }
    let state = folder.open("state")
    guard state >= 0 else { return }
    defer { lx_close(state) }
    if !isOfThisBoot(state, names.now) {
      move(state, names.now, to: names.before)
      // The older half belongs to the newer one, or is all there is.
      _ = lx_unlink_at(state, names.beforeOld.cString)
      if !isOfThisBoot(state, names.old) { move(state, names.old, to: names.beforeOld) }
    }
    open(state)
    guard file >= 0 else { return }
    writeEarly()
  }

  private mutating func writeEarly() {
    let range = early.range(from: earlyRead, bound: Self.size)
    earlyRead = early.end
    withUnsafeTemporaryAllocation(byteCount: range.count, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      early.write(range, into: &writer)
      append(writer.written)
    }
  }

  mutating func stop() {
    if file >= 0 { lx_close(file) }
    file = -1
  }

  private func isOfThisBoot(_ state: Int32, _ name: StaticString) -> Bool {
    let file = lx_file_open_at(state, name.cString, 0)
    guard file >= 0 else { return false }
    defer { lx_close(file) }
    var head = InlineArray<20, UInt8>(repeating: 0)
    var span = head.mutableSpan
    let read = span.withUnsafeMutableBytes { lx_read_at(file, $0.baseAddress!, $0.count, 0) }
    guard read == Int64(Self.headSize) else { return false }
    for index in bootID.indices where head[4 + index] != bootID[index] { return false }
    return true
  }

  private func move(_ state: Int32, _ from: StaticString, to: StaticString) {
    folder.judge(lx_rename_at(state, from.cString, to.cString))
  }

  /// Opens the newer file, which is begun where there is none.
  private mutating func open(_ state: Int32) {
    file = folder.judge(lx_file_make_at(state, names.now.cString))
    var facts = lx_file_facts()
    guard file >= 0, lx_file_facts_of(file, &facts) == 0 else { return }
    bytes = facts.bytes
    guard bytes < UInt64(Self.headSize) else { return }
    bytes = 0
    withUnsafeTemporaryAllocation(byteCount: Self.headSize, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      writer.write(Self.magic)
      for index in bootID.indices { writer.write(bootID[index]) }
      write(writer.written)
    }
  }

  mutating func append(_ text: UnsafeRawBufferPointer) {
    guard text.count > 0 else { return }
    guard file >= 0 else { return early.append(text) }
    if bytes + UInt64(text.count) > UInt64(Self.size) { turnAbout() }
    write(text)
  }

  private mutating func write(_ text: UnsafeRawBufferPointer) {
    guard file >= 0 else { return }
    let written = folder.judge(lx_write_at(file, text.baseAddress!, text.count, bytes))
    // A full disk costs lines.
    guard written > 0 else { return }
    bytes += UInt64(written)
    isDirty = true
  }

  private mutating func turnAbout() {
    sync()
    let state = folder.open("state")
    guard state >= 0 else { return }
    defer { lx_close(state) }
    stop()
    move(state, names.now, to: names.old)
    open(state)
    folder.judge(lx_fsync(state))
  }

  /// Puts what was written onto the disk, if it is time.
  mutating func upkeep(nowMs: UInt64) {
    guard isDirty, nowMs >= syncedMs + Self.syncMs else { return }
    syncedMs = nowMs
    sync()
  }

  mutating func sync() {
    guard isDirty, file >= 0 else { return }
    isDirty = false
    folder.judge(lx_data_sync(file))
  }

  // MARK: The boot before

  /// The text of the boot before this one, the older half first, in `memory` of twice `size`.
  func before(_ memory: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
    let state = folder.open("state")
    guard state >= 0 else { return UnsafeRawBufferPointer(rebasing: memory[..<0]) }
    defer { lx_close(state) }
    var filled = read(state, names.beforeOld, memory)
    filled += read(
      state, names.before, UnsafeMutableRawBufferPointer(rebasing: memory[filled...]))
    return UnsafeRawBufferPointer(rebasing: memory[..<filled])
  }

  private func read(
    _ state: Int32, _ name: StaticString, _ memory: UnsafeMutableRawBufferPointer
  ) -> Int {
    let file = lx_file_open_at(state, name.cString, 0)
    guard file >= 0 else { return 0 }
    defer { lx_close(file) }
    let room = min(memory.count, Self.size)
    let count = folder.judge(
      lx_read_at(file, memory.baseAddress!, room, UInt64(Self.headSize)))
    return max(0, Int(count))
  }

  /// Answers `logTail` for the boot before this one.
  func answer(
    _ job: UInt32, _ request: LogRequest, _ memory: UnsafeMutableRawBufferPointer,
    _ agent: AgentChannel
  ) {
    let text = before(memory)
    let end = UInt64(text.count) + 1
    var start = request.cursor == LogRequest.end ? end : request.cursor
    if start < 1 || start > end { start = 1 }
    var stop = min(end, start + UInt64(request.bound))
    if stop < end {
      // A part ends with a line, where there is one.
      let newline = UInt8(ascii: "\n")
      var line = stop
      while line > start, text[Int(line) - 2] != newline { line -= 1 }
      if line > start { stop = line }
    }
    withUnsafeTemporaryAllocation(byteCount: LogHead.size + Int(stop - start), alignment: 8) {
      var writer = ByteWriter($0)
      LogHead(nextCursor: stop, oldestCursor: 1, count: UInt32(stop - start))
        .encode(into: &writer)
      writer.write(UnsafeRawBufferPointer(rebasing: text[Int(start) - 1..<Int(stop) - 1]))
      agent.answer(job, writer.written)
    }
  }
}
