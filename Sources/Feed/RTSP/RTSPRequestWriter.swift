import Wire

/// Writes one request. Everything in it is bounded, so that `Publisher.requestSize` bytes suffice.
struct RTSPRequestWriter {
  private var writer: ByteWriter

  init(_ buffer: UnsafeMutableRawBufferPointer) {
    precondition(buffer.count >= Publisher.requestSize, "no room for a request")
    writer = ByteWriter(buffer)
  }

  /// The request line and the headers that every request of its kind has.
  mutating func writeRequest(_ request: Publisher.Request, to target: RTSPTarget, sequence: Int) {
    append(RTSPRequestWriter.method(request))
    append(" ")
    append(target)
    if request == .setUp {
      append("/")
      append(SessionDescription.control)
    }
    append(" RTSP/1.0\r\nCSeq: ")
    append(decimal: sequence)
    append("\r\nUser-Agent: watchpost\r\n")
    switch request {
    case .announce, .keepAlive, .tearDown: break
    case .setUp: append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n")
    case .record: append("Range: npt=0.000-\r\n")
    }
  }

  private static func method(_ request: Publisher.Request) -> StaticString {
    switch request {
    case .announce: "ANNOUNCE"
    case .setUp: "SETUP"
    case .record: "RECORD"
    case .keepAlive: "OPTIONS"
    case .tearDown: "TEARDOWN"
    }
  }

  /// RFC 7617.
  mutating func writeBasic(_ credentials: RTSPCredentials) {
    var pair = Text<129>(credentials.user)
    pair.append(UInt8(ascii: ":"))
    pair.append(credentials.password)
    var encoded = Text<172>()
    pair.withBytes { encoded.append(base64: $0) }
    append("Authorization: Basic ")
    append(encoded)
    append("\r\n")
  }

  mutating func writeSession(_ session: Text<96>) {
    append("Session: ")
    append(session)
    append("\r\n")
  }

  /// Ends the headers; returns the size of the whole request.
  mutating func finish(body: SessionDescription?) -> Int {
    if let body {
      append("Content-Type: application/sdp\r\nContent-Length: ")
      append(decimal: body.text.count)
      append("\r\n\r\n")
      append(body.text)
    } else {
      append("\r\n")
    }
    return writer.count
  }

  /// The URL without credentials, which travel in their header alone.
  private mutating func append(_ target: RTSPTarget) {
    append("rtsp://")
    for index in 0..<4 {
      if index > 0 { append(".") }
      append(decimal: Int(target.address >> UInt32(24 - 8 * index) & 0xFF))
    }
    append(":")
    append(decimal: Int(target.port))
    append("/")
    append(target.path)
  }

  private mutating func append(_ literal: StaticString) {
    writer.write(
      UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  private mutating func append<let capacity: Int>(_ text: Text<capacity>) {
    text.withBytes { writer.write($0) }
  }

  private mutating func append(decimal value: Int) {
    var text = Text<20>()
    text.append(decimal: UInt64(value))
    append(text)
  }
}
