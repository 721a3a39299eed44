import CSodium
import Wire

/// What both sides of a handshake have in common so far (Noise 5.2).
struct SymmetricState: ~Copyable, Sendable {
  /// `ck`: of all secrets.
  private var chainingKey = Secret()
  /// `h`: of everything that was sent. No secret, but it lives and dies with one.
  private var digest = Secret()
  private var cipher = CipherState()

  /// With what is known beforehand: nothing of it is secret.
  init(prologue: UnsafeRawBufferPointer, responder: PublicKey) {
    Handshake.name.withUTF8Buffer { name in
      cs_sha256(digest.address, name.baseAddress, name.count, nil, 0)
    }
    chainingKey.set(digest.address)
    mixHash(prologue.baseAddress?.assumingMemoryBound(to: UInt8.self), prologue.count)
    mixHash(responder)
  }

  // MARK: Mixing

  /// The token `e`. With a psk in the pattern the key goes into the chain too (Noise 9.2).
  mutating func mixEphemeral(_ key: PublicKey) {
    mixHash(key)
    key.withBytes { mixKey($0.start(of: PublicKey.size)) }
  }

  /// The tokens `es`, `ss`, `ee` and `se`.
  mutating func mixAgreement(
    of own: borrowing KeyPair, with other: PublicKey
  ) throws(NoiseError) {
    var shared = Secret()
    try own.agree(with: other, into: &shared)
    mixKey(shared.address)
  }

  /// The token `psk`: MIXKEYANDHASH.
  mutating func mixPSK(_ psk: UnsafeRawBufferPointer) {
    var extracted = Secret()
    var mixed = Secret()
    var key = Secret()
    extracted.set(codeWith: chainingKey, of: psk.start(of: Secret.size), count: Secret.size)
    chainingKey.set(codeWith: extracted, of: nil, count: 0, number: 1)
    mixed.set(codeWith: extracted, of: chainingKey.address, count: Secret.size, number: 2)
    key.set(codeWith: extracted, of: mixed.address, count: Secret.size, number: 3)
    mixHash(mixed.address, Secret.size)
    cipher.begin(with: key.address)
  }

  private mutating func mixKey(_ input: UnsafePointer<UInt8>) {
    var extracted = Secret()
    var key = Secret()
    extracted.set(codeWith: chainingKey, of: input, count: Secret.size)
    chainingKey.set(codeWith: extracted, of: nil, count: 0, number: 1)
    key.set(codeWith: extracted, of: chainingKey.address, count: Secret.size, number: 2)
    cipher.begin(with: key.address)
  }

  private mutating func mixHash(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
    cs_sha256(digest.address, digest.address, Secret.size, bytes, count)
  }

  private mutating func mixHash(_ key: PublicKey) {
    key.withBytes { mixHash($0.start(of: PublicKey.size), PublicKey.size) }
  }

  // MARK: Encrypting

  /// ENCRYPTANDHASH of `count` bytes, in place; the tag goes right behind them.
  mutating func seal(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) {
    cipher.seal(bytes, count: count, associated: digest.address, count: Secret.size)
    mixHash(bytes, count + Handshake.tagSize)
  }

  /// DECRYPTANDHASH of `count` bytes with the tag right behind them, in place.
  mutating func open(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) throws(NoiseError) {
    // What is hashed is what was sent, and decrypting replaces it.
    let next = Secret()
    cs_sha256(
      next.address, digest.address, Secret.size, bytes, count + Handshake.tagSize)
    try cipher.open(bytes, count: count, associated: digest.address, count: Secret.size)
    digest.set(next.address)
  }

  // MARK: The end

  /// SPLIT: the keys of the two directions, and nothing is left here.
  mutating func split(initiating: Bool, into transport: inout Transport) {
    var extracted = Secret()
    var toResponder = Secret()
    var toInitiator = Secret()
    extracted.set(codeWith: chainingKey, of: nil, count: 0)
    toResponder.set(codeWith: extracted, of: nil, count: 0, number: 1)
    toInitiator.set(
      codeWith: extracted, of: toResponder.address, count: Secret.size, number: 2)
    if initiating {
      transport.begin(sending: toResponder, receiving: toInitiator)
    } else {
      transport.begin(sending: toInitiator, receiving: toResponder)
    }
    wipe()
  }

  mutating func wipe() {
    chainingKey.wipe()
    digest.wipe()
    cipher.wipe()
  }
}
