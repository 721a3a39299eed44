import Wire

/// What a publisher wants to know of an answer.
struct RTSPAnswer {
  var status: UInt16 = 0
  var sequence: Int?
  var session = Text<96>()
  /// In seconds; RFC 2326, section 12.37 has 60 for those that do not say.
  var sessionTimeoutS = 60
  /// The first interleaved channel of the Transport header.
  var channel: UInt8?
  var offersBasic = false
  var bodySize = 0
}

/// What the server sent is no RTSP, or beyond the bounds.
struct RTSPSyntaxError: Error {}

/// Cuts the bytes of a server into answers, however they are split. Packets between them – reports
/// of the receiver – are passed over.
struct RTSPAnswerReader {
  private enum State {
    /// Before an answer or a packet.
    case between
    case line
    case body(rest: Int)
    /// Behind the mark of a packet; so many bytes of its header are there.
    case packetHeader(count: Int)
    case packet(rest: Int)
  }

  // No answer to a publisher comes near these.
  static let lineLimit = 64
  static let lineSizeLimit = 4096
  static let bodySizeLimit = 65_536

  private var state = State.between
  private var answer = RTSPAnswer()
  private var lines = 0
  /// The bytes of the line so far; what does not fit in `line` says nothing that matters.
  private var lineSize = 0
  private var line = Text<512>()
  private var packetSize = 0

  /// Takes bytes off the front of `bytes` up to the end of the next answer; nil: all are taken, and
  /// no answer is complete.
  mutating func next(
    _ bytes: inout UnsafeRawBufferPointer
  ) throws(RTSPSyntaxError) -> RTSPAnswer? {
    while true {
      if case .body(0) = state {
        state = .between
        return answer
      }
      guard let first = bytes.first else { return nil }
      switch state {
      case .between where first == InterleavedHeader.mark:
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        state = .packetHeader(count: 1)
      case .between:
        answer = RTSPAnswer()
        lines = 0
        state = .line
      case .line:
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        try take(first)
      case .body(let rest):
        let count = min(rest, bytes.count)
        bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
        state = .body(rest: rest - count)
      case .packetHeader(let count):
        bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        // The channel, then two bytes of size.
        packetSize = count == 1 ? 0 : packetSize << 8 | Int(first)
        state = count == 3 ? .packet(rest: packetSize) : .packetHeader(count: count + 1)
        if case .packet(0) = state { state = .between }
      case .packet(let rest):
        let count = min(rest, bytes.count)
        bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
        state = count == rest ? .between : .packet(rest: rest - count)
      }
    }
  }

  private mutating func take(_ byte: UInt8) throws(RTSPSyntaxError) {
    guard byte == UInt8(ascii: "\n") else {
      lineSize += 1
      guard lineSize <= RTSPAnswerReader.lineSizeLimit else { throw RTSPSyntaxError() }
      if byte != UInt8(ascii: "\r") { line.append(byte) }
      return
    }
    let isEmpty = line.isEmpty
    let ended = line
    line = Text()
    lineSize = 0
    if isEmpty {
      // Empty lines before an answer are to be ignored (RFC 2326, section 4.1).
      state = lines == 0 ? .between : .body(rest: answer.bodySize)
      return
    }
    lines += 1
    guard lines <= RTSPAnswerReader.lineLimit else { throw RTSPSyntaxError() }
    let isFirst = lines == 1
    let isSound = ended.withBytes { bytes in
      isFirst ? answer.readStatus(ASCII(bytes)) : answer.readHeader(ASCII(bytes))
    }
    if !isSound { throw RTSPSyntaxError() }
  }
}

extension RTSPAnswer {
  /// `RTSP/1.0 200 OK`.
  fileprivate mutating func readStatus(_ line: ASCII) -> Bool {
    var rest = line
    guard rest.removePrefix("rtsp/1."), var words = Optional(rest), words.count > 0,
      words.nextPart(UInt8(ascii: " ")) != nil, let code = words.nextPart(UInt8(ascii: " ")),
      code.count == 3, let number = code.decimal, number >= 100
    else { return false }
    status = UInt16(number)
    return true
  }

  fileprivate mutating func readHeader(_ line: ASCII) -> Bool {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
    var name = line.prefix(colon).trimmed
    let value = line.suffix(from: colon + 1).trimmed
    let size = name.count
    if size == 4, name.removePrefix("cseq") {
      sequence = value.decimal
    } else if size == 14, name.removePrefix("content-length") {
      guard let number = value.decimal, number <= RTSPAnswerReader.bodySizeLimit else {
        return false
      }
      bodySize = number
    } else if size == 7, name.removePrefix("session") {
      return readSession(value)
    } else if size == 9, name.removePrefix("transport") {
      readTransport(value)
    } else if size == 16, name.removePrefix("www-authenticate") {
      readChallenges(value)
    }
    return true
  }

  /// `ID;timeout=SECONDS`. An identifier that cannot be repeated is of no use.
  private mutating func readSession(_ value: ASCII) -> Bool {
    var rest = value
    guard let id = rest.nextPart(UInt8(ascii: ";")), (1...96).contains(id.count) else {
      return false
    }
    session = Text(id.bytes)
    while var part = rest.nextPart(UInt8(ascii: ";")) {
      if part.removePrefix("timeout="), let seconds = part.decimal { sessionTimeoutS = seconds }
    }
    return true
  }

  /// `RTP/AVP/TCP;unicast;interleaved=0-1;…`.
  private mutating func readTransport(_ value: ASCII) {
    var rest = value
    while var part = rest.nextPart(UInt8(ascii: ";")) {
      guard part.removePrefix("interleaved="), let first = part.nextPart(UInt8(ascii: "-")),
        let number = first.decimal, number < 255
      else { continue }
      channel = UInt8(number)
    }
  }

  /// One challenge or several (RFC 7235, section 4.1): a scheme stands before its parameters.
  private mutating func readChallenges(_ value: ASCII) {
    var rest = value
    while var part = rest.nextPart(UInt8(ascii: ",")) {
      if part.removePrefix("basic"), part.count == 0 || part.bytes[0] == UInt8(ascii: " ") {
        offersBasic = true
      }
    }
  }
}
