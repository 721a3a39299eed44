import Appliance
import CLinux
import Feed
import Wire

/// One call to MediaMTX's control API at a time, each over a loopback connection of its own.
///
///     idle ──begin──▶ sending ──all sent──▶ receiving ──answer, failure──▶ idle
///
/// Never blocks: the loop watches `descriptor` and calls `advance` when it is ready. Time is the
/// caller's business, and `cancel` drops a call whose time is over. The memory is claimed once.
public struct MediaExchange: ~Copyable {
  /// Bytes of the longest body that is taken; a page of paths has about 600 each.
  public static let answerLimit = 64 * 1024
  /// Paths asked for in one page of the list, and so the most that an answer may hold.
  public static let pageSize = 32
  private typealias RequestText = Text<512>
  /// Reads in one turn, so that an endless answer cannot hold up the loop.
  private static let readsPerTurn = 8

  private enum Phase {
    case idle
    case sending(offset: Int)
    case receiving
  }

  private let body: UnsafeMutableBufferPointer<UInt8>
  private let pathTable: UnsafeMutableBufferPointer<MediaPath>
  private var phase = Phase.idle
  private var request = MediaRequest.info(life: 0)
  private var outgoing = RequestText()
  private var answer: lx_http_answer
  private var pathCount = 0
  /// The connection of the outstanding call; -1 while there is none.
  public private(set) var descriptor: Int32 = -1
  /// What MediaMTX said about the last call that it refused.
  public private(set) var refusal = Text<120>()

  /// Takes memory for `answerLimit` bytes and `pageSize` paths, which outlives this value.
  public init(
    body: UnsafeMutableBufferPointer<UInt8>, paths: UnsafeMutableBufferPointer<MediaPath>
  ) {
    precondition(body.count >= MediaExchange.answerLimit, "too little memory for an answer")
    precondition(paths.count >= MediaExchange.pageSize, "too little memory for a page of paths")
    self.body = body
    pathTable = UnsafeMutableBufferPointer(rebasing: paths[..<MediaExchange.pageSize])
    pathTable.initialize(repeating: MediaPath())
    answer = lx_http_begin(body.baseAddress!, UInt32(MediaExchange.answerLimit))
  }

  deinit { if descriptor >= 0 { lx_close(descriptor) } }

  public var isIdle: Bool { descriptor < 0 }
  /// Whether to watch for room to send, instead of for something to read.
  public var wantsToSend: Bool {
    if case .sending = phase { true } else { false }
  }
  /// The paths of the last answer to `listPaths`; valid until the next call begins.
  public var paths: UnsafeBufferPointer<MediaPath> {
    UnsafeBufferPointer(rebasing: pathTable[..<pathCount])
  }

  /// Begins a call to the API on this port of loopback. An answer only where it failed at once.
  /// `url` is where an added path pulls its stream from; empty: a feed publishes it. `records`: an
  /// added path is recorded. `credentials` are the ones of this life.
  public mutating func begin(
    _ request: MediaRequest, pulling url: Text<160> = .empty, records: Bool = false, port: UInt16,
    credentials: MediaCredentials
  ) -> MediaAnswer? {
    precondition(isIdle, "a call is outstanding")
    expect(request)
    outgoing = MediaExchange.text(
      of: request, pulling: url, records: records, port: port, credentials)
    let loopback: UInt32 = 127 << 24 | 1
    let result = lx_connect(loopback, port)
    guard result >= 0 else { return fail(result == -LX_ECONNREFUSED ? .refused : .closed) }
    descriptor = result
    phase = .sending(offset: 0)
    return nil
  }

  /// Forgets the last answer, and takes what comes for that of `request`.
  mutating func expect(_ request: MediaRequest) {
    self.request = request
    pathCount = 0
    refusal = .empty
    answer = lx_http_begin(body.baseAddress!, UInt32(MediaExchange.answerLimit))
  }

  /// Goes on as far as the connection allows; the answer once there is one.
  public mutating func advance() -> MediaAnswer? {
    if case .sending = phase, let failed = send() { return failed }
    guard case .receiving = phase else { return nil }
    return receive()
  }

  /// Drops the outstanding call.
  public mutating func cancel() {
    if descriptor >= 0 { lx_close(descriptor) }
    descriptor = -1
    phase = .idle
  }

  private mutating func fail(_ failure: MediaFailure) -> MediaAnswer {
    cancel()
    return MediaAnswer(request: request, outcome: .failed(failure))
  }

  // MARK: Sending

  /// The request. One connection serves one call, so that a dead server's connection is never met
  /// again and nothing has to be told apart.
  private static func text(
    of request: MediaRequest, pulling url: Text<160>, records: Bool, port: UInt16,
    _ credentials: MediaCredentials
  ) -> RequestText {
    var text = RequestText()
    var body = Text<192>()
    switch request {
    case .info: text.append("GET /v3/info")
    case .listPaths(_, let page):
      text.append("GET /v3/paths/list?itemsPerPage=")
      text.append(decimal: UInt64(pageSize))
      text.append("&page=")
      text.append(decimal: UInt64(page))
    case .addPath(_, let name):
      text.append("POST /v3/config/paths/add/")
      text.append(name)
      // A new path takes everything else from the file's pathDefaults. A URL holds nothing that
      // JSON would have to escape (`SourceURL`).
      body.append(records ? "{\"record\":true" : "{\"record\":false")
      if !url.isEmpty {
        body.append(",\"source\":\"")
        body.append(url)
        body.append("\"")
      }
      body.append("}")
    case .removePath(_, let name):
      text.append("DELETE /v3/config/paths/delete/")
      text.append(name)
    case .recordPath(_, let name, let on):
      text.append("PATCH /v3/config/paths/patch/")
      text.append(name)
      body.append(on ? "{\"record\":true}" : "{\"record\":false}")
    }
    text.append(" HTTP/1.1\r\nHost: 127.0.0.1:")
    text.append(decimal: UInt64(port))
    text.append("\r\nConnection: close\r\nAuthorization: Basic ")
    text.append(credentials.basic)
    text.append("\r\n")
    if !body.isEmpty {
      text.append("Content-Type: application/json\r\nContent-Length: ")
      text.append(decimal: UInt64(body.count))
      text.append("\r\n")
    }
    text.append("\r\n")
    text.append(body)
    return text
  }

  private mutating func send() -> MediaAnswer? {
    guard case .sending(var offset) = phase else { return nil }
    while offset < outgoing.count {
      let sent = outgoing.withBytes { bytes in
        lx_send(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
      }
      // Before the connection is made, sending says "again"; that it failed is told here as well.
      if sent == -Int64(LX_EAGAIN.rawValue) {
        phase = .sending(offset: offset)
        return nil
      }
      if sent <= 0 { return fail(sent == -Int64(LX_ECONNREFUSED) ? .refused : .closed) }
      offset += Int(sent)
    }
    phase = .receiving
    return nil
  }

  // MARK: Receiving

  private mutating func receive() -> MediaAnswer? {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { scratch in
      for _ in 0..<MediaExchange.readsPerTurn {
        let count = lx_receive(descriptor, scratch.baseAddress!, scratch.count)
        if count == -Int64(LX_EAGAIN.rawValue) { return nil }
        if count < 0 { return fail(.closed) }
        let piece = UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)])
        if let answer = take(piece) { return answer }
      }
      return nil
    }
  }

  /// Takes the next bytes of the answer; none mean that the connection has ended.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> MediaAnswer? {
    // http_parser wants an address even for nothing.
    let outcome = withUnsafePointer(to: 0) { nothing in
      lx_http_take(&answer, bytes.baseAddress ?? UnsafeRawPointer(nothing), bytes.count)
    }
    switch outcome {
    case LX_HTTP_MORE: return nil
    case LX_HTTP_COMPLETE:
      cancel()
      return MediaAnswer(request: request, outcome: decode())
    case LX_HTTP_TOO_LARGE: return fail(.tooLarge)
    default: return fail(bytes.isEmpty ? .closed : .malformed)
    }
  }

  private mutating func decode() -> MediaAnswer.Outcome {
    guard let status = UInt16(exactly: answer.status), status >= 200 else {
      return .failed(.malformed)
    }
    var document = MediaDocument(paths: pathTable)
    let bytes = UnsafeRawBufferPointer(start: body.baseAddress!, count: Int(answer.length))
    let isWhole = document.read(bytes)
    guard status == 200 else {
      refusal = document.error
      return .rejected(status: status)
    }
    switch request {
    // What a success says differs between versions; that it is one is what counts.
    case .addPath, .removePath, .recordPath: return .done
    case .info:
      return isWhole && !document.version.isEmpty
        ? .info(version: document.version) : .failed(.malformed)
    case .listPaths:
      guard isWhole, document.hasItems, let pages = document.pageCount,
        let pageCount = UInt16(exactly: pages)
      else { return .failed(.malformed) }
      pathCount = document.pathCount
      return .paths(pages: pageCount)
    }
  }
}

extension MediaCredentials {
  /// What the agent shows the API (RFC 7617).
  fileprivate var basic: Text<68> {
    var pair = Text<49>(agentUser)
    pair.append(":")
    pair.append(agentPassword)
    var encoded = Text<68>()
    pair.withBytes { encoded.append(base64: $0) }
    return encoded
  }
}
