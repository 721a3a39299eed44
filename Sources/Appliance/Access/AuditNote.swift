import Wire

/// Something for the audit. What it does not say, the ring does: number, time, lane.
///
/// It has numbers, an address and names, and nothing that a secret's type could be put in.
public struct AuditNote: Equatable, Sendable {
  public var code: AuditCode
  /// The peer: what it may do, the name of its key, where it is.
  public var role: Role
  public var key: Name
  public var address: IPv4
  /// Whose key, which ring …: a name, or nothing.
  public var subject: Name
  /// What it means depends on the code.
  public var detail: UInt64

  public init(
    _ code: AuditCode, role: Role = .anybody, key: Name = Name(), address: IPv4 = .any,
    subject: Name = Name(), detail: UInt64 = 0
  ) {
    self.code = code
    self.role = role
    self.key = key
    self.address = address
    self.subject = subject
    self.detail = detail
  }
}

/// Why a stored entry is not taken back.
public enum AuditRecordError: Error, Equatable, Sendable {
  /// It is not `AuditEntry.size` bytes long.
  case length
  case checksum
  /// A lane that there is not, or one that is not its code's.
  case lane
  case role
  /// Its key or its subject is neither a name nor empty.
  case name
  /// It never happened.
  case count
  /// Its number is zero or beyond all reason.
  case sequence
  /// It is older than what was taken before it, and no later state of that.
  case order
}

// An entry in the file is its layout on the wire with a checksum in the last four bytes, which are
// reserved there. Records are appended; one that counts on is appended again, with its number.

/// An entry as it is stored.
public enum AuditRecord {
  static let sumOffset = AuditEntry.size - 4
  /// Numbers stay below: they are never used up.
  static let sequenceLimit: UInt64 = 1 << 48

  /// Writes the entry and its checksum, `AuditEntry.size` bytes.
  static func encode(_ entry: UnsafeRawBufferPointer, into record: UnsafeMutableRawBufferPointer) {
    record.copyMemory(from: entry)
    let sum = CRC32C.of(UnsafeRawBufferPointer(rebasing: record[..<sumOffset]))
    record.storeBytes(of: sum.littleEndian, toByteOffset: sumOffset, as: UInt32.self)
  }

  /// The entry in a record, every field of which may be what a stranger wrote.
  static func decode(_ record: UnsafeRawBufferPointer) throws(AuditRecordError) -> AuditEntry {
    guard record.count == AuditEntry.size else { throw .length }
    let sum = record.loadUnaligned(fromByteOffset: sumOffset, as: UInt32.self)
    guard
      UInt32(littleEndian: sum) == CRC32C.of(UnsafeRawBufferPointer(rebasing: record[..<sumOffset]))
    else { throw .checksum }
    var reader = ByteReader(record)
    let entry = AuditEntry(from: &reader)
    // A code of a newer version is kept, where that has been here before.
    guard entry.lane.known != nil, UInt16(entry.lane.rawValue) == entry.code.rawValue >> 8 else {
      throw .lane
    }
    guard entry.role.known != nil else { throw .role }
    guard entry.key.isEmpty || entry.key.isName, entry.subject.isEmpty || entry.subject.isName
    else { throw .name }
    guard entry.count > 0 else { throw .count }
    guard entry.sequence > 0, entry.sequence < sequenceLimit else { throw .sequence }
    return entry
  }
}
