import Appliance
import Testing
import Wire

@testable import EventLoop

/// Who gets in where no slot is left. Loopback is trusted here, 192.0.2.x is not.
@Suite struct TrialTests {
  private static func stranger(_ number: UInt8) -> IPv4 { IPv4(192, 0, 2, number) }

  /// Whoever is known has every slot, and comes again at once: a key gets in all the same. Who has
  /// been at rest for longest makes room, and is told.
  @Test func whoHasAKeyGetsInWhereNoSlotIsLeft() throws {
    var fixture = try Fixture.withKeys(slots: 3)
    let crowd = (0..<3).map { _ in fixture.loop.system.connect(ping(id: 1)) }
    fixture.turns(2)
    fixture.pass(ms: 10)
    fixture.loop.system.peers[crowd[0]]!.chunks.append(ping(id: 2))
    fixture.turns(2)
    var keyed: [SealedClient] = []
    for number in 1...3 as ClosedRange<UInt8> {
      for _ in 0..<5 {
        let another = fixture.loop.system.connect(ping(id: 1))
        fixture.turns(2)
        #expect(try lastStatus(fixture, another) == Status.busy.rawValue)
      }
      let address = number == 1 ? Self.stranger(9) : IPv4(127, 0, 0, 1)
      let client = try fixture.client(number, from: address)
      client.send(&fixture, ping(id: 1))
      fixture.turns(3)
      keyed.append(client)
      let told = try crowd.map { try lastStatus(fixture, $0) == Status.busy.rawValue }
      #expect(told == [number > 2, number > 0, number > 1])
      fixture.pass(ms: SessionLimits.lingerMs + 50)
      expect(fixture.loop.sessions.placed, 3)
    }
    // Nobody is left who could make room: who can help has a place beyond, and who looks has none.
    for number in [2, 1] as [UInt8] {
      let fourth = try fixture.client(number)
      fourth.send(&fixture, ping(id: 1))
      fixture.turns(3)
      let isViewer = number == 1
      for client in isViewer ? keyed : keyed + [fourth] {
        client.send(&fixture, ping(id: 2))
        fixture.turns(2)
      }
      let told: [UInt16] = isViewer ? [0, Status.busy.rawValue] : [0, 0]
      expect(try fourth.answers(&fixture).map(\.status), told)
      fixture.pass(ms: SessionLimits.lingerMs + 50)
      expect(fourth.isClosed(fixture), isViewer)
      expect(fixture.loop.sessions.placed, 4)
    }
    for client in keyed {
      expect(try client.answers(&fixture).map(\.status), [0, 0, 0])
    }
    #expect(fixture.loop.counters[.refusedBusy] == 16)
  }

  /// Several keys come in one turn: as many make room, and nobody more.
  @Test func asManyMakeRoomAsCome() throws {
    var fixture = try Fixture.withKeys(slots: 4)
    let crowd = (0..<2).map { _ in fixture.loop.system.connect(ping(id: 1)) }
    fixture.turns(2)
    let early = try (1...2 as ClosedRange<UInt8>).map { try fixture.client($0) }
    for client in early { client.send(&fixture, ping(id: 1)) }
    fixture.turns(2)
    // An operator, a viewer, another operator and another viewer, where two have no key.
    let late = try [2, 1, 2, 1].map { try fixture.client($0) }
    for client in late { client.send(&fixture, ping(id: 1)) }
    fixture.turns(3)
    let busy = Status.busy.rawValue
    #expect(try crowd.map { try lastStatus(fixture, $0) } == [busy, busy])
    expect(try early.map { try $0.answers(&fixture).map(\.status) }, [[0], [0]])
    expect(try late.map { try $0.answers(&fixture).map(\.status) }, [[0], [0], [0], [0, busy]])
    fixture.pass(ms: SessionLimits.lingerMs + 50)
    expect(fixture.loop.sessions.placed, 5)
  }

  /// Others have ended in the turn in which a viewer comes: nobody is told BUSY, neither then nor
  /// when the next one comes.
  @Test func whoeverEndsMakesRoom() throws {
    var fixture = try Fixture.withKeys(slots: 2)
    func come(_ number: UInt8) throws -> SealedClient {
      let client = try fixture.client(number)
      client.send(&fixture, ping(id: 1))
      fixture.turns(3)
      return client
    }
    let first = try [come(1), come(1)]
    let viewer = try fixture.client(1)
    // Who has come later is served later in a turn.
    let beyond = try come(2)
    expect(fixture.loop.sessions.placed, 3)
    for client in [first[0], beyond] { fixture.loop.system.peers[client.peer]!.ended = true }
    viewer.send(&fixture, ping(id: 1))
    fixture.turns(3)
    expect(fixture.loop.sessions.placed, 2)
    let late = try come(1)
    expect(try viewer.answers(&fixture).map(\.status), [0])
    expect(try late.answers(&fixture).map(\.status), [0, Status.busy.rawValue])
    expect(viewer.isClosed(fixture), false)
  }

  /// Somebody has the one slot, and on all places on trial nobody says anything.
  private func fill(_ fixture: inout Fixture) -> (first: Int32, silent: [Int32]) {
    let first = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    let silent = (0..<SessionLimits.trials).map { _ in fixture.loop.system.connect() }
    fixture.turns(2)
    return (first, silent)
  }

  /// On trial nobody stays for long: who says nothing is told BUSY, and sooner where its place is
  /// wanted.
  @Test func whoShowsNoKeyIsToldBusy() throws {
    var fixture = try Fixture.withKeys(slots: 1)
    let (first, silent) = fill(&fixture)
    #expect(try silent.allSatisfy { try lastStatus(fixture, $0) == nil })
    let busy = Status.busy.rawValue
    // All places are taken, and nobody has had its time.
    let late = fixture.loop.system.connect()
    fixture.turns(2)
    #expect(try lastStatus(fixture, late) == busy)
    fixture.pass(ms: SessionLimits.graceMs)
    let later = fixture.loop.system.connect()
    fixture.turns(2)
    #expect(try lastStatus(fixture, silent[0]) == busy && lastStatus(fixture, silent[1]) == nil)
    #expect(try lastStatus(fixture, later) == nil)
    fixture.pass(ms: 2 * SessionLimits.trialMs)
    #expect(try (silent + [later]).allSatisfy { try lastStatus(fixture, $0) == busy })
    fixture.loop.system.peers[first]!.chunks.append(ping(id: 2))
    fixture.turns(2)
    #expect(try lastStatus(fixture, first) == 0)
    expect(fixture.loop.sessions.used, 1)
    #expect(fixture.loop.counters[.refusedBusy] == UInt64(SessionLimits.trials + 2))
  }

  /// A crowd at one address leaves places on trial to others, and makes room for its own.
  @Test func aCrowdLeavesTrialsToOthers() throws {
    var fixture = try Fixture.withKeys(slots: 1)
    _ = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    let crowd = (0..<20).map { _ in fixture.loop.system.connect(from: Self.stranger(1)) }
    fixture.turns(3)
    let share = SessionLimits.trialsPerAddress
    let busy = Status.busy.rawValue
    let told = try crowd.map { try lastStatus(fixture, $0) }
    #expect(told == (0..<20).map { $0 < share ? nil : busy })
    let other = fixture.loop.system.connect(from: Self.stranger(2))
    fixture.pass(ms: SessionLimits.graceMs)
    // One more of the crowd takes the place of its first, though there are free ones.
    let late = fixture.loop.system.connect(from: Self.stranger(1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, crowd[0]) == busy && lastStatus(fixture, crowd[1]) == nil)
    #expect(try lastStatus(fixture, late) == nil && lastStatus(fixture, other) == nil)
  }

  /// Who makes a handshake on trial and shows no key then holds its place for a second.
  @Test func handshakesAloneHoldNoTrials() throws {
    var fixture = try Fixture.withKeys(slots: 1)
    _ = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    var idle: [SealedClient] = []
    for number in 1...UInt8(SessionLimits.trials) {
      idle.append(try fixture.client(1, from: IPv4(127, 0, 0, number)))
    }
    fixture.pass(ms: SessionLimits.provingMs - 100)
    let early = fixture.loop.system.connect()
    fixture.turns(2)
    #expect(try lastStatus(fixture, early) == Status.busy.rawValue)
    fixture.pass(ms: 100)
    let keyed = try fixture.client(2)
    keyed.send(&fixture, ping(id: 1))
    fixture.turns(3)
    expect(try keyed.answers(&fixture).map(\.status), [0])
    expect(try idle[0].answers(&fixture).map(\.status), [Status.busy.rawValue])
    expect(try idle[1].answers(&fixture).map(\.status), [])
  }

  /// Nobody on trial makes room for one that needs no such place.
  @Test func aFreeSlotEndsNoTrial() throws {
    var fixture = try Fixture.withKeys(slots: 1)
    let (first, silent) = fill(&fixture)
    fixture.pass(ms: SessionLimits.graceMs)
    fixture.loop.system.peers[first]!.ended = true
    fixture.turns(2)
    let next = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    #expect(try lastStatus(fixture, next) == 0)
    #expect(try silent.allSatisfy { try lastStatus(fixture, $0) == nil })
  }
}
