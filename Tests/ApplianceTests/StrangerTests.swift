import Testing
import Wire

@testable import Appliance

@Suite struct StrangerTests {
  /// Thousands come and go while one sits there and says nothing: it is still the one that makes
  /// room, although nobody had to until then.
  @Test func whoCameFirstIsKnownHoweverManyHaveLeft() {
    let count = 3 + SessionLimits.beyond
    let memory = SessionMemory(
      slots: .allocate(capacity: count), subscribers: .allocate(capacity: count),
      peers: .allocate(capacity: PeerTable.entries(count)),
      peerHeads: .allocate(capacity: PeerTable.hashes(count)),
      newcomers: .allocate(capacity: Strangers.entries(count)),
      guests: .allocate(capacity: Strangers.entries(count)))
    defer {
      memory.slots.deallocate()
      memory.subscribers.deallocate()
      memory.peers.deallocate()
      memory.peerHeads.deallocate()
      memory.newcomers.deallocate()
      memory.guests.deallocate()
    }
    var limits = Configuration.Control()
    (limits.publicSlots, limits.reservedSlots) = (2, 1)
    var now = Instant(ms: 1000)
    var table = SessionTable(memory, limits: limits, seed: 7, now: now)
    func enter(_ number: UInt8) -> Int? {
      guard
        case .open(let slot) = table.admit(descriptor: 5, from: IPv4(192, 0, 2, number), now: now)
      else { return nil }
      return slot
    }
    let first = enter(1)
    for number in 0..<1000 {
      now = now + 10
      if let slot = enter(UInt8(2 + number % 100)) { table.free(slot) }
    }
    let second = enter(200)
    let displaced = table.displaced(by: IPv4(192, 0, 2, 201), now: now + 1000)
    #expect(first != nil && second != nil && displaced == first)
  }
}
