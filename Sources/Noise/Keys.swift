import CSodium
import Wire

extension PublicKey {
  init(of privateKey: borrowing Secret) {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.withUnsafeMutableBytes { bytes in
      cs_x25519_public(
        bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), privateKey.address)
    }
    self = bytes.span.withUnsafeBytes { PublicKey($0) }
  }
}

/// An X25519 key with both halves. It is wiped when it ends.
///
/// The device keeps its own for as long as it runs: deriving the public half costs as much as a
/// third of a handshake.
public struct KeyPair: ~Copyable, Sendable {
  private var secret = Secret()
  /// Of the private key last loaded.
  public private(set) var publicKey: PublicKey

  /// No key yet: put it in its place, then load it.
  public init() { publicKey = PublicKey() }

  /// Takes 32 bytes as the private key; which ones, RFC 7748, 5 makes of any. The caller wipes its
  /// own copy.
  public mutating func load(_ privateKey: UnsafeRawBufferPointer) {
    secret.set(privateKey.start(of: Secret.size))
    publicKey = PublicKey(of: secret)
  }

  mutating func wipe() { secret.wipe() }

  /// DH of Noise 4.1, into `shared`.
  func agree(
    with other: PublicKey, into shared: inout Secret
  ) throws(NoiseError) {
    let agreed = other.withBytes { bytes in
      cs_x25519_shared(shared.address, secret.address, bytes.start(of: PublicKey.size))
    }
    if !agreed { throw .weakKey }
  }
}
