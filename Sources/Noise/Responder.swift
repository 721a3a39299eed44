import Wire

/// The device's side of a handshake. Wiped when it ends.
///
/// ```
/// fresh ──read──▶ introduced ──write──▶ ended
///   └───────────────┴──an error───────────▲
/// ```
///
/// Between the two messages the caller looks up the client's key and the psk that goes with it: it
/// comes with message 2 only. What the lookup tells must not be told to the client in the time that
/// it takes, nor by an answer: a stranger may have copied message 1 from elsewhere.
public struct Responder: ~Copyable, Sendable {
  private enum State {
    case fresh
    case introduced
    case ended
  }

  private var state = State.fresh
  private var symmetric: SymmetricState
  /// `re` and `rs`, once introduced.
  private var clientEphemeral = PublicKey()
  private var client = PublicKey()

  /// `prologue` is what both sides must agree on without it being sent, of any length; `key` the
  /// device's. No secret goes into it yet: put it in its place before `read`.
  public init(prologue: UnsafeRawBufferPointer, key: borrowing KeyPair) {
    symmetric = SymmetricState(prologue: prologue, responder: key.publicKey)
  }

  /// Reads message 1 with the device's key, decrypting in place: the message's memory ends up with
  /// the client's key and the payload.
  ///
  /// - Returns: the client's static key, which is not proven yet, and where in the message the
  ///   payload lies, 0 … 64 bytes.
  public mutating func read(
    _ message: UnsafeMutableRawBufferPointer, key: borrowing KeyPair
  ) throws(NoiseError) -> (client: PublicKey, payload: UnsafeRawBufferPointer) {
    precondition(state == .fresh, "message 1 read twice")
    state = .ended
    do throws(NoiseError) {
      let payload = try introduce(message, key)
      state = .introduced
      return (client, payload)
    } catch {
      symmetric.wipe()
      throw error
    }
  }

  private mutating func introduce(
    _ message: UnsafeMutableRawBufferPointer, _ key: borrowing KeyPair
  ) throws(NoiseError) -> UnsafeRawBufferPointer {
    let size = try Handshake.payloadSize(of: message, overhead: Handshake.firstOverhead)
    let bytes = message.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let sealedKey = bytes + PublicKey.size
    let payload = sealedKey + Handshake.sealedKeySize
    clientEphemeral = PublicKey(UnsafeRawBufferPointer(start: bytes, count: PublicKey.size))
    symmetric.mixEphemeral(clientEphemeral)
    try symmetric.mixAgreement(of: key, with: clientEphemeral)
    try symmetric.open(sealedKey, count: PublicKey.size)
    client = PublicKey(UnsafeRawBufferPointer(start: sealedKey, count: PublicKey.size))
    try symmetric.mixAgreement(of: key, with: client)
    try symmetric.open(payload, count: size)
    return UnsafeRawBufferPointer(start: payload, count: size)
  }

  /// Writes message 2 into the front of `message`, and the keys into `transport`.
  ///
  /// - Parameters:
  ///   - payload: 0 … 64 bytes.
  ///   - psk: 32 bytes.
  ///   - ephemeral: 32 random bytes that nobody has used or will use.
  /// - Returns: the message's size: 48 bytes and the payload.
  public mutating func write(
    payload: UnsafeRawBufferPointer, psk: UnsafeRawBufferPointer,
    ephemeral: UnsafeRawBufferPointer, into message: UnsafeMutableRawBufferPointer,
    transport: inout Transport
  ) throws(NoiseError) -> Int {
    precondition(state == .introduced, "message 2 written before message 1 was read")
    state = .ended
    do throws(NoiseError) {
      var pair = KeyPair()
      pair.load(ephemeral)
      let bytes = Handshake.lay(pair.publicKey, payload, at: PublicKey.size, into: message)
      symmetric.mixEphemeral(pair.publicKey)
      try symmetric.mixAgreement(of: pair, with: clientEphemeral)
      try symmetric.mixAgreement(of: pair, with: client)
      symmetric.mixPSK(psk)
      symmetric.seal(bytes, count: payload.count)
    } catch {
      symmetric.wipe()
      throw error
    }
    symmetric.split(initiating: false, into: &transport)
    return Handshake.secondOverhead + payload.count
  }
}
