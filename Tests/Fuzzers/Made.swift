import Wire

@testable import Appliance

/// The table of client keys in memory of its own.
final class MadeKeys {
  private let memory: UnsafeMutableBufferPointer<ClientKey>
  private var keys: ClientKeys
  private let now = Instant(ms: 1_000_000)

  init(isLoaded: Bool = true) {
    memory = .allocate(capacity: ClientKeys.capacity)
    keys = ClientKeys(memory, defaults: KeyLimits(rate: 100, slots: 4))
    if isLoaded { keys.startEmpty() }
  }

  deinit { memory.deallocate() }

  private static func bytes(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }

  func add(_ name: Name, _ number: UInt8, _ role: Role) {
    MadeKeys.bytes(number).withUnsafeBytes { bytes in
      _ = try? keys.add(
        name, PublicKey(bytes), secret: bytes, role: role, addedBy: Name(), unixMs: 0)
    }
  }

  func rotate(_ name: Name, _ number: UInt8) {
    MadeKeys.bytes(number).withUnsafeBytes { bytes in
      _ = try? keys.rotate(name, to: PublicKey(bytes), secret: bytes, now: now)
    }
  }

  /// False: it was not taken, and nothing has changed.
  func load(_ image: UnsafeRawBufferPointer) -> Bool {
    let isTaken = (try? keys.load(image: image, now: now)) != nil
    require(keys.isLoaded == isTaken, "keys are there, or there are none")
    require(isTaken || keys.count == 0, "all or none")
    return isTaken
  }

  var image: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: ClientKeys.imageCapacity) { room, count in
      count = keys.encode(into: UnsafeMutableRawBufferPointer(room), now: now)
    }
  }

  func isSound() {
    require(keys.count == 0 || keys.hasAdmin, "somebody can mend it")
    var found = 0
    for place in 0..<ClientKeys.capacity {
      guard let entry = keys.entry(place, now: now) else { continue }
      found += 1
      require(entry.name.isName && !entry.publicKey.isNone, "a whole entry")
      let handle = keys.find(entry.publicKey, now: now)
      require(handle != nil, "found by its key")
      if let handle { require(keys.name(of: handle) == entry.name, "and by no other's") }
    }
    require(found == keys.count, "keys are counted")
    let nobody = PublicKey()
    require(keys.find(nobody, now: now) == nil, "no key is nobody's")
  }
}

/// The audit in memory of its own.
final class MadeAudit {
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let places: UnsafeMutableBufferPointer<AuditRing.Place>
  private var ring: AuditRing
  private let now = Instant(ms: 5000)

  init() {
    bytes = .allocate(capacity: AuditRing.capacity * AuditEntry.size)
    places = .allocate(capacity: AuditRing.capacity)
    ring = AuditRing(bytes: bytes, places: places)
  }

  deinit {
    bytes.deallocate()
    places.deallocate()
  }

  /// Takes records as they lie in a file, and ends the restoring. Those that were taken.
  func restore(_ file: UnsafeRawBufferPointer) -> [Int] {
    var taken: [Int] = []
    var place = 0
    while place < file.count {
      let end = min(place + AuditEntry.size, file.count)
      let record = UnsafeRawBufferPointer(rebasing: file[place..<end])
      if (try? ring.restore(record)) != nil { taken.append(place) }
      place = end
    }
    ring.finishRestoring(boot: 7)
    return taken
  }

  @discardableResult
  func record() -> UInt64 {
    ring.record(AuditNote(.keyRemoved, subject: "anna"), now: now, unixMs: 1)
  }

  func storeAnew() { ring.storeAnew() }

  /// All that is to be stored.
  func gather() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: AuditRing.capacity * AuditEntry.size) { room, count in
      count = ring.gather(into: UnsafeMutableRawBufferPointer(room), all: true, now: now)
      if count > 0 { ring.stored(true, now: now) }
    }
  }

  /// All entries, page by page.
  func entries() -> [AuditEntry] {
    var entries: [AuditEntry] = []
    var cursor: UInt64 = 0
    while true {
      let page = encoded(Limits.payloadSize) { ring.page(from: cursor, into: &$0) }
      let next = page.withUnsafeBytes { page -> UInt64? in
        guard let (head, rest) = try? AuditListHead.open(page) else {
          require(false, "a page can be read")
          return nil
        }
        var reader = rest
        for _ in 0..<head.count { entries.append(AuditEntry(from: &reader)) }
        return head.count == 0 ? nil : head.nextCursor
      }
      guard let next else { return entries }
      require(next > cursor, "pages go on")
      cursor = next
    }
  }
}

/// The machine of configuration changes.
final class MadeChanges {
  private let memory: UnsafeMutableBufferPointer<ConfigurationChange>
  private var changes: ConfigurationChanges
  private let time = ChangeTime(now: Instant(ms: 1 << 30), unixMs: 0)

  init() {
    memory = .allocate(capacity: ConfigurationChanges.capacity)
    changes = ConfigurationChanges(
      Table(memory, repeating: ConfigurationChange()), ChangePolicy())
  }

  deinit { memory.deallocate() }

  private static func boot(_ number: UInt8) -> BootID { BootID(InlineArray(repeating: number)) }

  func begin() { changes.begin(boot: MadeChanges.boot(1)) }

  func stage() {
    var text = ConfigurationText()
    (text.version, text.ring, text.size) = ("1.0", "barns", 500)
    var effects = ChangeEffects()
    _ = try? changes.stage(text, by: "anna", at: time, &effects)
  }

  /// False: it was not taken.
  func restore(_ image: [UInt8], boot: UInt8) -> Bool {
    var effects = ChangeEffects()
    let isTaken = image.withUnsafeBytes { image in
      (try? changes.restore(image, boot: MadeChanges.boot(boot), at: time, &effects)) != nil
    }
    require(changes.isRunning == isTaken, "it runs, or waits as before")
    require(isTaken || states == MadeChanges().states, "all or none")
    return isTaken
  }

  var image: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: ConfigurationChanges.imageSize) { room, count in
      count = ConfigurationChanges.imageSize
      changes.encode(into: UnsafeMutableRawBufferPointer(room), now: time.now)
    }
  }

  /// What clients are told of all of them.
  var states: [ChangeEntry] {
    (0..<ConfigurationChanges.capacity).map { changes.table[$0].entry(now: time.now) }
  }
}
