import Wire

/// The handshake `Noise_IKpsk2_25519_ChaChaPoly_SHA256` (Noise Protocol Framework, revision 34).
///
/// ```
/// IKpsk2:                                  size
///   <- s                                      0   known to the client beforehand
///   ...
///   -> e, es, s, ss      32 + (32 + 16) + (n + 16)   message 1
///   <- e, ee, se, psk    32 + (n + 16)               message 2
/// ```
///
/// The client is the initiator, the device the responder. Message 1 shows the client's key to none
/// but the device; both are sure of each other, and of the psk, when a frame of the other has been
/// opened. Message 1 alone proves nothing: it can be a copy of an older one.
public enum Handshake {
  /// Bytes of a payload at most.
  public static let payloadSize = Limits.handshakePayloadSize
  /// Bytes of each message beside its payload.
  public static let firstOverhead = HandshakeForm.firstOverhead
  public static let secondOverhead = HandshakeForm.secondOverhead

  /// Noise 5.2; longer than a digest, so that the state begins with its digest.
  static let name: StaticString = "Noise_IKpsk2_25519_ChaChaPoly_SHA256"
  static let tagSize = 16
  /// Bytes of an encrypted key.
  static let sealedKeySize = PublicKey.size + tagSize

  /// Bytes of the payload of a message that a peer has sent.
  static func payloadSize(
    of message: UnsafeMutableRawBufferPointer, overhead: Int
  ) throws(NoiseError) -> Int {
    let size = message.count - overhead
    guard size >= 0 else { throw .truncated }
    guard size <= payloadSize else { throw .oversize }
    return size
  }

  /// Puts an ephemeral key at the front of a message of ours and the payload where it is to be
  /// encrypted, with room for the tag. Returns that place.
  static func lay(
    _ ephemeral: PublicKey, _ payload: UnsafeRawBufferPointer, at offset: Int,
    into message: UnsafeMutableRawBufferPointer
  ) -> UnsafeMutablePointer<UInt8> {
    precondition(payload.count <= payloadSize, "a payload larger than a handshake takes")
    precondition(
      message.count >= offset + payload.count + tagSize, "a message larger than its buffer")
    ephemeral.withBytes { message.copyMemory(from: $0) }
    let place = message.baseAddress! + offset
    if let from = payload.baseAddress { place.copyMemory(from: from, byteCount: payload.count) }
    return place.assumingMemoryBound(to: UInt8.self)
  }
}

/// What a peer did wrong. None of them is worth a second try on the same connection.
public enum NoiseError: Error, Equatable, Sendable {
  /// The message is shorter than any of its kind.
  case truncated
  /// Its payload is longer than `Handshake.payloadSize`.
  case oversize
  /// A public key of small order: the shared secret would be known to everybody.
  case weakKey
  /// A tag does not match: another key, psk or prologue, or changed, repeated or lost bytes.
  case unauthentic
}
