/// The public half of an X25519 key (RFC 7748): what a peer is known by. 32 bytes that are no
/// secret; all zero: none. Those of small order are refused where they are used.
public struct PublicKey: Equatable, Sendable {
  public static let size = 32

  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  /// No key.
  public init() {}

  /// The 32 bytes of `bytes`.
  public init(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count == PublicKey.size, "a public key has 32 bytes")
    words.0 = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
    words.1 = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    words.2 = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    words.3 = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
  }

  /// Zero where the keys are equal; takes the same time for any two.
  public func difference(from other: PublicKey) -> UInt64 {
    (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
      | (words.3 ^ other.words.3)
  }

  /// In a time that tells nothing of where they differ.
  public static func == (left: Self, right: Self) -> Bool { left.difference(from: right) == 0 }

  /// All bytes are zero: an unset key, and a point of low order that nobody can have.
  public var isNone: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

  /// Runs `body` over the 32 bytes. The buffer is valid only during the call.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(of: words) { body($0) }
  }
}
