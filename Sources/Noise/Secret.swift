import CSodium

/// 32 bytes that nobody else is to see, wiped when they end.
///
/// An ordinary struct has no place of its own: the compiler moves it through registers and the
/// stack, and hands `deinit` a copy, so that wiping there leaves the original as it is (measured
/// with Swift 6.3, with and without optimisation). A raw layout is what `Atomic` and `Mutex` stand
/// on: it has an address, all work is done there, and `deinit` gets it.
///
/// A move still copies the bytes and leaves the old ones. Therefore whoever owns secrets begins
/// with zeros, is put in its place, and fills them there: no initialiser here takes a secret.
@_rawLayout(size: 32, alignment: 8)
@usableFromInline struct Secret: ~Copyable, @unchecked Sendable {
  static let size = 32

  /// Zeros.
  init() { cs_wipe(address, Secret.size) }

  // Other modules' code that ends a value with a secret in it must see this: the embedded compiler
  // has no other way to call it.
  @inlinable deinit { wipe() }

  /// Where they are, for as long as this value lives and is not moved.
  var address: UnsafeMutablePointer<UInt8> {
    withUnsafePointer(to: self) {
      UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: UInt8.self)
    }
  }

  mutating func set(_ bytes: UnsafePointer<UInt8>) {
    address.update(from: bytes, count: Secret.size)
  }

  @usableFromInline func wipe() { cs_wipe(address, Secret.size) }

  /// HMAC-SHA-256 with `key` of `count` bytes and, if there is one, a number behind them. The bytes
  /// may be these.
  mutating func set(
    codeWith key: borrowing Secret, of bytes: UnsafePointer<UInt8>?, count: Int,
    number: UInt8? = nil
  ) {
    var last = number ?? 0
    cs_hmac_sha256(address, key.address, bytes, count, &last, number == nil ? 0 : 1)
  }
}

extension UnsafeRawBufferPointer {
  /// The start of bytes whose number is fixed by the protocol; another number is our bug.
  func start(of count: Int) -> UnsafePointer<UInt8> {
    precondition(self.count == count, "a key of another size")
    return baseAddress!.assumingMemoryBound(to: UInt8.self)
  }
}
