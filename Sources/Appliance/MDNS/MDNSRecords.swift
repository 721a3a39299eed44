import Wire

/// A choice of our records.
public struct MDNSRecordSet: Flags {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `_services._dns-sd._udp.local PTR _watchpost._tcp.local`
  public static let enumeration = bit(0)
  /// `_watchpost._tcp.local PTR INSTANCE`
  public static let pointer = bit(1)
  /// `INSTANCE SRV HOST:PORT`
  public static let service = bit(2)
  /// `INSTANCE TXT txtvers=1 …`
  public static let text = bit(3)
  /// `HOST A ADDRESS`
  public static let address = bit(4)

  public static let count = 5
  public static let all = MDNSRecordSet(rawValue: 0x1F)
  /// Those whose names are ours alone.
  public static let unique = service | text | address
}

/// What is announced, and how it is written (RFC 6763 for the records, RFC 6762 for the bits).
public struct MDNSIdentity: Equatable, Sendable {
  /// The label of host and instance, before any conflict.
  public var name: Text<32>
  public var address: IPv4
  public var port: UInt16
  /// Items of the TXT record, each `key=value`.
  public var version: Text<32>
  public var boot: Text<24>
  /// 1: the plain name; from 2 on it is appended, after a conflict.
  public var attempt: UInt32 = 1

  public init(
    name: Text<32>, address: IPv4, port: UInt16, version: Text<32>, boot: Text<24>
  ) {
    self.name = name
    self.address = address
    self.port = port
    self.version = version
    self.boot = boot
  }

  /// The name with what a conflict has added: `watchpost-2`.
  public var label: Text<48> {
    var label = Text<48>(name)
    if attempt > 1 {
      label.append("-")
      label.append(decimal: UInt64(attempt))
    }
    return label
  }

  public var host: DNSName { .host(label) }
  public var instance: DNSName { .instance(label) }

  /// Seconds that host-dependent and other records live (RFC 6762, section 10).
  public static let hostTTLS: UInt32 = 120
  public static let otherTTLS: UInt32 = 4500
  /// What a resolver that knows nothing of multicast may keep (section 6.7).
  public static let legacyTTLS: UInt32 = 10

  static func ttlS(of record: MDNSRecordSet) -> UInt32 {
    record == .address || record == .service ? hostTTLS : otherTTLS
  }

  func name(of record: MDNSRecordSet) -> DNSName {
    if record == .enumeration { return .enumeration }
    if record == .pointer { return .service }
    return record == .address ? host : instance
  }

  static func type(of record: MDNSRecordSet) -> UInt16 {
    if record == .address { return DNSType.a }
    if record == .service { return DNSType.srv }
    return record == .text ? DNSType.txt : DNSType.ptr
  }

  /// Writes one record; `ttlS` 0 says goodbye, `flush` tells caches that the name is ours alone.
  func write(
    _ record: MDNSRecordSet, ttlS: UInt32, flush: Bool, to writer: inout ByteWriter
  ) {
    name(of: record).write(to: &writer)
    writer.write(UInt64(MDNSIdentity.type(of: record)), bigEndianBytes: 2)
    let isUnique = MDNSRecordSet.unique.contains(record)
    writer.write(flush && isUnique ? 0x8001 : 0x0001, bigEndianBytes: 2)
    writer.write(UInt64(ttlS), bigEndianBytes: 4)
    writer.write(UInt64(dataSize(of: record)), bigEndianBytes: 2)
    writeData(of: record, to: &writer)
  }

  func dataSize(of record: MDNSRecordSet) -> Int {
    if record == .enumeration { return DNSName.service.size }
    if record == .pointer { return instance.size }
    if record == .service { return 6 + host.size }
    return record == .address ? 4 : 10 + (1 + version.count) + (1 + boot.count)
  }

  func writeData(of record: MDNSRecordSet, to writer: inout ByteWriter) {
    if record == .enumeration {
      DNSName.service.write(to: &writer)
    } else if record == .pointer {
      instance.write(to: &writer)
    } else if record == .service {
      // Priority and weight 0: there is no other.
      writer.zero(4)
      writer.write(UInt64(port), bigEndianBytes: 2)
      host.write(to: &writer)
    } else if record == .address {
      writer.write(UInt64(address.value), bigEndianBytes: 4)
    } else {
      MDNSIdentity.writeItem(Text<32>("txtvers=1"), to: &writer)
      MDNSIdentity.writeItem(version, to: &writer)
      MDNSIdentity.writeItem(Text<32>(boot), to: &writer)
    }
  }

  private static func writeItem(_ item: Text<32>, to writer: inout ByteWriter) {
    writer.write(UInt8(item.count))
    item.withBytes { writer.write($0) }
  }
}
