import Appliance
import CLinux
import Wire

@testable import Linux

extension Fuzzer {
  private static let list = """
    {"pageCount":1,"itemCount":2,"items":[{"name":"cam-1","ready":true,"inboundBytes":18,
    "bytesReceived":17,"inboundFramesInError":2,"readers":[{"type":"rtspSession","id":"a"}]},
    {"name":"porch","ready":false,"readers":[],"tracks":["H264"],"source":null}]}
    """

  /// In: which request, then what the server sends on the connection. Holds: in pieces it is the
  /// same answer, with the same paths; one comes at the end of the stream at the latest.
  static let http = Fuzzer("http", longest: 4096) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    let (list, length) = (Fuzzer.list, Fuzzer.list.utf8.count)
    return [
      [1] + text("\(head)Content-Length: \(length)\r\n\r\n\(list)"),
      [1] + text("\(head)Connection: close\r\n\r\n\(list)"),
      [0] + text("\(head)Transfer-Encoding: chunked\r\n\r\n15\r\n")
        + text("{\"version\":\"v1.20.1\"}\r\n0\r\n\r\n"),
      [2] + text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
      [3] + text("HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n")
        + text("{\"error\":\"path not found\"}"),
      [4] + text("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500 Oh\r\n\r\n{\"error\":\"x\"}"),
    ]
  } run: { bytes in
    var input = Bytes(bytes)
    let number = input.byte()
    let (whole, pieces) = (MediaCall.shared, MediaCall.other)
    whole.begin(number)
    pieces.begin(number)
    withCopy(input.rest) { whole.take(.init($0)) }
    chopped(input.rest) { pieces.take($0) }
    whole.end()
    pieces.end()
    require(whole.answer != nil, "there is an answer at the end")
    require(whole.answer == pieces.answer, "pieces are the same answer")
    require(whole.exchange.refusal == pieces.exchange.refusal, "the same reason")
    require(whole.exchange.paths.elementsEqual(pieces.exchange.paths), "the same paths")
  }

  /// In: a document. Holds: no more paths than there is room for, each with a name that a URL
  /// carries; what is right between blanks is right without, and the same.
  static let json = Fuzzer("json", longest: 4096) {
    [text(Fuzzer.list), text("{\"version\":\"v1.20.1\"}"), text("{\"error\":\"\\u00e9\"}")]
  } run: { bytes in
    let (one, other) = (MediaTable(), MediaTable())
    defer {
      one.free()
      other.free()
    }
    let isWhole = withCopy(bytes) { one.read(.init($0)) }
    let isStill = (text(" \n") + [UInt8](bytes) + text("\t\n")).withUnsafeBytes { other.read($0) }
    // Not the other way round: yajl passes over a text that is begun behind the document's end.
    require(isWhole || !isStill, "right without blanks")
    require(!isStill || one.told == other.told, "the same document")
  }
}

private final class MediaCall {
  nonisolated(unsafe) static let shared = MediaCall()
  nonisolated(unsafe) static let other = MediaCall()
  var exchange: MediaExchange
  private(set) var answer: MediaAnswer?

  private init() {
    exchange = MediaExchange(
      body: .allocate(capacity: MediaExchange.answerLimit),
      paths: .allocate(capacity: MediaExchange.pageSize))
  }

  func begin(_ number: UInt8) {
    answer = nil
    let requests: [MediaRequest] = [
      .info(life: 1), .listPaths(life: 1, page: 0), .addPath(life: 1, "cam-1"),
      .removePath(life: 1, "cam-1"), .recordPath(life: 1, "cam-1", on: true),
    ]
    exchange.expect(requests[Int(number) % requests.count])
  }

  func take(_ piece: UnsafeRawBufferPointer) {
    guard answer == nil, !piece.isEmpty else { return }
    answer = exchange.take(piece)
  }

  func end() {
    if answer == nil { answer = exchange.take(UnsafeRawBufferPointer(start: nil, count: 0)) }
  }
}

/// Room for the paths of a document.
private final class MediaTable {
  private let paths: UnsafeMutableBufferPointer<MediaPath>
  private(set) var told: [String] = []

  init() {
    paths = .allocate(capacity: 4)
    paths.initialize(repeating: MediaPath())
  }

  func free() { paths.deallocate() }

  func read(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var document = MediaDocument(paths: paths)
    let isWhole = document.read(bytes)
    require(document.pathCount <= paths.count, "no more paths than there is room for")
    for path in paths[..<document.pathCount] {
      let name = path.name.withBytes { [UInt8]($0) }
      require(!name.isEmpty && name.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a name for a URL")
      told.append("\(name) \(path.ready) \(path.readers) \(path.inboundBytes)")
    }
    told.append("\(document.version.count) \(document.error.count) \(document.hasItems)")
    return isWhole
  }
}
