import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// Connections whose handshake has succeeded, and who have not shown whose they are: what they
/// take from others, and what is noted of them.
@Suite struct UnprovenTests {
  /// Copies of the first message of `viewer`, from somewhere else, whose senders have no key.
  private func replay(
    _ count: Int, _ fixture: inout Fixture, address: IPv4 = IPv4(10, 0, 0, 66)
  ) throws -> [Int32] {
    let client = SealedClient(1, secret: SealedClient.bytes(51), to: &fixture)
    let hello = try client.hello()
    fixture.loop.system.peers[client.peer]!.ended = true
    return (0..<count).map { _ in
      let peer = fixture.loop.system.connect(from: address, hello)
      fixture.turns(3)
      return peer
    }
  }

  @Test func copiesTakeNoConnectionOfTheKey() throws {
    var fixture = try Fixture.withKeys(slots: 16) { $0.control.publicSlotsPerAddress = 16 }
    try fixture.loop.access.keys.change(
      Name("viewer"), role: .viewer, limits: KeyLimits(slots: 1))
    let copies = try replay(4, &fixture)
    let client = try fixture.client(1)
    client.send(&fixture, ping(id: 1))
    fixture.turns(2)
    expect(try client.answers(&fixture).map(\.status), [0])
    // They do not stay for long, whatever they send of a frame.
    fixture.loop.system.peers[copies[0]]!.chunks.append([0x57, 0x50, 0x53, 0x45, 64])
    fixture.pass(ms: 2100)
    for copy in copies[1...] { expect(fixture.loop.system.peers[copy]!.shutDown, true) }
    fixture.pass(ms: 2100)
    expect(fixture.loop.system.peers[copies[0]]!.shutDown, true)
    expect(fixture.loop.sessions.used, 1)
    expect(client.isClosed(fixture), false)
    // Nothing of it is laid at the client's door.
    let entries = fixture.auditEntries().filter { $0.address == IPv4(10, 0, 0, 66).value }
    expect(entries.map(\.code.known), [.sealBroken, .handshakeRefused])
    expect(entries.map(\.count), [1, 3])
    for entry in entries { #expect(entry.key.isEmpty && entry.role.known == .anybody) }
  }

  @Test(arguments: [false, true]) func whatCopiesSendIsNobodys(isPlain: Bool) throws {
    var fixture = try Fixture.withKeys()
    let copy = try replay(1, &fixture)[0]
    let frame: [UInt8] =
      [0x57, 0x50, 0x53, 0x45, 40, 0, 0, 0] + [UInt8](repeating: 7, count: 40)
    fixture.loop.system.peers[copy]!.chunks.append(isPlain ? ping(id: 1) : frame)
    fixture.pass(ms: 300)
    expect(fixture.audit(), [isPlain ? .downgradeRefused : .sealBroken])
    #expect(fixture.auditEntries()[0].key.isEmpty)
  }

  /// Who has proven itself may be silent for as long as ever.
  @Test func aProvenOneMayRest() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(1)
    client.send(&fixture, ping(id: 1))
    fixture.pass(ms: 250_000)
    expect(client.isClosed(fixture), false)
    client.send(&fixture, ping(id: 2))
    fixture.turns(3)
    expect(try client.answers(&fixture).map(\.id), [1, 2])
  }

  /// A removed key does not lend its connections, or its name, to who comes after it.
  @Test func aKeyThatGoesBeforeItsFirstFrame() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(1)
    try fixture.loop.access.keys.remove(Name("viewer"))
    client.send(&fixture, ping(id: 1))
    fixture.turns(2)
    expect(try client.answers(&fixture).map(\.status), [Status.authentication.rawValue])
    expect(client.isClosed(fixture), true)
    fixture.pass(ms: 300)
    expect(fixture.audit(), [.keyUnknown])
  }

  @Test func aTornFrameIsNoted() throws {
    for ends in [false, true] {
      var fixture = try Fixture.withKeys()
      let client = try fixture.client(1)
      client.send(&fixture, ping(id: 1))
      fixture.turns(2)
      let frame = client.seal(ping(id: 2))
      fixture.loop.system.peers[client.peer]!.chunks.append(Array(frame[..<20]))
      fixture.turns(2)
      if ends { fixture.loop.system.peers[client.peer]!.ended = true }
      fixture.pass(ms: ends ? 10 : 11_000)
      expect(fixture.audit(), [.sessionOpened, .sealBroken])
      expect(fixture.auditEntries().last?.key, Name("viewer"))
    }
  }
}
