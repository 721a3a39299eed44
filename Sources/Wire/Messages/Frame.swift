/// Builds one frame in place: the payload is written first, then the header is sealed before it.
public struct FrameWriter {
  private let frame: UnsafeMutableRawBufferPointer
  /// Writes the payload; at most `Limits.payloadSize` bytes fit.
  public var payload: ByteWriter

  /// A frame at the front of `buffer`, which must hold more than a header.
  public init(_ buffer: UnsafeMutableRawBufferPointer) {
    precondition(buffer.count >= Limits.headerSize, "no room for a header")
    frame = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, Limits.plainSize)])
    payload = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: frame[Limits.headerSize...]))
  }

  /// Puts the header with both checksums in front; returns the size of the whole frame.
  public func seal(_ header: Header) -> Int { header.seal(frame, payloadSize: payload.count) }
}

/// Whole frames. Each function writes at the front of `buffer` and returns the frame's size.
public enum Frame {
  public static func request<Body: Payload>(
    _ kind: Kind, id: UInt32, _ body: Body, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    sealed(Header(kind: kind.rawValue, requestID: id), body, buffer)
  }

  /// A ping with 0 … 64 bytes that come back.
  public static func ping(
    id: UInt32, _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(bytes.count <= Limits.pingSize, "ping too long")
    var writer = FrameWriter(buffer)
    writer.payload.write(bytes)
    return writer.seal(Header(kind: Kind.ping.rawValue, requestID: id))
  }

  /// The answer `ok` to a request. Answers of variable length use `FrameWriter` and `Header.reply`.
  public static func reply<Body: Payload>(
    to request: Header, _ body: Body, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    sealed(request.reply(), body, buffer)
  }

  /// The answer to a request that was not done. `header` is nil where there is no request that
  /// could be trusted: the refusal is then about the connection.
  public static func refusal(
    to header: Header?, _ status: Status, retryAfterMs: UInt32 = 0, detail: UInt32 = 0,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    let head = header ?? Header(kind: Kind.connection.rawValue, requestID: 0)
    let kind = Kind(rawValue: head.kind) ?? .connection
    let body = Refusal(status, to: kind, retryAfterMs: retryAfterMs, detail: detail)
    return sealed(head.reply(status), body, buffer)
  }

  public static func event(
    _ event: EventMessage, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    sealed(Header(kind: Kind.event.rawValue, requestID: 0), event, buffer)
  }

  private static func sealed<Body: Payload>(
    _ header: Header, _ body: Body, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    var writer = FrameWriter(buffer)
    body.encode(into: &writer.payload)
    precondition(writer.payload.count == Body.size, "a payload's size differs from its layout")
    return writer.seal(header)
  }
}

extension Header {
  /// The header of the answer to this request.
  public func reply(_ status: Status = .ok) -> Header {
    Header(
      flags: Header.replyFlag, kind: kind, requestID: requestID, status: status.rawValue)
  }
}
