import Wire

/// What is said to a server, and what counts as its answer.
///
/// All requests of a dialect have one size and are made once: a generator sends slices of a ring of
/// them. Request ids, where the protocol has any, are positions in the ring, so that an answer out
/// of place is seen.
public struct Dialect: Sendable {
  /// Requests in the ring, and so the deepest pipelining.
  public static let ring = 128

  public let name: String
  /// Bytes of each request.
  let requestSize: Int
  /// The ring twice, so that any run of requests lies in one piece.
  let requests: [UInt8]
  let expectation: Expectation
  /// Bytes of the largest answer.
  let answerSize: Int
  /// Sent once when a connection is made; empty: nothing. Its answer ends with an empty line.
  let opening: [UInt8]

  /// How an answer is known.
  enum Expectation: Sendable {
    /// These bytes, one answer per place in the ring. `framed`: of Watchpost's protocol, so that a
    /// refusal in their place can be told from nonsense.
    case bytes([UInt8], framed: Bool)
    /// A whole frame with both checksums, the request's kind and id, and status `ok`.
    case frame(kind: UInt16)
    /// A line that begins with these bytes.
    case line([UInt8])
  }

  init(
    _ name: String, expectation: Expectation, answerSize: Int, opening: [UInt8] = [],
    request: (UInt32) -> [UInt8]
  ) {
    let ring = (0..<UInt32(Dialect.ring)).map(request)
    requestSize = ring[0].count
    precondition(ring.allSatisfy { $0.count == ring[0].count }, "requests of different sizes")
    self.name = name
    requests = Array((ring + ring).joined())
    self.expectation = expectation
    self.answerSize = answerSize
    self.opening = opening
  }
}

extension Dialect {
  /// Watchpost's `ping` with 0 … 64 bytes that come back.
  public static func ping(bytes count: Int = 0) -> Dialect {
    precondition((0...Limits.pingSize).contains(count), "a ping carries at most 64 bytes")
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let answers = (0..<UInt32(Dialect.ring)).map { id in
      frame(Header(kind: Kind.ping.rawValue, requestID: id).reply(), body)
    }
    return Dialect(
      "ping", expectation: .bytes(Array(answers.joined()), framed: true), answerSize: smallAnswer
    ) { frame(Header(kind: Kind.ping.rawValue, requestID: $0), body) }
  }

  /// Watchpost's `health`.
  public static let health = operation(.health, named: "health", answerSize: smallAnswer)

  /// More than the frames of a ping, of health and of a refusal.
  private static let smallAnswer = 512

  /// Any operation of Watchpost's that one frame of at most `answerSize` bytes answers.
  public static func operation(
    _ kind: Kind, payload: [UInt8] = [], named name: String, answerSize: Int = Limits.frameSize
  ) -> Dialect {
    Dialect(
      name, expectation: .frame(kind: kind.rawValue), answerSize: answerSize
    ) { frame(Header(kind: kind.rawValue, requestID: $0), payload) }
  }

  private static func frame(_ header: Header, _ payload: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Limits.headerSize) + payload
    bytes.withUnsafeMutableBytes { _ = header.seal($0, payloadSize: payload.count) }
    return bytes
  }

  /// `PING` of Redis, as RESP array: what its clients send.
  public static let redisPing = same(
    "redis PING", Array("*1\r\n$4\r\nPING\r\n".utf8), answer: Array("+PONG\r\n".utf8))

  /// memcached's `version`.
  public static let memcachedVersion = Dialect(
    "memcached version", expectation: .line(Array("VERSION ".utf8)), answerSize: 128
  ) { _ in Array("version\r\n".utf8) }

  /// memcached's `get` of a key that is not there.
  public static let memcachedGet = same(
    "memcached get", Array("get absent\r\n".utf8), answer: Array("END\r\n".utf8))

  /// JSON-RPC over WebSocket, as the predecessor spoke it: method `ping`, answered by this text.
  public static func jsonRPCPing(
    answer: String = #"{"jsonrpc": "2.0", "id": 1, "result": "pong"}"#
  ) -> Dialect {
    let text = Array(#"{"jsonrpc":"2.0","method":"ping","id":1}"#.utf8)
    precondition(answer.utf8.count < 126, "a longer message has a longer head")
    // RFC 6455 section 5.2: final text frames. A client must mask; with a mask of zeros the text
    // stays as it is.
    return same(
      "JSON-RPC ping", [0x81, 0x80 | UInt8(text.count), 0, 0, 0, 0] + text,
      answer: [0x81, UInt8(answer.utf8.count)] + Array(answer.utf8), opening: webSocketOpening)
  }

  /// RFC 6455 section 1.3: the key of its own example will do, nobody here checks what becomes of
  /// it.
  private static let webSocketOpening = """
    GET / HTTP/1.1\r
    Host: 127.0.0.1\r
    Upgrade: websocket\r
    Connection: Upgrade\r
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
    Sec-WebSocket-Version: 13\r
    \r\n
    """

  private static func same(
    _ name: String, _ request: [UInt8], answer: [UInt8], opening: String = ""
  ) -> Dialect {
    let answers = Array(repeatElement(answer, count: Dialect.ring).joined())
    return Dialect(
      name, expectation: .bytes(answers, framed: false), answerSize: answer.count,
      opening: Array(opening.utf8)
    ) { _ in request }
  }
}
