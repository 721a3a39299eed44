/// The request of `keyAdd` and of `keyChange`: a client, and what it may do.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`
///     32   32 publicKey          X25519; zero in `keyChange`, which leaves the key as it is
///     64    1 role               Role, from viewer on
///     65    1 flags              KeyFlags
///     66    2 slots              connections at once that it may have; 0: the default
///     68    4 rate               requests a second that it may make; 0: the default
/// ```
public struct KeyRequest: Payload, Equatable {
  public static let size = 72

  public var name = Name()
  public var publicKey = PublicKey()
  public var role = Role.viewer
  public var flags = KeyFlags.none
  public var slots: UInt16 = 0
  public var rate: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) throws(Status) {
    name = try reader.readStrictly()
    publicKey = reader.read()
    guard let role = Role(rawValue: reader.read()), role != .anybody, name.isName else {
      throw .invalidArgument
    }
    self.role = role
    flags = reader.read()
    guard KeyFlags.all.contains(flags) else { throw .invalidArgument }
    slots = reader.read()
    rate = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(publicKey)
    writer.write(role.rawValue)
    writer.write(flags)
    writer.write(slots)
    writer.write(rate)
  }
}

/// The request of `keyRemove`.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`
/// ```
public struct KeyName: Payload, Equatable {
  public static let size = 32
  public var name: Name

  public init(name: Name) { self.name = name }

  public init(from reader: inout ByteReader) throws(Status) {
    name = try reader.readStrictly()
    guard name.isName else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) { writer.write(name) }
}

/// The request of `keyRotate`: the new key of the client that asks.
///
/// ```
/// offset size field
///      0   32 publicKey          X25519
/// ```
public struct KeyRotation: Payload, Equatable {
  public static let size = 32
  public var publicKey: PublicKey

  public init(publicKey: PublicKey) { self.publicKey = publicKey }

  public init(from reader: inout ByteReader) throws(Status) {
    publicKey = reader.read()
    guard !publicKey.isNone else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) { writer.write(publicKey) }
}

/// The answer to `keyAdd` and `keyRotate`: what the client of the new key needs, and nobody else
/// may see.
///
/// ```
/// offset size field
///      0   32 devicePublicKey    X25519
///     32   32 secret             the psk of the client's handshakes
/// ```
public struct KeyGrant: Payload, Equatable {
  public static let size = 64

  public var devicePublicKey = PublicKey()
  public var secret = InlineArray<32, UInt8>(repeating: 0)

  public init() {}

  public init(from reader: inout ByteReader) {
    devicePublicKey = reader.read()
    for index in secret.indices { secret[index] = reader.read() }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(devicePublicKey)
    for index in secret.indices { writer.write(secret[index]) }
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in left.secret.indices where left.secret[index] != right.secret[index] {
      return false
    }
    return left.devicePublicKey == right.devicePublicKey
  }
}

/// The request of `pairingOpen`.
///
/// ```
/// offset size field
///      0    1 role               Role of the client that will pair, from viewer on
///      1    7 reserved           zero
/// ```
public struct PairingRequest: Payload, Equatable {
  public static let size = 8
  public var role: Role

  public init(role: Role) { self.role = role }

  public init(from reader: inout ByteReader) throws(Status) {
    let role = Role(rawValue: reader.read())
    try reader.expectZero(7)
    guard let role, role != .anybody else { throw .invalidArgument }
    self.role = role
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(role.rawValue)
    writer.zero(7)
  }
}

/// The answer to `pairingOpen`: the code, to be told to whoever may pair.
///
/// ```
/// offset size field
///      0    4 openForMs          milliseconds for which it is valid
///      4   16 code               text, `7K3M-0WXY-9ABC`
///     20    4 reserved
/// ```
public struct PairingReply: Payload, Equatable {
  public static let size = 24
  public var openForMs: UInt32
  public var code: Text<16>

  public init(openForMs: UInt32, code: Text<16>) {
    self.openForMs = openForMs
    self.code = code
  }

  public init(from reader: inout ByteReader) {
    openForMs = reader.read()
    code = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(openForMs)
    writer.write(code)
    writer.zero(4)
  }
}

/// The request of `auditList`.
///
/// ```
/// offset size field
///      0    8 cursor             number of the first entry that is wanted; 0: the oldest
///      8    1 lane               AuditLane; 255: all of them
///      9    7 reserved           zero
/// ```
public struct AuditRequest: Payload, Equatable {
  public static let size = 16
  private static let allLanes = Code<AuditLane>(rawValue: 255)

  public var cursor: UInt64
  private var lane: Code<AuditLane>

  /// - Parameter lane: nil: all of them.
  public init(cursor: UInt64 = 0, lane: AuditLane? = nil) {
    self.cursor = cursor
    if let lane { self.lane = Code(lane) } else { self.lane = Self.allLanes }
  }

  /// nil: all of them.
  public var wantedLane: AuditLane? { lane.known }

  public init(from reader: inout ByteReader) throws(Status) {
    cursor = reader.read()
    lane = reader.read()
    try reader.expectZero(7)
    guard lane.known != nil || lane == Self.allLanes else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(cursor)
    writer.write(lane)
    writer.zero(7)
  }
}
