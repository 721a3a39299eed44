import CLinux

/// A file descriptor that somebody owns: closed exactly once, at the end of its owner's life.
///
/// Every call that makes one sets close-on-exec (see CLinux).
public struct Descriptor: ~Copyable {
  /// The kernel's number; stays valid only as long as this value.
  public let number: Int32

  /// Takes over what a CLinux call returned; nil and the positive errno when it failed.
  init(_ result: Int32) throws(SystemError) {
    guard result >= 0 else { throw SystemError(errno: -result) }
    number = result
  }

  deinit { lx_close(number) }
}

/// What the kernel refused.
public struct SystemError: Error, Equatable, Sendable {
  /// A positive errno.
  public var errno: Int32
  public init(errno: Int32) { self.errno = errno }
}
