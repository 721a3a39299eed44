import CSodium
import Wire

extension ConfigurationDigest {
  /// The first 16 bytes of the SHA-256 of a text (FIPS 180-4).
  public init(sha256Of text: UnsafeRawBufferPointer) {
    self.init()
    var whole = InlineArray<32, UInt8>(repeating: 0)
    var span = whole.mutableSpan
    span.withUnsafeMutableBytes { whole in
      cs_sha256(
        whole.baseAddress!.assumingMemoryBound(to: UInt8.self),
        text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count, nil, 0)
    }
    for index in bytes.indices { bytes[index] = whole[index] }
  }
}
