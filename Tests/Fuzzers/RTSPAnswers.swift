import Wire

@testable import Feed

extension Fuzzer {
  /// In: what a server sends to a publisher. Holds: pieces are the same answers; a publisher ends
  /// up in a stage with or without a deadline as it should, and whatever the server has said, its
  /// requests are lines of text; an address that is read is written again as it is meant.
  static let rtsp = Fuzzer("rtsp", longest: 4096) {
    let ok = "RTSP/1.0 200 OK\r\nCSeq: "
    let session = "Session: 12AB;timeout=30\r\n"
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n"
    return [
      text("\(ok)1\r\n\r\n\(ok)2\r\n\(session)\(transport)\r\n\(ok)3\r\n\(session)\r\n")
        + text("$\u{1}\0\u{4}abcd"),
      text("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n")
        + text("WWW-Authenticate: Basic realm=\"a, b\"\r\n\r\n"),
      text("\(ok)1\r\nContent-Length: 4\r\n\r\nbody\(ok)2\r\n\(session)\r\n"),
      text("rtsp://user:p%40ss@10.0.0.2:8554/cam-1"), text("rtsp://127.0.0.1/a"),
    ]
  } run: { bytes in
    let (whole, pieces) = (RTSPAnswers(), RTSPAnswers())
    withCopy(bytes) { whole.take(.init($0)) }
    chopped(bytes) { pieces.take($0) }
    require(whole.told == pieces.told, "pieces are the same answers")
    publish(bytes)
    withCopy(bytes) { address(.init($0)) }
  }
}

/// A reader of answers: each as a text.
private final class RTSPAnswers {
  private var reader = RTSPAnswerReader()
  private(set) var told: [String] = []
  private var hasEnded = false

  func take(_ bytes: UnsafeRawBufferPointer) {
    guard !hasEnded else { return }
    var rest = bytes
    do throws(RTSPSyntaxError) {
      while let answer = try reader.next(&rest) {
        require(answer.bodySize <= RTSPAnswerReader.bodySizeLimit, "a body within its bound")
        let session = answer.session.withBytes { [UInt8]($0) }
        told.append(
          "\(answer.status) \(answer.sequence ?? -1) \(session) \(answer.sessionTimeoutS) "
            + "\(answer.channel ?? 255) \(answer.offersBasic) \(answer.bodySize)")
      }
      require(rest.isEmpty, "all bytes are taken")
    } catch {
      hasEnded = true
      told.append("no RTSP")
    }
  }
}

/// A whole connection: requests are written whenever one is due.
private func publish(_ bytes: UnsafeRawBufferPointer) {
  var target = RTSPTarget(address: 127 << 24 | 1, port: 8554, path: "cam-1")
  target.credentials = RTSPCredentials(user: "watchpost", password: "secret")
  var publisher = Publisher(target: target, description: .jpeg())
  var nowMs: UInt64 = 1000
  func write() {
    var room = [UInt8](repeating: 0, count: Publisher.requestSize)
    let size = room.withUnsafeMutableBytes { publisher.write(into: $0, nowMs: nowMs) }
    require(size <= Publisher.requestSize, "a request fits")
    let lines = String(decoding: room[..<size], as: UTF8.self).components("\r\n")
    guard size > 0 else { return }
    require(lines.count >= 4 && lines[0].hasSuffix(" RTSP/1.0"), "a request of lines")
    require(lines.contains(""), "an end of the header")
  }
  chopped(bytes) { piece in
    if publisher.hasRequest { write() }
    publisher.receive(piece, nowMs: nowMs)
    nowMs += 10
    publisher.tick(nowMs: nowMs)
    switch publisher.stage {
    case .preparing, .recording:
      require(publisher.hasRequest == (publisher.nextDeadlineMs == .max), "something comes next")
    case .ended, .failed: require(!publisher.hasRequest, "an end is one")
    }
  }
  publisher.stop()
  write()
  require(!publisher.hasRequest, "nothing is due behind the end")
}

private func address(_ url: UnsafeRawBufferPointer) {
  guard let target = try? RTSPTarget(parsing: url) else { return }
  require((1...96).contains(target.path.count) && target.port > 0, "an address that can be used")
  let parts = (0..<4).reversed().map { "\(target.address >> UInt32(8 * $0) & 255)" }
  let path = target.path.withBytes { String(decoding: $0, as: UTF8.self) }
  let again = text("rtsp://\(parts.joined(separator: ".")):\(target.port)/\(path)")
  var bare = target
  bare.credentials = nil
  again.withUnsafeBytes { again in
    require((try? RTSPTarget(parsing: again)) == bare, "the same address")
  }
}

extension String {
  /// What stands between separators.
  fileprivate func components(_ separator: String) -> [String] {
    var parts = [""]
    var rest = Array(utf8)[...]
    let mark = Array(separator.utf8)
    while let first = rest.first {
      if rest.starts(with: mark) {
        parts.append("")
        rest = rest.dropFirst(mark.count)
      } else {
        parts[parts.count - 1].unicodeScalars.append(UnicodeScalar(first))
        rest = rest.dropFirst()
      }
    }
    return parts
  }
}
