import Appliance
import Wire

/// Which events become lines of the log: a camera that fails for days must not push everything else
/// out of it.
///
/// Of events with the same code and subject, the first come at once, later ones only now and then,
/// with the number of those left out in between. Who is subscribed gets all of them.
public struct EventThrift: ~Copyable {
  /// Lines that may come at once.
  static let burst: UInt8 = 16
  /// Milliseconds after which there may be one more.
  static let refillMs: UInt64 = 600_000
  /// Pairs of code and subject that are told apart; the one heard of longest ago makes room.
  static let capacity = 128

  public struct Account {
    var code: UInt16 = 0
    var lines = burst
    var subject = Name()
    var left: UInt32 = 0
    var heard = Instant(ms: 0)
    var refilled = Instant(ms: 0)
  }

  private let accounts: Table<Account>

  /// Accounts over memory for `capacity` of them.
  init(_ memory: UnsafeMutableBufferPointer<Account>) {
    precondition(memory.count == Self.capacity, "as many accounts as the capacity")
    accounts = Table(memory, repeating: Account())
  }

  /// How many like it were left out since the last line; nil: this one is left out as well.
  mutating func spend(_ event: Event, now: Instant) -> UInt32? {
    let place = account(of: event, now: now)
    accounts[place].heard = now
    let earned = now.since(accounts[place].refilled) / Self.refillMs
    if earned > 0 {
      let lines = UInt64(accounts[place].lines) + min(earned, UInt64(Self.burst))
      accounts[place].lines = UInt8(min(lines, UInt64(Self.burst)))
      accounts[place].refilled = now
    }
    guard accounts[place].lines > 0 else {
      accounts[place].left &+= 1
      return nil
    }
    accounts[place].lines -= 1
    let left = accounts[place].left
    accounts[place].left = 0
    return left
  }

  private mutating func account(of event: Event, now: Instant) -> Int {
    var oldest = 0
    for place in accounts.indices {
      if accounts[place].code == event.code.rawValue, accounts[place].subject == event.subject {
        return place
      }
      if accounts[place].heard < accounts[oldest].heard { oldest = place }
    }
    accounts[oldest] = Account(
      code: event.code.rawValue, subject: event.subject, heard: now, refilled: now)
    return oldest
  }
}
