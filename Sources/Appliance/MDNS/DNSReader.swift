import Wire

/// What is wrong with a message. Nothing in it is believed then.
public enum DNSError: Error, Equatable, Sendable {
  case truncated
  /// A compression pointer that does not point backwards, or too many of them.
  case pointer
  /// A label kind that does not exist, or a name longer than 255 bytes.
  case name
}

/// The header of a message (RFC 1035, section 4.1.1).
public struct DNSHeader: Equatable, Sendable {
  public static let size = 12
  public var id: UInt16 = 0
  public var flags: UInt16 = 0
  public var questions: UInt16 = 0
  public var answers: UInt16 = 0
  public var authorities: UInt16 = 0
  public var additionals: UInt16 = 0

  public init() {}

  public var isResponse: Bool { flags & 0x8000 != 0 }
  /// Multicast DNS knows no other operation and no errors (RFC 6762, sections 18.3 and 18.11).
  public var isPlain: Bool { flags & 0x780F == 0 }
}

public enum DNSType {
  public static let a: UInt16 = 1
  public static let ptr: UInt16 = 12
  public static let txt: UInt16 = 16
  public static let srv: UInt16 = 33
  public static let any: UInt16 = 255
}

public struct DNSQuestion: Equatable, Sendable {
  public var name: DNSName
  public var type: UInt16
  /// The class without its top bit.
  public var kind: UInt16
  /// The asker takes the answer by unicast (`QU`, RFC 6762, section 5.4).
  public var unicast: Bool
}

public struct DNSRecord: Equatable, Sendable {
  public var name: DNSName
  public var type: UInt16
  /// The class without its top bit, the cache-flush bit.
  public var kind: UInt16
  public var ttlS: UInt32
  /// Where the data lies in the message.
  public var data: Range<Int>
}

/// Reads a message from its beginning to its end. Every step forward consumes bytes, and a name
/// follows at most 16 pointers, each strictly backwards: no message makes it loop.
public struct DNSReader {
  public static let pointerLimit = 16

  public let bytes: UnsafeRawBufferPointer
  public private(set) var offset = 0

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  public mutating func header() throws(DNSError) -> DNSHeader {
    var header = DNSHeader()
    header.id = try number16()
    header.flags = try number16()
    header.questions = try number16()
    header.answers = try number16()
    header.authorities = try number16()
    header.additionals = try number16()
    return header
  }

  public mutating func question() throws(DNSError) -> DNSQuestion {
    let name = try name()
    let type = try number16()
    let kind = try number16()
    return DNSQuestion(name: name, type: type, kind: kind & 0x7FFF, unicast: kind & 0x8000 != 0)
  }

  public mutating func record() throws(DNSError) -> DNSRecord {
    let name = try name()
    let type = try number16()
    let kind = try number16()
    let ttlS = UInt32(try number16()) << 16 | UInt32(try number16())
    let length = Int(try number16())
    guard bytes.count - offset >= length else { throw .truncated }
    defer { offset += length }
    return DNSRecord(
      name: name, type: type, kind: kind & 0x7FFF, ttlS: ttlS, data: offset..<offset + length)
  }

  /// The name at the beginning of a record's data.
  public func name(at place: Int) throws(DNSError) -> DNSName {
    var reader = self
    reader.offset = place
    return try reader.name()
  }

  public mutating func name() throws(DNSError) -> DNSName {
    var name = DNSName()
    var place = offset
    var lowest = offset
    var pointers = 0
    while true {
      guard place < bytes.count else { throw .truncated }
      let length = Int(bytes[place])
      switch length & 0xC0 {
      case 0x00:
        if pointers == 0 { offset = place + 1 + length }
        if length == 0 { return name }
        guard bytes.count - place > length else { throw .truncated }
        let label = UnsafeRawBufferPointer(rebasing: bytes[place + 1..<place + 1 + length])
        guard name.append(label) else { throw .name }
        place += 1 + length
      case 0xC0:
        guard place + 1 < bytes.count else { throw .truncated }
        if pointers == 0 { offset = place + 2 }
        let target = (length & 0x3F) << 8 | Int(bytes[place + 1])
        pointers += 1
        guard target < lowest, pointers <= DNSReader.pointerLimit else { throw .pointer }
        lowest = target
        place = target
      default:
        throw .name
      }
    }
  }

  private mutating func number16() throws(DNSError) -> UInt16 {
    guard bytes.count - offset >= 2 else { throw .truncated }
    defer { offset += 2 }
    return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
  }
}
