import Wire

@testable import Appliance

/// One ordinary connection slot, and those for refusals.
private final class Port {
  private let slots = ConnectionSlots(1, now: Instant(ms: 1000))
  var now = Instant(ms: 1000)
  var table: SessionTable {
    _read { yield slots.table }
    _modify { yield &slots.table }
  }

  /// A stranger comes; the executor lets it in only where there is a place.
  func admit() {
    if table.canAdmit { _ = table.admit(descriptor: 5, from: IPv4(192, 0, 2, 1), now: now) }
  }

  /// As the executor looks whether a deadline has come: what was open ends, the rest is freed.
  func expire() {
    now = max(now, table.deadline(0) == .never ? now : table.deadline(0) + 16)
    while let index = table.expired(now: now) {
      if table.slots[index].phase == .open {
        _ = table.end(index, now: now)
      } else {
        table.free(index)
      }
    }
  }
}

extension Walk {
  static let session = Walk(
    "Connection slot", states: ["free", "open", "ending", "lingering"],
    impossible: [
      Impossible(
        states: ["free"],
        inputs: [
          "a whole request", "a key is proven", "an unfinished frame", "no unfinished frame",
          "an unsent rest", "all is sent", "a handshake", "topics", "no topics", "the end",
          "the peer is gone",
        ],
        reason:
          "`find` gives no slot for an event of a connection that is gone; freeing twice traps"),
      Impossible(
        states: ["ending", "lingering"], inputs: ["a handshake", "topics", "a key is proven"],
        reason: "what comes from a connection that ends is thrown away unread"),
      Impossible(
        states: ["lingering"], inputs: ["an unsent rest"],
        reason: "its direction is shut down, and nothing is sent any more"),
    ],
    begin: { Port() }, state: { $0.table.slots[0].phase },
    key: { port in
      let slot = port.table.slots[0]
      return "\(slot.proof) \(slot.rest > 0) \(slot.held > 0) \(slot.isSealed) \(slot.isUnproven)"
        + " \(slot.isSubscribed)"
    },
    inputs: [
      ("a connection comes", { $0.admit() }),
      ("a whole request", { _ = $0.table.prove(0, by: Kind.ping.rawValue, now: $0.now) }),
      ("a key is proven", { $0.table.belongs(0) }),
      ("an unfinished frame", { $0.table.hold(0, 9, consumed: 0, now: $0.now) }),
      ("no unfinished frame", { $0.table.hold(0, 0, consumed: 9, now: $0.now) }),
      ("an unsent rest", { $0.table.keepRest(0, start: 0, count: 9, now: $0.now) }),
      ("all is sent", { $0.table.keepRest(0, start: 0, count: 0, now: $0.now) }),
      ("a handshake", { $0.table.setSealed(0, now: $0.now) }),
      ("topics", { $0.table.setTopics(0, .all, cursor: 0, now: $0.now) }),
      ("no topics", { $0.table.setTopics(0, .none, cursor: 0, now: $0.now) }),
      ("the end", { _ = $0.table.end(0, now: $0.now) }),
      ("its time is over", { $0.expire() }),
      ("the peer is gone", { $0.table.free(0) }),
    ])
}
