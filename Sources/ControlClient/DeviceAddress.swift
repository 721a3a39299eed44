/// Where a device's control port is: `HOST`, `HOST:PORT` or `[IPv6]:PORT`.
public struct DeviceAddress: Sendable, Equatable, CustomStringConvertible {
  /// The control port of a device that is not configured otherwise.
  public static let defaultPort = 4710

  public var host: String
  public var port: Int

  public init(host: String, port: Int = defaultPort) {
    self.host = host
    self.port = port
  }

  /// nil: the text has not one of the three forms, or the port is not 1 … 65535.
  public init?(_ text: String) {
    var host = text[...]
    var port: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
    }
    guard !host.isEmpty else { return nil }
    self.init(host: String(host))
    if let port {
      guard let number = UInt16(port), number > 0 else { return nil }
      self.port = Int(number)
    }
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
