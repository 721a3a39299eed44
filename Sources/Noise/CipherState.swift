import CSodium

/// A key and the number of the next message under it (Noise 5.1). Both sides count alike; no nonce
/// is ever sent.
///
/// It has no state without a key: in IKpsk2 everything is encrypted but the ephemeral keys.
struct CipherState: ~Copyable, Sendable {
  private var key = Secret()
  /// Messages so far; a rekey does not begin anew (Noise 11.3).
  ///
  /// 2^64 - 1 is the rekey's own. At a million messages a second it is 580,000 years away.
  var nonce: UInt64 = 0

  init() {}

  /// INITIALIZEKEY of Noise 5.1.
  mutating func begin(with bytes: UnsafePointer<UInt8>) {
    key.set(bytes)
    nonce = 0
  }

  /// Encrypts `count` bytes in place; the tag goes right behind them.
  mutating func seal(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, associated: UnsafePointer<UInt8>,
    count associatedCount: Int
  ) {
    precondition(nonce < .max, "a key without nonces")
    cs_seal(bytes, count, bytes + count, associated, associatedCount, nonce, key.address)
    nonce += 1
  }

  /// Decrypts `count` bytes with the tag right behind them, in place. Where the tag is another one,
  /// the bytes are zeros and the count stays.
  mutating func open(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, associated: UnsafePointer<UInt8>,
    count associatedCount: Int
  ) throws(NoiseError) {
    precondition(nonce < .max, "a key without nonces")
    guard
      cs_open(bytes, count, bytes + count, associated, associatedCount, nonce, key.address)
    else { throw .unauthentic }
    nonce += 1
  }

  /// REKEY of Noise 4.2: the key becomes the encryption of 32 zeros under the last nonce of all.
  /// What was sent under the old one cannot be read with the new one.
  mutating func rekey() {
    let next = Secret()
    let tag = Secret()
    cs_seal(next.address, Secret.size, tag.address, nil, 0, .max, key.address)
    key.set(next.address)
  }

  mutating func wipe() {
    key.wipe()
    nonce = 0
  }
}
