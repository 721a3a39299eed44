import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// Replays what a real MediaMTX answered.
@Suite(.serialized) struct TranscriptTests {
  /// What differed between the recording machine and here: addresses, the folder of recordings, and
  /// the length of segments, which is 5 s there and 2 s here to save the tests' time.
  private func replacements(_ standIn: StandInProcess) -> [(String, String)] {
    [
      ("127.0.0.1:9997", "127.0.0.1:\(standIn.ports.api)"),
      ("127.0.0.1:9998", "127.0.0.1:\(standIn.ports.metrics)"),
      ("127.0.0.1:9996", "127.0.0.1:\(standIn.ports.playback)"),
      ("127.0.0.1:8554", "127.0.0.1:\(standIn.ports.rtsp)"),
      ("/data/recordings", standIn.folder.path + "/recordings"),
      ("\"recordSegmentDuration\": \"5s\"", "\"recordSegmentDuration\": \"2s\""),
    ]
  }

  @Test(.timeLimit(.minutes(5))) func everyAnswerIsTheRecordedOne() throws {
    let standIn = try StandInProcess {
      StandInProcess.configuration($0, $1, paths: "  all_others:")
    }
    #expect(standIn.waitUntilUp())
    let transcript = try Transcript(replacing: replacements(standIn))
    #expect(transcript.exchanges.count == 33)
    // cam1 came first when the transcript was taken: sessions are listed by age.
    let jpeg = try RTSPPublisher(port: standIn.ports.rtsp, path: "cam1", media: .motionJPEG())
    let h264 = try RTSPPublisher(
      port: standIn.ports.rtsp, path: "cam0", media: .h264(packetizationMode: 1))
    var start = ""
    for (index, exchange) in transcript.exchanges.enumerated() {
      switch index {
      case 11: try publish([jpeg, h264], on: standIn)
      case 17: try awaitRecordings(2, in: standIn)
      case 32: stop([jpeg, h264], on: standIn)
      default: break
      }
      // The segment to delete is one of this run.
      let target = exchange.path.replacing(/start=.*/, with: "start=\(start)")
      let answer = try perform(exchange, target, on: standIn)
      check(answer, exchange, start: start, place: "\(index) \(exchange.method) \(target)")
      if index == 18 {
        let segments = try JSONParser.parse(answer.body)["segments"]?.list
        let text = try #require(segments?.first?["start"]?.text)
        start = text.replacingOccurrences(of: ":", with: "%3A")
      }
      // An answer comes before its effect; the next request of the transcript counts on it.
      if exchange.method != "GET" { Thread.sleep(forTimeInterval: 0.03) }
    }
  }

  private func publish(_ publishers: [RTSPPublisher], on standIn: StandInProcess) throws {
    for publisher in publishers {
      #expect(try publisher.announce() == 200)
      publisher.start()
    }
    let isFlowing = waitUntil {
      let list = (try? standIn.api("GET", "/v3/paths/list"))?.body
      let items = list.flatMap { try? JSONParser.parse($0)["items"]?.list } ?? []
      return items.count == 2
        && items.allSatisfy {
          String(decoding: $0["inboundBytes"]!.encoded(), as: UTF8.self) != "0"
        }
    }
    #expect(isFlowing)
  }

  private func stop(_ publishers: [RTSPPublisher], on standIn: StandInProcess) {
    for publisher in publishers { publisher.stop() }
    #expect(waitUntil { standIn.log.components(separatedBy: "torn down by").count == 3 })
  }

  private func awaitRecordings(_ count: Int, in standIn: StandInProcess) throws {
    let folder = standIn.folder.appending(path: "recordings/cam0").path
    let exist = waitUntil(within: .seconds(10)) {
      (try? FileManager.default.contentsOfDirectory(atPath: folder))?.count == count
    }
    #expect(exist)
  }

  private func perform(
    _ exchange: Transcript.Exchange, _ target: String, on standIn: StandInProcess
  ) throws -> HTTPExchange {
    let port =
      switch target.prefix(5) {
      case "/metr": standIn.ports.metrics
      case "/list": standIn.ports.playback
      default: standIn.ports.api
      }
    var body: String?
    if case .object = exchange.body {
      body = String(decoding: exchange.body.encoded(), as: UTF8.self)
    }
    return try HTTPExchange.perform(
      port: port, method: exchange.method, target: target, body: body)
  }

  private func check(
    _ answer: HTTPExchange, _ exchange: Transcript.Exchange, start: String, place: String
  ) {
    let comment = Comment(rawValue: place)
    #expect(answer.status == exchange.status, comment)
    for header in exchange.headers where header.key != "Content-Length" {
      #expect(answer.headers[header.key.lowercased()] == header.value.text, comment)
    }
    let isChunked = exchange.headers.value(of: "Transfer-Encoding") != nil
    #expect((answer.headers["transfer-encoding"] == "chunked") == isChunked, comment)
    if !isChunked { #expect(answer.headers["content-length"] == "\(answer.body.count)", comment) }
    if let text = exchange.answer.text {
      #expect(pageForm(answer.text) == pageForm(text), comment)
      return
    }
    guard let given = try? JSONParser.parse(answer.body) else {
      Issue.record("\(place): no JSON")
      return
    }
    let wanted = withFile(of: start, exchange.answer)
    #expect(Transcript.differences(wanted, given) == [], comment)
  }

  /// The error of a second deletion names the file of the segment: here that of this run.
  private func withFile(of start: String, _ answer: JSON) -> JSON {
    guard let error = answer["error"]?.text, error.hasPrefix("remove ") else { return answer }
    let time = start.replacingOccurrences(of: "%3A", with: "-")
    let parts = time.dropLast().split(separator: /[T.]/).map(String.init)
    let micro = (parts.count > 2 ? parts[2] : "").padding(
      toLength: 6, withPad: "0", startingAt: 0)
    let file = "\(parts[0])_\(parts[1])-\(micro).mp4"
    return .object(
      ("status", .string("error")),
      ("error", .string(error.replacing(/2026-11-20_22-30-18-946650\.mp4/, with: file))))
  }

  /// The lines of a page of metrics with their numbers and identifiers made alike.
  private func pageForm(_ page: String) -> [String] {
    Transcript.form(
      page.replacing(/"cam0"/, with: "\"c-zero\"").replacing(/"cam1"/, with: "\"c-one\"")
    )
    .components(separatedBy: "\n")
  }
}
