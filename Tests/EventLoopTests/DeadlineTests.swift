import Appliance
import Testing
import Wire

@Suite struct DeadlineTests {
  /// The wheel against a plain list of deadlines, over random lives of connections.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
  func agreesWithAList(seed: UInt64) {
    var random = SplitMix(state: seed)
    let count = 40 + SessionLimits.beyond
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
    limits.idleTimeoutMs = 70_000
    limits.frameTimeoutMs = 3000
    limits.writeTimeoutMs = 900
    var now = Instant(ms: random.next() % 10_000_000)
    var table = SessionTable(memory, limits: limits, seed: 7, now: now)
    var (late, early, forgotten) = (0, 0, 0)
    for _ in 0..<5000 {
      act(&table, now, &random)
      // The next deadline is never announced too late.
      let earliest = earliestDeadline(table)
      if table.nextDeadline > earliest + 15 { late += 1 }
      now =
        random.next() % 4 == 0
        ? max(now, min(table.nextDeadline, now + 200_000))
        : now + random.next() % 120
      while let index = table.expired(now: now) {
        if table.deadline(index) > now { early += 1 }
        table.free(index)
      }
      for index in table.slots.indices where table.slots[index].phase != .free {
        if table.deadline(index) + 16 <= now { forgotten += 1 }
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

/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
struct SplitMix {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
