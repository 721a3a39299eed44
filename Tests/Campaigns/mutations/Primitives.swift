import CSodium

/// libsodium's primitives over arrays. What is built on them here is written from the Noise
/// specification (revision 34) and shares no line with `Sources/Noise`.
enum Primitives {
  static let keySize = 32
  static let tagSize = 16

  static func sha256(_ first: [UInt8], _ second: [UInt8] = []) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: keySize)
    cs_sha256(&digest, first, first.count, second, second.count)
    return digest
  }

  static func hmac(_ key: [UInt8], _ first: [UInt8], _ second: [UInt8] = []) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: keySize)
    cs_hmac_sha256(&code, key, first, first.count, second, second.count)
    return code
  }

  static func publicKey(of privateKey: [UInt8]) -> [UInt8] {
    var key = [UInt8](repeating: 0, count: keySize)
    cs_x25519_public(&key, privateKey)
    return key
  }

  /// X25519; zeros with a point of small order, as an attacker computes it who hopes that the
  /// device does not look.
  static func agree(_ privateKey: [UInt8], _ publicKey: [UInt8]) -> [UInt8] {
    var secret = [UInt8](repeating: 0, count: keySize)
    _ = cs_x25519_shared(&secret, privateKey, publicKey)
    return secret
  }

  /// ChaCha20-Poly1305: the bytes encrypted, and the tag.
  static func seal(
    _ bytes: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]
  ) -> [UInt8] {
    var sealed = bytes + [UInt8](repeating: 0, count: tagSize)
    sealed.withUnsafeMutableBufferPointer {
      let start = $0.baseAddress!
      cs_seal(start, bytes.count, start + bytes.count, associated, associated.count, nonce, key)
    }
    return sealed
  }

  /// The reverse; nil: the tag does not match.
  static func open(
    _ sealed: [UInt8], key: [UInt8], nonce: UInt64, associated: [UInt8]
  ) -> [UInt8]? {
    let count = sealed.count - tagSize
    guard count >= 0 else { return nil }
    var bytes = sealed
    let isRight = bytes.withUnsafeMutableBufferPointer {
      let start = $0.baseAddress!
      return cs_open(start, count, start + count, associated, associated.count, nonce, key)
    }
    return isRight ? Array(bytes[..<count]) : nil
  }
}

/// Public keys of small order, and their other encodings (RFC 7748, 7; cr.yp.to/ecdh.html): the
/// shared secret is zero, whoever computes it.
enum SmallOrder {
  static let points: [[UInt8]] = {
    let edges: [[UInt8]] = [
      [UInt8](repeating: 0, count: 32),
      [1] + [UInt8](repeating: 0, count: 31),
      bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
      bytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ]
    // p - 1, p and p + 1.
    let large = [UInt8(0xEC), 0xED, 0xEE].map { low in
      [low] + [UInt8](repeating: 0xFF, count: 30) + [0x7F]
    }
    return (edges + large).flatMap { [$0, highBit($0)] }
  }()

  /// The other encoding of a point: X25519 ignores the highest bit.
  static func highBit(_ point: [UInt8]) -> [UInt8] {
    var other = point
    other[31] |= 0x80
    return other
  }

  private static func bytes(_ text: String) -> [UInt8] {
    var rest = text[...]
    var bytes: [UInt8] = []
    while !rest.isEmpty {
      bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
