@testable import Wire

/// Keys and the audit.
extension Example {
  static let publicKey: PublicKey = {
    let bytes = (0..<32).map { UInt8(0x40 + $0) }
    return bytes.withUnsafeBytes { PublicKey($0) }
  }()

  static let key: KeyEntry = {
    var entry = KeyEntry()
    entry.name = "anna-laptop"
    entry.publicKey = publicKey
    entry.addedBy = "workshop"
    entry.role = Code(.operator)
    entry.flags = .loadTest
    entry.slots = 12
    entry.connections = 3
    entry.rate = 250
    entry.formerForMs = 599_000
    entry.addedUnixMs = 1_793_364_092_123
    entry.quietMs = 86_412_345
    return entry
  }()

  static let auditEntry: AuditEntry = {
    var entry = AuditEntry()
    entry.sequence = 4711
    entry.unixMs = 1_793_364_092_500
    entry.bootMs = 86_412_722
    entry.detail = 14
    entry.code = Code(.keyAdded)
    entry.lane = Code(.keys)
    entry.role = Code(.admin)
    entry.count = 6
    entry.spanMs = 42_000
    entry.address = 0x0A00_0005
    entry.boot = 17
    entry.key = "anna-laptop"
    entry.subject = "cam-front"
    return entry
  }()
}
