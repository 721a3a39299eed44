import Wire

/// A client's key as a device lists it. No secret is in it.
public struct KeyDocument: Codable, Sendable {
  public var name: String
  public var role: String
  public var publicKey: String
  public var fingerprint: String
  /// The key that added it; nil: it came by pairing.
  public var addedBy: String?
  /// nil: the clock was not trusted then.
  public var addedUnixMs: UInt64?
  public var connections: UInt16
  /// Connections at once that it may have; nil: the device's default.
  public var slots: UInt16?
  /// Requests a second that it may make; nil: the device's default.
  public var rate: UInt32?
  /// The default limits do not hold for it.
  public var loadTest: Bool
  /// Milliseconds for which the key before this one is still taken; nil: there is none.
  public var formerForMs: UInt32?
  /// Milliseconds since its last session began; nil: none in this life of the agent.
  public var quietMs: UInt64?

  public init(_ entry: KeyEntry) {
    name = entry.name.string
    role = entry.role.name
    publicKey = entry.publicKey.text
    fingerprint = "\(Fingerprint(entry.publicKey))"
    addedBy = entry.addedBy.string.nonempty
    addedUnixMs = entry.addedUnixMs.nonzero
    connections = entry.connections
    slots = entry.slots.nonzero
    rate = entry.rate.nonzero
    loadTest = entry.flags.contains(.loadTest)
    formerForMs = entry.formerForMs.nonzero
    quietMs = entry.quietMs.nonzero
  }
}

/// What `wpctl keys add --json` prints: with the line, which is a secret.
public struct GrantDocument: Codable, Sendable {
  /// The client's name at the device.
  public var name: String
  public var device: KnownDeviceDocument
  /// For `wpctl devices import` on that client.
  public var line: String

  public init(_ granted: KnownDevice, to name: Name) {
    self.name = name.string
    device = KnownDeviceDocument(granted)
    line = KnownDevices.line(of: granted).withBytes {
      String(decoding: $0.dropLast(), as: UTF8.self)
    }
  }
}

/// What `wpctl pairing open --json` prints: with the code, which is a secret until it is used.
public struct PairingDocument: Codable, Sendable {
  public var code: String
  /// Of the client that will pair.
  public var role: String
  public var openForMs: UInt32

  public init(_ reply: PairingReply, role: Role) {
    code = reply.code.string
    self.role = "\(role)"
    openForMs = reply.openForMs
  }
}

/// An entry of the audit.
public struct AuditDocument: Codable, Sendable {
  public var sequence: UInt64
  public var code: String
  public var lane: String
  /// nil: the clock was not trusted then.
  public var unixMs: UInt64?
  /// Milliseconds since the kernel had started.
  public var bootMs: UInt64
  /// nil: not known.
  public var boot: UInt32?
  public var role: String
  /// Name of the peer's key; nil: none.
  public var key: String?
  /// nil: nobody on the network.
  public var address: String?
  /// Whose key, which ring …; nil: nothing.
  public var subject: String?
  /// What it means depends on the code.
  public var detail: UInt64
  /// Times that it happened.
  public var count: UInt32
  /// Milliseconds from the first of them to the last.
  public var spanMs: UInt32

  public init(_ entry: AuditEntry) {
    sequence = entry.sequence
    code = entry.code.name
    lane = entry.lane.name
    unixMs = entry.unixMs.nonzero
    bootMs = entry.bootMs
    boot = entry.boot.nonzero
    role = entry.role.name
    key = entry.key.string.nonempty
    address = addressText(entry.address)
    subject = entry.subject.string.nonempty
    detail = entry.detail
    count = entry.count
    spanMs = entry.spanMs
  }

  /// What `detail` tells, in words; nil: nothing.
  public var detailWords: String? {
    switch AuditCode.named[code] {
    case .plainRefused, .roleRefused, .adminOperation: operationWords(detail)
    case .adminRefused: "\(operationWords(detail & 0xFFFF)): \(statusWords(detail >> 16))"
    case .keyRefused, .frameRefused: statusWords(detail)
    case .pairingOpened, .pairingClosed:
      PairingState(rawValue: UInt8(clamping: detail)).map { "by \($0)" }
    case .changeStaged, .changeApproved, .changeRejected, .changeApplied, .changeConfirmed,
      .changeRolledBack, .changeDropped:
      "change \(detail)"
    case .deviceStarted: "start \(detail)"
    default: nil
    }
  }

  private func operationWords(_ number: UInt64) -> String {
    Kind(rawValue: UInt16(clamping: number)).map { "\($0)" } ?? "operation \(number)"
  }

  private func statusWords(_ number: UInt64) -> String {
    Status(rawValue: UInt16(clamping: number)).map { "\($0)" } ?? "status \(number)"
  }
}

extension AuditCode {
  /// By the name that documents have.
  static let named: [String: AuditCode] = Dictionary(
    uniqueKeysWithValues: (0..<0x400).compactMap { AuditCode(rawValue: $0) }.map { ("\($0)", $0) })
}

extension FixedWidthInteger {
  /// nil: zero, which on the wire means that something is not told.
  var nonzero: Self? { self == 0 ? nil : self }
}
