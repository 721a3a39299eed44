import Appliance
import Testing
import Wire

@testable import EventLoop

/// What the loop still does for the keeper when it ends, and for those who do not read.
@Suite struct HandOverTests {
  private static let key = Name("key-1")

  /// A loop with a key that the card does not have yet.
  private func changed(_ card: FakeCard) throws -> Fixture {
    var fixture = Fixture.with(card)
    try SealedClient.bytes(51).withUnsafeBytes { secret in
      _ = try fixture.loop.access.keys.add(
        Self.key, SealedClient.publicKey(1), secret: secret, role: .admin, limits: KeyLimits(),
        addedBy: Name(), unixMs: 0)
    }
    fixture.loop.accessWake = fixture.loop.now
    fixture.turns(2)
    return fixture
  }

  @Test func aKeeperThatHangsIsNotWaitedForAtTheEnd() throws {
    let card = FakeCard()
    var fixture = try changed(card)
    let deadline = fixture.loop.now + 3000
    fixture.loop.handOver(until: deadline)
    let asked = fixture.loop.system.asked.compactMap { KeeperRequest(rawValue: $0[0]) }
    #expect(asked.contains(.clients))
    let (now, isKept) = (fixture.loop.now, fixture.loop.keeping.clients.isKept)
    #expect(now == deadline && !isKept)
  }

  @Test func withoutAKeeperTheEndComesAtOnce() throws {
    var fixture = Fixture()
    let before = fixture.loop.system.timeUs
    fixture.loop.handOver(until: fixture.loop.now + 3000)
    let after = fixture.loop.system.timeUs
    #expect(after == before)
  }

  /// All that the keeper has is told: nothing is waited for.
  @Test func whatIsKeptIsNotHandedOverAgain() throws {
    let card = FakeCard()
    var fixture = try changed(card)
    fixture.settle(card)
    let (asked, before) = (card.log.count, fixture.loop.system.timeUs)
    fixture.loop.handOver(until: fixture.loop.now + 3000)
    let (open, after) = (fixture.loop.system.asked.count, fixture.loop.system.timeUs)
    #expect(card.clients != nil && asked > 0)
    #expect(open == 0 && after == before)
  }

  /// The last words of a connection wait for its reader no longer than other answers.
  @Test func whoDoesNotReadItsEndIsClosed() throws {
    var fixture = Fixture { $0.control.writeTimeoutMs = 900 }
    let client = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    // A frame that ends the connection, from somebody who reads nothing.
    fixture.loop.system.peers[client]!.budget = 0
    fixture.loop.system.peers[client]!.chunks.append([UInt8](repeating: 7, count: 64))
    fixture.turns(2)
    let isOpen = fixture.loop.system.peers[client]?.closed == false
    #expect(isOpen)
    fixture.pass(ms: 1200)
    let isClosed = fixture.loop.system.peers[client]?.closed == true
    let counted = fixture.loop.counters[.closedWriteTimeout]
    #expect(isClosed && counted == 1)
  }
}
