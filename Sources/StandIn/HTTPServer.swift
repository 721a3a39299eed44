/// An answer, before it is framed.
struct HTTPAnswer {
  enum Content {
    case json([UInt8])
    case text(String)
  }

  var status: Int
  var content: Content

  static func json(_ value: JSON) -> HTTPAnswer {
    HTTPAnswer(status: 200, content: .json(value.encoded()))
  }

  static let ok = json(.object(("status", .string("ok"))))

  static func error(_ status: Int, _ reason: String) -> HTTPAnswer {
    let body = JSON.object(("status", .string("error")), ("error", .string(reason)))
    return HTTPAnswer(status: status, content: .json(body.encoded()))
  }

  /// What an unknown address gets.
  static let noRoute = HTTPAnswer(status: 404, content: .text("404 page not found"))

  /// The answer in bytes, framed as Go's HTTP server does it: its buffer holds 2048 bytes, and a
  /// body that does not fit goes out in chunks, because the header had to leave before its end.
  func framed(closes: Bool, now: Nanoseconds) -> [UInt8] {
    let bodyLimit = 2048
    let (body, type): ([UInt8], String) =
      switch content {
      case .json(let bytes): (bytes, "application/json; charset=utf-8")
      case .text(let text): (Array(text.utf8), "text/plain; charset=utf-8")
      }
    var head = "HTTP/1.1 \(status) " + HTTPAnswer.reason(status) + "\r\n"
    head += "Access-Control-Allow-Origin: *\r\nContent-Type: " + type + "\r\nServer: mediamtx\r\n"
    head += "Date: " + CivilTime(sinceEpoch: now).httpDate + "\r\n"
    if closes { head += "Connection: close\r\n" }
    guard body.count > bodyLimit else {
      return Array((head + "Content-Length: \(body.count)\r\n\r\n").utf8) + body
    }
    head += "Transfer-Encoding: chunked\r\n\r\n" + String(body.count, radix: 16) + "\r\n"
    return Array(head.utf8) + body + Array("\r\n0\r\n\r\n".utf8)
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 204: "No Content"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 404: "Not Found"
    default: "Internal Server Error"
    }
  }
}

/// A request's address, taken apart.
struct HTTPTarget {
  /// Decoded.
  var path: String
  private var query: [(name: String, value: String)] = []

  init(_ target: String) {
    let (path, query) = target.cut(at: "?") ?? (target, "")
    self.path = percentDecoded(path) ?? path
    for pair in query.parts("&") {
      let (name, value) = pair.cut(at: "=") ?? (pair, "")
      self.query.append((name, percentDecoded(value) ?? value))
    }
  }

  func value(_ name: String) -> String? {
    query.first { $0.name == name }?.value
  }

  /// What follows a prefix of the path.
  func rest(after prefix: String) -> String? {
    path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
  }
}

extension Server {
  /// Answers one request, if a whole one is there. The next waits until its answer has left.
  func serveHTTP(_ connection: Connection) {
    if connection.isHolding { return }
    switch Message.parse(connection.input[...]) {
    case .incomplete: return
    case .invalid:
      connection.input = []
      connection.send(
        HTTPAnswer(status: 400, content: .text("400 Bad Request")).framed(
          closes: true, now: started))
      connection.closesWhenSent = true
    case .message(let message, let length):
      connection.input.removeFirst(length)
      let closes = message.header("connection").map { asciiLowercased($0) } == "close"
      let answer = answer(message, on: connection)
      let bytes = answer.framed(closes: closes, now: realTime)
      // The faults themselves are not slowed down: a test could not take one back otherwise.
      let isDelayed = connection.service == .api && !message.target.hasPrefix("/standin/")
      if isDelayed, faults.apiDelay > 0 {
        connection.send(bytes, at: now + faults.apiDelay)
      } else {
        connection.send(bytes)
      }
      connection.closesWhenSent = closes
    }
  }

  private func answer(_ message: Message, on connection: Connection) -> HTTPAnswer {
    let target = HTTPTarget(message.target)
    if connection.service == .api, let fault = target.rest(after: "/standin/fault/") {
      return setFault(fault)
    }
    let action: String
    switch connection.service {
    case .metrics: action = "metrics"
    case .playback: action = "playback"
    default: action = "api"
    }
    let credentials = Credentials(header: message.header("authorization"), method: message.method)
    guard
      running.permits(
        action, path: target.value("path") ?? "", address: connection.address,
        credentials: credentials, nonce: "")
    else { return .error(401, "authentication error") }
    switch connection.service {
    case .metrics:
      return target.path == "/metrics"
        ? HTTPAnswer(status: 200, content: .text(metricsPage())) : .noRoute
    case .playback: return playback(message, target)
    default: return controlAPI(message, target)
    }
  }

  /// `POST /standin/fault/NAME` or `…/NAME/MILLISECONDS`.
  private func setFault(_ text: String) -> HTTPAnswer {
    let words = text.parts("/").joined(separator: " ")
    return faults.set(words) ? .ok : .error(404, "no such fault")
  }
}
