/// The address of an RTSP stream: `rtsp://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`, or `rtsps`
/// (RFC 7826 section 4.2, RFC 3986 section 3).
///
/// It goes into MediaMTX's configuration and API calls as it stands, so that whatever could end a
/// quoted text there is refused: printable ASCII only, neither blanks nor quotes nor backslashes.
public struct SourceURL: Equatable, Sendable {
  public let text: Text<160>
  /// Where the password lies in `text`; nil where there is none.
  private let password: Range<Int>?

  /// nil: not such an address.
  public init?(_ text: Text<160>) {
    for index in 0..<text.count where !SourceURL.isAllowed(text[index]) { return nil }
    guard let start = SourceURL.schemeLength(text) else { return nil }
    var end = start
    while end < text.count, !SourceURL.endsAuthority(text[end]) { end += 1 }
    // The last @ counts: a password may hold one.
    var host = start
    for index in start..<end where text[index] == UInt8(ascii: "@") { host = index + 1 }
    guard SourceURL.isHost(text, host..<end) else { return nil }
    self.text = text
    password = SourceURL.password(text, start..<max(start, host - 1))
  }

  /// The address with `***` in the password's place, cut to fit.
  public var masked: Text<160> {
    guard let password else { return text }
    var result = Text<160>()
    for index in 0..<password.lowerBound { result.append(text[index]) }
    result.append("***")
    for index in password.upperBound..<text.count { result.append(text[index]) }
    return result
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "'")
      && byte != UInt8(ascii: "`") && byte != UInt8(ascii: "\\")
  }

  private static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  private static func schemeLength(_ text: Text<160>) -> Int? {
    if begins(text, with: "rtsp://") { return 7 }
    if begins(text, with: "rtsps://") { return 8 }
    return nil
  }

  private static func begins(_ text: Text<160>, with prefix: StaticString) -> Bool {
    guard text.count >= prefix.utf8CodeUnitCount else { return false }
    for index in 0..<prefix.utf8CodeUnitCount where text[index] != prefix.utf8Start[index] {
      return false
    }
    return true
  }

  /// At least one character, then maybe a port from 1 to 65,535; IPv6 stands in brackets.
  private static func isHost(_ text: Text<160>, _ range: Range<Int>) -> Bool {
    guard !range.isEmpty else { return false }
    var end = range.lowerBound
    if text[end] == UInt8(ascii: "[") {
      while end < range.upperBound, text[end] != UInt8(ascii: "]") { end += 1 }
      guard end < range.upperBound, end > range.lowerBound + 1 else { return false }
      end += 1
    } else {
      while end < range.upperBound, text[end] != UInt8(ascii: ":") { end += 1 }
      guard end > range.lowerBound else { return false }
    }
    guard end < range.upperBound else { return true }
    guard text[end] == UInt8(ascii: ":"), range.upperBound - end > 1 else { return false }
    var port = 0
    for index in end + 1..<range.upperBound {
      let digit = Int(text[index]) - Int(UInt8(ascii: "0"))
      guard (0...9).contains(digit), port <= 65_535 else { return false }
      port = port * 10 + digit
    }
    return (1...65_535).contains(port)
  }

  /// What follows the first colon of the user's part.
  private static func password(_ text: Text<160>, _ user: Range<Int>) -> Range<Int>? {
    for index in user where text[index] == UInt8(ascii: ":") {
      return index + 1 < user.upperBound ? index + 1..<user.upperBound : nil
    }
    return nil
  }
}
