import Wire

/// The client's side of a handshake. Wiped when it ends.
///
/// ```
/// fresh ──write──▶ waiting ──read──▶ ended
///   └────────────────┴──an error───────▲
/// ```
public struct Initiator: ~Copyable, Sendable {
  private enum State {
    case fresh
    case waiting
    case ended
  }

  private var state = State.fresh
  private var symmetric: SymmetricState
  private var ephemeral = KeyPair()
  private let device: PublicKey

  /// `prologue` is what both sides must agree on without it being sent, of any length; `device` the
  /// key of whom the client wants to talk to. No secret goes into it yet: put it in its place
  /// before `write`.
  public init(prologue: UnsafeRawBufferPointer, device: PublicKey) {
    symmetric = SymmetricState(prologue: prologue, responder: device)
    self.device = device
  }

  /// Writes message 1 into the front of `message`.
  ///
  /// - Parameters:
  ///   - payload: 0 … 64 bytes. It has no forward secrecy, and the device may be given it again by
  ///     somebody else.
  ///   - key: the client's.
  ///   - ephemeral: 32 random bytes that nobody has used or will use.
  /// - Returns: the message's size: 96 bytes and the payload.
  public mutating func write(
    payload: UnsafeRawBufferPointer, key: borrowing KeyPair, ephemeral: UnsafeRawBufferPointer,
    into message: UnsafeMutableRawBufferPointer
  ) throws(NoiseError) -> Int {
    precondition(state == .fresh, "message 1 written twice")
    state = .ended
    self.ephemeral.load(ephemeral)
    do throws(NoiseError) {
      let size = PublicKey.size + Handshake.sealedKeySize
      let bytes = Handshake.lay(self.ephemeral.publicKey, payload, at: size, into: message)
      let sealedKey = bytes - Handshake.sealedKeySize
      symmetric.mixEphemeral(self.ephemeral.publicKey)
      try symmetric.mixAgreement(of: self.ephemeral, with: device)
      key.publicKey.withBytes {
        sealedKey.update(from: $0.start(of: PublicKey.size), count: PublicKey.size)
      }
      symmetric.seal(sealedKey, count: PublicKey.size)
      try symmetric.mixAgreement(of: key, with: device)
      symmetric.seal(bytes, count: payload.count)
    } catch {
      wipe()
      throw error
    }
    state = .waiting
    return Handshake.firstOverhead + payload.count
  }

  /// Reads message 2 with the client's key, decrypting in place, and puts the keys of the frames
  /// into `transport`.
  ///
  /// - Parameter psk: 32 bytes.
  /// - Returns: where in the message the payload lies, 0 … 64 bytes.
  public mutating func read(
    _ message: UnsafeMutableRawBufferPointer, key: borrowing KeyPair,
    psk: UnsafeRawBufferPointer, transport: inout Transport
  ) throws(NoiseError) -> UnsafeRawBufferPointer {
    precondition(state == .waiting, "message 2 read before message 1 was written")
    state = .ended
    do throws(NoiseError) {
      let payload = try finish(message, key, psk)
      symmetric.split(initiating: true, into: &transport)
      wipe()
      return payload
    } catch {
      wipe()
      throw error
    }
  }

  private mutating func finish(
    _ message: UnsafeMutableRawBufferPointer, _ key: borrowing KeyPair,
    _ psk: UnsafeRawBufferPointer
  ) throws(NoiseError) -> UnsafeRawBufferPointer {
    let size = try Handshake.payloadSize(of: message, overhead: Handshake.secondOverhead)
    let bytes = message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let payload = bytes + PublicKey.size
    let other = PublicKey(UnsafeRawBufferPointer(start: bytes, count: PublicKey.size))
    symmetric.mixEphemeral(other)
    try symmetric.mixAgreement(of: ephemeral, with: other)
    try symmetric.mixAgreement(of: key, with: other)
    symmetric.mixPSK(psk)
    try symmetric.open(payload, count: size)
    return UnsafeRawBufferPointer(start: payload, count: size)
  }

  private mutating func wipe() {
    symmetric.wipe()
    ephemeral.wipe()
  }
}
