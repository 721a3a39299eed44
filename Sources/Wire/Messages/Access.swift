/// A client's key: an entry of the list of keys. The secret that belongs to it is never told.
///
/// ```
/// offset size field
///      0   32 name               text
///     32   32 publicKey          Curve25519; of a client that changes keys, the new one
///     64   32 addedBy            text: the key that added it or opened pairing for it; empty: none
///     96    1 role               Role
///     97    1 flags              KeyFlags
///     98    2 slots              connections at once that it may have; 0: the default
///    100    2 connections        that it has
///    102    2 reserved
///    104    4 rate               requests a second that it may make; 0: the default
///    108    4 formerForMs        milliseconds for which its former key is still taken; 0: none
///    112    8 addedUnixMs        milliseconds since 1970-01-01 UTC; 0: the clock was not trusted
///    120    8 quietMs            milliseconds since its last session began; 0: none in this life
/// ```
public struct KeyEntry: Payload, Equatable {
  public static let size = 128

  public var name = Name()
  public var publicKey = PublicKey()
  public var addedBy = Name()
  public var role = Code(Role.viewer)
  public var flags = KeyFlags.none
  public var slots: UInt16 = 0
  public var connections: UInt16 = 0
  public var rate: UInt32 = 0
  public var formerForMs: UInt32 = 0
  public var addedUnixMs: UInt64 = 0
  public var quietMs: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    name = reader.read()
    publicKey = reader.read()
    addedBy = reader.read()
    role = reader.read()
    flags = reader.read()
    slots = reader.read()
    connections = reader.read()
    reader.skip(2)
    rate = reader.read()
    formerForMs = reader.read()
    addedUnixMs = reader.read()
    quietMs = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(publicKey)
    writer.write(addedBy)
    writer.write(role)
    writer.write(flags)
    writer.write(slots)
    writer.write(connections)
    writer.zero(2)
    writer.write(rate)
    writer.write(formerForMs)
    writer.write(addedUnixMs)
    writer.write(quietMs)
  }
}

/// The head of the list of keys; `count` entries follow, in no particular order.
///
/// ```
/// offset size field
///      0    2 count              keys, 0 … 64
///      2    6 reserved
///      8  128 entries            KeyEntry, count times
/// ```
public struct KeyListHead: ListHead, Equatable {
  public typealias Entry = KeyEntry
  public static let size = 8
  public static let maximum = 64

  public var count: UInt16

  public init(count: UInt16) { self.count = count }

  public init(from reader: inout ByteReader) {
    count = reader.read()
    reader.skip(6)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.zero(6)
  }
}

/// One thing that concerns the device's safety: an entry of the audit.
///
/// Numbers and names only: there is no field that a secret would fit in by mistake.
///
/// ```
/// offset size field
///      0    8 sequence           its number, over all lanes and boots
///      8    8 unixMs             milliseconds since 1970-01-01 UTC; 0: the clock was not trusted
///     16    8 bootMs             milliseconds since the kernel had started
///     24    8 detail             a number; what it means depends on the code
///     32    2 code               AuditCode
///     34    1 lane               AuditLane
///     35    1 role               Role of the peer
///     36    4 count              times that it happened
///     40    4 spanMs             milliseconds from the first of them to the last
///     44    4 address            IPv4, four bytes as spoken; 0.0.0.0: nobody on the network
///     48    4 boot               number of the boot in which it was; 0: not known
///     52   32 key                text: name of the peer's key; empty: none
///     84   32 subject            text: whose key, which ring …; empty: nothing
///    116   12 reserved
/// ```
public struct AuditEntry: Payload, Equatable {
  public static let size = 128

  public var sequence: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var bootMs: UInt64 = 0
  public var detail: UInt64 = 0
  public var code = Code(AuditCode.sessionOpened)
  public var lane = Code(AuditLane.access)
  public var role = Code(Role.anybody)
  public var count: UInt32 = 0
  public var spanMs: UInt32 = 0
  public var address: UInt32 = 0
  public var boot: UInt32 = 0
  public var key = Name()
  public var subject = Name()

  public init() {}

  public init(from reader: inout ByteReader) {
    sequence = reader.read()
    unixMs = reader.read()
    bootMs = reader.read()
    detail = reader.read()
    code = reader.read()
    lane = reader.read()
    role = reader.read()
    count = reader.read()
    spanMs = reader.read()
    address = reader.readAddress()
    boot = reader.read()
    key = reader.read()
    subject = reader.read()
    reader.skip(12)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(sequence)
    writer.write(unixMs)
    writer.write(bootMs)
    writer.write(detail)
    writer.write(code)
    writer.write(lane)
    writer.write(role)
    writer.write(count)
    writer.write(spanMs)
    writer.write(address: address)
    writer.write(boot)
    writer.write(key)
    writer.write(subject)
    writer.zero(12)
  }
}

/// The head of a page of the audit; `count` entries follow, the oldest first.
///
/// ```
/// offset size field
///      0    8 nextCursor         ask with it for what follows
///      8    8 overwritten        entries that gave way to newer ones in this life of the agent
///     16    2 count              entries that follow, 0 … 120
///     18    6 reserved
///     24  128 entries            AuditEntry, count times
/// ```
public struct AuditListHead: ListHead, Equatable {
  public typealias Entry = AuditEntry
  public static let size = 24
  public static let maximum = 120

  public var nextCursor: UInt64
  public var overwritten: UInt64
  public var count: UInt16

  public init(nextCursor: UInt64, overwritten: UInt64, count: UInt16) {
    self.nextCursor = nextCursor
    self.overwritten = overwritten
    self.count = count
  }

  public init(from reader: inout ByteReader) {
    nextCursor = reader.read()
    overwritten = reader.read()
    count = reader.read()
    reader.skip(6)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(nextCursor)
    writer.write(overwritten)
    writer.write(count)
    writer.zero(6)
  }
}

extension ByteReader {
  mutating func read(_: PublicKey.Type = PublicKey.self) -> PublicKey {
    PublicKey(take(PublicKey.size))
  }
}

extension ByteWriter {
  mutating func write(_ key: PublicKey) { key.withBytes { write($0) } }
}
