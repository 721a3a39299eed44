import Wire

@testable import Appliance

/// The machine of configuration changes with a disk: what it asks to keep is kept, and the device
/// can be started anew at any time.
final class ChangeDesk {
  private let memory: UnsafeMutableBufferPointer<ConfigurationChange>
  private var changes: ConfigurationChanges
  var policy: ChangePolicy {
    didSet { changes.policy = policy }
  }
  private(set) var now: UInt64 = 5000
  private(set) var boot: UInt8 = 1
  /// The image that is on the disk.
  var disk: [UInt8]?
  /// The next steps' images do not reach the disk.
  var diskFails = false
  /// What the last step asked for, in order.
  private(set) var asked: [ChangeEffect] = []
  private(set) var keeps = 0
  private(set) var mostEffects = 0

  init(_ policy: ChangePolicy = ChangePolicy()) {
    self.policy = policy
    memory = .allocate(capacity: ConfigurationChanges.capacity)
    changes = ChangeDesk.fresh(memory, policy)
    changes.begin(boot: ChangeDesk.boot(1))
  }

  deinit { memory.deallocate() }

  private static func fresh(
    _ memory: UnsafeMutableBufferPointer<ConfigurationChange>, _ policy: ChangePolicy
  ) -> ConfigurationChanges {
    ConfigurationChanges(Table(memory, repeating: ConfigurationChange()), policy)
  }

  static func boot(_ number: UInt8) -> BootID { BootID(InlineArray(repeating: number)) }

  static func digest(_ number: UInt8) -> ConfigurationDigest {
    ConfigurationDigest(InlineArray(repeating: number))
  }

  static func text(
    _ version: String = "1.0", ring: String = "barns", digest: UInt8 = 7, size: UInt32 = 500
  ) -> ConfigurationText {
    var text = ConfigurationText()
    text.version = Text(version)
    text.ring = Text(ring)
    text.digest = ChangeDesk.digest(digest)
    text.size = size
    return text
  }

  // MARK: The machine

  var time: ChangeTime { ChangeTime(now: Instant(ms: now), unixMs: 1_767_225_600_000 + now) }

  func read<Result>(_ body: (borrowing ConfigurationChanges) throws -> Result) rethrows -> Result {
    try body(changes)
  }

  /// Runs one step and keeps what it says.
  func step<Result>(
    _ body: (inout ConfigurationChanges, inout ChangeEffects) throws(Status) -> Result
  ) throws(Status) -> Result {
    var effects = ChangeEffects()
    asked = []
    let result = try body(&changes, &effects)
    take(effects)
    return result
  }

  private func take(_ effects: ChangeEffects) {
    asked = (0..<effects.count).map { effects[$0] }
    mostEffects = max(mostEffects, effects.count)
    if effects.mustKeep {
      keeps += 1
      if !diskFails { disk = image() }
    }
  }

  func image() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: ConfigurationChanges.imageSize) { buffer, count in
      buffer.initialize(repeating: 0xA5)
      read { $0.encode(into: UnsafeMutableRawBufferPointer(buffer), now: time.now) }
      count = buffer.count
    }
  }

  func entry(_ id: UInt32) -> ChangeEntry? { read { $0.entry(of: id, now: time.now) } }

  func state(_ id: UInt32) -> ChangeState? { entry(id)?.state.known }

  func list(ended: Bool) throws -> [ChangeEntry] {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.payloadSize, alignment: 8)
    defer { bytes.deallocate() }
    var writer = ByteWriter(bytes)
    read {
      if ended {
        $0.writeEnded(now: time.now, into: &writer)
      } else {
        $0.writeOpen(now: time.now, into: &writer)
      }
    }
    var (head, reader) = try ChangeListHead.open(writer.written)
    return (0..<head.count).map { _ in ChangeEntry(from: &reader) }
  }

  func reason(_ id: UInt32) -> ChangeReason? { entry(id)?.reason.known }

  /// What the audit was told in the last step.
  var news: [ChangeNews] {
    asked.compactMap { if case .tell(let news) = $0 { news } else { nil } }
  }

  /// What the executor has to do after the last step.
  var work: [ChangeEffect] {
    asked.filter { if case .tell = $0 { false } else { true } }
  }

  // MARK: Clients and the executor

  func stage(
    _ text: ConfigurationText = ChangeDesk.text(), by key: String = "anna"
  ) throws(Status) -> UInt32 {
    try step { changes, effects throws(Status) in
      try changes.stage(text, by: Text(key), at: time, &effects)
    }
  }

  func approve(
    _ id: UInt32, by key: String = "bernd", sinceChange: UInt32 = 0
  ) throws(Status) {
    try step { changes, effects throws(Status) in
      let approver = ChangeApprover(Text(key), sinceChange: sinceChange)
      try changes.approve(id, by: approver, at: time, &effects)
    }
  }

  func reject(_ id: UInt32, by key: String = "bernd") throws(Status) {
    try step { changes, effects throws(Status) in
      try changes.reject(id, by: Text(key), at: time, &effects)
    }
  }

  func apply(_ id: UInt32, by key: String = "carla") throws(Status) {
    try step { changes, effects throws(Status) in
      try changes.apply(id, by: Text(key), at: time, &effects)
    }
  }

  func confirm(_ id: UInt32, by key: String = "carla", begunAt: UInt64) throws(Status) {
    try step { changes, effects throws(Status) in
      try changes.confirm(
        id, by: Text(key), begunAt: Instant(ms: begunAt), at: time, &effects)
    }
  }

  func checked(_ id: UInt32, _ check: ChangeCheck = .right) {
    run { $0.checked(id, check, at: time, &$1) }
  }

  func applied(_ id: UInt32, _ succeeded: Bool = true) {
    run { $0.applied(id, succeeded: succeeded, at: time, &$1) }
  }

  func rolledBack(_ id: UInt32, _ succeeded: Bool = true) {
    run { $0.rolledBack(id, succeeded: succeeded, at: time, &$1) }
  }

  func found(_ digest: ConfigurationDigest) { run { changes, _ in changes.found(digest) } }

  private func run(_ body: (inout ConfigurationChanges, inout ChangeEffects) -> Void) {
    var effects = ChangeEffects()
    body(&changes, &effects)
    take(effects)
  }

  /// Time passes at once; what was due meanwhile is done at the end of it.
  func pass(_ ms: UInt64) {
    now += ms
    run { $0.tick(at: time, &$1) }
  }

  /// The clock of the kernel stands so; nothing is told of it.
  func now(_ ms: UInt64) { now = ms }

  var nextDeadline: UInt64 { read { $0.nextDeadline.ms } }

  /// Staged, checked and approved.
  func approved(_ text: ConfigurationText = ChangeDesk.text()) throws(Status) -> UInt32 {
    let id = try stage(text)
    checked(id)
    try approve(id)
    return id
  }

  /// In force, and not confirmed yet.
  func unconfirmed(_ text: ConfigurationText = ChangeDesk.text()) throws(Status) -> UInt32 {
    let id = try approved(text)
    try apply(id)
    applied(id)
    return id
  }

  // MARK: Starts

  /// The agent starts anew from what is on the disk.
  func restart(afterMs: UInt64 = 300) throws { try restore(at: now + afterMs) }

  /// The device starts anew, and the agent comes up so long after its kernel.
  func powerCut(upMs: UInt64 = 900) throws {
    boot += 1
    try restore(at: upMs)
  }

  private func restore(at ms: UInt64) throws {
    now = ms
    var effects = ChangeEffects()
    changes = ChangeDesk.fresh(memory, policy)
    let id = ChangeDesk.boot(boot)
    if let disk {
      try disk.withUnsafeBytes { bytes in
        try changes.restore(bytes, boot: id, at: time, &effects)
      }
    } else {
      changes.begin(boot: id)
    }
    take(effects)
  }
}
