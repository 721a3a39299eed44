import Wire

/// A change of the configuration.
public struct ChangeDocument: Codable, Sendable {
  public var id: UInt32
  public var state: String
  /// Why it was refused or rolled back; nil: nothing is wrong.
  public var reason: String?
  /// Seconds until it expires or is rolled back; nil: never.
  public var remainingS: UInt32?
  public var version: String
  /// The devices that it is for.
  public var ring: String
  /// Of its text.
  public var bytes: UInt32
  /// The first 16 bytes of the text's SHA-256.
  public var digest: String
  /// The keys that staged it, and that approved or rejected it.
  public var stager: String
  public var decider: String?
  /// nil: it has not come yet, or the clock was not trusted then.
  public var stagedUnixMs: UInt64?
  public var decidedUnixMs: UInt64?
  public var endedUnixMs: UInt64?
  /// Where its text is wrong; nil: it is not.
  public var line: UInt32?
  public var column: UInt32?
  public var message: String?

  public init(_ entry: ChangeEntry) {
    id = entry.id
    state = entry.state.name
    reason = entry.reason == .none ? nil : entry.reason.name
    remainingS = entry.remainingS.nonzero
    version = entry.version.string
    ring = entry.ring.string
    bytes = entry.bytes
    digest = (0..<16).map { index in
      let byte = entry.digest.bytes[index]
      return String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
    stager = entry.stager.string
    decider = entry.decider.string.nonempty
    stagedUnixMs = entry.stagedUnixMs.nonzero
    decidedUnixMs = entry.decidedUnixMs.nonzero
    endedUnixMs = entry.endedUnixMs.nonzero
    line = entry.line.nonzero
    column = entry.column.nonzero
    message = entry.message.string.nonempty
  }
}

/// What `wpctl config show --json` prints.
public struct ShownChangeDocument: Codable, Sendable {
  public var change: ChangeDocument
  /// nil: the device no longer has it.
  public var text: String?

  public init(_ entry: ChangeEntry, text: [UInt8]?) {
    change = ChangeDocument(entry)
    self.text = text.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// What `wpctl config get --json` prints.
public struct ConfigurationDocument: Codable, Sendable {
  /// The change that it belongs to; nil: it is in force.
  public var change: UInt32?
  public var text: String

  public init(_ text: [UInt8], of id: UInt32) {
    change = id.nonzero
    self.text = String(decoding: text, as: UTF8.self)
  }
}

/// What `wpctl config check --json` prints.
public struct ProofDocument: Codable, Sendable {
  public var isRight: Bool
  public var line: UInt32?
  public var column: UInt32?
  public var message: String?

  public init(_ proof: ConfigurationProof) {
    isRight = proof.line == 0
    line = proof.line.nonzero
    column = proof.column.nonzero
    message = proof.message.string.nonempty
  }
}
