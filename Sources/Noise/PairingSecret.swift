import CSodium
import Wire

/// The psk of a handshake by which a client becomes known: SHA-256 of a label and of what both
/// sides know, wiped when it ends.
///
/// ```
/// with a code    SHA-256("watchpost pairing" ‖ the code)
/// with a button  SHA-256("watchpost button")
/// ```
///
/// No slow derivation: a code has 60 random bits and lives for minutes.
public struct PairingSecret: ~Copyable {
  private var secret = Secret()

  /// Nothing yet: put it in its place, then derive it.
  public init() {}

  /// `code` is the text of a `PairingCode`.
  public mutating func derive(from code: UnsafeRawBufferPointer) {
    derive("watchpost pairing", code)
  }

  /// Anybody can derive this one: who may be paired is decided by who is there first.
  public mutating func deriveForButton() {
    derive("watchpost button", UnsafeRawBufferPointer(start: nil, count: 0))
  }

  private mutating func derive(_ label: StaticString, _ code: UnsafeRawBufferPointer) {
    cs_sha256(
      secret.address, label.utf8Start, label.utf8CodeUnitCount,
      code.baseAddress?.assumingMemoryBound(to: UInt8.self), code.count)
  }

  /// 32 bytes, for the duration of `body`.
  public mutating func lend<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: secret.address, count: Secret.size))
  }
}

/// Memory that held a secret.
public enum Wiping {
  /// Zeros that no optimiser takes for useless.
  public static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let start = bytes.baseAddress { cs_wipe(start, bytes.count) }
  }
}
