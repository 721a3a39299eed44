import Wire

/// Why a text is no address to publish to.
public enum RTSPTargetError: Error, Equatable, Sendable {
  /// It does not begin with `rtsp://`.
  case scheme
  /// The user is missing, or user or password is longer than 64 bytes or holds control characters.
  case credentials
  /// The host is no numeric IPv4 address: there is no resolver on the device.
  case host
  /// The port is no number of 1 … 65,535.
  case port
  /// The path is empty, longer than 96 bytes or holds what a URL cannot: spaces, quotes,
  /// backslashes, bytes that are not printable ASCII.
  case path
}

/// What a server is told by Basic authentication (RFC 7617). The user's name has no colon.
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
  private static let pathSize = 96

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

  /// Parses `rtsp://[USER:PASSWORD@]A.B.C.D[:PORT]/PATH`; user and password may be percent-encoded.
  public init(parsing url: UnsafeRawBufferPointer) throws(RTSPTargetError) {
    var rest = ASCII(url)
    guard rest.removePrefix("rtsp://") else { throw .scheme }
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { throw .path }
    var authority = rest.prefix(slash)
    let path = rest.suffix(from: slash + 1)
    if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
      credentials = try RTSPTarget.credentials(authority.prefix(at))
      authority = authority.suffix(from: at + 1)
    } else {
      credentials = nil
    }
    if let colon = authority.firstIndex(of: UInt8(ascii: ":")) {
      guard let number = authority.suffix(from: colon + 1).decimal, (1...65_535).contains(number)
      else { throw .port }
      port = UInt16(number)
      authority = authority.prefix(colon)
    } else {
      port = RTSPTarget.defaultPort
    }
    address = try RTSPTarget.address(authority)
    guard (1...RTSPTarget.pathSize).contains(path.count), path.isURLPath else { throw .path }
    self.path = Text(path.bytes)
  }

  private static func credentials(
    _ text: ASCII
  ) throws(RTSPTargetError) -> RTSPCredentials {
    let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
    let password = colon < text.count ? text.suffix(from: colon + 1) : text.suffix(from: colon)
    guard let user = text.prefix(colon).percentDecoded, let secret = password.percentDecoded,
      !user.isEmpty
    else { throw .credentials }
    return RTSPCredentials(user: user, password: secret)
  }

  private static func address(_ text: ASCII) throws(RTSPTargetError) -> UInt32 {
    var address: UInt32 = 0
    var rest = text
    for index in 0..<4 {
      let end = index < 3 ? rest.firstIndex(of: UInt8(ascii: ".")) : rest.count
      guard let end, (1...3).contains(end), let number = rest.prefix(end).decimal, number < 256
      else { throw .host }
      address = address << 8 | UInt32(number)
      rest = index < 3 ? rest.suffix(from: end + 1) : rest.suffix(from: end)
    }
    return address
  }
}
