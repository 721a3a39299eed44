import Wire

@testable import Appliance

/// The audit in memory of its own, and a file that it is stored in.
final class Audit {
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let places: UnsafeMutableBufferPointer<AuditRing.Place>
  private var ring: AuditRing
  var now: Instant
  /// What has been appended.
  var file: [UInt8] = []

  static let unixMs: UInt64 = 1_793_364_000_000

  /// - Parameter boot: nil: what the file holds is not read yet.
  init(boot: UInt32? = 1, startMs: UInt64 = 1000) {
    bytes = .allocate(capacity: AuditRing.capacity * AuditEntry.size)
    places = .allocate(capacity: AuditRing.capacity)
    bytes.initialize(repeating: 0xA5)
    ring = AuditRing(bytes: bytes, places: places)
    now = Instant(ms: startMs)
    if let boot { ring.finishRestoring(boot: boot) }
  }

  deinit {
    bytes.deallocate()
    places.deallocate()
  }

  @discardableResult
  func record(_ note: AuditNote) -> UInt64 {
    ring.record(note, now: now, unixMs: Audit.unixMs + now.ms)
  }

  /// A refusal that counts.
  @discardableResult
  func refuse(
    _ address: UInt32, key: Name = Name(), _ code: AuditCode = .handshakeRefused
  ) -> UInt64 {
    record(AuditNote(code, key: key, address: IPv4(address)))
  }

  func page(
    from cursor: UInt64 = 0, lane: AuditLane? = nil, most: Int = 120,
    room: Int = Limits.payloadSize
  ) -> (head: AuditListHead, entries: [AuditEntry]) {
    let payload = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      ring.page(from: cursor, lane: lane, most: most, into: &writer)
      count = writer.count
    }
    return payload.withUnsafeBytes { payload in
      guard let (head, rest) = try? AuditListHead.open(payload) else { fatalError("no page") }
      var reader = rest
      return (head, (0..<head.count).map { _ in AuditEntry(from: &reader) })
    }
  }

  /// All entries, in small pages.
  func entries(of lane: AuditLane? = nil) -> [AuditEntry] {
    var entries: [AuditEntry] = []
    var cursor: UInt64 = 0
    while true {
      let (head, more) = page(from: cursor, lane: lane, most: 50)
      entries += more
      if head.count == 0 { return entries }
      cursor = head.nextCursor
    }
  }

  var next: UInt64 { ring.next }
  var lost: UInt64 { ring.lost }
  var overwritten: UInt64 { ring.overwritten }
  var deadline: Instant { ring.deadline }
  func overwritten(_ lane: AuditLane) -> UInt64 { ring.overwritten(lane) }
  func storeAnew() { ring.storeAnew() }

  /// Records that are due, without saying what has become of them.
  func gather(all: Bool = false, room: Int = 1 << 20) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      count = ring.gather(into: UnsafeMutableRawBufferPointer(buffer), all: all, now: now)
    }
  }

  func stored(_ isDone: Bool = true) { ring.stored(isDone, now: now) }

  /// Appends to the file what is due; the number of records.
  @discardableResult
  func store(all: Bool = false) -> Int {
    let records = gather(all: all)
    guard !records.isEmpty else { return 0 }
    file += records
    stored()
    return records.count / AuditEntry.size
  }

  @discardableResult
  func restore(_ record: [UInt8]) -> AuditRecordError? {
    record.withUnsafeBytes { bytes in
      do throws(AuditRecordError) { try ring.restore(bytes) } catch { return error }
      return nil
    }
  }

  func finishRestoring(boot: UInt32) { ring.finishRestoring(boot: boot) }

  /// Records of a file.
  static func records(_ file: [UInt8]) -> [[UInt8]] {
    stride(from: 0, to: file.count, by: AuditEntry.size).map {
      [UInt8](file[$0..<min($0 + AuditEntry.size, file.count)])
    }
  }

  /// The next life: everything in the file is taken back.
  func reboot(boot: UInt32) -> Audit {
    let audit = Audit(boot: nil)
    audit.file = file
    for record in Audit.records(file) { audit.restore(record) }
    audit.finishRestoring(boot: boot)
    return audit
  }
}
