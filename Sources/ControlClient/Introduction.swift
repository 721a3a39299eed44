import Noise
import Wire

/// Makes this client known to a device: it gets a key there, and keeps what both share.
///
/// ```
/// ask ──what the device says──▶ (code) ──▶ pair
/// ```
/// They are two connections: whoever types a code may take longer than a silent connection lasts.
public struct Introduction: Sendable {
  public let device: DeviceAddress
  private let folder: KeyFolder
  private let timeout: Duration

  public init(to device: DeviceAddress, from folder: KeyFolder, timeout: Duration = .seconds(5)) {
    (self.device, self.folder, self.timeout) = (device, folder, timeout)
  }

  /// What a device says of itself to anybody.
  public struct Offer: Sendable {
    public let report: IdentityReport
    /// What this client knows of the device already.
    public let known: KnownDevice?

    public var fingerprint: Fingerprint { Fingerprint(report.publicKey) }
    public var needsCode: Bool { report.pairing == .code }
    /// Somebody is let in.
    public var isOpen: Bool { needsCode || report.pairing == .button }
  }

  /// Asks the device who it is. Throws `ControlError`; `deviceKeyChanged` where the address is
  /// known with another key, which nothing but `forget` changes.
  public func ask() async throws -> Offer {
    do {
      let connection = try await ControlConnection.open(device, timeout: timeout)
      let report: IdentityReport
      do {
        report = try await connection.identity()
      } catch ControlError.refused {
        await connection.close()
        throw ControlError.handshakeRefused(device, .noKeys(retryAfterMs: 0))
      }
      await connection.close()
      guard !report.publicKey.isNone else {
        throw ControlError.handshakeRefused(device, .noKeys(retryAfterMs: 0))
      }
      let known = try KnownDevices(in: folder).all()
      let here = known.first { $0.address.isSame(as: device) }
      if let here, here.publicKey != report.publicKey {
        throw ControlError.deviceKeyChanged(
          device, known: here.fingerprint, shown: Fingerprint(report.publicKey))
      }
      return Offer(
        report: report, known: here ?? known.first { $0.publicKey == report.publicKey })
    } catch let error as KeyFolderError {
      throw ControlError.keys(error)
    }
  }

  /// Pairs under a name, `[a-z0-9-]`, with the code if the offer needs one. Nothing is kept where
  /// the device has refused: but for that it may have the key, and nobody else has the secret.
  /// Throws `ControlError` or `PairingError`.
  public func pair(_ offer: Offer, named name: Name, code: PairingCode?) async throws -> KnownDevice
  {
    guard offer.isOpen else { throw PairingError.closed(device) }
    guard code != nil || !offer.needsCode else { throw PairingError.wrongCode(device) }
    do {
      let terms = HandshakeTerms(
        identity: try ClientIdentity.findOrMake(in: folder), device: offer.report.publicKey,
        secret: Self.secret(offer.needsCode ? code : nil), name: name)
      return try await prove(terms, offer)
    } catch let error as KeyFolderError {
      throw ControlError.keys(error)
    }
  }

  /// The psk of the handshake.
  private static func secret(_ code: PairingCode?) -> SecretBytes {
    Sodium.begin()
    let secret = SecretBytes(count: Sodium.keySize)
    var derived = PairingSecret()
    if let code {
      code.withText { derived.derive(from: $0) }
    } else {
      derived.deriveForButton()
    }
    derived.lend { secret.bytes.copyMemory(from: $0) }
    return secret
  }

  /// The handshake, and the first sealed frame, with which the key counts; then it is kept.
  private func prove(_ terms: HandshakeTerms, _ offer: Offer) async throws -> KnownDevice {
    let connection = try await ControlConnection.open(device, timeout: timeout)
    do {
      try await connection.shakeHands(terms)
      let secret = SecretBytes(count: Sodium.keySize)
      let role = try terms.welcome.withBytes { bytes in
        Result { () throws(Status) in
          var welcome = try Welcome.decode(bytes)
          var span = welcome.secret.mutableSpan
          span.withUnsafeMutableBytes { bytes in
            secret.bytes.copyMemory(from: UnsafeRawBufferPointer(bytes))
            Wiping.wipe(bytes)
          }
          guard welcome.isPaired else { throw .state }
          return welcome.role
        }
      }.get()
      let known = KnownDevice(
        address: device, publicKey: terms.device, secret: secret, role: role.known,
        name: offer.report.name.string)
      do {
        try await connection.ping()
      } catch ControlError.closed, ControlError.timeout {
        try KnownDevices(in: folder).remember(known)
        throw PairingError.unanswered(device)
      }
      await connection.close()
      try KnownDevices(in: folder).remember(known)
      return known
    } catch {
      await connection.close()
      throw PairingError(error, device, terms.name, byCode: offer.needsCode) ?? error
    }
  }
}

/// Why a client did not get a key. Its description is one sentence with the way out.
public enum PairingError: Error, Equatable, Sendable {
  /// Nobody is let in now.
  case closed(DeviceAddress)
  /// The device has another code.
  case wrongCode(DeviceAddress)
  /// The device has this client's key from before.
  case keyInUse(DeviceAddress)
  /// Too many attempts.
  case paused(DeviceAddress, retryAfterMs: UInt32)
  /// Another key has the name.
  case nameTaken(DeviceAddress, name: String)
  /// The device has as many keys as it takes.
  case noRoom(DeviceAddress)
  /// Somebody else was faster, or the time was over.
  case overtaken(DeviceAddress)
  /// The connection was cut before the device had answered: it may have the key.
  case unanswered(DeviceAddress)

  /// nil: the error has nothing to do with pairing.
  init?(_ error: any Error, _ device: DeviceAddress, _ name: Name, byCode: Bool) {
    switch error as? ControlError {
    case .handshakeRefused(_, .unproven): self = byCode ? .wrongCode(device) : .keyInUse(device)
    case .handshakeRefused(_, .keyUnknown): self = .closed(device)
    case .handshakeRefused(_, .rateLimited(let ms)): self = .paused(device, retryAfterMs: ms)
    case .ended(let status, _):
      switch Status(rawValue: status) {
      case .alreadyExists: self = .nameTaken(device, name: name.string)
      case .busy: self = .noRoom(device)
      case .authentication: self = .overtaken(device)
      default: return nil
      }
    case .busy: self = .noRoom(device)
    default:
      guard error is Status else { return nil }
      self = .keyInUse(device)
    }
  }
}

extension PairingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .closed(let device):
      "\(device) lets nobody in now. Press its button, or let an admin say `wpctl pairing open`; a "
        + "device without an admin always has a code: in pairing.txt on its card, and on its "
        + "serial console."
    case .wrongCode(let device):
      "\(device) has another code than this one. Each code is good for five attempts, with pauses "
        + "that grow, and for ten minutes; look at the newest one, in pairing.txt on the card or "
        + "on the serial console. If it is the right one, the device has this client's key from "
        + "before: let an admin remove it (`wpctl keys rm`), or make another key with "
        + "`--keys FOLDER`."
    case .keyInUse(let device):
      "\(device) has this client's key from before, but the secret that goes with it is not here; "
        + "let an admin remove the key (`wpctl keys rm`) and pair again, or make another key with "
        + "`--keys FOLDER`."
    case .paused(let device, let ms):
      "\(device) takes a pause after attempts to pair; try again "
        + (ms == 0 ? "in a minute." : "in \((Double(ms) / 1000).brief) s.")
    case .nameTaken(let device, let name):
      "\(device) has a key of the name \(name) already; choose another one with `--name NAME`, or "
        + "let an admin remove that one: `wpctl keys rm \(name)`."
    case .noRoom(let device):
      "\(device) has as many keys or connections as it takes; let an admin remove a key "
        + "(`wpctl keys rm`), or try again when others have gone."
    case .overtaken(let device):
      "Somebody else was let in by \(device), or the time was over; open it once more and try "
        + "again."
    case .unanswered(let device):
      "\(device) has not said whether this client has a key now, for the connection was cut; "
        + "`wpctl pair \(device)` once more finds out."
    }
  }
}
