import Appliance
import Foundation
import StandInDriver
import Testing
import Wire

@testable import Linux

/// What MediaMTX answered once, as bytes on the wire, for the calls that the agent makes.
struct RecordedAnswer: Sendable, CustomTestStringConvertible {
  var name: String
  var request: MediaRequest
  var bytes: [UInt8]
  /// What must become of it.
  var outcome: MediaAnswer.Outcome
  var paths: [MediaPath]

  var testDescription: String { name }

  init(
    _ name: String, _ request: MediaRequest, status: Int = 200, body: String,
    chunks: Bool = false, _ outcome: MediaAnswer.Outcome, paths: [MediaPath] = []
  ) {
    self.name = name
    self.request = request
    self.outcome = outcome
    self.paths = paths
    var head = "HTTP/1.1 \(status) Whatever\r\nAccess-Control-Allow-Origin: *\r\n"
    head += "Content-Type: application/json; charset=utf-8\r\nServer: mediamtx\r\n"
    if chunks {
      let middle = body.utf8.count / 2
      let parts = [body.utf8.prefix(middle), body.utf8.dropFirst(middle)]
      let text = parts.map { String($0.count, radix: 16) + "\r\n" + String($0)! + "\r\n" }.joined()
      bytes = Array((head + "Transfer-Encoding: chunked\r\n\r\n" + text + "0\r\n\r\n").utf8)
    } else {
      bytes = Array((head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body).utf8)
    }
  }

  private static func path(
    _ name: StaticString, ready: Bool = false, bytes: UInt64 = 0, errors: UInt64 = 0,
    readers: UInt32 = 0
  ) -> MediaPath {
    var path = MediaPath()
    (path.name, path.ready, path.inboundBytes) = (Name(name), ready, bytes)
    (path.inboundFramesInError, path.readers) = (errors, readers)
    return path
  }

  /// The bodies of the transcript, by their place in it.
  private static let transcript: [String] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/mediamtx/transcript.json")
    guard let data = try? Data(contentsOf: file),
      let exchanges = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    else { return [] }
    return exchanges.map { exchange in
      let response = exchange["response"] as? [String: Any]
      guard let body = response?["body"], JSONSerialization.isValidJSONObject(body),
        let bytes = try? JSONSerialization.data(withJSONObject: body)
      else { return "" }
      return String(decoding: bytes, as: UTF8.self)
    }
  }()

  private static let list = MediaRequest.listPaths(life: 3, page: 0)
  private static let add = MediaRequest.addPath(life: 3, Name("cam0"))

  static let all: [RecordedAnswer] = [
    RecordedAnswer(
      "info", .info(life: 3), body: transcript[0], .info(version: Text("v1.20.1"))),
    RecordedAnswer("empty list", list, body: transcript[1], .paths(pages: 0)),
    RecordedAnswer(
      "idle path", list, body: transcript[10], .paths(pages: 1), paths: [path("cam0")]),
    RecordedAnswer(
      "two publishers", list, body: transcript[11], .paths(pages: 1),
      paths: [
        path("cam0", ready: true, bytes: 103_587), path("cam1", ready: true, bytes: 441_986),
      ]),
    RecordedAnswer(
      "two publishers in chunks", list, body: transcript[11], chunks: true, .paths(pages: 1),
      paths: [
        path("cam0", ready: true, bytes: 103_587), path("cam1", ready: true, bytes: 441_986),
      ]),
    RecordedAnswer("added", add, body: transcript[5], .done),
    RecordedAnswer("duplicate", add, status: 400, body: transcript[6], .rejected(status: 400)),
    RecordedAnswer("missing", add, status: 404, body: transcript[8], .rejected(status: 404)),
    RecordedAnswer(
      "readers, errors, foreign names, the older name of the bytes", list,
      body: """
        {"pageCount":3,"itemCount":5,"items":[
        {"name":"cam-a","ready":true,"bytesReceived":7,"inboundFramesInError":9,
         "readers":[{"type":"rtspSession","id":"x"},{"type":"hlsMuxer","id":"y"}],
         "source":{"name":"not-a-path","ready":"text","readers":[1,[2]]},"tracks":["H264"]},
        {"name":"a-name-that-is-longer-than-any-of-this-device","ready":false},
        {"name":"with space"},
        {"readers":[],"inboundBytes":5,"bytesReceived":6,"ready":true,"name":"cam-b"}]}
        """,
      .paths(pages: 3),
      paths: [
        path("cam-a", ready: true, bytes: 7, errors: 9, readers: 2),
        path("cam-b", ready: true, bytes: 5),
      ]),
  ]
}

/// An exchange over memory of its own, fed by hand.
final class FedExchange {
  private let body = UnsafeMutableBufferPointer<UInt8>.allocate(
    capacity: MediaExchange.answerLimit)
  private let table = UnsafeMutableBufferPointer<MediaPath>.allocate(
    capacity: MediaExchange.pageSize)
  var exchange: MediaExchange

  init() { exchange = MediaExchange(body: body, paths: table) }

  deinit {
    body.deallocate()
    table.deallocate()
  }

  /// Feeds an answer in pieces; nil when it takes more to finish it.
  func feed(_ request: MediaRequest, _ pieces: [ArraySlice<UInt8>], ends: Bool) -> MediaAnswer? {
    exchange.expect(request)
    for piece in pieces where !piece.isEmpty {
      if let answer = piece.withUnsafeBytes({ exchange.take($0) }) { return answer }
    }
    return ends ? exchange.take(UnsafeRawBufferPointer(start: nil, count: 0)) : nil
  }

  var paths: [MediaPath] { Array(exchange.paths) }
  var isIdle: Bool { exchange.isIdle }
  var refusal: Text<120> { exchange.refusal }
}

@Suite struct MediaDocumentTests {
  @Test(arguments: RecordedAnswer.all)
  func everySplitGivesTheSameAnswer(_ recorded: RecordedAnswer) {
    let fed = FedExchange()
    for cut in 0...recorded.bytes.count {
      let pieces = [recorded.bytes[..<cut], recorded.bytes[cut...]]
      let answer = fed.feed(recorded.request, pieces, ends: false)
      #expect(answer?.request == recorded.request)
      #expect(answer?.outcome == recorded.outcome, "cut at \(cut)")
      #expect(fed.paths == recorded.paths)
    }
    let bytes = recorded.bytes.indices.map { recorded.bytes[$0...$0] }
    #expect(fed.feed(recorded.request, bytes, ends: false)?.outcome == recorded.outcome)
  }

  @Test(arguments: RecordedAnswer.all)
  func everyTruncationIsAClosedConnection(_ recorded: RecordedAnswer) {
    let fed = FedExchange()
    for cut in 0..<recorded.bytes.count {
      let answer = fed.feed(recorded.request, [recorded.bytes[..<cut]], ends: true)
      #expect(answer?.outcome == .failed(.closed), "cut at \(cut)")
    }
  }

  /// Whatever a flipped byte does, it ends in an answer or in waiting for more, never in a crash.
  @Test(arguments: RecordedAnswer.all)
  func everyFlippedByteEndsInAnAnswer(_ recorded: RecordedAnswer) {
    let fed = FedExchange()
    for index in recorded.bytes.indices {
      for mask: UInt8 in [0x01, 0x20, 0x80, 0xFF] {
        var bytes = recorded.bytes
        bytes[index] ^= mask
        #expect(fed.feed(recorded.request, [bytes[...]], ends: true) != nil)
        #expect(fed.paths.count <= MediaExchange.pageSize)
      }
    }
  }

  @Test(arguments: [
    "", "garbage\r\n\r\n", "\0\0\0\0", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\n{}{}{}",
    "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "HTTP/1.1 99999 OK\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
  ])
  func garbageIsNoAnswer(_ text: String) {
    let fed = FedExchange()
    let list = MediaRequest.listPaths(life: 1, page: 0)
    let answer = fed.feed(list, [Array(text.utf8)[...]], ends: true)
    let failures: [MediaAnswer.Outcome] = [.failed(.closed), .failed(.malformed)]
    #expect(answer.map { failures.contains($0.outcome) } == true)
  }

  @Test(arguments: [
    "null", "[]", "\"text\"", "{", "{}", "{\"pageCount\":1}", "{\"items\":[]}",
    "{\"pageCount\":-1,\"items\":[]}", "{\"pageCount\":1.5,\"items\":[]}",
    "{\"pageCount\":65536,\"items\":[]}", "{\"pageCount\":99999999999999999999,\"items\":[]}",
    "{\"pageCount\":1,\"items\":{}}", "{\"pageCount\":1,\"items\":null}",
    "{\"pageCount\":1,\"items\":[1]}", "{\"pageCount\":1,\"items\":[[]]}",
    "{\"pageCount\":1,\"items\":[{}]}", "{\"pageCount\":1,\"items\":[{\"name\":7}]}",
    "{\"pageCount\":1,\"items\":[{\"name\":\"a\",\"ready\":1}]}",
    "{\"pageCount\":1,\"items\":[{\"name\":\"a\",\"inboundBytes\":-1}]}",
    "{\"pageCount\":1,\"items\":[{\"name\":\"a\",\"inboundBytes\":\"1\"}]}",
    "{\"pageCount\":1,\"items\":[{\"name\":\"a\",\"readers\":{}}]}",
    "{\"pageCount\":1,\"items\":[{\"name\":\"a\",\"readers\":3}]}",
    "{\"pageCount\":1,\"items\":[]} {}", "{\"pageCount\":1,\"items\":[]}x",
    "{\"pageCount\":[1],\"items\":[]}",
  ])
  func jsonOfAnotherShapeIsMalformed(_ body: String) {
    let recorded = RecordedAnswer("", .listPaths(life: 1, page: 0), body: body, .done)
    let answer = FedExchange().feed(recorded.request, [recorded.bytes[...]], ends: false)
    #expect(answer?.outcome == .failed(.malformed))
  }

  @Test func nestingIsBounded() {
    for depth in [8, 15, 16, 20, 30_000] {
      let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      let body = "{\"x\":\(nested),\"pageCount\":0,\"items\":[]}"
      let recorded = RecordedAnswer("", .listPaths(life: 1, page: 0), body: body, .done)
      let answer = FedExchange().feed(recorded.request, [recorded.bytes[...]], ends: false)
      #expect(answer?.outcome == (depth < 16 ? .paths(pages: 0) : .failed(.malformed)))
    }
  }

  @Test(arguments: [false, true]) func oversizedAnswersAreCutOff(_ chunks: Bool) {
    for (length, fits) in [(65_536, true), (65_537, false), (1_000_000, false)] {
      let frame = "{\"pageCount\":0,\"items\":[],\"x\":\"\"}"
      let filler = String(repeating: "x", count: length - frame.utf8.count)
      let body = "{\"pageCount\":0,\"items\":[],\"x\":\"\(filler)\"}"
      let request = MediaRequest.listPaths(life: 1, page: 0)
      let recorded = RecordedAnswer("", request, body: body, chunks: chunks, .done)
      let answer = FedExchange().feed(request, [recorded.bytes[...]], ends: false)
      #expect(answer?.outcome == (fits ? .paths(pages: 0) : .failed(.tooLarge)))
    }
  }

  @Test func headersAreBounded() {
    let header = "X-Filler: " + String(repeating: "x", count: 9000) + "\r\n"
    let bytes = Array(("HTTP/1.1 200 OK\r\n" + header).utf8)
    let answer = FedExchange().feed(.info(life: 1), [bytes[...]], ends: false)
    #expect(answer?.outcome == .failed(.tooLarge))
  }

  @Test func pagesHoldAsManyPathsAsWereAskedFor() {
    for count in [32, 33] {
      let items = (0..<count).map { "{\"name\":\"cam-\($0)\"}" }.joined(separator: ",")
      let body = "{\"pageCount\":1,\"items\":[\(items)]}"
      let request = MediaRequest.listPaths(life: 1, page: 0)
      let recorded = RecordedAnswer("", request, body: body, .done)
      let fed = FedExchange()
      let answer = fed.feed(request, [recorded.bytes[...]], ends: false)
      #expect(answer?.outcome == (count == 32 ? .paths(pages: 1) : .failed(.malformed)))
      #expect(fed.paths.count == (count == 32 ? 32 : 0))
    }
  }

  @Test func refusalsTellTheirReason() {
    let body = "{\"status\":\"error\",\"error\":\"'recordPath' must contain %path\"}"
    let recorded = RecordedAnswer(
      "", .addPath(life: 1, Name("a")), status: 400, body: body, .done)
    let fed = FedExchange()
    let answer = fed.feed(recorded.request, [recorded.bytes[...]], ends: false)
    #expect(answer?.outcome == .rejected(status: 400))
    #expect(fed.refusal == "'recordPath' must contain %path")
  }
}
