import Glibc
import Wire

/// An IPv4 address and TCP port.
public struct Endpoint: Equatable, Sendable {
  /// Host byte order: 127.0.0.1 is 0x7F000001.
  public var address: UInt32
  public var port: UInt16

  public init(address: UInt32 = 0x7F00_0001, port: UInt16) {
    self.address = address
    self.port = port
  }

  package func withSocketAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var value = sockaddr_in()
    value.sin_family = sa_family_t(AF_INET)
    value.sin_port = port.bigEndian
    value.sin_addr.s_addr = address.bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &value) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }
}

/// Where connections come from.
public enum Origins: Sendable {
  /// The kernel chooses: one address, at most about 28,000 connections at a time.
  case automatic
  /// So many addresses of 127.0.0.0/8 in turn, from 127.64.0.1 on. For limits per address, and for
  /// many short connections: a closed one keeps its address and port for a minute.
  case spread(Int)

  /// The address of the connection with this number; nil: any.
  func address(of number: Int) -> UInt32? {
    switch self {
    case .automatic: nil
    case .spread(let count): 0x7F40_0001 + UInt32(number % max(1, count))
    }
  }
}

/// Why no load can be generated at all. What goes wrong with single connections is counted.
public enum LoadError: Error, Equatable {
  /// A system call failed, with its `errno`: out of descriptors, mostly.
  case system(String, Int32)
  /// A sealed connection did not come about, or not the answer to what was asked on it.
  case handshake(Status)
}

/// What went wrong with connections. One of which anything is counted is closed and not used again.
public struct Failures: Equatable, Sendable {
  /// Not connected, or its opening not answered.
  public var connect = 0
  /// A well-formed answer said that there is no place.
  public var busy = 0
  /// A well-formed answer said no for another reason.
  public var refused = 0
  /// An answer that is none: unknown bytes, a wrong checksum, an id out of place.
  public var wrong = 0
  /// Ended or reset by the server.
  public var closed = 0
  /// Requests without an answer within two seconds after the last request.
  public var unanswered = 0

  public init() {}

  public var total: Int { connect + busy + refused + wrong + closed + unanswered }
}

/// A socket that connects without waiting, without Nagle's delay. `port` of `origin`: 0, any.
func startConnecting(
  to target: Endpoint, from origin: UInt32?, port: UInt16 = 0
) throws(LoadError) -> Int32? {
  let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
  let descriptor = socket(AF_INET, type, 0)
  guard descriptor >= 0 else { throw .system("socket", errno) }
  var one: Int32 = 1
  let size = socklen_t(MemoryLayout<Int32>.size)
  setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
  if let origin {
    if port == 0 {
      // It is chosen at connect, when the peer is known: any free pair will do (ip(7)).
      setsockopt(descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &one, size)
    } else {
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
    }
    let bound = Endpoint(address: origin, port: port).withSocketAddress { bind(descriptor, $0, $1) }
    guard bound == 0 else {
      close(descriptor)
      return nil
    }
  }
  let result = target.withSocketAddress { connect(descriptor, $0, $1) }
  if result == 0 || errno == EINPROGRESS { return descriptor }
  close(descriptor)
  return nil
}

/// What became of an attempt to connect: 0, or an `errno`.
func connectError(_ descriptor: Int32) -> Int32 {
  var error: Int32 = 0
  var size = socklen_t(MemoryLayout<Int32>.size)
  guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 else { return errno }
  return error
}

/// Waits until a descriptor is ready for one of these events of poll(2), at most so long.
func isReady(_ descriptor: Int32, _ events: Int32, _ milliseconds: Int32) -> Bool {
  var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
  return poll(&entry, 1, milliseconds) == 1
}

/// Nanoseconds since boot.
@inline(__always)
public func monotonicNs() -> UInt64 { read(CLOCK_MONOTONIC) }

/// Nanoseconds that this thread has been on a processor.
func threadCPUNs() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

@inline(__always)
private func read(_ clock: Int32) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
