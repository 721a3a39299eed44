import Appliance

/// Something that holds in every world, after every turn. A small type each, which keeps what it
/// must remember between two looks.
protocol Invariant {
  /// Why it must hold.
  static var reason: String { get }
}

extension Invariant {
  static var name: String { "\(Self.self)" }
}

/// At most one MediaMTX, and one call to it at a time.
enum OneMediaServer: Invariant {
  static let reason = "two servers fight for the ports; two changes at once deadlocked old ones"
}

/// Every request gets exactly one answer, or its connection ends.
enum OneAnswer: Invariant {
  static let reason = "a client that waits for ever, or believes another's answer, is lost"
  /// The longest that an answer may take: a job waits ten seconds and runs ten.
  static let longestUs: UInt64 = 30_000_000
}

/// Delivered and missed events add up to those that were published.
enum EventsCounted: Invariant {
  static let reason = "an event that is lost without being counted is a lie to its subscriber"
}

/// An operator gets a slot whatever strangers do.
enum OperatorServed: Invariant {
  static let reason = "who can help must get in when everything is full"
  static let longestUs: UInt64 = 3_000_000
}

/// A device is in the hands of one process of ours at a time.
enum OneHolder: Invariant {
  static let reason = "only one process can have a camera's buffers"
}

/// The watchdog is petted in time while all vitals are well, and only then.
enum WatchdogPetted: Invariant {
  static let reason = "a board that works is not reset, and one that does not is"
  /// The loop may find out later by this: it tells of turns every 50 ms.
  static let slackUs: UInt64 = 250_000
}

/// When the faults stop, the appliance becomes healthy within a bounded time.
enum Converges: Invariant {
  static let reason = "nobody comes to a device in the field to help it up"
  /// Longer than every capped interval of the machines together with the run-up to it.
  static let longestMs: UInt64 = 25 * 60_000
  /// For so long everything must be well.
  static let steadyMs: UInt64 = 20_000
  /// No change is in force for longer without being so for good: the time to confirm it, and some
  /// to keep that on the card.
  static let changeMs = ChangeTiming.confirmMs + 10_000
}

/// A camera keeps its name over replug and reboot, and no two have the same.
enum NamesKept: Invariant {
  static let reason = "its stream's address is for good, and recordings are kept under it"
}

/// An orderly stop ends.
enum StopsInTime: Invariant {
  static let reason = "init kills what does not end, and what it was writing with it"
  static let longestMs: UInt64 = 10_500
}

/// Safe mode begins after three watchdog resets in a row, and only then.
enum SafeModeRight: Invariant {
  static let reason = "a device that resets for ever cannot be helped; one in safe mode does no job"
}
