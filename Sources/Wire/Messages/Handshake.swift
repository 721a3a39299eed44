/// How a handshake travels in frames: what stands before its message in request and answer.
///
/// ```
/// offset size field
///      0    1 version            1: Noise_IKpsk2_25519_ChaChaPoly_SHA256
///      1    7 reserved           zero
///      8    n message            request: message 1, 96 … 160 bytes; answer: message 2, 48 … 112
/// ```
///
/// The prologue of the handshake is the eight bytes before its message, as the client sends them.
public enum HandshakeForm {
  public static let size = 8
  public static let version: UInt8 = 1
  /// Bytes of a message beside its payload (Noise rev 34, 7.5, IK).
  public static let firstOverhead = 96
  public static let secondOverhead = 48

  /// The message in the payload of a request. Throws `.malformed` where its length is no message's,
  /// `.notSupported` for another version, `.reservedBits`.
  public static func open(
    _ payload: UnsafeRawBufferPointer
  ) throws(Status) -> UnsafeRawBufferPointer {
    let least = size + firstOverhead
    guard payload.count >= least, payload.count <= least + Limits.handshakePayloadSize else {
      throw .malformed
    }
    guard payload[0] == version else { throw .notSupported }
    for index in 1..<size where payload[index] != 0 { throw .reservedBits }
    return UnsafeRawBufferPointer(rebasing: payload[size...])
  }

  /// The message in the payload of an answer. Throws `.malformed`.
  public static func openReply(
    _ payload: UnsafeRawBufferPointer
  ) throws(Status) -> UnsafeRawBufferPointer {
    guard payload.count == size + secondOverhead + Welcome.size, payload[0] == version else {
      throw .malformed
    }
    return UnsafeRawBufferPointer(rebasing: payload[size...])
  }

  /// Writes what stands before a message.
  public static func encode(into writer: inout ByteWriter) {
    writer.write(version)
    writer.zero(size - 1)
  }
}

/// What message 2 of a handshake carries, for the client's eyes only.
///
/// ```
/// offset size field
///      0    1 role               Role of the client's key
///      1    1 isPaired           1: the key is new, and the secret below goes with it
///      2    6 reserved
///      8   32 secret             the psk of its handshakes from now on; zero where it has one
/// ```
///
/// A key that is new counts from the client's first sealed frame on: only that shows that it knew
/// the code.
public struct Welcome: Payload, Equatable {
  public static let size = 40

  public var role = Code(Role.anybody)
  public var isPaired = false
  public var secret = InlineArray<32, UInt8>(repeating: 0)

  public init() {}

  public init(from reader: inout ByteReader) {
    role = reader.read()
    isPaired = reader.read(UInt8.self) != 0
    reader.skip(6)
    for index in secret.indices { secret[index] = reader.read() }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(role)
    writer.write(isPaired)
    writer.zero(6)
    for index in secret.indices { writer.write(secret[index]) }
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in left.secret.indices where left.secret[index] != right.secret[index] {
      return false
    }
    return left.role == right.role && left.isPaired == right.isPaired
  }
}

/// The answer to `identity`: what a client needs before its first handshake. Nothing of it is
/// secret, and nothing of it is sure until a handshake has succeeded.
///
/// ```
/// offset size field
///      0   32 publicKey          the device's, X25519; zero: it has none (yet)
///     32    1 version            of HandshakeForm
///     33    1 pairing            PairingState
///     34    2 reserved
///     36    4 openForMs          milliseconds for which pairing stays open
///     40   32 name               text: the device's
/// ```
public struct IdentityReport: Payload, Equatable {
  public static let size = 72

  public var publicKey = PublicKey()
  public var version = HandshakeForm.version
  public var pairing = Code(PairingState.closed)
  public var openForMs: UInt32 = 0
  public var name = Text<32>()

  public init() {}

  public init(from reader: inout ByteReader) {
    publicKey = reader.read()
    version = reader.read()
    pairing = reader.read()
    reader.skip(2)
    openForMs = reader.read()
    name = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(publicKey)
    writer.write(version)
    writer.write(pairing)
    writer.zero(2)
    writer.write(openForMs)
    writer.write(name)
  }
}
