/// The little of DNS (RFC 1035) that browsing for a service needs: one question out, the records of
/// an answer in.
struct DNSMessage: Equatable {
  struct Record: Equatable {
    enum Data: Equatable {
      case address([UInt8])
      case pointer([String])
      case service(port: UInt16, target: [String])
      case texts([String])
      case other
    }
    let name: [String]
    let data: Data
  }

  static let typeA: UInt16 = 1
  static let typePTR: UInt16 = 12
  static let typeTXT: UInt16 = 16
  static let typeSRV: UInt16 = 33

  /// Records of the answer, authority and additional sections.
  var records: [Record] = []

  /// A query for the pointers of `name`. The class has the bit that asks for a unicast answer
  /// (RFC 6762 section 5.4).
  static func query(id: UInt16, pointersOf name: [String]) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(id >> 8), UInt8(id & 255), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    for label in name {
      bytes.append(UInt8(label.utf8.count))
      bytes += label.utf8
    }
    return bytes + [0, 0, UInt8(typePTR), 0x80, 1]
  }

  /// nil: not an answer, or malformed.
  init?(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    guard reader.number() != nil, let flags = reader.number(), flags & 0x8000 != 0,
      let questions = reader.number(), let answers = reader.number(),
      let authorities = reader.number(), let additional = reader.number()
    else { return nil }
    for _ in 0..<questions {
      guard reader.name() != nil, reader.skip(4) else { return nil }
    }
    for _ in 0..<(Int(answers) + Int(authorities) + Int(additional)) {
      guard let record = reader.record() else { return nil }
      records.append(record)
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var offset = 0

    mutating func number() -> UInt16? {
      guard offset + 2 <= bytes.count else { return nil }
      defer { offset += 2 }
      return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    mutating func skip(_ count: Int) -> Bool {
      guard offset + count <= bytes.count else { return false }
      offset += count
      return true
    }

    /// A name, following compression pointers. These may only point backwards, so that a malicious
    /// answer cannot send the reader round in circles.
    mutating func name() -> [String]? {
      var labels: [String] = []
      var position = offset
      var limit = offset
      var end: Int?
      while position < bytes.count {
        let length = Int(bytes[position])
        switch length {
        case 0:
          offset = end ?? position + 1
          return labels
        case 0xC0...:
          guard position + 1 < bytes.count else { return nil }
          let target = (length & 0x3F) << 8 | Int(bytes[position + 1])
          guard target < limit else { return nil }
          end = end ?? position + 2
          limit = target
          position = target
        case 1...63:
          guard position + 1 + length <= bytes.count, labels.count < 128 else { return nil }
          labels.append(
            String(decoding: bytes[position + 1..<position + 1 + length], as: UTF8.self))
          position += 1 + length
        default: return nil
        }
      }
      return nil
    }

    mutating func record() -> Record? {
      guard let name = name(), let type = number(), number() != nil, skip(4),
        let length = number(), offset + Int(length) <= bytes.count
      else { return nil }
      let end = offset + Int(length)
      defer { offset = end }
      return data(type: type, end: end).map { Record(name: name, data: $0) }
    }

    private mutating func data(type: UInt16, end: Int) -> Record.Data? {
      switch type {
      case DNSMessage.typeA:
        return end - offset == 4 ? .address([UInt8](bytes[offset..<end])) : nil
      case DNSMessage.typePTR: return name().map { .pointer($0) }
      case DNSMessage.typeSRV:
        guard skip(4), let port = number(), let target = name() else { return nil }
        return .service(port: port, target: target)
      case DNSMessage.typeTXT: return texts(end: end)
      default: return .other
      }
    }

    private mutating func texts(end: Int) -> Record.Data? {
      var texts: [String] = []
      while offset < end {
        let length = Int(bytes[offset])
        guard offset + 1 + length <= end else { return nil }
        if length > 0 {
          texts.append(String(decoding: bytes[offset + 1..<offset + 1 + length], as: UTF8.self))
        }
        offset += 1 + length
      }
      return .texts(texts)
    }
  }
}
