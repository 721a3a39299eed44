import CLinux

/// Lower-case hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}

/// A random UUID (RFC 9562, version 4).
func randomIdentifier() -> String {
  var bytes = [UInt8](repeating: 0, count: 16)
  bytes.withUnsafeMutableBytes { si_random($0.baseAddress!, 16) }
  bytes[6] = bytes[6] & 0x0F | 0x40
  bytes[8] = bytes[8] & 0x3F | 0x80
  let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { hexadecimal(Array(bytes[$0])) }
  return groups.joined(separator: "-")
}

/// Base64 (RFC 4648) with or without padding; nil if it is not.
func base64Decoded(_ text: String) -> [UInt8]? {
  var output: [UInt8] = []
  var bits: UInt32 = 0
  var count = 0
  for byte in text.utf8 where byte != UInt8(ascii: "=") {
    let value: UInt8
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): value = 62
    case UInt8(ascii: "/"): value = 63
    default: return nil
    }
    bits = bits << 6 | UInt32(value)
    count += 6
    if count >= 8 {
      count -= 8
      output.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
    }
  }
  return output
}

/// Base64 (RFC 4648) with padding.
func base64Encoded(_ text: String) -> String {
  let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  let bytes = Array(text.utf8)
  var output: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let count = min(3, bytes.count - start)
    var bits: UInt32 = 0
    for index in 0..<3 { bits = bits << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
    for index in 0..<4 {
      let digit = digits[Int(bits >> UInt32(18 - 6 * index) & 63)]
      output.append(index <= count ? digit : UInt8(ascii: "="))
    }
  }
  return String(decoding: output, as: UTF8.self)
}

/// Percent-decoding of a URL's path or query (RFC 3986); nil if an escape is cut.
func percentDecoded(_ text: String) -> String? {
  let bytes = Array(text.utf8)
  var output: [UInt8] = []
  var position = 0
  while position < bytes.count {
    if bytes[position] == UInt8(ascii: "%") {
      guard position + 2 < bytes.count else { return nil }
      let digits = String(decoding: bytes[position + 1...position + 2], as: UTF8.self)
      guard let byte = UInt8(digits, radix: 16) else { return nil }
      output.append(byte)
      position += 3
    } else {
      output.append(bytes[position])
      position += 1
    }
  }
  return String(decoding: output, as: UTF8.self)
}

/// Escapes a query's value as Go's `url.Values` does.
func percentEncoded(_ text: String) -> String {
  var output: [UInt8] = []
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: "~"):
      output.append(byte)
    default:
      output.append(UInt8(ascii: "%"))
      output += asciiUppercased(hexadecimal([byte])).utf8
    }
  }
  return String(decoding: output, as: UTF8.self)
}

func asciiUppercased(_ text: String) -> String {
  let bytes = text.utf8.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
  return String(decoding: bytes, as: UTF8.self)
}

func asciiLowercased(_ text: String) -> String {
  let bytes = text.utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
  return String(decoding: bytes, as: UTF8.self)
}

extension String {
  /// The parts before and after the first `separator`; nil if there is none.
  func cut(at separator: Character) -> (String, String)? {
    guard let index = firstIndex(of: separator) else { return nil }
    return (String(self[..<index]), String(self[self.index(after: index)...]))
  }

  /// Whether a piece of text lies within; `contains` for text is not in the embedded library.
  func includes(_ piece: String) -> Bool { offset(of: piece, from: 0) != nil }

  /// Where a piece of text begins, in bytes.
  func offset(of piece: String, from start: Int) -> Int? {
    let text = Array(utf8)
    let piece = Array(piece.utf8)
    var offset = start
    while offset + piece.count <= text.count {
      if text[offset..<offset + piece.count].elementsEqual(piece) { return offset }
      offset += 1
    }
    return nil
  }

  func parts(_ separator: Character) -> [String] { split(separator: separator).map { String($0) } }

  var trimmed: String {
    var bytes = Array(utf8)
    while let last = bytes.last, last == 0x20 || last == 0x0D || last == 0x09 { bytes.removeLast() }
    return String(decoding: bytes.drop { $0 == 0x20 || $0 == 0x09 }, as: UTF8.self)
  }

  var unquoted: String {
    let bytes = Array(utf8)
    guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == bytes.first else {
      return self
    }
    return String(decoding: bytes[1..<bytes.count - 1], as: UTF8.self)
  }
}

/// Reads a small file whole.
func fileContent(_ path: String, limit: Int) -> Result<[UInt8], FileError> {
  var bytes = [UInt8](repeating: 0, count: limit)
  let count = bytes.withUnsafeMutableBytes { si_read_file(path, $0.baseAddress!, limit) }
  if count < 0 { return .failure(FileError(code: Int32(-count))) }
  return .success(Array(bytes[..<Int(count)]))
}

/// An errno of a file or socket call.
struct FileError: Error {
  var code: Int32

  /// The kernel's words, as Go prints them.
  var reason: String {
    switch code {
    case 1: "operation not permitted"
    case 2: "no such file or directory"
    case 13: "permission denied"
    case 20: "not a directory"
    case 21: "is a directory"
    case 22: "invalid argument"
    case 27: "file too large"
    case 28: "no space left on device"
    case 30: "read-only file system"
    case 32: "broken pipe"
    case 98: "address already in use"
    case 99: "cannot assign requested address"
    case 101: "network is unreachable"
    case 104: "connection reset by peer"
    case 110: "connection timed out"
    case 111: "connection refused"
    case 113: "no route to host"
    default: "errno \(code)"
    }
  }
}
