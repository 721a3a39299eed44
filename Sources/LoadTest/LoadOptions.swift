import ControlClient
import Foundation
import LoadGenerator

/// How a plan is run: everything that is not part of it.
public struct LoadOptions: Sendable {
  public var targets: [LoadTarget]
  /// The key of whoever gives the users theirs; `.none`: all users speak plainly.
  public var credentials: Credentials
  /// What is drawn at random is drawn again with it.
  public var seed: UInt64
  /// Each makes its part of the load on a core of its own.
  public var threads: Int
  /// The run ends as soon as a threshold is broken.
  public var abortsOnFail: Bool
  /// Of wpload.
  public var version: String

  public init(
    targets: [LoadTarget], credentials: Credentials, seed: UInt64 = 1, threads: Int = 1,
    abortsOnFail: Bool = false, version: String
  ) {
    self.targets = targets
    self.credentials = credentials
    self.seed = seed
    self.threads = threads
    self.abortsOnFail = abortsOnFail
    self.version = version
  }
}

/// A device under test.
public struct LoadTarget: Sendable {
  public var address: DeviceAddress
  public var endpoint: Endpoint

  /// Looks the name up. The control port is spoken to over IPv4.
  public init(_ address: DeviceAddress) throws(LoadTestError) {
    self.address = address
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(address.host, "\(address.port)", &hints, &found)
    guard status == 0, let entry = found else {
      throw .unreachable(target: "\(address)", reason: String(cString: gai_strerror(status)))
    }
    defer { freeaddrinfo(found) }
    let ipv4 = entry.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
    }
    endpoint = Endpoint(address: ipv4, port: UInt16(address.port))
  }

  /// On loopback every user has an address of its own, as it would have in the field: the device's
  /// limits for each address hold for each user.
  func origin(of user: Int) -> UInt32? {
    guard endpoint.address >> 24 == 127 else { return nil }
    return 0x7F40_0001 + UInt32(user % 0x3F_0000)
  }
}
