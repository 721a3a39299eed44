import CSodium
import Noise
import Wire

/// Bytes that nobody else is to see: one place, which is wiped when they end, and no text.
///
/// Whoever makes them fills them before anybody else gets them; from then on they are only read.
final class SecretBytes: @unchecked Sendable, CustomStringConvertible {
  let bytes: UnsafeMutableRawBufferPointer

  /// Zeros.
  init(count: Int) {
    bytes = .allocate(byteCount: count, alignment: 8)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }

  convenience init(_ other: UnsafeRawBufferPointer) {
    self.init(count: other.count)
    bytes.copyMemory(from: other)
  }

  /// A text's bytes: one that goes together with secrets.
  convenience init(_ text: String) {
    let text = Array(text.utf8)
    self.init(count: text.count)
    bytes.copyBytes(from: text)
  }

  /// 32 random bytes.
  static func random() -> SecretBytes {
    let secret = SecretBytes(count: Sodium.keySize)
    Sodium.randomise(secret.bytes)
    return secret
  }

  deinit {
    Wiping.wipe(bytes)
    bytes.deallocate()
  }

  /// Valid as long as this is: whoever takes it from a value that nobody else holds takes care of
  /// that (`withBytes`).
  var readable: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }
  var count: Int { bytes.count }

  func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
    withExtendedLifetime(self) { body(readable) }
  }

  /// What anybody may see of it.
  var description: String { "***" }
}

/// libsodium, ready for use.
enum Sodium {
  static let keySize = 32

  /// Once for the program: chooses the routines for this processor.
  private static let isReady = cs_begin()

  static func begin() { precondition(isReady, "libsodium cannot be used on this machine") }

  static func randomise(_ bytes: UnsafeMutableRawBufferPointer) {
    begin()
    cs_random(bytes.baseAddress!, bytes.count)
  }

  /// SHA-256.
  static func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    begin()
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      cs_sha256(
        buffer.baseAddress!, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
        nil, 0)
      count = 32
    }
  }
}

/// Hexadecimal without a `String`, which could not be wiped.
enum Hexadecimal {
  static func encode(_ bytes: UnsafeRawBufferPointer) -> SecretBytes {
    let text = SecretBytes(count: 2 * bytes.count)
    for (index, byte) in bytes.enumerated() {
      text.bytes[2 * index] = digit(byte >> 4)
      text.bytes[2 * index + 1] = digit(byte & 15)
    }
    return text
  }

  /// nil: not 64 digits.
  static func decode(_ text: UnsafeRawBufferPointer) -> SecretBytes? {
    guard text.count == 2 * Sodium.keySize else { return nil }
    let secret = SecretBytes(count: Sodium.keySize)
    for index in 0..<Sodium.keySize {
      guard let high = value(text[2 * index]), let low = value(text[2 * index + 1]) else {
        return nil
      }
      secret.bytes[index] = high << 4 | low
    }
    return secret
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension PublicKey {
  /// 64 hexadecimal digits.
  public var text: String {
    withBytes { key in
      Hexadecimal.encode(key).withBytes { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// nil: not 64 hexadecimal digits, or all of them zero.
  public init?(text: String) {
    let key = Array(text.utf8).withUnsafeBytes { Hexadecimal.decode($0) }
    guard let key else { return nil }
    self = key.withBytes { PublicKey($0) }
    if isNone { return nil }
  }
}
