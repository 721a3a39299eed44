import Feed
import Testing
import Wire

/// Plays a server to a `Publisher`, answer by answer.
struct Dialogue {
  var publisher: Publisher
  var nowMs: UInt64 = 1000
  /// Bytes per `receive`.
  var piece = Int.max

  init(
    credentials: RTSPCredentials? = nil, description: SessionDescription = .jpeg()
  ) {
    let target = RTSPTarget(
      address: 0x7F00_0001, port: 8554, path: Text("cam-front"), credentials: credentials)
    publisher = Publisher(target: target, description: description)
  }

  /// The request that is due, as text; empty when there is none.
  mutating func request() -> String {
    var buffer = [UInt8](repeating: 0, count: Publisher.requestSize)
    let size = buffer.withUnsafeMutableBytes { publisher.write(into: $0, nowMs: nowMs) }
    return String(decoding: buffer[..<size], as: UTF8.self)
  }

  mutating func answer(_ text: String) { answer(Array(text.utf8)) }

  mutating func answer(_ bytes: [UInt8]) {
    var offset = 0
    while offset < bytes.count {
      let end = offset + min(piece, bytes.count - offset)
      bytes[offset..<end].withUnsafeBytes { publisher.receive($0, nowMs: nowMs) }
      offset = end
    }
  }

  /// Goes on to RECORD's answer.
  mutating func record(timeout: String = ";timeout=60") {
    _ = request()
    answer("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: abc\(timeout)\r\n\r\n")
    _ = request()
    answer(
      "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: abc\(timeout)\r\n"
        + "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n")
    _ = request()
    answer("RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: abc\(timeout)\r\n\r\n")
  }
}

@Suite struct PublisherTests {
  private let someone = RTSPCredentials(user: Text("watchpost"), password: Text("s3cret:/"))

  /// With every split of the answers' bytes.
  @Test func itGoesOnToRecording() {
    for piece in [1, 2, 3, 5, 7, 11, 16, 33, 1000] {
      var dialogue = Dialogue()
      dialogue.piece = piece
      #expect(dialogue.publisher.stage == .preparing)
      let body =
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=watchpost\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        + "m=video 0 RTP/AVP 26\r\na=control:streamid=0\r\n"
      #expect(
        dialogue.request() == "ANNOUNCE rtsp://127.0.0.1:8554/cam-front RTSP/1.0\r\nCSeq: 1\r\n"
          + "User-Agent: watchpost\r\nContent-Type: application/sdp\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
      #expect(dialogue.request() == "")
      dialogue.answer(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: x\r\nSession: ab12;timeout=20\r\n\r\n")
      #expect(
        dialogue.request()
          == "SETUP rtsp://127.0.0.1:8554/cam-front/streamid=0 RTSP/1.0\r\nCSeq: 2\r\n"
          + "User-Agent: watchpost\r\n"
          + "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n"
          + "Session: ab12\r\n\r\n")
      // Lower case, no reason, a body, and another channel than the wanted one.
      dialogue.answer(
        "rtsp/1.0 200\r\ncseq:2\r\ncontent-length: 5\r\n"
          + "TRANSPORT: RTP/AVP/TCP;unicast; interleaved=4-5 ;ssrc=1\r\n\r\nHello")
      #expect(
        dialogue.request() == "RECORD rtsp://127.0.0.1:8554/cam-front RTSP/1.0\r\nCSeq: 3\r\n"
          + "User-Agent: watchpost\r\nRange: npt=0.000-\r\nSession: ab12\r\n\r\n")
      #expect(dialogue.publisher.stage == .preparing)
      dialogue.answer("RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: ab12;timeout=20\r\n\r\n")
      #expect(dialogue.publisher.stage == .recording)
      #expect(dialogue.publisher.channel == 4)
      // Half of twenty seconds.
      #expect(dialogue.publisher.nextDeadlineMs == 11_000)
    }
  }

  @Test func itStaysAlive() {
    var dialogue = Dialogue()
    dialogue.record()
    #expect(dialogue.publisher.nextDeadlineMs == 31_000)
    dialogue.nowMs = 30_999
    dialogue.publisher.tick(nowMs: dialogue.nowMs)
    #expect(!dialogue.publisher.hasRequest)
    dialogue.nowMs = 31_000
    dialogue.publisher.tick(nowMs: dialogue.nowMs)
    #expect(dialogue.publisher.hasRequest)
    #expect(
      dialogue.request() == "OPTIONS rtsp://127.0.0.1:8554/cam-front RTSP/1.0\r\nCSeq: 4\r\n"
        + "User-Agent: watchpost\r\nSession: abc\r\n\r\n")
    #expect(dialogue.publisher.stage == .recording)
    // Reports of the receiver come in between; one of them is empty.
    dialogue.answer([0x24, 1, 0, 8, 0x0D, 0x0A, 0x24, 0, 1, 2, 3, 4, 0x24, 1, 0, 0])
    dialogue.answer("RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n")
    #expect(dialogue.publisher.nextDeadlineMs == 61_000)
    // A server that does not like the question still has the session …
    dialogue.nowMs = 61_000
    dialogue.publisher.tick(nowMs: dialogue.nowMs)
    _ = dialogue.request()
    dialogue.answer("RTSP/1.0 455 Method Not Valid\r\nCSeq: 5\r\n\r\n")
    #expect(dialogue.publisher.stage == .recording)
    // … one that has lost it has not.
    dialogue.nowMs = 91_000
    dialogue.publisher.tick(nowMs: dialogue.nowMs)
    _ = dialogue.request()
    dialogue.answer("RTSP/1.0 454 Session Not Found\r\nCSeq: 6\r\n\r\n")
    #expect(dialogue.publisher.stage == .failed(.refused(status: 454)))
  }

  @Test(arguments: [(";timeout=0", 1000), ("", 30_000), (";timeout=999999", 60_000)])
  func theTimeBetweenSignsOfLifeIsBounded(timeout: String, expectedMs: UInt64) {
    var dialogue = Dialogue()
    dialogue.record(timeout: timeout)
    #expect(dialogue.publisher.nextDeadlineMs == 1000 + expectedMs)
  }

  @Test func credentialsAreGivenWhenAsked() {
    var dialogue = Dialogue(credentials: someone)
    #expect(!dialogue.request().contains("Authorization"))
    dialogue.answer(
      "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"a, basic b\", "
        + "nonce=\"1\"\r\nWWW-Authenticate: Basic realm=\"ipcam\"\r\n\r\n")
    // The pair of RFC 7617, in base64.
    let header = "Authorization: Basic d2F0Y2hwb3N0OnMzY3JldDov\r\n"
    let again = dialogue.request()
    #expect(again.hasPrefix("ANNOUNCE"))
    #expect(again.contains("CSeq: 2\r\n"))
    #expect(again.contains(header))
    dialogue.answer("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n")
    #expect(dialogue.request().contains(header))
  }

  @Test func wrongCredentialsAreGivenOnce() {
    var dialogue = Dialogue(credentials: someone)
    for sequence in 1...2 {
      _ = dialogue.request()
      dialogue.answer(
        "RTSP/1.0 401 Unauthorized\r\nCSeq: \(sequence)\r\n"
          + "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n")
    }
    #expect(dialogue.publisher.stage == .failed(.refused(status: 401)))
    #expect(dialogue.request() == "")
  }

  @Test func otherChallengesAreNamed() {
    let challenge =
      "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"basic\", "
      + "nonce=\"a, basic \"\r\n\r\n"
    var dialogue = Dialogue(credentials: someone)
    _ = dialogue.request()
    dialogue.answer(challenge)
    #expect(dialogue.publisher.stage == .failed(.authenticationNotOffered))
    dialogue = Dialogue()
    _ = dialogue.request()
    dialogue.answer(challenge)
    #expect(dialogue.publisher.stage == .failed(.credentialsMissing))
  }

  @Test(arguments: [302, 400, 404, 461, 503] as [UInt16])
  func refusalsKeepTheirStatus(status: UInt16) {
    var dialogue = Dialogue()
    _ = dialogue.request()
    dialogue.answer("RTSP/1.0 \(status) Whatever\r\nCSeq: 1\r\n\r\n")
    #expect(dialogue.publisher.stage == .failed(.refused(status: status)))
    #expect(dialogue.publisher.nextDeadlineMs == .max)
    dialogue.publisher.closed()
    #expect(dialogue.publisher.stage == .failed(.refused(status: status)))
  }

  @Test func silenceHasAnEnd() {
    var dialogue = Dialogue()
    _ = dialogue.request()
    #expect(dialogue.publisher.nextDeadlineMs == 6000)
    dialogue.publisher.tick(nowMs: 5999)
    #expect(dialogue.publisher.stage == .preparing)
    dialogue.publisher.tick(nowMs: 6000)
    #expect(dialogue.publisher.stage == .failed(.timeout))
  }

  @Test func provisionalAndLateAnswersSayNothing() {
    var dialogue = Dialogue()
    _ = dialogue.request()
    dialogue.answer("RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n")
    dialogue.answer("RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n")
    #expect(!dialogue.publisher.hasRequest)
    dialogue.answer("\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
    #expect(dialogue.publisher.hasRequest)
    // Nothing has been asked: an answer is none.
    dialogue.answer("RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n")
    #expect(dialogue.publisher.stage == .preparing)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\n", "RTSP/1.0 OK\r\n", "RTSP/1.0 20 OK\r\n", "RTSP/1.0 2000 OK\r\n",
    "RTSP/1.\r\n", "RTSP/1.0 200 OK\r\nnonsense\r\n",
    "RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n", "RTSP/1.0 200 OK\r\nContent-Length: -1\r\n",
    "RTSP/1.0 200 OK\r\nSession: \r\n",
    "RTSP/1.0 200 OK\r\nSession: " + String(repeating: "x", count: 97) + "\r\n",
    "RTSP/1.0 200 OK\r\n" + String(repeating: "A: b\r\n", count: 64),
    "RTSP/1.0 200 " + String(repeating: "x", count: 4096),
  ])
  func nonsenseEndsIt(text: String) {
    for piece in [1, 1000] {
      var dialogue = Dialogue()
      dialogue.piece = piece
      _ = dialogue.request()
      dialogue.answer(text)
      #expect(dialogue.publisher.stage == .failed(.malformed))
    }
  }

  @Test func noiseNeverTraps() {
    var dice = Dice(state: 4)
    let answer = Array(
      ("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: a;timeout=6\r\nTransport: x;interleaved=0-1\r\n"
        + "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nabc").utf8)
    for _ in 0..<3000 {
      var noise = answer
      for _ in 0..<Int.random(in: 1...5, using: &dice) {
        noise[Int.random(in: 0..<noise.count, using: &dice)] = .random(in: 0...255, using: &dice)
      }
      var dialogue = Dialogue(credentials: someone)
      _ = dialogue.request()
      dialogue.answer(noise + answer)
      _ = dialogue.request()
    }
  }

  @Test func itLeavesPolitely() {
    var dialogue = Dialogue()
    dialogue.record()
    dialogue.publisher.stop()
    #expect(dialogue.publisher.stage == .ended)
    #expect(dialogue.publisher.hasRequest)
    #expect(
      dialogue.request() == "TEARDOWN rtsp://127.0.0.1:8554/cam-front RTSP/1.0\r\nCSeq: 4\r\n"
        + "User-Agent: watchpost\r\nSession: abc\r\n\r\n")
    #expect(!dialogue.publisher.hasRequest)
    dialogue.publisher.closed()
    #expect(dialogue.publisher.stage == .ended)
    // Without a session there is nothing to tear down.
    dialogue = Dialogue()
    dialogue.publisher.stop()
    #expect(dialogue.publisher.stage == .ended)
    #expect(!dialogue.publisher.hasRequest)
  }

  @Test func theConnectionsEndIsTold() {
    var dialogue = Dialogue()
    dialogue.record()
    dialogue.publisher.closed()
    #expect(dialogue.publisher.stage == .failed(.closed))
  }
}
