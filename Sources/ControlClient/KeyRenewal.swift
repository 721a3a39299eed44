import Wire

/// Gives this client a new key, at one device after the other.
///
/// A device takes the old key until the new one has been used, for a while. So nothing is lost
/// where this ends halfway: a device whose answer was lost is told anew, with yet another key.
/// While some devices know only the new key, and some only the old one, both are kept.
public struct KeyRenewal: Sendable {
  private let folder: KeyFolder
  private let timeout: Duration

  public init(in folder: KeyFolder, timeout: Duration = .seconds(5)) {
    (self.folder, self.timeout) = (folder, timeout)
  }

  /// Renews the key at the device with this address; nil: at all that are known. Throws
  /// `ControlError`.
  public func run(at address: DeviceAddress?) async throws -> RenewalDocument {
    do {
      let devices = KnownDevices(in: folder)
      let wanted = try devices.all().filter { address.map($0.address.isSame) ?? true }
      let next = try ClientIdentity.makeNext(in: folder)
      var document = RenewalDocument(next.publicKey)
      var done: [PublicKey] = []
      for device in wanted where !done.contains(device.publicKey) {
        do {
          try await renew(device, next, devices)
          done.append(device.publicKey)
          document.renewed.append("\(device.address)")
        } catch let error as ControlError {
          // Another of its addresses may do.
          document.failed.append(.init(device: "\(device.address)", reason: "\(error)"))
        }
      }
      document.failed.removeAll { failure in
        wanted.contains {
          "\($0.address)" == failure.device && done.contains($0.publicKey)
        }
      }
      try tidy(devices, wanted.compactMap(\.clientKey) + [next.publicKey])
      return document
    } catch let error as KeyFolderError {
      throw ControlError.keys(error)
    }
  }

  private func renew(
    _ device: KnownDevice, _ next: ClientIdentity, _ devices: KnownDevices
  ) async throws {
    let connection = try await ControlConnection.open(
      device.address, timeout: timeout, as: .folder(folder))
    let granted: KnownDevice
    do {
      granted = try await connection.rotateKey(to: next.publicKey)
    } catch {
      await connection.close()
      throw error
    }
    await connection.close()
    try devices.remember(
      KnownDevice(
        address: device.address, publicKey: device.publicKey, secret: granted.secret,
        role: device.role, name: device.name, clientKey: next.publicKey))
    // The new key in use makes the old one void.
    let proof = try await ControlConnection.open(
      device.address, timeout: timeout, as: .folder(folder))
    do {
      try await proof.ping()
    } catch {
      await proof.close()
      throw error
    }
    await proof.close()
  }

  /// Removes those of `keys` that no device knows any more. If all devices know the same key, it
  /// becomes the client's own.
  private func tidy(_ devices: KnownDevices, _ former: [PublicKey]) throws(KeyFolderError) {
    try folder.locked { () throws(KeyFolderError) in
      let keys = try devices.all().map(\.clientKey)
      if let first = keys.first ?? nil, keys.allSatisfy({ $0 == first }) {
        let file = ClientIdentity.file(of: first)
        if folder.names(file).contains(file) { try folder.move(file, to: ClientIdentity.file) }
      }
      for key in former where !keys.contains(key) { folder.remove(ClientIdentity.file(of: key)) }
    }
  }
}

/// What `wpctl keys rotate --json` prints.
public struct RenewalDocument: Codable, Sendable {
  public struct Failure: Codable, Sendable {
    public var device: String
    public var reason: String
  }

  /// The new key.
  public var publicKey: String
  public var fingerprint: String
  /// The devices that know it.
  public var renewed: [String]
  /// Those that do not; they take the old one.
  public var failed: [Failure]

  init(_ key: PublicKey) {
    publicKey = key.text
    fingerprint = "\(Fingerprint(key))"
    (renewed, failed) = ([], [])
  }
}
