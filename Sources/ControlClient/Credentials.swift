import NIOCore
import Noise
import Wire

/// How a client shows a device who it is.
public enum Credentials: Sendable, Equatable {
  /// It does not: connections are plain, for everybody on the way to read.
  case none
  /// With the key in a folder, to the devices that the folder knows. Others are asked nothing but
  /// what anybody may ask, unless they are this machine.
  case folder(KeyFolder)

  /// Whether a request of this kind may go over a plain connection to `peer`.
  func allowsPlain(_ kind: Kind, to peer: SocketAddress?) -> Bool {
    self == .none || kind.leastRole == .anybody || peer?.isThisMachine == true
  }
}

extension SocketAddress {
  /// What goes there leaves this machine by no line.
  var isThisMachine: Bool {
    switch self {
    case .v4(let address): address.address.sin_addr.s_addr.bigEndian >> 24 == 127
    case .v6(let address):
      withUnsafeBytes(of: address.address.sin6_addr) { bytes in
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped
          ? bytes[12] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
      }
    case .unixDomainSocket: true
    }
  }
}

extension ControlConnection {
  /// Handshakes of one connection at most.
  static let handshakes = 8

  /// Makes a new connection sealed if the device is known: by its address, or by the key that it
  /// shows. From the moment that it is known nothing but a handshake goes in plain text.
  func introduce() async throws {
    guard case .folder(let folder) = credentials else { return }
    do {
      let devices = KnownDevices(in: folder)
      let known = try devices.all()
      if let entry = known.first(where: { $0.address.isSame(as: device) }) {
        try await shakeHands(with: entry, folder)
      } else if !known.isEmpty, let shown = try await optionalIdentity(),
        var entry = known.first(where: { $0.publicKey == shown.publicKey })
      {
        try await shakeHands(with: entry, folder)
        entry.address = device
        // What cannot be kept is found out again the next time.
        try? devices.remember(entry)
      }
    } catch let error as KeyFolderError {
      throw ControlError.keys(error)
    }
  }

  private func shakeHands(with known: KnownDevice, _ folder: KeyFolder) async throws {
    guard let identity = try ClientIdentity.find(for: known, in: folder) else {
      let file = known.clientKey.map { ClientIdentity.file(of: $0) } ?? ClientIdentity.file
      throw KeyFolderError.keyMissing(path: folder.file(file))
    }
    do {
      try await shakeHands(
        HandshakeTerms(identity: identity, device: known.publicKey, secret: known.secret))
    } catch ControlError.handshakeRefused(_, .keyUnknown) {
      // A device with another key cannot read the handshake, either.
      if let shown = try await optionalIdentity(), shown.publicKey != known.publicKey,
        !shown.publicKey.isNone
      {
        throw ControlError.deviceKeyChanged(
          device, known: known.fingerprint, shown: Fingerprint(shown.publicKey))
      }
      throw ControlError.handshakeRefused(device, .keyUnknown)
    }
  }

  /// A handshake, again where the device says when, as long as an answer may take.
  func shakeHands(_ terms: HandshakeTerms) async throws {
    let end = ContinuousClock.now + timeLeft
    for attempt in 1... {
      do {
        _ = try await call(.handshake, terms: terms)
        return role.withLockedValue { $0 = Role(rawValue: terms.welcome.bytes[0]) ?? .anybody }
      } catch let error as ControlError {
        guard let refusal = error.handshakeRefusal else { throw error }
        let pause = Duration.milliseconds(Int64(refusal.retryAfterMs))
        guard refusal.isBrief, pause > .zero, attempt < Self.handshakes,
          ContinuousClock.now + pause < end
        else { throw ControlError.handshakeRefused(device, refusal) }
        try await Task.sleep(for: pause)
      }
    }
  }

  /// nil: the device does not tell.
  private func optionalIdentity() async throws -> IdentityReport? {
    do {
      return try await identity()
    } catch let error as ControlError {
      if case .refused = error { return nil }
      throw error
    }
  }

  /// Who the device is, and whether this client may be paired. Nothing of it is sure before a
  /// handshake.
  public func identity() async throws -> IdentityReport { try await ask(.identity) }
}

extension ControlError {
  /// Why the device refused a handshake, if that is what this tells.
  fileprivate var handshakeRefusal: HandshakeRefusal? {
    switch self {
    case .refused(.handshake, let status, let retryAfterMs, let message):
      HandshakeRefusal(status, retryAfterMs: retryAfterMs, message: message)
    case .overloaded(.handshake, let ms, let message):
      HandshakeRefusal(Status.busy.rawValue, retryAfterMs: ms, message: message)
    default: nil
    }
  }
}
