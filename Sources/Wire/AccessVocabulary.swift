// The numbers of keys, pairing and the audit. A number, once given, is never given again.

/// What a client's key allows besides its role.
public struct KeyFlags: Flags {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Load tests: where the key has no limit of its own, the default limits do not hold for it.
  public static let loadTest = bit(0)

  /// All flags that there are.
  public static let all: KeyFlags = .loadTest
}

/// What holds for a key without limits of its own, unless it is one for load tests.
public enum KeyDefaults {
  /// Requests a second.
  public static let rate: UInt32 = 200
  /// Connections at once.
  public static let slots: UInt16 = 16
}

/// Whether a client without a key may become one that has one.
public enum PairingState: UInt8, Sendable {
  /// It may not.
  case closed = 0
  /// With the code that the device shows.
  case code = 1
  /// Without a code: somebody has pressed the button.
  case button = 2
}

/// Parts of the audit with room of their own, so that a flood in one cannot push out the others.
public enum AuditLane: UInt8, Sendable {
  /// Who came and who was turned away.
  case access = 0
  /// Pairing and keys.
  case keys = 1
  /// Changes of the configuration.
  case changes = 2
  /// What admins did, and the life of the device.
  case admin = 3
}

/// What an entry of the audit tells. The upper byte is its lane.
public enum AuditCode: UInt16, Sendable {
  /// A client with a key was let in.
  case sessionOpened = 0x0000
  /// A session ended because its key was removed or given up.
  case sessionRevoked = 0x0001
  /// A handshake that cannot be read, whose keys do not fit, or that no sealed frame has followed.
  case handshakeRefused = 0x0002
  /// A handshake beyond the rate of its address or of the device; nothing was computed for it.
  case handshakeLimited = 0x0003
  /// A handshake with a key that is not known.
  case keyUnknown = 0x0004
  /// A sealed frame that was changed, repeated, left out or cut off.
  case sealBroken = 0x0005
  /// A plain frame in a sealed connection.
  case downgradeRefused = 0x0006
  /// A plain request that needs a key; `detail` is its kind.
  case plainRefused = 0x0007
  /// A request above the role of its key; `detail` is its kind.
  case roleRefused = 0x0008
  /// A key has as many connections as it gets.
  case slotsRefused = 0x0009
  /// More requests than a key, or an address without one, may make.
  case rateRefused = 0x000A
  /// An attempt to pair that failed, or that came while pairing was closed or paused.
  case pairingRefused = 0x000B
  /// A plain frame that is damaged, too large or none at all; `detail` is its Status.
  case frameRefused = 0x000C
  /// A client was refused a new key of its own; `detail` is the Status.
  case keyRefused = 0x000D

  /// Pairing was opened; `detail` is a PairingState.
  case pairingOpened = 0x0100
  /// Pairing was closed without a new key; `detail` is the PairingState that it had.
  case pairingClosed = 0x0101
  /// Too many attempts failed: the code is void.
  case pairingVoided = 0x0102
  /// A client has got a key by pairing; `subject` is its name.
  case keyPaired = 0x0103
  /// A key was added; `subject` is its name.
  case keyAdded = 0x0104
  /// A key was removed; `subject` is its name.
  case keyRemoved = 0x0105
  /// A client has got a new key; `subject` is its name.
  case keyRotated = 0x0106
  /// A client's former key is void; `subject` is its name.
  case keyRetired = 0x0107
  /// Role, limits or flags of a key were changed; `subject` is its name.
  case keyChanged = 0x0108
  /// The file of keys was damaged and is not used.
  case keysUnreadable = 0x0109
  /// The device has made a key of its own.
  case deviceKeyMade = 0x010A
  /// Everything that the device knew was forgotten.
  case factoryReset = 0x010B

  /// A change was handed in; `detail` is its number, here and below, `subject` its ring.
  case changeStaged = 0x0200
  /// An admin agreed, not who staged it where the configuration asks for a second key.
  case changeApproved = 0x0201
  /// A change was turned down.
  case changeRejected = 0x0202
  /// A change holds until it is confirmed or rolled back.
  case changeApplied = 0x0203
  /// A change holds for good.
  case changeConfirmed = 0x0204
  /// A change was not confirmed in time, or failed.
  case changeRolledBack = 0x0205
  /// A change gave way to others before it was decided upon.
  case changeDropped = 0x0206

  /// An operation that needs an admin was asked for by one; `detail` is its kind.
  case adminOperation = 0x0300
  /// The agent has started; `detail` is the number of its start in this boot.
  case deviceStarted = 0x0301
  /// An admin was refused an operation; `detail` is its kind + 65,536 × Status.
  case adminRefused = 0x0302

  /// No code is given outside the lanes; a test sees to it.
  public var lane: AuditLane { AuditLane(rawValue: UInt8(rawValue >> 8)) ?? .admin }

  /// Milliseconds within which what is the same becomes one entry that counts; 0: it never does.
  public var countedForMs: UInt64 {
    switch self {
    // Whoever has a key can have new ones all the time: that shall push nothing out.
    case .keyRotated, .keyRetired: 86_400_000
    case .adminRefused: 60_000
    default: lane == .access ? 60_000 : 0
    }
  }
}
