import Appliance
import Noise
import Wire

/// A client's key, as its owner keeps it, and what the device must think of it.
final class KeyHolder {
  /// What is known of the device's mind.
  enum Standing: Equatable {
    /// Its owner has a code, or waits for one.
    case unpaired
    /// The device has said that it is let in.
    case sure
    /// Something that concerns it was asked for, and nobody has heard what came of it.
    case unsure
    /// The device has said that it is taken away.
    case gone
  }

  let name: Name
  private(set) var privateKey: [UInt8]
  private(set) var pair = KeyPair()
  /// The psk of its handshakes; empty: it has none yet.
  var secret: [UInt8] = []
  /// The device's key as it was then.
  var device = PublicKey()
  /// nil: a change of it is under way.
  var role: Role?
  var standing = Standing.unpaired
  /// Since when it stands so, and `starvedUs` of the world then.
  private(set) var sinceUs: UInt64 = 0
  private(set) var sinceStarvedUs: UInt64 = 0
  /// The code that it may pair with; nil: the one that the card shows.
  var code: String?
  /// Comes when somebody has pressed the button.
  var isGuest = false
  /// The newest change that was known when it came.
  let sinceChange: UInt32
  /// Attempts to pair in vain.
  var refusals = 0

  init(_ name: Name, sinceChange: UInt32, _ random: inout SplitMix) {
    self.name = name
    self.sinceChange = sinceChange
    privateKey = random.bytes(PublicKey.size)
    privateKey.withUnsafeBytes { pair.load($0) }
  }

  var publicKey: PublicKey { pair.publicKey }

  /// Who reads the code from the card is the first admin.
  var waitsForCode: Bool { standing == .unpaired && code == nil && !isGuest }

  /// It is let in with this from now on.
  func take(_ grant: KeyGrant, privateKey: [UInt8]? = nil) {
    if let privateKey {
      self.privateKey = privateKey
      privateKey.withUnsafeBytes { pair.load($0) }
    }
    secret = grant.secret.span.withUnsafeBytes { Array($0) }
    device = grant.devicePublicKey
  }

  func stand(_ standing: Standing, _ world: SimulatedWorld) {
    // What was answered a moment before the device forgot everything is worth nothing.
    self.standing = standing == .sure && world.forgets ? .unsure : standing
    sinceUs = world.us
    sinceStarvedUs = world.starvedUs
    world.say("key \(String(name)): \(standing)")
  }
}

/// One sealed connection, at the client's end: the real handshake and the real frames.
final class SealedEnd {
  private var initiator: Initiator
  private var transport = Transport()
  private let secret: [UInt8]
  private(set) var isOpen = false
  /// The client gets its key with this handshake.
  let pairs: Bool

  private static let prologue: [UInt8] = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0]

  /// - Parameter device: the key of whom the client wants to talk to.
  init(device: PublicKey, secret: [UInt8], pairs: Bool) {
    // Chooses the routines for this processor, once.
    precondition(SealedEnd.isProven, "the cryptography computes wrong answers")
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: HandshakeForm.size, alignment: 8)
    defer { copy.deallocate() }
    copy.copyBytes(from: Self.prologue)
    initiator = Initiator(prologue: UnsafeRawBufferPointer(copy), device: device)
    self.secret = secret
    self.pairs = pairs
  }

  private static let isProven = KnownAnswer.holds()

  /// The psk that belongs to a code.
  static func secret(of code: String) -> [UInt8] {
    var secret = PairingSecret()
    Array(code.utf8).withUnsafeBytes { secret.derive(from: $0) }
    return secret.lend { Array($0) }
  }

  /// The psk of whoever comes when the button was pressed.
  static var secretOfButton: [UInt8] {
    var secret = PairingSecret()
    secret.deriveForButton()
    return secret.lend { Array($0) }
  }

  /// The payload of the request that begins it; nil: the device's key is none.
  func hello(_ holder: KeyHolder, _ random: inout SplitMix) -> [UInt8]? {
    var message = [UInt8](repeating: 0, count: 256)
    let ephemeral = random.bytes(PublicKey.size)
    let name = pairs ? Array(String(holder.name).utf8) : []
    let size = message.withUnsafeMutableBytes { message in
      name.withUnsafeBytes { name in
        ephemeral.withUnsafeBytes { ephemeral in
          try? initiator.write(payload: name, key: holder.pair, ephemeral: ephemeral, into: message)
        }
      }
    }
    return size.map { Self.prologue + message[..<$0] }
  }

  /// What the device has answered; nil: it does not know this client's secret.
  func begin(_ answer: UnsafeRawBufferPointer, _ holder: KeyHolder) -> Welcome? {
    var message = Array(answer[HandshakeForm.size...])
    let welcome: Welcome? = message.withUnsafeMutableBytes { message in
      secret.withUnsafeBytes { secret in
        guard
          let payload = try? initiator.read(
            message, key: holder.pair, psk: secret, transport: &transport)
        else { return nil }
        var reader = ByteReader(payload)
        return Welcome(from: &reader)
      }
    }
    isOpen = welcome != nil
    return welcome
  }

  /// A plain frame as it goes over the connection.
  func seal(_ frame: [UInt8]) -> [UInt8] {
    var bytes = frame + [UInt8](repeating: 0, count: SealedFrame.overhead)
    bytes.withUnsafeMutableBytes {
      _ = SealedFrame.seal($0, size: frame.count, with: &transport)
    }
    return bytes
  }

  /// What stands at the front of `bytes`, opened in place.
  func next(in bytes: UnsafeMutableRawBufferPointer) -> SealedStep {
    SealedFrame.next(in: bytes, with: &transport, ignoringReserved: true)
  }
}

extension SplitMix {
  mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      withUnsafeBytes(of: next().littleEndian) { bytes += $0 }
    }
    return Array(bytes.prefix(count))
  }
}
