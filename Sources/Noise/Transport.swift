/// What a handshake leaves: a key for each direction. Wiped when it ends.
///
/// ```
/// idle ──end of a handshake──▶ open ──a frame that does not open──▶ broken
/// ```
///
/// It is put in its place idle, and the handshake fills it there. To end one, assign a new one.
public struct Transport: ~Copyable, Sendable {
  private enum State {
    case idle
    case open
    case broken
  }

  /// Frames under one key of one direction; behind the last of them its key is changed (Noise 4.2,
  /// 11.3). By number, not by time: both sides come to it at the same frame without a word.
  public static let framesPerKey: UInt64 = 1 << 16

  private var state = State.idle
  private(set) var sending = CipherState()
  private(set) var receiving = CipherState()

  public init() {}

  /// A handshake has ended here, and no frame since was wrong.
  public var isOpen: Bool { state == .open }

  mutating func begin(sending: borrowing Secret, receiving: borrowing Secret) {
    self.sending.begin(with: sending.address)
    self.receiving.begin(with: receiving.address)
    state = .open
  }

  /// Encrypts `count` bytes in place; the tag goes right behind them. After a frame of the peer's
  /// that does not open, too: it is told why the connection ends.
  mutating func seal(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, associated: UnsafePointer<UInt8>,
    count associatedCount: Int
  ) {
    precondition(state != .idle, "a frame sealed without a handshake")
    sending.seal(bytes, count: count, associated: associated, count: associatedCount)
    Transport.count(&sending)
  }

  /// Decrypts `count` bytes with the tag right behind them, in place. After an error nothing is
  /// opened any more: the peer and this side no longer count alike, or somebody else wrote.
  mutating func open(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, associated: UnsafePointer<UInt8>,
    count associatedCount: Int
  ) throws(NoiseError) {
    switch state {
    case .idle: preconditionFailure("a frame opened without a handshake")
    case .broken: throw .unauthentic
    case .open: break
    }
    do throws(NoiseError) {
      try receiving.open(bytes, count: count, associated: associated, count: associatedCount)
    } catch {
      state = .broken
      receiving.wipe()
      throw error
    }
    Transport.count(&receiving)
  }

  private static func count(_ direction: inout CipherState) {
    if direction.nonce % framesPerKey == 0 { direction.rekey() }
  }
}
