import Glibc
import LoadGenerator

/// A socket that listens, closed with its owner.
struct OracleListener: ~Copyable {
  let descriptor: Int32
  /// Where it listens, with the port that the kernel chose where none was given.
  let endpoint: Endpoint

  init(_ wanted: Endpoint) throws(LoadError) {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, type, 0)
    guard descriptor >= 0 else { throw .system("socket", errno) }
    do throws(LoadError) {
      endpoint = try OracleListener.listen(descriptor, at: wanted)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  private static func listen(
    _ descriptor: Int32, at wanted: Endpoint
  ) throws(LoadError) -> Endpoint {
    var one: Int32 = 1
    setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    guard wanted.withSocketAddress({ bind(descriptor, $0, $1) }) == 0 else {
      throw .system("bind", errno)
    }
    guard Glibc.listen(descriptor, 1024) == 0 else { throw .system("listen", errno) }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let told = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    guard told == 0 else { throw .system("getsockname", errno) }
    return Endpoint(address: wanted.address, port: UInt16(bigEndian: address.sin_port))
  }

  /// The next connection that waits, without Nagle's delay; nil: none, or no descriptor for it.
  func accept() -> Int32? {
    // accept4(2), which would do the next two at once, is not in Swift's Glibc.
    let connection = Glibc.accept(descriptor, nil, nil)
    guard connection >= 0 else { return nil }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    _ = fcntl(connection, F_SETFL, O_NONBLOCK)
    var one: Int32 = 1
    setsockopt(
      connection, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    return connection
  }
}

extension Endpoint {
  /// Like `127.0.0.1:4710`.
  var text: String {
    let bytes = stride(from: 24, through: 0, by: -8).map { String(address >> UInt32($0) & 0xFF) }
    return bytes.joined(separator: ".") + ":\(port)"
  }
}
