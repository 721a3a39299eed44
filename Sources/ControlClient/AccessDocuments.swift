import Wire

/// What `wpctl pair --json` prints, and `devices ls --json` for each address. No secret is in it.
public struct KnownDeviceDocument: Codable, Sendable {
  public var address: String
  /// What the device called itself when it was paired.
  public var name: String
  /// That of this client's key when it was paired; nil: newer than this build.
  public var role: String?
  public var publicKey: String
  public var fingerprint: String

  public init(_ device: KnownDevice) {
    address = "\(device.address)"
    name = device.name
    role = device.role.map { "\($0)" }
    publicKey = device.publicKey.text
    fingerprint = "\(device.fingerprint)"
  }
}

/// What `wpctl pair --json` prints.
public struct PairDocument: Codable, Sendable {
  public var device: KnownDeviceDocument
  /// The name of this client's key at the device; nil: it was paired before.
  public var client: String?
  /// It has a key since now.
  public var paired: Bool

  public init(_ device: KnownDevice, client: String?) {
    self.device = KnownDeviceDocument(device)
    self.client = client
    paired = client != nil
  }
}

/// What `wpctl devices forget --json` prints.
public struct ForgottenDocument: Codable, Sendable {
  public var forgotten: [String]
  /// Addresses that no device had.
  public var unknown: [String]

  public init(forgotten: [String], unknown: [String]) {
    (self.forgotten, self.unknown) = (forgotten, unknown)
  }
}

/// What `wpctl keys mine --json` prints.
public struct OwnKeyDocument: Codable, Sendable {
  public var publicKey: String
  public var fingerprint: String
  /// The folder that it is in.
  public var folder: String

  public init(_ identity: ClientIdentity, in folder: KeyFolder) {
    publicKey = identity.publicKey.text
    fingerprint = "\(Fingerprint(identity.publicKey))"
    self.folder = folder.path
  }
}
