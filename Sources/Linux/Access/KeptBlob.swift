import Appliance
import CLinux
import Wire

/// A blob in two files that are written alternately: whatever a power cut tears, the version before
/// is whole. The newer right one holds.
struct KeptBlob {
  enum Copy {
    case a
    case b
    var other: Copy { self == .a ? .b : .a }
    var suffix: StaticString { self == .a ? ".a" : ".b" }
  }

  let blob: Blob
  private let folder: AccessFolder
  private let memory: KeeperMemory
  /// The copy that holds; nil: none does.
  private var newest: Copy?
  private var sequence: UInt64 = 0
  /// The copy that does not hold is right, too.
  private var isOtherRight = false
  /// The disk has told what there is: only then may it be written over.
  private(set) var isKnown = false

  init(_ blob: Blob, _ folder: AccessFolder, _ memory: KeeperMemory) {
    self.blob = blob
    self.folder = folder
    self.memory = memory
  }

  private func path(_ copy: Copy) -> Text<160> { folder.file(blob.name, copy.suffix) }

  /// Reads both copies; one that is missing or damaged is written anew from the other. Returns what
  /// was found and the blob's bytes, empty where there is none, in memory that `wipeCopies` wipes.
  mutating func load() -> (BlobNews, UnsafeRawBufferPointer) {
    var place = lx_place()
    let looked = folder.look(&place)
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    guard looked == 0 else { return (missing(-looked), none) }
    let a = BlobCopy.read(path(.a), blob, into: memory.first)
    let b = BlobCopy.read(path(.b), blob, into: memory.second)
    var news = BlobNews(blob)
    news.copies = Self.copies(a.state, b.state)
    newest = Self.newer(a, b)
    sequence = newest.map { $0 == .a ? a.sequence : b.sequence } ?? 0
    isOtherRight = a.state == .right && b.state == .right
    isKnown = true
    news.sequence = sequence
    if case .unreadable(let errno) = a.state { news.errno = errno }
    if case .unreadable(let errno) = b.state { news.errno = errno }
    guard let newest else {
      if news.copies.contains(.aUnreadable) || news.copies.contains(.bUnreadable) {
        news.state = .unreadable
        isKnown = false
      } else if news.copies.contains(.aDamaged) || news.copies.contains(.bDamaged) {
        news.state = .damaged
        store(setAside(), &news)
      }
      return (news, none)
    }
    news.state = .loaded
    let bytes = newest == .a ? a.bytes : b.bytes
    if isOtherRight, a.sequence == b.sequence, !Self.areEqual(a.bytes, b.bytes) {
      news.copies.insert(.twins)
      isOtherRight = false
      store(setAside(), &news)
    }
    let other = newest == .a ? b.state : a.state
    if !isOtherRight, other == .missing || other == .damaged || news.copies.contains(.twins) {
      store(mend(bytes), &news)
    }
    news.sequence = sequence
    return (news, bytes)
  }

  /// Without the partition, nobody knows what it holds.
  private mutating func missing(_ errno: Int32) -> BlobNews {
    forget()
    isKnown = false
    var news = BlobNews(blob)
    news.state = .unreadable
    news.storing = .missing
    news.errno = errno
    return news
  }

  /// Keeps new bytes. 0 when they are on the card, or a negative errno; then those before hold.
  mutating func put(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    guard isKnown else { return -Int32(LX_EIO.rawValue) }
    let result = folder.writing {
      let target = newest?.other ?? .a
      isOtherRight = false
      let written = write(target, bytes)
      guard written == 0 else { return written }
      isOtherRight = newest != nil
      newest = target
      return 0
    }
    // Two copies of a key, where there has been none.
    if result == 0, !isOtherRight { _ = mend(bytes) }
    return result
  }

  /// It was erased.
  mutating func forget() {
    newest = nil
    sequence = 0
    isOtherRight = false
    isKnown = true
  }

  /// Removes it with everything that was set aside. Only in `AccessFolder.writing`.
  mutating func erase() -> Int32 {
    var result: Int32 = 0
    let suffixes: InlineArray<3, StaticString> = [Copy.a.suffix, Copy.b.suffix, ".damaged"]
    for index in suffixes.indices {
      let erased = folder.erase(folder.file(blob.name, suffixes[index]))
      if result == 0 { result = erased }
    }
    if result == 0 { forget() }
    return result
  }

  private mutating func mend(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    folder.writing {
      let target = newest?.other ?? .a
      let written = write(target, bytes)
      guard written == 0 else { return written }
      newest = target
      isOtherRight = true
      return 0
    }
  }

  private mutating func write(_ copy: Copy, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    let file = BlobCopy.sealed(blob, sequence: sequence + 1, bytes, in: memory.fresh)
    let result = folder.overwrite(path(copy), file)
    if result == 0 { sequence += 1 }
    KeeperMemory.wipe(memory.fresh)
    return result
  }

  /// Keeps what both files hold as NAME.damaged: the length of `a` (UInt32), `a`, then `b`.
  private func setAside() -> Int32 {
    let limit = UInt32(BlobCopy.headSize + blob.lengths.upperBound)
    return withUnsafeTemporaryAllocation(byteCount: 4 + 2 * Int(limit), alignment: 8) { whole in
      defer { lx_wipe(whole.baseAddress!, whole.count) }
      let a = read(.a, UnsafeMutableRawBufferPointer(rebasing: whole[4..<4 + Int(limit)]))
      let b = read(.b, UnsafeMutableRawBufferPointer(rebasing: whole[(4 + a)...]))
      whole.storeBytes(of: UInt32(a).littleEndian, as: UInt32.self)
      let bytes = UnsafeRawBufferPointer(rebasing: whole[..<(4 + a + b)])
      return folder.writing { folder.overwrite(folder.file(blob.name, ".damaged"), bytes) }
    }
  }

  private func read(_ copy: Copy, _ memory: UnsafeMutableRawBufferPointer) -> Int {
    let count = path(copy).withCString {
      lx_read_file($0, memory.baseAddress!, memory.count)
    }
    return max(0, Int(count))
  }

  // MARK: What is found

  private func store(_ result: Int32, _ news: inout BlobNews) {
    guard result != 0, news.storing == .done else { return }
    news.storing = KeeperOutcome(result)
    news.errno = -result
  }

  private static func copies(_ a: BlobCopy.State, _ b: BlobCopy.State) -> BlobCopies {
    var copies = BlobCopies()
    switch a {
    case .right: break
    case .missing: copies.insert(.aMissing)
    case .damaged: copies.insert(.aDamaged)
    case .unreadable: copies.insert(.aUnreadable)
    }
    switch b {
    case .right: break
    case .missing: copies.insert(.bMissing)
    case .damaged: copies.insert(.bDamaged)
    case .unreadable: copies.insert(.bUnreadable)
    }
    return copies
  }

  private static func newer(_ a: BlobCopy, _ b: BlobCopy) -> Copy? {
    switch (a.state == .right, b.state == .right) {
    case (false, false): nil
    case (true, false): .a
    case (false, true): .b
    case (true, true): b.sequence > a.sequence ? .b : .a
    }
  }

  private static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.count where a[index] != b[index] { return false }
    return true
  }
}
