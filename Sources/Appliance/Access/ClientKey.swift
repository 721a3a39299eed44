import Wire

/// 32 bytes that client and device share besides their keys: the psk of `IKpsk2` (Noise rev 34,
/// section 9).
///
/// It can be lent, not read: nothing turns it into text, a number or a payload.
public struct SharedSecret: Sendable {
  public static let size = 32

  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  /// All bytes are zero: none.
  init() {}

  /// Takes the 32 bytes of `bytes`, which the caller wipes, without a copy in between.
  mutating func fill(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == SharedSecret.size, "a shared secret has 32 bytes")
    withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
  }

  /// Runs `body` over the 32 bytes where they lie.
  mutating func lend<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(of: &words) { body($0) }
  }
}

/// What one key may use up.
public struct KeyLimits: Equatable, Sendable {
  /// Requests a second, as many of which can be saved; 0: the default.
  public var rate: UInt32
  /// Connections at once; 0: the default.
  public var slots: UInt16
  public var flags: KeyFlags

  public init(rate: UInt32 = 0, slots: UInt16 = 0, flags: KeyFlags = .none) {
    self.rate = rate
    self.slots = slots
    self.flags = flags
  }
}

/// Which key a session belongs to. It stays unique when its place in the table is used again.
public struct KeyHandle: Equatable, Sendable {
  let place: UInt8
  let generation: UInt32
}

/// Why something cannot be done with the keys.
public enum KeyError: Error, Equatable, Sendable {
  /// The keys have not been read yet: a change now would replace them all.
  case notLoaded
  case tableFull
  /// Not one to 32 of `[a-z0-9-]`.
  case badName
  case nameTaken
  case nameUnknown
  /// All bytes of the public key, or of the secret, are zero.
  case badKey
  /// Another entry, or the same one, has this public key already.
  case keyKnown
  /// A key is a viewer's, an operator's or an admin's.
  case badRole
  /// Flags that do not exist.
  case badFlags
  /// There would be keys, but no admin.
  case noAdmin
  /// It has got a new one a short while ago; milliseconds until it may have another.
  case tooSoon(ms: UInt64)
}

/// A key with everything that belongs to it: an entry of `ClientKeys`.
public struct ClientKey {
  /// Empty: the place is free.
  var name = Name()
  var addedBy = Name()
  /// Milliseconds since 1970-01-01 UTC; 0: the clock was not trusted.
  var addedUnixMs: UInt64 = 0
  var role = Role.viewer
  /// The id of the newest configuration change when it was added, or made an admin's.
  var sinceChange: UInt32 = 0
  var limits = KeyLimits()

  var publicKey = PublicKey()
  var secret = SharedSecret()
  var generation: UInt32 = 0
  /// The key that the new one replaces, as long as both are taken.
  var formerKey = PublicKey()
  var formerSecret = SharedSecret()
  var formerGeneration: UInt32 = 0
  var formerUntil = Instant(ms: 0)
  /// When it got its newest key; `never`: not in this life.
  var rotatedAt = Instant.never

  /// Generations from here on belong to this entry, not to an earlier one in its place.
  var birth: UInt32 = 0
  var connections: UInt16 = 0
  /// When its last session began; `never`: none has in this life.
  var lastSession = Instant.never
  /// Nanoseconds that a request costs; 0: nothing.
  var intervalNs: UInt64 = 0
  /// When all requests of a second are saved up again, in nanoseconds.
  var savedAtNs: UInt64 = 0

  var isFree: Bool { name.isEmpty }

  /// Ends the time in which both keys are taken.
  mutating func retire() {
    formerKey = PublicKey()
    formerSecret = SharedSecret()
    formerGeneration = 0
    formerUntil = Instant(ms: 0)
  }
}
