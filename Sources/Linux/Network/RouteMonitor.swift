import Appliance
import CLinux
import Wire

/// An interface's address and link, as they are now.
public struct NetworkState: Equatable, Sendable {
  /// `.any` while it has none.
  public var address: IPv4
  /// The link has a carrier.
  public var linkUp: Bool

  public init(address: IPv4 = .any, linkUp: Bool = false) {
    self.address = address
    self.linkUp = linkUp
  }

  /// Asks the kernel; an interface that is not there has neither.
  public static func now(of interface: Text<16>) -> NetworkState {
    interface.withCString { name in
      let state = lx_interface_state(name)
      guard state > 0 else { return NetworkState() }
      return NetworkState(
        address: IPv4(lx_interface_address(name)),
        linkUp: UInt32(state) & LX_LINK_CARRIER != 0)
    }
  }
}

/// Tells when an interface's address or link changes: a nonblocking rtnetlink socket to be watched
/// for reading.
///
/// The messages are only taken as a hint to look; what counts is asked anew. So there is no format
/// to misread, and an overflow of the socket loses nothing.
public struct RouteMonitor: ~Copyable {
  public let descriptor: Int32
  public let interface: Text<16>
  private var last: NetworkState

  /// Nil where the kernel gives no such socket.
  public init?(interface: Text<16>) {
    let descriptor = lx_route_monitor_open()
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
    self.interface = interface
    last = NetworkState()
  }

  deinit { lx_close(descriptor) }

  /// What holds now. Call it once after `init`.
  public mutating func state() -> NetworkState {
    last = NetworkState.now(of: interface)
    return last
  }

  /// Call it when the descriptor is readable: the new state, nil if it is the old one.
  public mutating func changed() -> NetworkState? {
    withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 8) { buffer in
      // Bounded: more that comes meanwhile makes the descriptor readable again.
      var reads = 0
      while reads < 32 {
        let count = lx_receive(descriptor, buffer.baseAddress!, buffer.count)
        if count == -Int64(LX_EAGAIN.rawValue) { break }
        reads += 1
      }
    }
    let before = last
    let now = state()
    return now == before ? nil : now
  }
}
