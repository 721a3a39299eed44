import Wire

/// Comparing records of others with ours.
enum MDNSRivalry {
  /// Which of our records this is by name and type.
  private static func counterpart(_ record: DNSRecord, _ identity: MDNSIdentity)
    -> MDNSRecordSet?
  {
    guard record.kind == 1 else { return nil }
    for number in 0..<MDNSRecordSet.count {
      let ours = MDNSRecordSet.bit(number)
      if record.type == MDNSIdentity.type(of: ours), record.name == identity.name(of: ours) {
        return ours
      }
    }
    return nil
  }

  /// True when the record claims a name of ours with other data (RFC 6762, section 9).
  static func contradicts(
    _ record: DNSRecord, _ reader: DNSReader, _ identity: MDNSIdentity
  ) throws(DNSError) -> Bool {
    guard let ours = counterpart(record, identity), MDNSRecordSet.unique.contains(ours) else {
      return false
    }
    return try !isSame(record, ours, reader, identity)
  }

  /// The record of ours that the asker has already, with at least half its life left (section 7.1).
  static func knownAnswer(
    _ record: DNSRecord, _ reader: DNSReader, _ identity: MDNSIdentity
  ) throws(DNSError) -> MDNSRecordSet? {
    guard let ours = counterpart(record, identity),
      record.ttlS >= MDNSIdentity.ttlS(of: ours) / 2,
      try isSame(record, ours, reader, identity)
    else { return nil }
    return ours
  }

  private static func isSame(
    _ record: DNSRecord, _ ours: MDNSRecordSet, _ reader: DNSReader, _ identity: MDNSIdentity
  ) throws(DNSError) -> Bool {
    if ours == .enumeration { return try reader.name(at: record.data.lowerBound) == .service }
    if ours == .pointer {
      return try reader.name(at: record.data.lowerBound) == identity.instance
    }
    if ours == .service {
      // The target may be compressed.
      guard record.data.count >= 7 else { throw .truncated }
      let start = record.data.lowerBound
      let port = UInt16(reader.bytes[start + 4]) << 8 | UInt16(reader.bytes[start + 5])
      let target = try reader.name(at: start + 6)
      return port == identity.port && target == identity.host
    }
    return order(record, ours, reader, identity) == 0
  }

  /// A probe of somebody else for our names while we probe: true when its data come later in
  /// lexical order, so that we have to wait (section 8.2).
  static func losesTo(
    _ reader: inout DNSReader, _ count: UInt16, _ identity: MDNSIdentity
  ) throws(DNSError) -> Bool {
    // Records are compared in the order of their types; the first ones decide.
    var host: DNSRecord?
    var instance: DNSRecord?
    for _ in 0..<count {
      let record = try reader.record()
      guard record.kind == 1 else { continue }
      if record.name == identity.host, record.type < host?.type ?? .max { host = record }
      if record.name == identity.instance, record.type < instance?.type ?? .max {
        instance = record
      }
    }
    if let host, loses(to: host, .address, reader, identity) { return true }
    if let instance, loses(to: instance, .text, reader, identity) { return true }
    return false
  }

  private static func loses(
    to record: DNSRecord, _ ours: MDNSRecordSet, _ reader: DNSReader, _ identity: MDNSIdentity
  ) -> Bool {
    let type = MDNSIdentity.type(of: ours)
    if record.type != type { return record.type > type }
    return order(record, ours, reader, identity) > 0
  }

  /// Their data against ours, byte by byte: above 0 when theirs come later.
  private static func order(
    _ record: DNSRecord, _ ours: MDNSRecordSet, _ reader: DNSReader, _ identity: MDNSIdentity
  ) -> Int {
    var memory = InlineArray<512, UInt8>(repeating: 0)
    return withUnsafeMutableBytes(of: &memory) { memory in
      var writer = ByteWriter(memory)
      identity.writeData(of: ours, to: &writer)
      let mine = writer.written
      let theirs = UnsafeRawBufferPointer(rebasing: reader.bytes[record.data])
      for index in 0..<min(theirs.count, mine.count) where theirs[index] != mine[index] {
        return Int(theirs[index]) - Int(mine[index])
      }
      return theirs.count - mine.count
    }
  }
}
