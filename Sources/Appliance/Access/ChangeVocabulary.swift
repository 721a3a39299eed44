import Wire

/// The numbers of configuration changes that are not configuration keys.
public enum ChangeTiming {
  /// What was not applied after so long, in time that the device runs, expires: seven days.
  public static let expiryMs: UInt64 = 7 * 24 * 3_600_000
  /// From applied to confirmed.
  public static let confirmMs: UInt64 = 120_000
  /// A check that is not answered is asked for again.
  public static let checkMs: UInt64 = 10_000
  /// A change that is not applied after so long, starts of the agent included, is rolled back.
  public static let applyMs: UInt64 = 60_000
  /// A roll-back that is not answered has failed.
  public static let rollBackMs: UInt64 = 30_000
  /// Before a roll-back that failed is tried again; twice as long after each failure, up to the
  /// cap.
  public static let firstRetryMs: UInt64 = 1000
  public static let retryCapMs: UInt64 = 60_000
  /// How often the time that is left is kept for after a power cut.
  public static let keepMs: UInt64 = 3_600_000
}

/// What the configuration says of its own changes.
public struct ChangePolicy: Equatable, Sendable {
  /// A change needs the approval of another key than the one that staged it.
  public var needsAnotherKey = false
  /// An approved change is applied without being asked for, one after the other.
  public var appliesAtOnce = false

  public init(needsAnotherKey: Bool = false, appliesAtOnce: Bool = false) {
    self.needsAnotherKey = needsAnotherKey
    self.appliesAtOnce = appliesAtOnce
  }
}

/// A key that agrees to a change, and since when it may: one person may have more than one.
public struct ChangeApprover: Equatable, Sendable {
  public var name: Name
  /// The id that was given last when it was added, or made an admin's; 0: before all changes.
  public var sinceChange: UInt32

  public init(_ name: Name, sinceChange: UInt32 = 0) {
    self.name = name
    self.sinceChange = sinceChange
  }

  /// It is the stager's own, or came only after the change, when whoever is in a hurry makes
  /// another one. Who let it in does not matter: a first admin lets in everybody.
  func maySpeakFor(_ facts: ChangeFacts) -> Bool {
    name == facts.stager || sinceChange >= facts.id
  }
}

/// A point in time as the executor knows it.
public struct ChangeTime: Equatable, Sendable {
  public var now: Instant
  /// Milliseconds since 1970-01-01 UTC; 0: the clock is not trusted.
  public var unixMs: UInt64

  public init(now: Instant, unixMs: UInt64) {
    self.now = now
    self.unixMs = unixMs
  }
}

/// What is staged: everything about a text but the text.
public struct ConfigurationText: Equatable, Sendable {
  /// Letters, digits, `.`, `_` and `-`, not beginning with a dot.
  public var version = Text<32>()
  /// The devices that it is for, `[a-z0-9-]`.
  public var ring = Name()
  public var digest = ConfigurationDigest()
  /// Bytes, 1 … `Limits.configurationSize`.
  public var size: UInt32 = 0

  public init() {}

  /// Why it cannot be taken; nil: it can.
  var refusal: Status? {
    if size > Limits.configurationSize { return .tooLarge }
    return size > 0 && version.isFileName && ring.isName ? nil : .invalidArgument
  }

  func hasName(of other: ConfigurationText) -> Bool {
    version == other.version && ring == other.ring
  }
}

/// What came of looking at a staged text.
public enum ChangeCheck: Equatable, Sendable {
  case right
  /// Where, and one sentence with the way out.
  case wrong(ConfigurationError)
  /// It could not be stored, or what is stored has not the digest that was staged.
  case lost
}

/// What the audit is told of a change.
public struct ChangeNews: Equatable, Sendable {
  public enum What: UInt8, Equatable, Sendable {
    case staged, refused, approved, rejected, applied, confirmed, rolledBack, expired
    /// It will be tried again.
    case rollBackFailed
  }
  public var what: What
  public var id: UInt32
  /// Name of the key whose doing it is; empty: nobody's.
  public var key: Text<32>
  public var reason: ChangeReason

  public init(_ what: What, id: UInt32, by key: Text<32>, _ reason: ChangeReason = .none) {
    self.what = what
    self.id = id
    self.key = key
    self.reason = reason
  }
}

/// What the executor has to do for a change.
public enum ChangeEffect: Equatable, Sendable {
  /// Compares the stored text with its digest and reads it as a configuration; answers `checked`.
  case check(id: UInt32)
  /// Puts the text in force, and keeps what was in force before it; nothing if it is in force
  /// already. Answers `applied`, in this life of the agent or, asked once more, in the next one.
  case apply(id: UInt32)
  /// Puts back what was in force before; nothing if that is so already. Answers `rolledBack`.
  case rollBack(id: UInt32)
  /// The change has ended: its text, and what was kept to roll it back, may go.
  case forget(id: UInt32)
  case tell(ChangeNews)
}

/// The effects of one step, in order.
public struct ChangeEffects: Sendable {
  /// The largest step: eight changes expire, and one is rolled back.
  public static let capacity = 32
  private var effects = InlineArray<32, ChangeEffect>(repeating: .check(id: 0))
  public private(set) var count = 0
  /// The image must be on the disk before the first of the effects is executed, and before a client
  /// is told of it: or a power cut could apply what nobody rolls back, and roll back what was
  /// confirmed. If it cannot be kept, `check`, `apply` and `rollBack` have failed.
  public private(set) var mustKeep = false

  public init() {}

  public subscript(index: Int) -> ChangeEffect {
    precondition(index < count, "effect index out of range")
    return effects[index]
  }

  mutating func append(_ effect: ChangeEffect) {
    precondition(count < ChangeEffects.capacity, "too many effects in one step")
    effects[count] = effect
    count += 1
  }

  mutating func keep() { mustKeep = true }

  public mutating func removeAll() {
    count = 0
    mustKeep = false
  }
}

extension ClientKeys {
  /// The key as one that agrees to configuration changes; nil: it is gone.
  public func approver(_ handle: KeyHandle) -> ChangeApprover? {
    guard isCurrent(handle) else { return nil }
    let place = Int(handle.place)
    return ChangeApprover(table[place].name, sinceChange: table[place].sinceChange)
  }

  /// The newest configuration change that a key remembers.
  public var newestChange: UInt32 {
    var newest: UInt32 = 0
    for place in table.indices where !table[place].isFree {
      newest = max(newest, table[place].sinceChange)
    }
    return newest
  }
}
