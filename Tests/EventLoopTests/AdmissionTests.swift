import Appliance
import Testing
import Wire

@testable import EventLoop

/// The status of the last answer a peer has got.
func lastStatus(_ fixture: borrowing Fixture, _ client: Int32) throws -> UInt16? {
  let peer = try #require(fixture.loop.system.peers[client])
  return try #require(replies(peer.received)).last?.status
}

/// Who gets a slot, and how fast it may ask. Loopback is trusted here, 192.0.2.x is not.
@Suite struct AdmissionTests {
  private static func stranger(_ number: UInt8) -> IPv4 { IPv4(192, 0, 2, number) }

  @Test func strangersShareTheirSlots() throws {
    var fixture = Fixture(slots: 16) {
      $0.control.publicSlots = 3
      $0.control.publicSlotsPerAddress = 2
    }
    var clients: [Int32] = []
    // Three from one address: the third is one too many. Another address takes what is left.
    for number in [1, 1, 1, 2, 3] as [UInt8] {
      clients.append(fixture.loop.system.connect(from: Self.stranger(number), ping(id: 1)))
      fixture.turns(2)
    }
    let statuses = try clients.map { try lastStatus(fixture, $0) }
    let busy = Status.busy.rawValue
    #expect(statuses == [0, 0, busy, 0, busy])
    #expect(fixture.loop.counters[.refusedAddress] == 1)
    #expect(fixture.loop.counters[.refusedPublic] == 1)
    // A place that is given up is had again.
    fixture.loop.system.peers[clients[0]]!.ended = true
    fixture.turns(2)
    let next = fixture.loop.system.connect(from: Self.stranger(1), ping(id: 1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, next) == 0)
  }

  @Test func theLastSlotsAreForTrustedPeers() throws {
    var fixture = Fixture(slots: 8) { $0.control.reservedSlots = 3 }
    var strangers: [Int32] = []
    for number in 0..<8 as Range<UInt8> {
      strangers.append(fixture.loop.system.connect(from: Self.stranger(number), ping(id: 1)))
    }
    fixture.turns(3)
    let served = try strangers.filter { try lastStatus(fixture, $0) == 0 }
    #expect(served.count == 5)
    #expect(fixture.loop.counters[.refusedBusy] == 3)
    for _ in 0..<3 {
      let technician = fixture.loop.system.connect(ping(id: 1))
      fixture.turns(2)
      #expect(try lastStatus(fixture, technician) == 0)
    }
    #expect(fixture.loop.sessions.placed == 8)
  }

  /// A flood that says nothing: each newcomer takes the place of the silent one before it, while
  /// those who have asked for something keep theirs.
  @Test func silentStrangersMakeRoom() throws {
    var fixture = Fixture(slots: 16) { $0.control.publicSlots = 2 }
    let polite = fixture.loop.system.connect(from: Self.stranger(1), ping(id: 1))
    fixture.turns(2)
    var silent: [Int32] = []
    for number in 2..<60 as Range<UInt8> {
      silent.append(fixture.loop.system.connect(from: Self.stranger(number)))
      fixture.turns(2)
      fixture.pass(ms: 100)
    }
    #expect(fixture.loop.counters[.closedDisplaced] == 57)
    #expect(silent.dropLast().allSatisfy { fixture.loop.system.peers[$0]!.closed })
    let late = fixture.loop.system.connect(from: Self.stranger(99), ping(id: 1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, late) == 0)
    fixture.loop.system.peers[polite]!.chunks.append(ping(id: 2))
    fixture.turns(1)
    #expect(try lastStatus(fixture, polite) == 0)
    // Two who have asked: nobody is displaced for a third.
    let third = fixture.loop.system.connect(from: Self.stranger(100), ping(id: 1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, third) == Status.busy.rawValue)
  }

  /// Strangers who ping hold all public slots: whoever has a key gets in all the same, and keeps
  /// its place; the pinging ones lose theirs in the order in which they came.
  @Test func whoHasAKeyGetsInAmongThoseWhoPing() throws {
    var fixture = try Fixture.withKeys(slots: 32) { $0.control.publicSlots = 8 }
    let guests = (1...8 as ClosedRange<UInt8>).map {
      fixture.loop.system.connect(from: Self.stranger($0), ping(id: 1))
    }
    fixture.turns(2)
    #expect(try guests.allSatisfy { try lastStatus(fixture, $0) == 0 })
    let keyed = try fixture.client(2, from: Self.stranger(200))
    keyed.send(&fixture, request(.cameraList))
    fixture.turns(2)
    expect(try keyed.answers(&fixture).map(\.status), [0])
    #expect(
      guests.map { fixture.loop.system.peers[$0]!.closed } == [true]
        + [Bool](repeating: false, count: 7))
    // It is no stranger any more: its place is another one's.
    expect(fixture.loop.sessions.usedByPublic, 7)
    for round in 0..<100 as Range<UInt8> {
      _ = fixture.loop.system.connect(from: Self.stranger(20 &+ round), ping(id: 1))
      fixture.turns(2)
    }
    keyed.send(&fixture, ping(id: 9))
    fixture.turns(2)
    expect(try keyed.answers(&fixture).map(\.status), [0])
    expect(fixture.loop.sessions.usedByPublic, 8)
  }

  /// The same behind one address, which has as many connections as it gets.
  @Test func whoHasAKeyGetsInBehindTheAddressOfThoseWhoPing() throws {
    var fixture = try Fixture.withKeys(slots: 64) { $0.control.publicSlotsPerAddress = 8 }
    let gateway = Self.stranger(1)
    let elsewhere = fixture.loop.system.connect(from: Self.stranger(2), ping(id: 1))
    let guests = (0..<8).map { _ in fixture.loop.system.connect(from: gateway, ping(id: 1)) }
    fixture.turns(2)
    let keyed = try fixture.client(2, from: gateway)
    keyed.send(&fixture, ping(id: 1))
    fixture.turns(2)
    for _ in 0..<100 {
      _ = fixture.loop.system.connect(from: gateway, ping(id: 1))
      fixture.turns(2)
    }
    keyed.send(&fixture, request(.cameraList))
    fixture.turns(2)
    expect(try keyed.answers(&fixture).map(\.status), [0, 0])
    #expect(guests.allSatisfy { fixture.loop.system.peers[$0]!.closed })
    // Nobody else has made room; and who has a key does not count for its address.
    #expect(fixture.loop.system.peers[elsewhere]!.closed == false)
    expect(fixture.loop.sessions.usedByPublic, 9)
    expect(fixture.loop.sessions.used, 10)
  }

  /// A crowd comes between a handshake and the frame that shows the key: it does not make room for
  /// them. Who shows nothing for longer than a second does.
  @Test func whoIsAboutToShowItsKeyMakesNoRoom() throws {
    var fixture = try Fixture.withKeys(slots: 64) { $0.control.publicSlotsPerAddress = 4 }
    let gateway = Self.stranger(1)
    let keyed = try fixture.client(2, from: gateway)
    let idle = try fixture.client(1, from: gateway)
    func crowd(_ fixture: inout Fixture) {
      for _ in 0..<20 {
        _ = fixture.loop.system.connect(from: gateway, ping(id: 1))
        fixture.turns(2)
      }
    }
    crowd(&fixture)
    keyed.send(&fixture, ping(id: 1))
    fixture.turns(2)
    expect(try keyed.answers(&fixture).map(\.status), [0])
    expect(idle.isClosed(fixture), false)
    fixture.pass(ms: SessionLimits.provingMs)
    crowd(&fixture)
    expect(idle.isClosed(fixture), true)
    expect(keyed.isClosed(fixture), false)
  }

  /// The loop has slept: what a silent one has sent meanwhile is read before others come.
  @Test func whatHasComeIsReadBeforeAnybodyMakesRoom() throws {
    var fixture = Fixture(slots: 16) { $0.control.publicSlots = 2 }
    let clients = (1...2 as ClosedRange<UInt8>).map {
      fixture.loop.system.connect(from: Self.stranger($0))
    }
    fixture.turns(2)
    fixture.loop.system.timeUs += 1000 * SessionLimits.graceMs
    for client in clients { fixture.loop.system.peers[client]!.chunks.append(ping(id: 1)) }
    let late = fixture.loop.system.connect(from: Self.stranger(9), ping(id: 1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, clients[1]) == 0)
    #expect(try lastStatus(fixture, late) == Status.busy.rawValue)
  }

  /// Clients of known addresses have all slots but those that are kept: whoever has a key gets in
  /// from elsewhere, too.
  @Test func whoHasAKeyGetsInAmongThoseWhoAreKnown() throws {
    var fixture = try Fixture.withKeys(slots: 64)
    for _ in 0..<48 { _ = fixture.loop.system.connect(ping(id: 1)) }
    fixture.turns(2)
    for number in 1...3 as ClosedRange<UInt8> {
      for stranger in 20..<40 as Range<UInt8> {
        _ = fixture.loop.system.connect(from: Self.stranger(stranger), ping(id: 1))
        fixture.turns(2)
      }
      let keyed = try fixture.client(number, from: Self.stranger(number))
      keyed.send(&fixture, ping(id: 1))
      fixture.turns(2)
      expect(try keyed.answers(&fixture).map(\.status), [0])
    }
    // Of the 16 that are kept, strangers have a quarter; one of them has made room for the last.
    expect(fixture.loop.sessions.usedByPublic, 3)
  }

  /// Whoever only connects takes no place from those who ask, but for a quarter.
  @Test func thoseWhoAskStayAmongThoseWhoOnlyConnect() throws {
    var fixture = Fixture(slots: 64) { $0.control.publicSlots = 16 }
    let guests = (1...16 as ClosedRange<UInt8>).map {
      fixture.loop.system.connect(from: Self.stranger($0), ping(id: 1))
    }
    fixture.turns(2)
    for number in 20..<220 as Range<UInt8> {
      _ = fixture.loop.system.connect(from: Self.stranger(number))
      fixture.turns(2)
    }
    let gone = guests.map { fixture.loop.system.peers[$0]!.closed }
    #expect(gone == [Bool](repeating: true, count: 4) + [Bool](repeating: false, count: 12))
  }

  /// One byte a second: a stranger's time runs from the start, whatever it sends.
  @Test func aStrangerMustAskInTime() throws {
    var fixture = Fixture()
    let slow = fixture.loop.system.connect(from: Self.stranger(1))
    let trusted = fixture.loop.system.connect()
    fixture.turns(2)
    let request = ping(id: 1)
    for second in 0..<3 {
      for client in [slow, trusted] where !fixture.loop.system.peers[client]!.shutDown {
        fixture.loop.system.peers[client]!.chunks.append([request[second]])
      }
      fixture.pass(ms: 1000)
    }
    #expect(try lastStatus(fixture, slow) == Status.timeout.rawValue)
    #expect(fixture.loop.counters[.closedHandshake] == 1)
    #expect(try lastStatus(fixture, trusted) == nil)
  }

  @Test func requestsBeyondTheRateAreRefused() throws {
    var fixture = Fixture { $0.control.publicRequestRate = 5 }
    func pings(_ count: Int) -> [UInt8] { (0..<count).flatMap { ping(id: UInt32($0)) } }
    let busy = fixture.loop.system.connect(from: Self.stranger(1), pings(7))
    let other = fixture.loop.system.connect(from: Self.stranger(2), pings(5))
    let trusted = fixture.loop.system.connect(pings(100))
    fixture.turns(2)
    func statuses(_ client: Int32) throws -> [UInt16] {
      try #require(replies(fixture.loop.system.peers[client]!.received)).map(\.status)
    }
    let limited = Status.rateLimited.rawValue
    #expect(try statuses(busy) == [0, 0, 0, 0, 0, limited, limited])
    #expect(try statuses(other) == [0, 0, 0, 0, 0])
    #expect(try statuses(trusted) == [UInt16](repeating: 0, count: 100))
    #expect(fixture.loop.counters[.requestsRateLimited] == 2)
    // A new connection has no new bucket; time has.
    let again = fixture.loop.system.connect(from: Self.stranger(1), pings(1))
    fixture.turns(2)
    #expect(try statuses(again) == [limited])
    fixture.pass(ms: 400)
    fixture.loop.system.peers[again]!.chunks.append(pings(3))
    fixture.turns(2)
    #expect(try statuses(again) == [limited, 0, 0, limited])
  }
}
