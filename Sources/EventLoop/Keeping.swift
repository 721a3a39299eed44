import Appliance
import Noise
import Wire

// What is kept on the card of keys, changes and the audit, by a process of its own: the keeper. It
// is asked without waiting, answers when the card has, and is started again when it ends; then it
// is told everything once more that nobody has confirmed.
//
//   changed ── asked(number, revision) ── done ──▶ kept
//      ▲             │ failed, or the keeper ended
//      └── retry ────┘

/// What the system has to say of the keeper.
public enum KeeperNews {
  /// One has begun. It knows nothing of what another one was asked.
  case began
  /// A message, a `KeeperReply` first: valid until the next call.
  case said(UnsafeRawBufferPointer)
  case ended
}

/// One image that is kept whole: how often it has changed, and how much of that is on the card.
struct KeptImage {
  private(set) var revision: UInt32 = 0
  private(set) var kept: UInt32 = 0
  /// The newest revision that could not be kept.
  private(set) var failed: UInt32 = 0
  /// The request under way, 0: none, and the revision that it carries.
  private(set) var asked: UInt32 = 0
  private var carried: UInt32 = 0
  private var retryAt = Instant(ms: 0)

  /// How long a card that has refused is left alone.
  static let retryMs: UInt64 = 2000
  /// How long a keeper is left alone that does not take what it is asked: it waits for its card.
  static let fullMs: UInt64 = 200

  mutating func change() {
    revision &+= 1
    // What is new is tried at once.
    retryAt = Instant(ms: 0)
  }

  func isDue(at now: Instant) -> Bool { asked == 0 && revision != kept && retryAt <= now }

  var deadline: Instant { asked == 0 && revision != kept ? retryAt : .never }

  /// It was asked for with this request; 0: nobody has taken it.
  mutating func ask(_ number: UInt32, now: Instant) {
    asked = number
    carried = revision
    if number == 0 { retryAt = now + Self.fullMs }
  }

  /// The request `asked` has ended.
  mutating func done(_ isKept: Bool, now: Instant) {
    asked = 0
    if isKept {
      kept = carried
    } else {
      failed = carried
      retryAt = now + Self.retryMs
    }
  }

  /// The keeper that was asked is gone.
  mutating func lose() { asked = 0 }

  /// Everything of it is.
  var isKept: Bool { kept == revision }

  func isKept(_ revision: UInt32) -> Bool { Int32(bitPattern: kept &- revision) >= 0 }

  /// It was tried since, in vain.
  func hasFailed(_ revision: UInt32) -> Bool {
    failed != 0 && Int32(bitPattern: failed &- revision) >= 0
  }
}

/// The loop's end of the keeper: what it was asked, and what it has told.
struct Keeping: ~Copyable {
  /// Records of the audit that are handed over at once.
  static let auditBatch = 120
  /// How often is asked whether a card or partition that was not there is there now.
  static let retryMs: UInt64 = 5000
  /// When a client is heard that has come before the keys are there.
  static let soonMs: UInt32 = 250

  /// A keeper listens, and has been greeted.
  var isThere = false
  var hasBegun = false
  /// The first input has been: what decides about changes is known.
  var mayBegin = false
  /// A keeper has told once which keys there are, or that it cannot read them.
  var hasToldKeys = false
  var clients = KeptImage()
  /// The card has keys that this version does not understand: they stay as they are, and nobody
  /// gets in, until a factory reset.
  var hasForeignClients = false
  var changes = KeptImage()
  /// That everything was forgotten.
  var forgetting = KeptImage()
  /// What the card has of changes that have ended.
  var left = LeftOnCard()
  /// Whether the card keeps the device's key.
  var deviceStoring = KeeperOutcome.done
  /// Lanes of the audit that were told to their end, a bit each.
  var lanesTold: UInt8 = 0
  /// Requests that carry records, and whether one of them has failed.
  var appending = InlineArray<4, UInt32>(repeating: 0)
  var appendFailed = false
  /// What is shown of pairing has changed since the keeper was told.
  var pairingIsNews = false
  var showAt = Instant(ms: 0)
  /// Something could not be read or stored: it is tried again.
  var isMissing = false
  var retryAt = Instant.never
  /// The keeper was told that the data partition is there.
  var hasData = false
  /// Requests about changes that have not been answered.
  var underWay = InlineArray<16, ChangeStep>(repeating: ChangeStep())
  /// Effects of changes that wait until the image with them is kept.
  var held: HeldEffects
  private var lastNumber: UInt32 = 0
  /// Where messages are made; the audit's records are gathered behind.
  let message: UnsafeMutableRawBufferPointer
  /// The text that somebody has asked for, and how much of it there is.
  let text: UnsafeMutableRawBufferPointer
  var textSize = 0

  /// One request about a change; number 0: none.
  struct ChangeStep {
    var number: UInt32 = 0
    var request = KeeperRequest.check
    var id: UInt32 = 0
    var peer: ChangePeer?
  }

  static let memory = KeeperMessage.size + Limits.payloadSize

  init(
    _ memory: UnsafeMutableBufferPointer<UInt8>,
    held: UnsafeMutableBufferPointer<HeldEffects.Entry>
  ) {
    self.held = HeldEffects(held)
    precondition(memory.count >= Keeping.memory, "too little memory for the keeper's messages")
    let bytes = UnsafeMutableRawBufferPointer(memory)
    message = UnsafeMutableRawBufferPointer(rebasing: bytes[..<KeeperMessage.size])
    text = UnsafeMutableRawBufferPointer(rebasing: bytes[KeeperMessage.size..<Keeping.memory])
  }

  /// Numbers are never zero.
  mutating func nextNumber() -> UInt32 {
    lastNumber = lastNumber == .max ? 1 : lastNumber + 1
    return lastNumber
  }

  var isAppending: Bool {
    for lane in appending.indices where appending[lane] != 0 { return true }
    return false
  }

  /// A keeper has ended: nothing that it was asked is answered.
  mutating func lose() {
    isThere = false
    hasBegun = false
    clients.lose()
    changes.lose()
    forgetting.lose()
    left.lose()
    pairingIsNews = true
    // The machine asks again for what it was not told.
    underWay = InlineArray(repeating: ChangeStep())
  }
}

/// Who has brought a step of a change about: the connection may be gone when the audit is told.
struct ChangePeer {
  var name: Name
  var role: Role
  var address: IPv4
}

/// Effects of configuration changes in their order, each with the revision of the image that must
/// be on the card before it is executed.
struct HeldEffects {
  static let capacity = 256
  /// One more step of the machine is taken only while there is so much room.
  static let reserve = ChangeEffects.capacity + 8

  struct Entry {
    var effect = ChangeEffect.check(id: 0)
    var revision: UInt32 = 0
    /// nil: nobody has, or not in this life of the agent.
    var peer: ChangePeer?
  }

  private let table: Table<Entry>
  private var first = 0
  private(set) var count = 0

  init(_ memory: UnsafeMutableBufferPointer<Entry>) {
    precondition(memory.count >= HeldEffects.capacity, "too little memory for effects")
    table = Table(memory, repeating: Entry())
  }

  var hasRoom: Bool { count + HeldEffects.reserve <= HeldEffects.capacity }

  mutating func append(_ effect: ChangeEffect, revision: UInt32, by peer: ChangePeer?) {
    precondition(count < HeldEffects.capacity, "more effects than are held")
    table[(first + count) % HeldEffects.capacity] = Entry(
      effect: effect, revision: revision, peer: peer)
    count += 1
  }

  /// The revision that the first one waits for; nil: there is none.
  var nextRevision: UInt32? { count == 0 ? nil : table[first].revision }

  mutating func removeAll() { (first, count) = (0, 0) }

  mutating func removeFirst() -> Entry {
    precondition(count > 0, "there is no effect")
    defer {
      first = (first + 1) % HeldEffects.capacity
      count -= 1
    }
    return table[first]
  }
}
