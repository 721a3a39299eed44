import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// Sealed connections: who gets in, what they may do, and what changes nothing.
@Suite struct SealedTests {
  @Test func aKeyOpensASession() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(2)
    let welcome = try #require(client.welcome)
    #expect(welcome.role == .operator && !welcome.isPaired)
    expect(fixture.audit(), [])
    client.send(&fixture, ping(id: 5, [1, 2, 3]), request(.serverInfo, id: 6))
    fixture.turns(2)
    let answers = try client.answers(&fixture)
    #expect(answers.map(\.id) == [5, 6] && answers.allSatisfy { $0.status == 0 })
    #expect(answers[0].payload == [1, 2, 3])
    expect(fixture.audit(), [.sessionOpened])
  }

  /// The least role of each operation, by key; the plain connection beside it may only what anybody
  /// may.
  @Test func theKeySaysWhatMayBeDone() throws {
    var fixture = try Fixture.withKeys()
    let statuses = try [1, 2, 3].map { number -> [UInt16] in
      let client = try fixture.client(UInt8(number))
      client.send(
        &fixture, request(.cameraList), request(.sourceRemove, [UInt8](repeating: 0x61, count: 32)),
        logTail(id: 3), request(.identity))
      fixture.turns(5)
      return try client.answers(&fixture).map(\.status)
    }
    let no = Status.permission.rawValue
    let gone = Status.notFound.rawValue
    #expect(statuses == [[0, no, no, 0], [0, gone, no, 0], [0, gone, 0, 0]])
    // Each kind that a key was refused is one entry.
    expect(fixture.audit().filter { $0 == .roleRefused }.count, 3)

    let stranger = fixture.loop.system.connect(
      from: IPv4(10, 0, 0, 7), request(.cameraList), request(.identity))
    fixture.turns(3)
    let plain = try #require(replies(fixture.loop.system.peers[stranger]!.received))
    #expect(plain.map(\.status) == [no, 0])
    expect(fixture.audit().last, .plainRefused)
  }

  @Test func splitAnywhereItIsTheSame() throws {
    for size in [1, 7, 8, 9, 31, 33, 47, 49, 1000] {
      var fixture = try Fixture.withKeys()
      let client = try fixture.client(3)
      fixture.loop.system.mostRead = size
      client.send(&fixture, ping(id: 1), logTail(id: 2), ping(id: 3, [9]))
      fixture.turns(300)
      expect(try client.answers(&fixture).map(\.id), [1, 2, 3])
    }
  }

  /// A client that takes little by little, and asks for more than any buffer holds.
  @Test func whatIsUnsentGoesOutInOrder() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(3)
    for number in 0..<400 {
      fixture.loop.log(LogLine(.info, Text("a line of the log that fills more than a page")))
      if number % 2 == 0 { fixture.loop.log(LogLine(.warning, Text("and another line"))) }
    }
    fixture.loop.system.peers[client.peer]!.budget = 0
    for id in UInt32(1)...12 { client.send(&fixture, logTail(id: id), ping(id: 100 + id)) }
    var ids: [UInt32] = []
    for _ in 0..<2000 {
      fixture.loop.system.peers[client.peer]!.budget = 997
      fixture.turns(1)
    }
    ids = try client.answers(&fixture).map(\.id)
    #expect(ids == (UInt32(1)...12).flatMap { [$0, 100 + $0] })
    expect(fixture.loop.buffers.free, Buffers.pooled)
  }

  /// Other clients hold all large buffers: what was opened waits, and is opened once.
  @Test func aRequestThatWaitsForABufferIsOpenedOnce() throws {
    var fixture = try Fixture.withKeys(slots: 80)
    let client = try fixture.client(3)
    for _ in 0..<400 {
      fixture.loop.log(LogLine(.info, Text("a line of the log that fills more than a page")))
    }
    var hoarders: [Int32] = []
    for _ in 0..<Buffers.pooled {
      let peer = fixture.loop.system.connect(logTail(id: 1))
      fixture.loop.system.peers[peer]!.budget = 0
      hoarders.append(peer)
      fixture.turns(2)
    }
    expect(fixture.loop.buffers.free < 2, true)
    client.send(&fixture, logTail(id: 7), ping(id: 8))
    fixture.turns(5)
    expect(try client.answers(&fixture), [])
    for peer in hoarders { fixture.loop.system.peers[peer]!.budget = .max }
    fixture.turns(10)
    expect(try client.answers(&fixture).map(\.id), [7, 8])
  }

  @Test func eventsAndMessagesAreSealedForEachSubscriber() throws {
    var fixture = try Fixture.withKeys()
    let first = try fixture.client(1)
    let second = try fixture.client(2)
    for client in [first, second] {
      client.send(&fixture, subscribe(.all))
      fixture.turns(2)
      _ = try client.answers(&fixture)
    }
    fixture.loop.system.peers[second.peer]!.budget = 100
    for number in 0..<20 {
      publish(&fixture, Event(.cameraStatus, value: UInt32(number)))
    }
    let message = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let publisher = try fixture.client(3)
    for offset in stride(from: 0, to: message.count, by: PublishPart.capacity) {
      let bytes = Array(message[offset..<min(offset + PublishPart.capacity, message.count)])
      let head = PublishPart(
        total: UInt32(message.count), offset: UInt32(offset), count: UInt32(bytes.count))
      publisher.send(&fixture, request(.publish, MessageTests.encoded(head) + bytes))
    }
    fixture.turns(10)
    for _ in 0..<200 {
      fixture.loop.system.peers[second.peer]!.budget = 5000
      fixture.turns(1)
    }
    for client in [first, second] {
      let frames = try client.answers(&fixture)
      #expect(frames.filter { $0.kind == Kind.event.rawValue }.count == 20)
      let parts = try frames.filter { $0.kind == Kind.message.rawValue }.map { frame in
        try frame.payload.withUnsafeBytes { Array(try MessagePart.open($0).1) }
      }
      #expect(parts.flatMap { $0 } == message)
    }
  }

  private func publish(_ fixture: inout Fixture, _ event: Event) {
    fixture.loop.events.publish(event, now: fixture.loop.now, unixMs: 0)
    fixture.loop.beginSweep()
  }

  // MARK: What does not get in

  @Test func anUnknownKey() throws {
    var fixture = try Fixture.withKeys()
    let client = SealedClient(9, secret: SealedClient.bytes(59), to: &fixture)
    expect(try client.begin(&fixture), false)
    let answer = try #require(replies(fixture.loop.system.peers[client.peer]!.received)?.first)
    #expect(answer.status == Status.authentication.rawValue)
    expect(fixture.audit(), [.keyUnknown])
  }

  @Test func aWrongSecret() throws {
    var fixture = try Fixture.withKeys()
    let client = SealedClient(2, secret: SealedClient.bytes(1), to: &fixture)
    expect(try client.begin(&fixture), false)
    // Whatever it sends now is not sealed with the right keys.
    fixture.loop.system.peers[client.peer]!.chunks.append(
      [0x57, 0x50, 0x53, 0x45, 40, 0, 0, 0] + [UInt8](repeating: 7, count: 40))
    fixture.turns(2)
    expect(client.isClosed(fixture), true)
    expect(fixture.audit(), [.sealBroken])
  }

  @Test func aHandshakeThatSomebodyHasCopied() throws {
    var fixture = try Fixture.withKeys()
    let client = SealedClient(2, secret: SealedClient.bytes(52), to: &fixture)
    let hello = try client.hello()
    let copier = fixture.loop.system.connect(from: IPv4(10, 0, 0, 66), hello)
    fixture.turns(2)
    let answer = try #require(replies(fixture.loop.system.peers[copier]!.received)?.first)
    #expect(answer.status == 0)
    // It has no key to go on with; what the client had sent on its own connection is void here.
    fixture.loop.system.peers[copier]!.chunks.append(ping(id: 1))
    fixture.turns(2)
    expect(fixture.loop.system.peers[copier]!.shutDown, true)
    expect(fixture.audit(), [.downgradeRefused])
  }

  @Test func aHandshakeOfAnotherForm() throws {
    let cases: [(place: Int, value: UInt8, status: Status)] = [
      (0, 2, .notSupported), (7, 1, .reservedBits),
    ]
    for (place, value, status) in cases {
      var fixture = try Fixture.withKeys()
      let client = SealedClient(2, secret: SealedClient.bytes(52), to: &fixture)
      var payload = Array(try client.hello()[Limits.headerSize...])
      payload[place] = value
      fixture.loop.system.peers[client.peer]!.chunks.append(request(.handshake, payload))
      fixture.turns(2)
      let answer = try #require(replies(fixture.loop.system.peers[client.peer]!.received)?.first)
      #expect(answer.status == status.rawValue)
      expect(fixture.audit(), [.handshakeRefused])
    }
  }

  /// What an onlooker may do to a frame on its way.
  @Test(arguments: 0..<6) func aFrameThatIsNotTheNextOne(tampering: Int) throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(2)
    client.send(&fixture, ping(id: 1))
    fixture.turns(2)
    _ = try client.answers(&fixture)
    let source = [UInt8](repeating: 0x61, count: 32)
    let first = client.seal(request(.sourceRemove, id: 2, source))
    let second = client.seal(ping(id: 3))
    var flipped = first
    flipped[40] ^= 1
    var longer = first
    longer[4] &+= 1
    let sent: [UInt8] =
      switch tampering {
      case 0: first + first
      case 1: second + first
      case 2: second
      case 3: flipped
      case 4: longer + [0]
      default: ping(id: 9)
      }
    fixture.loop.system.peers[client.peer]!.chunks.append(sent)
    let before = fixture.loop.counters[.requestsSucceeded]
    fixture.turns(3)
    expect(client.isClosed(fixture), true)
    expect(fixture.loop.counters[.requestsSucceeded], before)
    expect(fixture.loop.counters[.closedProtocolError], 1)
    expect(fixture.audit().last, tampering == 5 ? .downgradeRefused : .sealBroken)
    // A typed refusal goes before the end, where only the client can read it.
    let last = try #require(try client.answers(&fixture).last)
    #expect(last.kind == Kind.connection.rawValue && last.status != 0)
  }

  @Test(arguments: [0, 39, 16_377, 65_535]) func aLengthThatNoFrameHas(length: UInt16) throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(2)
    let head: [UInt8] = [0x57, 0x50, 0x53, 0x45, UInt8(length & 255), UInt8(length >> 8), 0, 0]
    fixture.loop.system.peers[client.peer]!.chunks.append(head)
    fixture.turns(2)
    expect(client.isClosed(fixture), true)
    expect(fixture.audit(), [.sealBroken])
  }

  @Test func aKeyThatIsRemovedDuringASession() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(2)
    let other = try fixture.client(3)
    for client in [client, other] { client.send(&fixture, subscribe(.all)) }
    fixture.turns(2)
    try fixture.loop.access.keys.remove(Name("operator"))
    fixture.loop.endRevoked()
    expect(client.isClosed(fixture), true)
    expect(other.isClosed(fixture), false)
    expect(fixture.audit().last, .sessionRevoked)
    publish(&fixture, Event(.cameraStatus, value: 1))
    fixture.turns(2)
    expect(try other.answers(&fixture).count, 2)
  }

  @Test func handshakesBeyondTheirRateCostNothing() throws {
    var fixture = try Fixture.withKeys(slots: 40)
    var statuses: [UInt16] = []
    for _ in 0..<12 {
      let client = SealedClient(9, secret: [], to: &fixture)
      fixture.loop.system.peers[client.peer]!.chunks.append(try client.hello())
      fixture.turns(2)
      let answer = try #require(replies(fixture.loop.system.peers[client.peer]!.received)?.first)
      statuses.append(answer.status)
    }
    let burst = Int(HandshakeAdmission.addressBurst)
    #expect(
      statuses == [UInt16](repeating: Status.authentication.rawValue, count: burst)
        + [UInt16](repeating: Status.rateLimited.rawValue, count: 12 - burst))
    expect(fixture.audit(), [.keyUnknown, .handshakeLimited])
    // Elsewhere, somebody who belongs there gets in.
    _ = try fixture.client(3, from: IPv4(10, 0, 0, 10))
  }

  @Test func aKeyHasAsManyConnectionsAsItGets() throws {
    var fixture = try Fixture.withKeys()
    try fixture.loop.access.keys.change(
      Name("viewer"), role: .viewer, limits: KeyLimits(slots: 2))
    let first = try fixture.client(1)
    let second = try fixture.client(1)
    // It counts once it has shown that it has the key.
    let third = try fixture.client(1)
    for client in [first, second, third] { client.send(&fixture, ping(id: 1)) }
    fixture.turns(2)
    expect(try [first, second].flatMap { try $0.answers(&fixture).map(\.status) }, [0, 0])
    expect(try third.answers(&fixture).map(\.status), [Status.busy.rawValue])
    expect(third.isClosed(fixture), true)
    expect(fixture.audit(), [.sessionOpened, .slotsRefused])
    expect(fixture.auditEntries().last?.key, Name("viewer"))
    fixture.loop.system.peers[first.peer]!.ended = true
    fixture.turns(3)
    let fourth = try fixture.client(1)
    fourth.send(&fixture, ping(id: 1))
    fixture.turns(2)
    expect(try fourth.answers(&fixture).map(\.status), [0])
  }

  // MARK: Pairing

  private func secret(of code: PairingCode) -> [UInt8] {
    var secret = PairingSecret()
    code.withText { secret.derive(from: $0) }
    return secret.lend { [UInt8]($0) }
  }

  @Test func theCodeLetsExactlyOneIn() throws {
    var fixture = try Fixture.withKeys()
    _ = fixture.loop.access.pairing.keys(hasAdmin: true)
    let now = fixture.loop.now
    _ = fixture.loop.access.pairing.openByCode(bits: 12_345, role: .operator, now: now)
    let code = try #require(fixture.loop.access.pairing.code)
    let client = SealedClient(7, secret: secret(of: code), to: &fixture)
    expect(try client.begin(&fixture, name: "laptop"), true)
    let welcome = try #require(client.welcome)
    #expect(welcome.isPaired && welcome.role == .operator)
    expect(fixture.loop.access.keys.count, 3)
    client.send(&fixture, request(.cameraList))
    fixture.turns(2)
    expect(try client.answers(&fixture).map(\.status), [0])
    expect(fixture.loop.access.keys.count, 4)
    expect(fixture.audit(), [.keyPaired, .sessionOpened])

    // From now on with its own secret, and nobody else with the code.
    let given = welcome.secret.span.withUnsafeBytes { [UInt8]($0) }
    #expect(given != [UInt8](repeating: 0, count: 32))
    let again = SealedClient(7, secret: given, to: &fixture)
    expect(try again.begin(&fixture), true)
    let late = SealedClient(8, secret: secret(of: code), to: &fixture)
    expect(try late.begin(&fixture, name: "another"), false)
    expect(fixture.audit().last, .keyUnknown)
  }

  @Test func aWrongCodeIsNoKey() throws {
    var fixture = try Fixture.withKeys()
    _ = fixture.loop.access.pairing.keys(hasAdmin: true)
    _ = fixture.loop.access.pairing.openByCode(bits: 1, now: fixture.loop.now)
    let client = SealedClient(7, secret: secret(of: PairingCode(random: 2)), to: &fixture)
    expect(try client.begin(&fixture, name: "laptop"), false)
    fixture.loop.system.peers[client.peer]!.ended = true
    fixture.turns(3)
    expect(fixture.loop.access.keys.count, 3)
    expect(fixture.loop.access.pairing.code != nil, true)
    // It has not said a word, and has tried all the same.
    expect(fixture.audit(), [.pairingRefused])
  }

  @Test func nobodyIsPairedWithoutAName() throws {
    for name in ["", "Laptop", String(repeating: "x", count: 33)] {
      var fixture = try Fixture.withKeys()
      _ = fixture.loop.access.pairing.keys(hasAdmin: true)
      _ = fixture.loop.access.pairing.openByButton(now: fixture.loop.now)
      let client = SealedClient(7, secret: [], to: &fixture)
      expect(try client.begin(&fixture, name: name), false)
      let answer = try #require(replies(fixture.loop.system.peers[client.peer]!.received)?.first)
      #expect(answer.status == Status.invalidArgument.rawValue)
      expect(fixture.audit(), [.pairingRefused])
    }
  }

  @Test func twoAtOnceAndOneGetsIn() throws {
    var fixture = try Fixture.withKeys()
    _ = fixture.loop.access.pairing.keys(hasAdmin: true)
    _ = fixture.loop.access.pairing.openByButton(now: fixture.loop.now)
    var button = PairingSecret()
    button.deriveForButton()
    let secret = button.lend { [UInt8]($0) }
    let first = SealedClient(7, secret: secret, to: &fixture)
    let second = SealedClient(8, secret: secret, to: &fixture, from: IPv4(10, 0, 0, 8))
    expect(try first.begin(&fixture, name: "one"), true)
    expect(try second.begin(&fixture, name: "two"), true)
    second.send(&fixture, ping(id: 1))
    fixture.turns(2)
    first.send(&fixture, ping(id: 1))
    fixture.turns(2)
    expect(try second.answers(&fixture).map(\.status), [0])
    expect(first.isClosed(fixture), true)
    expect(fixture.loop.access.keys.find(Name("two")) != nil, true)
    expect(fixture.loop.access.keys.find(Name("one")) == nil, true)
  }
}
