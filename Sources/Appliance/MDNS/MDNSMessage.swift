import Wire

/// Whole messages of ours. Their names are written out: five short records fit every link without
/// compression.
public enum MDNSMessage {
  /// Bytes enough for any of them: six names of at most 80 bytes twice over, and what is between.
  public static let size = 1280
  private static let authoritative: UInt64 = 0x8400

  /// A probe: do these names belong to anybody? (RFC 6762, section 8.1)
  public static func writeProbe(_ identity: MDNSIdentity, to writer: inout ByteWriter) {
    header(id: 0, flags: 0, questions: 2, answers: 0, authorities: 3, additionals: 0, &writer)
    // Any type, and the answer may come by unicast.
    question(identity.host, type: DNSType.any, kind: 0x8001, &writer)
    question(identity.instance, type: DNSType.any, kind: 0x8001, &writer)
    records(.unique, of: identity, ttl: .full, flush: false, &writer)
  }

  public enum Lifetime: Equatable, Sendable { case full, goodbye, legacy }

  /// An answer or announcement: `answers` first, then what the asker will want next.
  public static func writeResponse(
    _ identity: MDNSIdentity, answers: MDNSRecordSet, additionals: MDNSRecordSet = .none,
    goodbye: Bool = false, to writer: inout ByteWriter
  ) {
    header(
      id: 0, flags: authoritative, questions: 0, answers: count(answers), authorities: 0,
      additionals: count(additionals), &writer)
    let lifetime: Lifetime = goodbye ? .goodbye : .full
    records(answers, of: identity, ttl: lifetime, flush: true, &writer)
    records(additionals, of: identity, ttl: lifetime, flush: true, &writer)
  }

  /// An answer to a resolver that knows nothing of multicast: its id and its question come back,
  /// lifetimes are short and the cache-flush bit stays clear (RFC 6762, section 6.7).
  public static func writeLegacy(
    _ identity: MDNSIdentity, id: UInt16, question asked: DNSQuestion, answers: MDNSRecordSet,
    additionals: MDNSRecordSet, to writer: inout ByteWriter
  ) {
    header(
      id: id, flags: authoritative, questions: 1, answers: count(answers), authorities: 0,
      additionals: count(additionals), &writer)
    question(asked.name, type: asked.type, kind: UInt64(asked.kind), &writer)
    records(answers, of: identity, ttl: .legacy, flush: false, &writer)
    records(additionals, of: identity, ttl: .legacy, flush: false, &writer)
  }

  private static func header(
    id: UInt16, flags: UInt64, questions: UInt64, answers: UInt64, authorities: UInt64,
    additionals: UInt64, _ writer: inout ByteWriter
  ) {
    writer.write(UInt64(id), bigEndianBytes: 2)
    writer.write(flags, bigEndianBytes: 2)
    writer.write(questions, bigEndianBytes: 2)
    writer.write(answers, bigEndianBytes: 2)
    writer.write(authorities, bigEndianBytes: 2)
    writer.write(additionals, bigEndianBytes: 2)
  }

  private static func question(
    _ name: DNSName, type: UInt16, kind: UInt64, _ writer: inout ByteWriter
  ) {
    name.write(to: &writer)
    writer.write(UInt64(type), bigEndianBytes: 2)
    writer.write(kind, bigEndianBytes: 2)
  }

  private static func records(
    _ set: MDNSRecordSet, of identity: MDNSIdentity, ttl: Lifetime, flush: Bool,
    _ writer: inout ByteWriter
  ) {
    for number in 0..<MDNSRecordSet.count {
      let record = MDNSRecordSet.bit(number)
      guard set.contains(record) else { continue }
      let ttlS: UInt32 =
        switch ttl {
        case .full: MDNSIdentity.ttlS(of: record)
        case .goodbye: 0
        case .legacy: MDNSIdentity.legacyTTLS
        }
      identity.write(record, ttlS: ttlS, flush: flush, to: &writer)
    }
  }

  private static func count(_ set: MDNSRecordSet) -> UInt64 { UInt64(set.rawValue.nonzeroBitCount) }
}
