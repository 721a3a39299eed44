/// Where a stream is pulled from: `rtsp://USER:PASS@HOST:PORT/PATH` (RFC 2326, 3.2; RFC 3986).
struct SourceURL {
  var isEncrypted: Bool
  var user = ""
  var password = ""
  var host: String
  var port: UInt16
  /// The URL without user and password, as requests name it.
  var text: String

  /// Nil for what MediaMTX calls no valid RTSP URL, and for characters that belong in none.
  init?(_ url: String) {
    guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }),
      let (scheme, rest) = url.cut(at: ":"), scheme == "rtsp" || scheme == "rtsps",
      rest.hasPrefix("//")
    else { return nil }
    isEncrypted = scheme == "rtsps"
    let bytes = Array(rest.utf8.dropFirst(2))
    let end = bytes.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
    var authority = String(decoding: bytes[..<(end ?? bytes.count)], as: UTF8.self)
    let target = String(decoding: bytes[(end ?? bytes.count)...], as: UTF8.self)
    if let at = authority.lastIndex(of: "@") {
      let identity = String(authority[..<at])
      let (user, password) = identity.cut(at: ":") ?? (identity, "")
      guard let user = percentDecoded(user), let password = percentDecoded(password) else {
        return nil
      }
      (self.user, self.password) = (user, password)
      authority = String(authority[authority.index(after: at)...])
    }
    let hasPort = !authority.hasSuffix("]") && authority.lastIndex(of: ":") != nil
    let complete = hasPort ? authority : authority + (isEncrypted ? ":322" : ":554")
    guard let address = ListenAddress(complete), !address.host.isEmpty, address.port > 0,
      percentDecoded(target) != nil
    else { return nil }
    (host, port) = (address.host, address.port)
    text = scheme + "://" + complete + target
  }
}
