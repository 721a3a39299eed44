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

  static let keyRequest: KeyRequest = {
    var request = KeyRequest()
    request.name = "bernds-tablet"
    request.publicKey = publicKey
    request.role = .operator
    request.flags = .loadTest
    request.slots = 12
    request.rate = 250
    return request
  }()

  /// What the key of `keyRequest` may do from now on.
  static let keyChange: KeyRequest = {
    var request = keyRequest
    request.publicKey = PublicKey()
    request.role = .viewer
    return request
  }()

  static let keyGrant: KeyGrant = {
    var grant = KeyGrant()
    grant.devicePublicKey = publicKey
    for index in grant.secret.indices { grant.secret[index] = UInt8(0xA0 + index) }
    return grant
  }()

  static let pairingReply = PairingReply(openForMs: 600_000, code: "7K3M-0WXY-9ABC")

  static let keyRequests: [Example] = [
    request(.keyList, id: 40), request(.keyAdd, id: 41, keyRequest),
    request(.keyRemove, id: 42, KeyName(name: "bernds-tablet")),
    request(.keyRotate, id: 43, KeyRotation(publicKey: publicKey)),
    request(.keyChange, id: 44, keyChange),
    request(.pairingOpen, id: 45, PairingRequest(role: .viewer)), request(.pairingCancel, id: 46),
    request(.auditList, id: 47, AuditRequest(cursor: 4711, lane: .keys)),
  ]

  static let keyReplies: [Example] = [
    reply(.keyList, id: 40, KeyListHead(count: 1), [key]), reply(.keyAdd, id: 41, keyGrant),
    reply(.keyRemove, id: 42), reply(.keyRotate, id: 43, keyGrant), reply(.keyChange, id: 44),
    reply(.pairingOpen, id: 45, pairingReply), reply(.pairingCancel, id: 46),
    reply(
      .auditList, id: 47, AuditListHead(nextCursor: 4712, overwritten: 17, count: 1), [auditEntry]),
  ]
}
