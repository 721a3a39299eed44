import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// A client with a key, at the other end of a sealed connection.
final class SealedClient {
  let peer: Int32
  private let secret: [UInt8]
  private let key: [UInt8]
  private var pair = KeyPair()
  private var initiator: Initiator
  private var transport = Transport()
  /// Bytes of what its peer has got that were read.
  private var taken = 0
  private(set) var welcome: Welcome?

  /// 32 bytes that no other number gives.
  static func bytes(_ number: UInt8) -> [UInt8] {
    (0..<32).map { number &* 37 &+ UInt8($0) &* 11 ^ 0x5A }
  }

  static func publicKey(_ number: UInt8) -> PublicKey {
    var pair = KeyPair()
    bytes(number).withUnsafeBytes { pair.load($0) }
    return pair.publicKey
  }

  /// A client with the key of this number, connected to `fixture`.
  init(
    _ number: UInt8, secret: [UInt8], to fixture: inout Fixture,
    from address: IPv4 = IPv4(10, 0, 0, 9)
  ) {
    key = Self.bytes(number)
    self.secret = secret
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
    defer { copy.deallocate() }
    copy.copyBytes(from: Self.prologue)
    initiator = Initiator(
      prologue: UnsafeRawBufferPointer(copy), device: fixture.loop.deviceKey.publicKey)
    peer = fixture.loop.system.connect(from: address)
    key.withUnsafeBytes { pair.load($0) }
  }

  private static let prologue: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]

  /// The frame of its handshake.
  func hello(_ name: String = "") throws -> [UInt8] {
    var message = [UInt8](repeating: 0, count: 256)
    let size = try message.withUnsafeMutableBytes { message in
      try Array(name.utf8).withUnsafeBytes { name in
        try Self.bytes(200).withUnsafeBytes { ephemeral in
          try initiator.write(payload: name, key: pair, ephemeral: ephemeral, into: message)
        }
      }
    }
    return request(.handshake, id: 1, Self.prologue + message[..<size])
  }

  /// Sends its handshake and reads the answer; false where it does not fit what it knows.
  func begin(_ fixture: inout Fixture, name: String = "") throws -> Bool {
    fixture.loop.system.peers[peer]!.chunks.append(try hello(name))
    fixture.turns(3)
    let answer = replies(fixture.loop.system.peers[peer]!.received[taken...].bytes)?.first
    guard let answer, answer.status == 0 else { return false }
    taken = fixture.loop.system.peers[peer]!.received.count
    var message = Array(answer.payload[HandshakeForm.size...])
    welcome = message.withUnsafeMutableBytes { message in
      secret.withUnsafeBytes { secret in
        let payload = try? initiator.read(message, key: pair, psk: secret, transport: &transport)
        guard let payload else { return nil }
        var reader = ByteReader(payload)
        return Welcome(from: &reader)
      }
    }
    return welcome != nil
  }

  /// A plain frame as it goes over the connection.
  func seal(_ frame: [UInt8]) -> [UInt8] {
    var bytes = frame + [UInt8](repeating: 0, count: SealedFrame.overhead)
    bytes.withUnsafeMutableBytes {
      _ = SealedFrame.seal($0, size: frame.count, with: &transport)
    }
    return bytes
  }

  func send(_ fixture: inout Fixture, _ frames: [UInt8]...) {
    for frame in frames { fixture.loop.system.peers[peer]!.chunks.append(seal(frame)) }
  }

  /// Everything that has come and not been read yet; nil: it is not what the device has sealed.
  func read(_ fixture: inout Fixture) -> [Reply]? {
    var bytes = fixture.loop.system.peers[peer]!.received[taken...].bytes
    var found: [Reply] = []
    var at = 0
    while at < bytes.count {
      let size: Int? = bytes.withUnsafeMutableBytes { all in
        let rest = UnsafeMutableRawBufferPointer(rebasing: all[at...])
        switch SealedFrame.next(in: rest, with: &transport) {
        case .opened(let header, let payload, let size):
          found.append(
            Reply(
              kind: header.kind, id: header.requestID, status: header.status,
              payload: Array(payload)))
          return size
        case .incomplete, .refused: return nil
        }
      }
      guard let size else { return nil }
      at += size
      taken += size
    }
    return found
  }

  /// What `read` finds.
  func answers(_ fixture: inout Fixture) throws -> [Reply] {
    guard let answers = read(&fixture) else { throw NoiseError.unauthentic }
    return answers
  }

  func isClosed(_ fixture: borrowing Fixture) -> Bool {
    fixture.loop.system.peers[peer]!.closed || fixture.loop.system.peers[peer]!.shutDown
  }
}

extension ArraySlice<UInt8> {
  var bytes: [UInt8] { Array(self) }
}

extension Fixture {
  /// A device with a key of its own and three clients: `viewer` 1, `operator` 2, `admin` 3.
  static func withKeys(
    slots: Int = 8, _ change: (inout Configuration) -> Void = { _ in }
  ) throws -> Fixture {
    // Chooses the routines for this processor.
    precondition(KnownAnswer.holds())
    var fixture = Fixture(slots: slots, change)
    SealedClient.bytes(100).withUnsafeBytes { fixture.loop.deviceKey.load($0) }
    fixture.loop.access.keys.startEmpty()
    try fixture.addKeys()
    return fixture
  }

  /// Lets three clients in: `viewer` 1, `operator` 2, `admin` 3.
  mutating func addKeys() throws {
    for (number, name, role) in [
      (3, "admin", Role.admin), (2, "operator", .operator), (1, "viewer", .viewer),
    ] as [(UInt8, StaticString, Role)] {
      try SealedClient.bytes(number + 50).withUnsafeBytes { secret in
        _ = try loop.access.keys.add(
          Name(name), SealedClient.publicKey(number), secret: secret, role: role,
          addedBy: Name(), unixMs: 0)
      }
    }
  }

  /// A client of `withKeys` whose handshake has succeeded.
  mutating func client(
    _ number: UInt8, from address: IPv4 = IPv4(10, 0, 0, 9)
  ) throws -> SealedClient {
    let client = SealedClient(
      number, secret: SealedClient.bytes(number + 50), to: &self, from: address)
    guard try client.begin(&self) else { throw NoiseError.unauthentic }
    return client
  }

  /// Codes in the audit behind the one of the start, the oldest first.
  func audit() -> [AuditCode] { auditEntries().compactMap(\.code.known) }

  /// Entries of the audit behind the one of the start, of one lane or of all.
  func auditEntries(_ lane: AuditLane? = nil) -> [AuditEntry] {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.payloadSize, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    loop.access.audit.page(from: 0, into: &writer)
    var reader = ByteReader(writer.written)
    reader.skip(AuditListHead.size)
    var entries: [AuditEntry] = []
    while reader.remaining >= AuditEntry.size {
      let entry = AuditEntry(from: &reader)
      guard entry.code != .deviceStarted else { continue }
      if lane == nil || entry.lane.known == lane { entries.append(entry) }
    }
    return entries
  }
}

/// What a fixture, which cannot be copied into `#expect`, has told.
func expect<Value: Equatable>(
  _ value: Value, _ wanted: Value, at location: SourceLocation = #_sourceLocation
) {
  #expect(value == wanted, sourceLocation: location)
}
