import Testing
import Wire

@testable import Appliance

@Suite struct PeerTests {
  /// The table of peers against a dictionary, over random comings and goings.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func peersAgreeWithADictionary(seed: UInt64) {
    var random = SplitMix(state: seed)
    let slots = 40
    let memory = UnsafeMutableBufferPointer<PeerTable.Peer>.allocate(
      capacity: PeerTable.entries(slots))
    let heads = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: PeerTable.hashes(slots))
    defer {
      memory.deallocate()
      heads.deallocate()
    }
    var table = PeerTable(memory, heads: heads, seed: UInt32(seed))
    var open: [(address: UInt32, entry: Int)] = []
    var counts: [UInt32: Int] = [:]
    for _ in 0..<20_000 {
      if open.count < slots, random.next() % 2 == 0 {
        // Few addresses at times, many at others, so that entries are used again.
        let address = UInt32(random.next() % (random.next() % 2 == 0 ? 8 : 5000))
        let entry = table.enter(IPv4(address), rate: 10, now: Instant(ms: 0))
        open.append((address, entry))
        counts[address, default: 0] += 1
      } else if !open.isEmpty {
        let gone = open.remove(at: Int(random.next() % UInt64(open.count)))
        table.leave(gone.entry)
        counts[gone.address]! -= 1
      }
      for (address, entry) in open {
        #expect(table.address(entry) == IPv4(address))
        #expect(table.connections(entry) == counts[address])
      }
    }
  }
}
