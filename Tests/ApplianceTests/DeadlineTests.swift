import Testing
import Wire

@testable import Appliance

@Suite struct DeadlineTests {
  /// The wheel against a plain list of deadlines, over random lives of connections.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
  func agreesWithAList(seed: UInt64) {
    var random = SplitMix(state: seed)
    var limits = Configuration.Control()
    limits.idleTimeoutMs = 70_000
    limits.frameTimeoutMs = 3000
    limits.writeTimeoutMs = 900
    var now = Instant(ms: random.next() % 10_000_000)
    let slots = ConnectionSlots(40, limits: limits, now: now)
    var (late, early, forgotten) = (0, 0, 0)
    for _ in 0..<5000 {
      act(&slots.table, now, &random)
      // The next deadline is never announced too late.
      let earliest = earliestDeadline(slots.table)
      if slots.table.nextDeadline > earliest + 15 { late += 1 }
      now =
        random.next() % 4 == 0
        ? max(now, min(slots.table.nextDeadline, now + 200_000))
        : now + random.next() % 120
      while let index = slots.table.expired(now: now) {
        if slots.table.deadline(index) > now { early += 1 }
        slots.table.free(index)
      }
      for index in slots.table.slots.indices where slots.table.slots[index].phase != .free {
        if slots.table.deadline(index) + 16 <= now { forgotten += 1 }
      }
    }
    #expect(late == 0)
    #expect(early == 0)
    #expect(forgotten == 0)
  }

  private func earliestDeadline(_ table: borrowing SessionTable) -> Instant {
    var earliest = Instant.never
    for index in table.slots.indices { earliest = min(earliest, table.deadline(index)) }
    return earliest
  }

  private func act(_ table: inout SessionTable, _ now: Instant, _ random: inout SplitMix) {
    let index = Int(random.next() % UInt64(table.slots.count))
    guard table.slots[index].phase == .open else {
      if table.canAdmit {
        _ = table.admit(descriptor: 1, from: IPv4(127, 0, 0, 1), now: now)
      }
      return
    }
    switch random.next() % 8 {
    case 0: table.hold(index, 10, consumed: 0, now: now)
    case 1: table.hold(index, 0, consumed: 32, now: now)
    case 2: table.keepRest(index, start: 0, count: 5, now: now)
    case 3: table.keepRest(index, start: 0, count: 0, now: now)
    case 4: table.setTopics(index, .all, cursor: 1, now: now)
    case 5: table.setTopics(index, .none, cursor: 1, now: now)
    case 6: _ = table.end(index, now: now)
    default: table.free(index)
    }
  }
}
