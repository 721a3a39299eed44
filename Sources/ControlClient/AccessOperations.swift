import Noise
import Wire

/// A page of the audit, the oldest first.
public struct AuditPage: Sendable {
  public let head: AuditListHead
  public let entries: [AuditEntry]
}

// Who may do what, and who did. Each function throws `ControlError`.

extension ControlConnection {
  /// The clients that have keys, in no particular order.
  public func keys() async throws -> [KeyEntry] { try await list(.keyList, KeyListHead.self).1 }

  /// Gives a client a key. Returns what that client has to know of this device, for it alone.
  public func addKey(_ wanted: KeyRequest) async throws -> KnownDevice {
    try await granted(.keyAdd, wanted, role: wanted.role)
  }

  /// Takes a client's key away; its sessions end.
  public func removeKey(_ name: Name) async throws {
    _ = try await call(.keyRemove, sending: KeyName(name: name))
  }

  /// Changes everything that a client may do; its key stays.
  public func changeKey(_ wanted: KeyRequest) async throws {
    _ = try await call(.keyChange, sending: wanted)
  }

  /// Gives this client a new key, in place of the one that this connection has.
  func rotateKey(to key: PublicKey) async throws -> KnownDevice {
    try await granted(
      .keyRotate, KeyRotation(publicKey: key), role: role.withLockedValue { $0 })
  }

  private func granted(
    _ kind: Kind, _ wanted: some Payload, role: Role?
  ) async throws -> KnownDevice {
    let secret = SecretBytes(count: Sodium.keySize)
    var payload = try await call(kind, sending: wanted)
    defer { payload.withUnsafeMutableBytes { Wiping.wipe($0) } }
    var grant = try decode(kind, payload) { try KeyGrant.decode($0) }
    var span = grant.secret.mutableSpan
    span.withUnsafeMutableBytes { bytes in
      secret.bytes.copyMemory(from: UnsafeRawBufferPointer(bytes))
      Wiping.wipe(bytes)
    }
    let name = try await health().name.string
    return KnownDevice(
      address: device, publicKey: grant.devicePublicKey, secret: secret, role: role, name: name)
  }

  /// Lets one client pair, as a `role`; the code is for whoever that is.
  public func openPairing(role: Role) async throws -> PairingReply {
    try await ask(.pairingOpen, PairingRequest(role: role))
  }

  public func cancelPairing() async throws { _ = try await call(.pairingCancel) }

  /// What follows in the audit from number `cursor` on; 0: the oldest there is. nil: of all lanes.
  public func audit(from cursor: UInt64, lane: AuditLane?) async throws -> AuditPage {
    let (head, entries) = try await list(
      .auditList, AuditListHead.self, sending: AuditRequest(cursor: cursor, lane: lane))
    return AuditPage(head: head, entries: entries)
  }
}

// Changes of the configuration.

extension ControlConnection {
  /// The text of a change; 0: of what is in force.
  public func configuration(of id: UInt32 = 0) async throws -> [UInt8] {
    try await call(.configurationText, sending: ChangeRequest(id: id))
  }

  /// Whether a text of 1 … 8192 bytes is a right configuration.
  public func check(configuration text: [UInt8]) async throws -> ConfigurationProof {
    let payload = try await call(.configurationCheck, text)
    return try decode(.configurationCheck, payload) { try ConfigurationProof.decode($0) }
  }

  /// Hands a text in.
  public func stage(
    _ text: [UInt8], version: Text<32>, ring: Name
  ) async throws -> ChangeEntry {
    let head = [UInt8](unsafeUninitializedCapacity: StageRequest.size) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      StageRequest(version: version, ring: ring).encode(into: &writer)
      count = writer.count
    }
    let payload = try await call(.configurationStage, head + text)
    return try decode(.configurationStage, payload) { try ChangeEntry.decode($0) }
  }

  /// Those that have not ended, as they were staged, or those that have, as they ended.
  public func changes(ended: Bool) async throws -> [ChangeEntry] {
    try await list(ended ? .changeHistory : .changeList, ChangeListHead.self).1
  }

  /// `changeApprove`, `changeReject`, `changeApply` or `changeConfirm`; see also `apply` and
  /// `ChangeConfirmation`.
  public func decide(_ kind: Kind, _ id: UInt32) async throws -> ChangeEntry {
    try await ask(kind, ChangeRequest(id: id))
  }
}
