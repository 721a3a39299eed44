import Appliance
import Wire

// A client that has just been paired is answered when the card has its key, too: no power cut takes
// back what it was told.
//
//   paired ── the card has the key, refuses it, or takes too long ──▶ first answer

/// Whoever was paired last, while its first request waits.
struct Newcomer {
  /// What a card may take. Who gives up sooner never comes with its key, and the device has it.
  static let waitMs: UInt64 = 2000

  let slot: Int
  let generation: UInt32
  /// Of the clients' keys, the first with its own.
  let revision: UInt32
  let until: Instant
}

extension EventLoop where System: ~Copyable {
  /// What `index` asks, which has got its key now, waits for the card; where another one waits, for
  /// nothing.
  mutating func awaitCard(_ index: Int) {
    guard newcomer == nil, keeping.isThere else { return }
    // Whose request is kept longer than a frame may take is told BUSY.
    let patienceMs = min(Newcomer.waitMs, configuration.control.frameTimeoutMs / 2)
    newcomer = Newcomer(
      slot: index, generation: sessions.slots[index].generation,
      revision: keeping.clients.revision, until: now + patienceMs)
  }

  /// Lets the newcomer be answered as soon as that may be. Returns when to come back at the latest.
  mutating func serveNewcomer() -> Instant {
    guard let newcomer else { return .never }
    let image = keeping.clients
    let isSettled = image.isKept(newcomer.revision) || image.hasFailed(newcomer.revision)
    guard isSettled || !keeping.isThere || newcomer.until <= now else { return newcomer.until }
    self.newcomer = nil
    if let index = sessions.find(newcomer.slot, generation: newcomer.generation),
      sessions.slots[index].waiting
    {
      sessions.setWaiting(index, false)
      if sessions.slots[index].rest == 0 { resume(index) }
    }
    return .never
  }
}
