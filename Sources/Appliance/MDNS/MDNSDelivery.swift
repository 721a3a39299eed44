import Wire

/// How a datagram came to us.
public enum MDNSDelivery: Equatable, Sendable {
  /// To the group: it has not left the link (RFC 6762, section 11).
  case multicast
  /// To our own address, from a neighbour.
  case direct

  /// nil for what is not for us: unicast may come from anywhere, and only the sender's address
  /// tells whether that is the local link (RFC 6762, sections 5.5 and 11).
  public init?(from sender: IPv4, to destination: IPv4, address: IPv4, mask: UInt32) {
    if destination == MDNSMachine.group {
      self = .multicast
    } else if destination == address, address != .any, mask != 0,
      (sender.value ^ address.value) & mask == 0
    {
      self = .direct
    } else {
      return nil
    }
  }
}
