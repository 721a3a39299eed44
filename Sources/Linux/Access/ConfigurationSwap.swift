import Appliance
import CLinux
import Wire

// How the user's configuration changes hands:
//
//   apply      1 watchpost.conf.before = what is in force     5 journal: applied
//              2 journal: applying, both marks
//              3 watchpost.conf: first byte zero
//              4 watchpost.conf: the new text, its first byte last
//   rollBack   journal: rollingBack; 3 and 4 with watchpost.conf.before; journal: rolledBack
//
// Whoever reads the file between 3 and 4 (init does, before there is a keeper) finds a control
// character and takes the last good configuration instead: half a text is never in force. At its
// next start the keeper compares the file with both marks and ends what was begun.

/// Puts a staged text in force, and what was in force before it.
struct ConfigurationSwap {
  /// Length and checksum of a text.
  struct Mark: Equatable {
    var length: UInt32 = 0
    var sum: UInt32 = 0

    init() {}

    init(_ text: UnsafeRawBufferPointer) {
      length = UInt32(text.count)
      sum = CRC32C.of(text)
    }
  }

  enum Phase: UInt8 {
    case none = 0
    case applying = 1
    case applied = 2
    case rollingBack = 3
    case rolledBack = 4
  }

  struct Journal {
    static let size = 24
    var phase = Phase.none
    /// There was a user's configuration before.
    var hasFormer = false
    var id: UInt32 = 0
    var fresh = Mark()
    var former = Mark()

    init() {}

    init?(_ bytes: UnsafeRawBufferPointer) {
      guard bytes.count == Self.size else { return nil }
      var reader = ByteReader(bytes)
      guard let phase = Phase(rawValue: reader.read()) else { return nil }
      self.phase = phase
      hasFormer = reader.read(UInt8.self) != 0
      reader.skip(2)
      id = reader.read()
      fresh.length = reader.read()
      fresh.sum = reader.read()
      former.length = reader.read()
      former.sum = reader.read()
    }

    func encode(into writer: inout ByteWriter) {
      writer.write(phase.rawValue)
      writer.write(hasFormer)
      writer.zero(2)
      writer.write(id)
      writer.write(fresh.length)
      writer.write(fresh.sum)
      writer.write(former.length)
      writer.write(former.sum)
    }
  }

  private let folder: AccessFolder
  private let memory: KeeperMemory
  private let texts: StagedTexts
  private let path: Text<160>
  private let beforePath: Text<160>
  private var blob: KeptBlob
  private var journal = Journal()
  /// Both copies of the journal are damaged: nobody knows what can be rolled back.
  private var isLost = false

  init(_ folder: AccessFolder, _ memory: KeeperMemory, _ texts: StagedTexts) {
    self.folder = folder
    self.memory = memory
    self.texts = texts
    let named = ConfigurationSource.argument(after: "--config")
    path = named.isEmpty ? folder.rootFile("watchpost.conf") : Text(named)
    var before = path
    before.append(".before")
    beforePath = before
    blob = KeptBlob(.swap, folder, memory)
  }

  /// The change that is in force and was not dropped; 0: none.
  var applied: UInt32 { journal.phase == .applied ? journal.id : 0 }

  /// Something that was begun could not be ended, or the journal not be read.
  var isPending: Bool {
    !blob.isKnown || journal.phase == .applying || journal.phase == .rollingBack
  }

  // MARK: Start

  /// Reads the journal, and ends what a power cut has interrupted.
  mutating func load() -> KeeperFacts.Repair {
    let (news, bytes) = blob.load()
    defer { memory.wipeCopies() }
    isLost = news.state == .damaged
    journal = Journal(bytes) ?? Journal()
    return recover()
  }

  private mutating func recover() -> KeeperFacts.Repair {
    switch journal.phase {
    case .none, .applied, .rolledBack: return .notNeeded
    case .applying, .rollingBack: break
    }
    let now = current()
    if case .unreadable = now { return .failed }
    if journal.phase == .applying, isFresh(now) { return end(.applied, .finished) }
    if isFormer(now) {
      let isBack = journal.phase == .rollingBack
      return end(isBack ? .rolledBack : .none, isBack ? .finished : .notNeeded)
    }
    // What can be read as a configuration is not torn: a person has put it there.
    if case .there(let text) = now, !Self.isTorn(text), StagedTexts.error(in: text) == nil {
      let isOld = journal.phase == .rollingBack && isFresh(now)
      if !isOld { return end(.none, .notNeeded) }
    }
    let isBack = journal.phase == .rollingBack
    switch putBack() {
    case .done: return end(isBack ? .rolledBack : .none, .putBack)
    case .damaged: break
    default: return .failed
    }
    guard !isBack else { return .damaged }
    let copy = texts.read(journal.id)
    guard copy.state == .right, Mark(copy.bytes) == journal.fresh else { return .damaged }
    let result = folder.writing { write(copy.bytes) }
    return result == 0 ? end(.applied, .finished) : .failed
  }

  private mutating func end(
    _ phase: Phase, _ repair: KeeperFacts.Repair
  ) -> KeeperFacts.Repair {
    let result = note(phase)
    return result == 0 ? repair : .failed
  }

  // MARK: Changes

  mutating func apply(_ id: UInt32, _ digest: ConfigurationDigest) -> KeeperDone {
    if let refusal = refusal() { return refusal }
    let checked = texts.check(id, digest)
    guard checked.outcome == .done else { return checked }
    let text = texts.read(id).bytes
    let fresh = Mark(text)
    var former: UnsafeRawBufferPointer?
    switch current() {
    case .missing: break
    case .unreadable(let errno): return KeeperDone(-errno)
    case .there(let text): former = text
    }
    if applied == id, fresh == journal.fresh, former.map({ Mark($0) == fresh }) ?? false {
      return KeeperDone(.already)
    }
    var next = Journal()
    next.id = id
    next.phase = .applying
    next.fresh = fresh
    next.hasFormer = former != nil
    if let former { next.former = Mark(former) }
    let result = folder.writing {
      let kept = keep(former)
      guard kept == 0 else { return kept }
      let begun = note(next)
      guard begun == 0 else { return begun }
      let written = write(text)
      guard written == 0 else {
        _ = recover()
        return written
      }
      return note(.applied)
    }
    return KeeperDone(result)
  }

  mutating func rollBack(_ id: UInt32) -> KeeperDone {
    if let refusal = refusal() { return refusal }
    guard !isLost else { return KeeperDone(.damaged) }
    guard journal.id == id, journal.phase == .applied else { return KeeperDone(.already) }
    switch current() {
    case .unreadable(let errno): return KeeperDone(-errno)
    case .missing: break
    case .there(let text):
      guard Mark(text) != journal.fresh, !Self.isTorn(text) else { break }
      if Mark(text) != journal.former, StagedTexts.error(in: text) == nil {
        let noted = note(.none)
        return noted == 0 ? KeeperDone(.changedElsewhere) : KeeperDone(noted)
      }
    }
    guard isFormerThere() else { return KeeperDone(.damaged) }
    var outcome = KeeperDone(.done)
    let result = folder.writing {
      let begun = note(.rollingBack)
      guard begun == 0 else { return begun }
      outcome = KeeperDone(putBack())
      return outcome.outcome == .done ? note(.rolledBack) : 0
    }
    return result == 0 ? outcome : KeeperDone(result)
  }

  /// The change has ended: it is not rolled back any more. Its text goes.
  mutating func drop(_ id: UInt32) -> KeeperDone {
    if journal.id == id, journal.phase == .applied || journal.phase == .rolledBack {
      let noted = note(.none)
      guard noted == 0 else { return KeeperDone(noted) }
    }
    return KeeperDone(texts.drop(id))
  }

  /// Puts back what was in force before a change that is not confirmed: nobody is left to confirm
  /// it, or to know what it was about. `already`: there is none.
  mutating func putBackUnconfirmed() -> KeeperDone {
    if !blob.isKnown { _ = load() }
    if let refusal = refusal() { return refusal }
    return journal.phase == .applied ? rollBack(journal.id) : KeeperDone(.already)
  }

  /// Only in `AccessFolder.writing`.
  mutating func erase() -> Int32 {
    let result = blob.erase()
    if result == 0 {
      journal = Journal()
      isLost = false
    }
    return result
  }

  /// Something is left to be ended first.
  private mutating func refusal() -> KeeperDone? {
    guard blob.isKnown else { return KeeperDone(-Int32(LX_EIO.rawValue)) }
    switch recover() {
    case .failed: return KeeperDone(-Int32(LX_EIO.rawValue))
    case .notNeeded, .finished, .putBack, .damaged: return nil
    }
  }

  // MARK: Files

  private enum Current {
    case missing
    case unreadable(Int32)
    case there(UnsafeRawBufferPointer)
  }

  private func current() -> Current { read(path) }

  /// The user's configuration, in `KeeperMemory.former`, or why it cannot be read; empty: there is
  /// none.
  func inForce() -> (UnsafeRawBufferPointer, KeeperDone) {
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    switch current() {
    case .missing: return (none, KeeperDone(.done))
    case .unreadable(let errno): return (none, KeeperDone(-errno))
    case .there(let text): return (text, KeeperDone(.done))
    }
  }

  private func read(_ path: Text<160>) -> Current {
    let room = memory.former
    let count = path.withCString { lx_read_whole_file($0, room.baseAddress!, room.count) }
    if count == -Int64(LX_ENOENT.rawValue) { return .missing }
    guard count >= 0 else { return .unreadable(-Int32(count)) }
    return .there(UnsafeRawBufferPointer(rebasing: room[..<Int(count)]))
  }

  /// Begun and not ended; empty: made a moment before.
  private static func isTorn(_ text: UnsafeRawBufferPointer) -> Bool {
    text.count == 0 || text[0] == 0
  }

  private func isFresh(_ now: Current) -> Bool {
    if case .there(let text) = now { return Mark(text) == journal.fresh }
    return false
  }

  private func isFormer(_ now: Current) -> Bool {
    switch now {
    case .missing: !journal.hasFormer
    case .there(let text): journal.hasFormer && Mark(text) == journal.former
    case .unreadable: false
    }
  }

  private func isFormerThere() -> Bool {
    guard journal.hasFormer else { return true }
    guard case .there(let text) = read(beforePath) else { return false }
    return Mark(text) == journal.former
  }

  private func keep(_ former: UnsafeRawBufferPointer?) -> Int32 {
    guard let former else { return folder.erase(beforePath) }
    return folder.overwrite(beforePath, former)
  }

  private func write(_ text: UnsafeRawBufferPointer) -> Int32 {
    let none: StaticString = ""
    let base = text.baseAddress ?? UnsafeRawPointer(none.utf8Start)
    let result = path.withCString { lx_overwrite_marked($0, base, text.count) }
    return result == 0 ? folder.sync() : result
  }

  /// What was in force before is in force again. `damaged`: it is not what it was.
  private func putBack() -> KeeperOutcome {
    guard isFormerThere() else { return .damaged }
    guard journal.hasFormer, case .there(let text) = read(beforePath) else {
      return KeeperOutcome(folder.writing { folder.erase(path) })
    }
    return KeeperOutcome(folder.writing { write(text) })
  }

  private mutating func note(_ phase: Phase) -> Int32 {
    var next = journal
    next.phase = phase
    return note(next)
  }

  private mutating func note(_ next: Journal) -> Int32 {
    let result = withUnsafeTemporaryAllocation(byteCount: Journal.size, alignment: 8) {
      var writer = ByteWriter($0)
      next.encode(into: &writer)
      return blob.put(writer.written)
    }
    if result == 0 {
      journal = next
      isLost = false
    }
    return result
  }
}
