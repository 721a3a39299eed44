import Testing
import Wire

@testable import Appliance

@Suite struct StrangerTests {
  /// Thousands come and go while one sits there and says nothing: it is still the one that makes
  /// room, although nobody had to until then.
  @Test func whoCameFirstIsKnownHoweverManyHaveLeft() {
    var limits = Configuration.Control()
    (limits.publicSlots, limits.reservedSlots) = (2, 1)
    var now = Instant(ms: 1000)
    let slots = ConnectionSlots(3, limits: limits, now: now)
    func enter(_ number: UInt8) -> Int? {
      let address = IPv4(192, 0, 2, number)
      guard case .open(let slot) = slots.table.admit(descriptor: 5, from: address, now: now)
      else { return nil }
      return slot
    }
    let first = enter(1)
    for number in 0..<1000 {
      now = now + 10
      if let slot = enter(UInt8(2 + number % 100)) { slots.table.free(slot) }
    }
    let second = enter(200)
    let displaced = slots.table.displaced(by: IPv4(192, 0, 2, 201), now: now + 1000)
    #expect(first != nil && second != nil && displaced == first)
  }
}
