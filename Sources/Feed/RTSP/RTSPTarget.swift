import Wire

/// Why a text is no address to publish to.
public enum RTSPTargetError: Error, Equatable, Sendable {
  /// It does not begin with `rtsp://`.
  case scheme
  /// User or password is longer than 64 bytes or has bytes that a header cannot carry.
  case credentials
  /// The host is no numeric IPv4 address: there is no resolver on the device.
  case host
  /// The port is no number of 1 … 65,535.
  case port
  /// The path is empty, longer than 96 bytes or has bytes that a URL cannot carry.
  case path
}

public struct RTSPCredentials: Equatable, Sendable {
  public var user: Text<64>
  public var password: Text<64>

  public init(user: Text<64>, password: Text<64>) {
    self.user = user
    self.password = password
  }
}

/// Where a feed publishes to.
public struct RTSPTarget: Equatable, Sendable {
  public static let defaultPort: UInt16 = 554

  /// The IPv4 address, its first number in the highest byte.
  public var address: UInt32
  public var port: UInt16
  /// Without the slash before it.
  public var path: Text<96>
  public var credentials: RTSPCredentials?

  public init(
    address: UInt32, port: UInt16, path: Text<96>, credentials: RTSPCredentials? = nil
  ) {
    self.address = address
    self.port = port
    self.path = path
    self.credentials = credentials
  }

  /// Parses `rtsp://[USER:PASSWORD@]A.B.C.D[:PORT]/PATH`.
  public init(parsing url: UnsafeRawBufferPointer) throws(RTSPTargetError) { fatalError() }
}
