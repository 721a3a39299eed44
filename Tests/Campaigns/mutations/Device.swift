import Appliance
import EventLoop
import Noise
import Wire

/// A device: the real loop and the real machines, with keys, in a world of arrays.
final class Device {
  /// Who has a key from the start. Each also has a session that no case touches: a witness.
  static let holders: [(name: String, role: Role)] = [
    ("admin", .admin), ("operator", .operator), ("viewer", .viewer),
  ]

  var loop: EventLoop<Wires>
  /// The device's public key.
  let key: [UInt8]
  private let memory: [UnsafeMutableRawPointer]
  let fences: Fences

  init(seed: UInt64) throws {
    // Chooses libsodium's routines for this processor.
    precondition(KnownAnswer.holds(), "libsodium is not what it should be")
    var configuration = Configuration()
    configuration.control.plain = true
    configuration.control.slots = 32
    configuration.control.reservedSlots = 0
    configuration.mediaServer.path = .empty
    configuration.cameras.enabled = false
    configuration.watchdog.device = .empty
    configuration.network.mode = .off
    func claim(_ bytes: Int) -> UnsafeMutableRawPointer {
      .allocate(byteCount: bytes, alignment: 64)
    }
    let messages = UnsafeMutableRawBufferPointer(
      start: claim(MessageRing.memory), count: MessageRing.memory)
    var plan = Arena(gap: Fences.gap)
    _ = LoopMemory(configuration, from: &plan, messages: messages)
    let whole = UnsafeMutableRawBufferPointer(start: claim(plan.claimed), count: plan.claimed)
    whole.initializeMemory(as: UInt8.self, repeating: 0)
    let size = ApplianceMemory.tableBytes
    let tables = UnsafeMutableRawBufferPointer(start: claim(size), count: size)
    memory = [messages.baseAddress!, whole.baseAddress!, tables.baseAddress!]
    var arena = Arena(whole, gap: Fences.gap)
    let claimed = LoopMemory(configuration, from: &arena, messages: messages)
    fences = Fences(arena, in: whole)
    loop = EventLoop(
      system: Wires(seed: seed),
      appliance: Appliance(configuration, tables: ApplianceMemory.Tables(tables)),
      configuration: configuration, memory: claimed, startUs: 5_000_000)
    let own = Primitives.sha256([0], Array("device".utf8))
    key = Primitives.publicKey(of: own)
    loop.start(BootFacts())
    own.withUnsafeBytes { loop.deviceKey.load($0) }
    loop.access.keys.startEmpty()
    _ = loop.access.pairing.keys(hasAdmin: true)
    // Cases take no time.
    let limits = KeyLimits(rate: 100_000_000, slots: 32)
    for holder in Device.holders { try add(Holder(holder.name), as: holder.role, limits: limits) }
    settle()
  }

  deinit {
    fences.open()
    for piece in memory { piece.deallocate() }
  }

  // MARK: Time

  /// Turns until nothing is left to be done at this time.
  func settle() {
    var turns = 0
    while !loop.system.isIdle {
      turn()
      turns += 1
      precondition(turns < 100_000, "the loop does not come to rest")
    }
    // What a turn leaves to the next.
    turn()
    turn()
  }

  private func turn() { loop.turn(noLaterThan: Instant(ms: loop.system.timeUs / 1000)) }

  /// Lets time pass, and everything happen that is due meanwhile.
  func pass(ms: UInt64) {
    let end = loop.system.timeUs + ms * 1000
    while loop.system.timeUs < end {
      let before = loop.system.timeUs
      loop.turn(noLaterThan: Instant(ms: end / 1000))
      if loop.system.timeUs == before { loop.system.timeUs += 1000 }
    }
    settle()
  }

  // MARK: Keys

  /// Gives somebody a key.
  func add(_ holder: Holder, as role: Role, limits: KeyLimits = KeyLimits()) throws {
    _ = try holder.psk.withUnsafeBytes { secret in
      try holder.publicKey.withUnsafeBytes { key in
        try loop.access.keys.add(
          wireName(holder.name), PublicKey(key), secret: secret, role: role, limits: limits,
          addedBy: Name(), unixMs: 0)
      }
    }
  }

  /// Everything of the keys that would be written to the card, and who is connected with which.
  func keys() -> (kept: [UInt8], connections: [String: UInt16]) {
    var kept: [UInt8] = []
    var connections: [String: UInt16] = [:]
    for place in 0..<ClientKeys.capacity {
      guard let entry = loop.access.keys.entry(place, now: loop.now) else { continue }
      kept += [UInt8(place), entry.role.rawValue, entry.flags.rawValue]
      entry.publicKey.withBytes { kept += $0 }
      entry.name.withBytes { kept += $0 }
      // One by one: between them there may be anything.
      for number in [UInt64(entry.slots), UInt64(entry.rate), entry.addedUnixMs] {
        withUnsafeBytes(of: number) { kept += $0 }
      }
      if let handle = loop.access.keys.find(entry.name) {
        loop.access.keys.withSecret(of: handle) { kept += $0 }
      }
      connections[entry.name.text] = entry.connections
    }
    return (Primitives.sha256(kept), connections)
  }

  // MARK: Audit

  /// Number that the next entry will have.
  var nextEntry: UInt64 { loop.access.audit.next }

  /// Entries from this number on, the oldest first.
  func audit(from cursor: UInt64) -> [AuditEntry] {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.payloadSize, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    loop.access.audit.page(from: cursor, into: &writer)
    var reader = ByteReader(writer.written)
    reader.skip(AuditListHead.size)
    var entries: [AuditEntry] = []
    while reader.remaining >= AuditEntry.size { entries.append(AuditEntry(from: &reader)) }
    return entries
  }
}

extension Text {
  /// As an ordinary string.
  var text: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}

/// A name as it goes over the wire.
func wireName(_ text: String) -> Name {
  Array(text.utf8).withUnsafeBytes { Name($0) }
}

/// Somebody with a private key; whether the device knows it is another matter.
struct Holder {
  let name: String
  let privateKey: [UInt8]
  let publicKey: [UInt8]
  var psk: [UInt8]

  init(_ name: String) {
    self.name = name
    privateKey = Primitives.sha256([1], Array(name.utf8))
    publicKey = Primitives.publicKey(of: privateKey)
    psk = Primitives.sha256([2], Array(name.utf8))
  }
}
