import Wire

/// What people compare of a public key: the first 16 bytes of its SHA-256, as eight groups of four
/// hexadecimal digits, `3fde-2f8b-82f7-0518-3012-3c75-f12d-bd1f`. The only form there is.
public struct Fingerprint: Equatable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ key: PublicKey) {
    let digest = key.withBytes { Sodium.digest($0) }
    let digits = digest.prefix(16).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    description = stride(from: 0, to: 16, by: 2).map { digits[$0] + digits[$0 + 1] }
      .joined(separator: "-")
  }
}
