import Wire

/// Memory of `Access`.
public struct AccessMemory {
  public let keys: UnsafeMutableBufferPointer<ClientKey>
  public let addresses: UnsafeMutableBufferPointer<HandshakeAdmission.Entry>
  public let addressHeads: UnsafeMutableBufferPointer<UInt16>
  public let audit: UnsafeMutableBufferPointer<UInt8>
  public let auditPlaces: UnsafeMutableBufferPointer<AuditRing.Place>
  public let changes: UnsafeMutableBufferPointer<UInt8>

  /// `ClientKeys.capacity` keys, `HandshakeAdmission.addresses` addresses and heads,
  /// `AuditRing.capacity` places and as many times `AuditEntry.size` bytes,
  /// `ConfigurationChanges.memory` bytes.
  public init(
    keys: UnsafeMutableBufferPointer<ClientKey>,
    addresses: UnsafeMutableBufferPointer<HandshakeAdmission.Entry>,
    addressHeads: UnsafeMutableBufferPointer<UInt16>,
    audit: UnsafeMutableBufferPointer<UInt8>,
    auditPlaces: UnsafeMutableBufferPointer<AuditRing.Place>,
    changes: UnsafeMutableBufferPointer<UInt8>
  ) {
    self.keys = keys
    self.addresses = addresses
    self.addressHeads = addressHeads
    self.audit = audit
    self.auditPlaces = auditPlaces
    self.changes = changes
  }
}

/// Who may come in: the clients' keys, how another client gets one, how many handshakes are worth
/// their cost, changes of the configuration, and the audit of it all.
public struct Access: ~Copyable {
  public var keys: ClientKeys
  public var pairing = Pairing()
  public var admission: HandshakeAdmission
  public var audit: AuditRing
  public var changes: ConfigurationChanges

  /// - Parameter seed: random, as for `HandshakeAdmission`.
  public init(
    _ memory: AccessMemory, defaults: KeyLimits, policy: ChangePolicy = ChangePolicy(),
    seed: UInt32
  ) {
    keys = ClientKeys(memory.keys, defaults: defaults)
    admission = HandshakeAdmission(memory.addresses, heads: memory.addressHeads, seed: seed)
    audit = AuditRing(bytes: memory.audit, places: memory.auditPlaces)
    changes = ConfigurationChanges(memory.changes, policy)
  }
}

/// Who is at the other end of a sealed connection.
public enum SealedClient: Sendable {
  case nobody
  /// A client with a key, which has shown that it has it (`isProven`) or not yet.
  case key(KeyHandle, isProven: Bool)
  /// One that wants to become one; it has to show that it knew the code.
  case newcomer(Pairing.Ticket)
}
