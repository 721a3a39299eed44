import Glibc
import Synchronization

/// A TCP port of loopback that nobody listens on, each one given once by this process.
///
/// It lies below what Linux gives to outgoing connections (`ip_local_port_range`, 32768 and above):
/// a port of that range may be taken by any connection before its listener opens it.
public func freePort() -> UInt16 {
  while true {
    let port = next.withLock { next in
      defer { next = next == range.upperBound ? range.lowerBound : next + 1 }
      return next
    }
    if isFree(port) { return port }
  }
}

private let range: ClosedRange<UInt16> = 10_000...32_000
/// From somewhere in the range: processes beside this one look for ports, too.
private let next = Mutex(UInt16.random(in: range))

private func isFree(_ port: UInt16) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}
