/// The client's side of `Noise_IKpsk2_25519_ChaChaPoly_SHA256`, for honest clients and for others:
/// what goes into message 1 can be chosen.
struct Initiation {
  /// What a message 1 is made of. An attacker's differs from a client's in one of them.
  struct Plan {
    var prologue: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    /// What the sender takes for the device's key.
    var device: [UInt8]
    /// Sent in place of the public keys that belong to the private ones.
    var ephemeral: [UInt8]?
    var identity: [UInt8]?
    var payload: [UInt8] = []
  }

  /// Bytes of each part of message 1.
  static let ephemeralSize = 32
  static let identitySize = 48

  private var chain: [UInt8]
  private var digest: [UInt8]
  private var key: [UInt8] = []
  private var nonce: UInt64 = 0
  private let identity: [UInt8]
  private let ephemeral: [UInt8]
  /// Message 1.
  private(set) var message: [UInt8] = []

  /// With the private keys of the sender.
  init(_ plan: Plan, identity: [UInt8], ephemeral: [UInt8]) {
    self.identity = identity
    self.ephemeral = ephemeral
    chain = Primitives.sha256(Array("Noise_IKpsk2_25519_ChaChaPoly_SHA256".utf8))
    digest = chain
    mixHash(plan.prologue)
    mixHash(plan.device)

    let own = plan.ephemeral ?? Primitives.publicKey(of: ephemeral)
    message = own
    mixHash(own)
    mixKey(own)
    let isWeak = SmallOrder.points.contains(own)
    mixKey(isWeak ? Self.zeros : Primitives.agree(ephemeral, plan.device))

    let sent = plan.identity ?? Primitives.publicKey(of: identity)
    message += seal(sent)
    let isNobody = SmallOrder.points.contains(sent)
    mixKey(isNobody ? Self.zeros : Primitives.agree(identity, plan.device))
    message += seal(plan.payload)
  }

  private static let zeros = [UInt8](repeating: 0, count: 32)

  /// Reads message 2: its payload and the keys of the frames; nil: not with this psk.
  mutating func finish(_ message: [UInt8], psk: [UInt8]) -> (payload: [UInt8], keys: FrameKeys)? {
    guard message.count >= 48 else { return nil }
    let other = Array(message[..<32])
    mixHash(other)
    mixKey(other)
    mixKey(Primitives.agree(ephemeral, other))
    mixKey(Primitives.agree(identity, other))
    let extracted = Primitives.hmac(chain, psk)
    chain = Primitives.hmac(extracted, [1])
    let mixed = Primitives.hmac(extracted, chain, [2])
    mixHash(mixed)
    key = Primitives.hmac(extracted, mixed, [3])
    nonce = 0
    let sealed = Array(message[32...])
    guard
      let payload = Primitives.open(sealed, key: key, nonce: nonce, associated: digest)
    else { return nil }
    let last = Primitives.hmac(chain, [])
    let sending = Primitives.hmac(last, [1])
    return (payload, FrameKeys(sending: sending, receiving: Primitives.hmac(last, sending, [2])))
  }

  private mutating func mixHash(_ bytes: [UInt8]) { digest = Primitives.sha256(digest, bytes) }

  private mutating func mixKey(_ input: [UInt8]) {
    let extracted = Primitives.hmac(chain, input)
    chain = Primitives.hmac(extracted, [1])
    key = Primitives.hmac(extracted, chain, [2])
    nonce = 0
  }

  private mutating func seal(_ bytes: [UInt8]) -> [UInt8] {
    let sealed = Primitives.seal(bytes, key: key, nonce: nonce, associated: digest)
    nonce += 1
    mixHash(sealed)
    return sealed
  }
}

/// The keys of a session's frames, at the client.
struct FrameKeys {
  static let prefixSize = 8
  static let overhead = 16

  private let sending: [UInt8]
  private let receiving: [UInt8]
  private var sent: UInt64 = 0
  private var received: UInt64 = 0

  init(sending: [UInt8], receiving: [UInt8]) {
    self.sending = sending
    self.receiving = receiving
  }

  /// A plain frame – of which the checksums, bytes 24 … 31, give way – as it goes over the wire.
  mutating func seal(_ frame: [UInt8]) -> [UInt8] {
    let inner = Array(frame[..<24]) + frame[32...]
    let length = inner.count + Primitives.tagSize
    let prefix: [UInt8] = [
      0x57, 0x50, 0x53, 0x45, UInt8(truncatingIfNeeded: length),
      UInt8(truncatingIfNeeded: length >> 8), 0, 0,
    ]
    defer { sent += 1 }
    return prefix + Primitives.seal(inner, key: sending, nonce: sent, associated: prefix)
  }

  /// The header's first 24 bytes and the payload of the frame at the front of `bytes`; nil: it is
  /// not the device's next one.
  mutating func open(_ bytes: ArraySlice<UInt8>) -> (inner: [UInt8], size: Int)? {
    guard bytes.count >= Self.prefixSize else { return nil }
    let prefix = Array(bytes.prefix(Self.prefixSize))
    let size = Self.prefixSize + Int(prefix[4]) + Int(prefix[5]) << 8
    guard prefix[..<4] == [0x57, 0x50, 0x53, 0x45], bytes.count >= size, size >= 48 else {
      return nil
    }
    let sealed = Array(bytes.dropFirst(Self.prefixSize).prefix(size - Self.prefixSize))
    guard
      let inner = Primitives.open(sealed, key: receiving, nonce: received, associated: prefix)
    else { return nil }
    received += 1
    return (inner, size)
  }
}
