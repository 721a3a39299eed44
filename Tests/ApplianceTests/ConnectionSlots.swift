@testable import Appliance

/// A table of connection slots with its memory.
final class ConnectionSlots {
  private let memory: SessionMemory
  var table: SessionTable

  /// With so many slots of the configuration, and those beyond them.
  init(_ slots: Int, limits: Configuration.Control = Configuration.Control(), now: Instant) {
    let count = slots + SessionLimits.beyond
    memory = SessionMemory(
      slots: .allocate(capacity: count), subscribers: .allocate(capacity: count),
      peers: .allocate(capacity: PeerTable.entries(count)),
      peerHeads: .allocate(capacity: PeerTable.hashes(count)),
      newcomers: .allocate(capacity: Strangers.entries(count)),
      guests: .allocate(capacity: Strangers.entries(count)))
    table = SessionTable(memory, limits: limits, seed: 7, now: now)
  }

  deinit {
    memory.slots.deallocate()
    memory.subscribers.deallocate()
    memory.peers.deallocate()
    memory.peerHeads.deallocate()
    memory.newcomers.deallocate()
    memory.guests.deallocate()
  }
}
