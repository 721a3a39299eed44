import Noise
import Wire

/// What a client brings to a handshake.
struct HandshakeTerms: Sendable {
  let identity: ClientIdentity
  /// Whom it wants to talk to.
  let device: PublicKey
  /// The psk.
  let secret: SecretBytes
  /// The name that it wants, if it is to be paired.
  var name = Name()
  /// Gets what message 2 carries, before the answer to the handshake is passed on.
  let welcome = SecretBytes(count: Welcome.size)
}

/// The client's half of a sealed connection: the handshake, and the frames after it. Everything
/// happens on the channel's event loop.
///
/// ```
/// fresh ──hello──▶ waiting ──finish──▶ open
///                     └──message 2 does not open──▶ of no use
/// ```
final class SealedSession {
  private let terms: HandshakeTerms
  private var initiator: Initiator
  private var transport = Transport()

  init(_ terms: HandshakeTerms) {
    self.terms = terms
    // Not `Array.withUnsafeBytes`, which cannot give back what cannot be copied.
    let prologue = SecretBytes(count: HandshakeForm.size)
    prologue.bytes.copyBytes(from: Self.form)
    initiator = Initiator(prologue: prologue.readable, device: terms.device)
    withExtendedLifetime(prologue) {}
  }

  /// What stands before a message, and the prologue.
  private static let form = [HandshakeForm.version] + [UInt8](repeating: 0, count: 7)

  /// The payload of the request: message 1.
  func hello() throws(NoiseError) -> [UInt8] {
    let ephemeral = SecretBytes.random()
    var message = [UInt8](
      repeating: 0, count: HandshakeForm.firstOverhead + Limits.handshakePayloadSize)
    let size = try terms.name.withBytes { name -> Result<Int, NoiseError> in
      message.withUnsafeMutableBytes { message in
        do throws(NoiseError) {
          return .success(
            try initiator.write(
              payload: name, key: terms.identity.pair, ephemeral: ephemeral.readable,
              into: message))
        } catch {
          return .failure(error)
        }
      }
    }.get()
    withExtendedLifetime(ephemeral) {}
    return Self.form + message[..<size]
  }

  /// Takes the payload of the answer: message 2. True: it comes from the device, and that has the
  /// same secret.
  func finish(_ payload: [UInt8]) -> Bool {
    guard var message = try? payload.withUnsafeBytes({ Array(try HandshakeForm.openReply($0)) })
    else { return false }
    return message.withUnsafeMutableBytes { message in
      defer { Wiping.wipe(message) }
      guard
        let welcome = try? initiator.read(
          message, key: terms.identity.pair, psk: terms.secret.readable, transport: &transport)
      else { return false }
      terms.welcome.bytes.copyMemory(from: welcome)
      return true
    }
  }

  /// Seals the plain frame of `size` bytes at the front of `frame`. Returns the size it has then.
  func seal(_ frame: UnsafeMutableRawBufferPointer, size: Int) -> Int {
    SealedFrame.seal(frame, size: size, with: &transport)
  }

  /// The frame at the front of `buffer`, which is opened in place.
  func next(in buffer: UnsafeMutableRawBufferPointer) -> SealedStep {
    SealedFrame.next(in: buffer, with: &transport, ignoringReserved: true)
  }
}
