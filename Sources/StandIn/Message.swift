/// One request of HTTP/1.1 or RTSP/1.0, which share their grammar, or an answer of RTSP/1.0.
struct Message {
  var method: String
  var target: String
  var version: String
  var headers: [(name: String, value: String)]
  var body: [UInt8]

  /// A header by its lower-case name.
  func header(_ name: String) -> String? {
    for header in headers where header.name == name { return header.value }
    return nil
  }

  /// The status of an answer, whose first line is "RTSP/1.0 200 OK"; nil if it is a request.
  var status: Int? { method.hasPrefix("RTSP/") ? Int(target) : nil }

  enum Outcome {
    case incomplete
    case invalid
    case message(Message, length: Int)
  }

  static let maximumHead = 16 * 1024
  static let maximumBody = 64 * 1024

  /// Reads the message at the start of `bytes`.
  static func parse(_ bytes: ArraySlice<UInt8>) -> Outcome {
    guard let headEnd = endOfHead(bytes) else {
      return bytes.count > maximumHead ? .invalid : .incomplete
    }
    let head = String(decoding: bytes[bytes.startIndex..<headEnd], as: UTF8.self)
    // "\r\n" is one Character: lines are cut by their bytes.
    var lines = head.utf8.split(separator: UInt8(ascii: "\n"))
      .map { String(decoding: $0, as: UTF8.self).trimmed }
    lines.removeAll { $0.isEmpty }
    guard let first = lines.first else { return .invalid }
    let words = first.parts(" ")
    // An answer's reason may be several words.
    guard words.count == 3 || (words.count > 3 && words[0].hasPrefix("RTSP/")) else {
      return .invalid
    }
    var message = Message(
      method: words[0], target: words[1], version: words[2], headers: [], body: [])
    for line in lines.dropFirst() {
      guard let (name, value) = line.cut(at: ":") else { return .invalid }
      message.headers.append((asciiLowercased(name), value.trimmed))
    }
    if message.header("transfer-encoding") != nil { return .invalid }
    guard let length = Int(message.header("content-length") ?? "0"),
      (0...maximumBody).contains(length)
    else { return .invalid }
    guard bytes.endIndex - headEnd >= length else { return .incomplete }
    message.body = Array(bytes[headEnd..<headEnd + length])
    return .message(message, length: headEnd - bytes.startIndex + length)
  }

  /// The index after the empty line.
  private static func endOfHead(_ bytes: ArraySlice<UInt8>) -> Int? {
    var index = bytes.startIndex
    let last = min(bytes.endIndex, index + maximumHead)
    while index + 4 <= last {
      if bytes[index] == 0x0D, bytes[index + 1] == 0x0A, bytes[index + 2] == 0x0D,
        bytes[index + 3] == 0x0A
      {
        return index + 4
      }
      index += 1
    }
    return nil
  }
}
