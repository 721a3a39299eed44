import Wire

/// A domain name as the wire has it: labels with their lengths, without the empty one at the end.
/// Compared without regard to ASCII case (RFC 6762, section 16).
public struct DNSName: Equatable, Sendable {
  /// Bytes with all lengths (RFC 1035, section 2.3.4: 255 with the end).
  public static let limit = 254
  public static let labelLimit = 63

  private var bytes = Text<254>()

  public init() {}

  /// Appends a label of 1 … 63 bytes; false, and nothing appended, where it does not fit.
  @discardableResult
  public mutating func append(_ label: UnsafeRawBufferPointer) -> Bool {
    guard (1...DNSName.labelLimit).contains(label.count),
      bytes.count + label.count + 1 <= DNSName.limit
    else { return false }
    // A zero inside a label cannot be kept and belongs to no name of ours.
    for byte in label where byte == 0 { return false }
    bytes.append(UInt8(label.count))
    for byte in label { bytes.append(byte) }
    return true
  }

  public mutating func append(_ label: StaticString) {
    append(UnsafeRawBufferPointer(start: label.utf8Start, count: label.utf8CodeUnitCount))
  }

  public mutating func append(_ other: DNSName) {
    other.bytes.withBytes { bytes.append($0) }
  }

  /// `LABEL.local`.
  public static func host<let capacity: Int>(_ label: Text<capacity>) -> DNSName {
    var name = DNSName()
    _ = label.withBytes { name.append($0) }
    name.append("local")
    return name
  }

  /// `_watchpost._tcp.local`.
  public static var service: DNSName {
    var name = DNSName()
    name.append("_watchpost")
    name.append("_tcp")
    name.append("local")
    return name
  }

  /// `LABEL._watchpost._tcp.local`.
  public static func instance<let capacity: Int>(_ label: Text<capacity>) -> DNSName {
    var name = DNSName()
    _ = label.withBytes { name.append($0) }
    name.append(service)
    return name
  }

  /// `_services._dns-sd._udp.local` (RFC 6763, section 9).
  public static var enumeration: DNSName {
    var name = DNSName()
    name.append("_services")
    name.append("_dns-sd")
    name.append("_udp")
    name.append("local")
    return name
  }

  public var isEmpty: Bool { bytes.isEmpty }
  /// Bytes on the wire, the end included.
  public var size: Int { bytes.count + 1 }

  public func write(to writer: inout ByteWriter) {
    bytes.withBytes { writer.write($0) }
    writer.write(UInt8(0))
  }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.bytes.count == right.bytes.count else { return false }
    for index in 0..<left.bytes.count
    where folded(left.bytes[index]) != folded(right.bytes[index]) { return false }
    return true
  }

  /// Lengths are below 64 and so never taken for a letter.
  private static func folded(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}
