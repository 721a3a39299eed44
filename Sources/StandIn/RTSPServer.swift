import CLinux

/// What an RTSP request is answered with.
struct RTSPAnswer {
  var status: Int
  var headers: [(String, String)] = []
  var body: [UInt8] = []
  /// Why the connection ends after the answer; nil if it goes on.
  var closing: String?

  static func ok(_ headers: [(String, String)] = []) -> RTSPAnswer {
    RTSPAnswer(status: 200, headers: headers)
  }

  /// MediaMTX closes the connection after most of its refusals.
  static func refused(_ status: Int, _ reason: String) -> RTSPAnswer {
    RTSPAnswer(status: status, closing: reason)
  }

  func bytes(sequence: String) -> [UInt8] {
    var text = "RTSP/1.0 \(status) " + RTSPAnswer.reason(status) + "\r\nCSeq: " + sequence
    text += "\r\nServer: gortsplib\r\n"
    for (name, value) in headers { text += name + ": " + value + "\r\n" }
    if !body.isEmpty { text += "Content-Length: \(body.count)\r\n" }
    return Array((text + "\r\n").utf8) + body
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 404: "Not Found"
    case 454: "Session Not Found"
    case 455: "Method Not Valid in This State"
    case 461: "Unsupported Transport"
    default: "Not Implemented"
    }
  }
}

/// A request's URL without scheme and host.
struct RTSPTarget {
  var path: String
  var query: String

  init(_ url: String) {
    var rest = url
    if let scheme = url.offset(of: "://", from: 0) {
      let bytes = Array(url.utf8)[(scheme + 3)...]
      let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
      rest = String(decoding: bytes[slash...], as: UTF8.self)
    }
    let (path, query) = rest.cut(at: "?") ?? (rest, "")
    self.path = percentDecoded(path) ?? path
    if self.path.hasPrefix("/") { self.path.removeFirst() }
    if self.path.hasSuffix("/") { self.path.removeLast() }
    self.query = query
  }
}

extension Server {
  var realTime: Nanoseconds { si_realtime_ns() }

  /// Takes every whole request and packet that has arrived.
  func serveRTSP(_ connection: Connection) {
    var position = 0
    let input = connection.input
    while position < input.count, !connection.isHolding, !connection.closesWhenSent {
      let rest = input[position...]
      if rest[position] == InterleavedFrame.mark {
        guard let frame = InterleavedFrame(rest) else { break }
        receive(frame.payload, frame.channel, on: connection)
        position = frame.payload.endIndex
        continue
      }
      guard let length = serveRequest(rest, on: connection) else { break }
      position += length
    }
    connection.input.removeFirst(position)
  }

  /// The length of the request that was answered; nil if it is not complete.
  private func serveRequest(_ bytes: ArraySlice<UInt8>, on connection: Connection) -> Int? {
    switch Message.parse(bytes) {
    case .incomplete: return nil
    case .invalid:
      connection.ending = "invalid request"
      return nil
    case .message(let message, let length):
      var answer = answer(message, on: connection)
      if let session = connection.session, answer.status == 200, message.method != "TEARDOWN" {
        answer.headers.append(("Session", session.secret + ";timeout=60"))
      }
      let text = answer.bytes(sequence: message.header("cseq") ?? "")
      if answer.status == 401, answer.closing != nil {
        connection.send(text, at: now + (faults.authenticationDelay ?? randomDelay()))
      } else {
        connection.send(text)
      }
      if let reason = answer.closing {
        log(.info, "[RTSP] [conn \(connection.peer)] " + reason)
        connection.closesWhenSent = true
      }
      return length
    }
  }

  /// Measured: a wrong password is answered after 0–4 s.
  private func randomDelay() -> Nanoseconds {
    var bytes: [UInt8] = [0, 0]
    bytes.withUnsafeMutableBytes { si_random($0.baseAddress!, 2) }
    return Int64(UInt16(bytes[0]) << 8 | UInt16(bytes[1])) * 4 * second / 65_536
  }

  private func answer(_ message: Message, on connection: Connection) -> RTSPAnswer {
    let target = RTSPTarget(message.target)
    if let given = message.header("session"), let session = connection.session {
      if (given.cut(at: ";")?.0 ?? given) != session.secret {
        return .refused(454, "invalid session")
      }
    }
    switch message.method {
    case "OPTIONS":
      let methods = "DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, TEARDOWN"
      return .ok([("Public", methods)])
    case "GET_PARAMETER": return .ok([("Content-Type", "text/parameters")])
    case "ANNOUNCE": return announce(message, target, connection)
    case "DESCRIBE": return describe(message, target, connection)
    case "SETUP": return setUp(message, target, connection)
    case "RECORD": return record(connection)
    case "PLAY": return play(connection)
    case "TEARDOWN":
      guard let session = connection.session else { return .refused(454, "no session") }
      end(session, reason: "torn down by " + connection.peer)
      return .ok()
    default: return .refused(501, "unhandled method " + message.method)
    }
  }

  // MARK: Who may

  /// The refusal of a request, nil if it is allowed.
  private func refusal(
    _ action: String, _ message: Message, path: String, _ connection: Connection
  ) -> RTSPAnswer? {
    let methods = (running.global.value(of: "rtspAuthMethods")?.list ?? []).compactMap { $0.text }
    var credentials = Credentials(
      header: message.header("authorization"), method: message.method)
    switch credentials {
    case .none: break
    case .basic: if !methods.contains("basic") { credentials = .none }
    case .digest: if !methods.contains("digest") { credentials = .none }
    }
    if running.permits(
      action, path: path, address: connection.address, credentials: credentials,
      nonce: connection.nonce)
    {
      return nil
    }
    // Without credentials the client is asked for some at once; wrong ones are made to wait.
    let reason = credentials.isPresent ? "authentication failed" : nil
    let challenges = methods.map { method in
      method == "basic"
        ? "Basic realm=\"ipcam\""
        : "Digest realm=\"ipcam\", nonce=\"" + connection.nonce + "\", algorithm=\"MD5\""
    }
    return RTSPAnswer(
      status: 401, headers: challenges.map { ("WWW-Authenticate", $0) }, closing: reason)
  }

  // MARK: Publishing

  private func announce(
    _ message: Message, _ target: RTSPTarget, _ connection: Connection
  ) -> RTSPAnswer {
    if connection.session != nil { return .refused(455, "a session exists already") }
    do throws(Refusal) {
      let tracks = try SessionDescription.tracks(message.body)
      try Configuration.check(pathName: target.path)
      guard running.path(for: target.path) != nil else {
        throw Refusal("path '\(target.path)' is not configured")
      }
      if let refusal = refusal("publish", message, path: target.path, connection) {
        return refusal
      }
      let session = begin(message, target, connection)
      session.tracks = tracks
      session.state = .announced
      return .ok()
    } catch {
      return .refused(400, error.reason)
    }
  }

  private func begin(
    _ message: Message, _ target: RTSPTarget, _ connection: Connection
  ) -> Session {
    let session = Session(connection: connection, pathName: target.path, query: target.query)
    session.userAgent = message.header("user-agent") ?? ""
    session.user = Credentials(header: message.header("authorization"), method: "").userName
    connection.session = session
    sessions.append(session)
    log(.info, session.label + " created by " + connection.peer)
    return session
  }

  private func record(_ connection: Connection) -> RTSPAnswer {
    guard let session = connection.session, session.state == .announced,
      session.channels.count == session.tracks.count
    else { return .refused(400, "not all announced media have been set up") }
    guard let path = obtainPath(named: session.pathName) else {
      return .refused(400, "path '\(session.pathName)' is not configured")
    }
    if path.source != nil {
      return .refused(
        400, "can't publish to path '\(path.name)' since 'source' is not 'publisher'")
    }
    if let other = path.publisher {
      guard path.settings.overridesPublisher else {
        return .refused(400, "someone is already publishing to path '\(path.name)'")
      }
      log(.info, "[path \(path.name)] closing existing publisher")
      other.connection.ending = "terminated"
      end(other, reason: "terminated")
    }
    session.state = .publishing
    session.path = path
    connection.lastMedia = now
    path.publish(session.tracks, by: session, log: log)
    log(.info, session.label + " is publishing to path '\(path.name)'")
    return .ok()
  }

  private func receive(_ bytes: ArraySlice<UInt8>, _ number: UInt8, on connection: Connection) {
    guard let session = connection.session, session.state == .publishing,
      let path = session.path,
      let channel = session.channels.first(where: { $0.number == number & 0xFE })
    else { return }
    connection.lastMedia = now
    session.inboundBytes += UInt64(bytes.count)
    if number & 1 == 1 {
      session.inboundControlPackets += 1
      return
    }
    guard let packet = RTPPacket(bytes),
      packet.payloadType == session.tracks[channel.track].payloadType
    else {
      session.inboundPacketsInError += 1
      return
    }
    session.count(packet, track: channel.track)
    path.receive(
      packet, bytes: bytes, track: channel.track, maximumPayload: maximumPayload,
      wallClock: wallClock, log: log)
  }

  // MARK: Reading

  private func describe(
    _ message: Message, _ target: RTSPTarget, _ connection: Connection
  ) -> RTSPAnswer {
    if let refusal = refusal("read", message, path: target.path, connection) { return refusal }
    guard let path = path(named: target.path), path.isReady else {
      return RTSPAnswer(status: 404)
    }
    let base = message.target.hasSuffix("/") ? String(message.target.dropLast()) : message.target
    let text = SessionDescription.text(path.tracks, base: base)
    return RTSPAnswer(
      status: 200,
      headers: [("Content-Base", base + "/"), ("Content-Type", "application/sdp")],
      body: Array(text.utf8))
  }

  private func play(_ connection: Connection) -> RTSPAnswer {
    guard let session = connection.session, session.state == .readPrepared,
      let path = session.path
    else { return .refused(400, "nothing has been set up") }
    session.state = .reading
    log(.info, session.label + " is reading from path '\(path.name)', with TCP")
    return .ok()
  }

  // MARK: Set-up, for both

  private func setUp(
    _ message: Message, _ target: RTSPTarget, _ connection: Connection
  ) -> RTSPAnswer {
    let transport = message.header("transport") ?? ""
    guard transport.hasPrefix("RTP/AVP/TCP") else {
      return RTSPAnswer(status: 461)
    }
    var number: UInt8?
    var mode = "play"
    for field in transport.parts(";") {
      guard let (name, value) = field.trimmed.cut(at: "=") else { continue }
      if name == "interleaved" { number = value.cut(at: "-").flatMap { UInt8($0.0) } }
      if name == "mode" { mode = asciiLowercased(value.unquoted) }
    }
    if let given = number, given % 2 != 0 { return .refused(400, "invalid interleaved IDs") }
    if connection.session == nil {
      if let refusal = prepareReading(message, target, connection) { return refusal }
    }
    guard let session = connection.session else { return .refused(400, "no session") }
    let wanted = session.state == .announced ? "record" : "play"
    guard mode == wanted || (mode == "receive" && wanted == "record") else {
      return .refused(400, "transport header contains a invalid mode (\(mode))")
    }
    guard let track = track(of: message.target, in: session) else {
      return .refused(400, "media not found")
    }
    if session.channels.contains(where: { $0.track == track }) {
      return .refused(400, "media has already been setup")
    }
    let channel = number ?? UInt8(session.channels.count * 2)
    session.channels.append(Session.Channel(track: track, number: channel))
    let delivery = "RTP/AVP/TCP;unicast;interleaved=\(channel)-\(channel + 1)"
    return .ok([("Transport", delivery)])
  }

  /// A SETUP without ANNOUNCE makes a reader.
  private func prepareReading(
    _ message: Message, _ target: RTSPTarget, _ connection: Connection
  ) -> RTSPAnswer? {
    var target = target
    if let slash = target.path.lastIndex(of: "/"), path(named: target.path) == nil {
      target.path = String(target.path[..<slash])
    }
    if let refusal = refusal("read", message, path: target.path, connection) { return refusal }
    guard let path = path(named: target.path), path.isReady else {
      return RTSPAnswer(status: 404)
    }
    let session = begin(message, target, connection)
    session.state = .readPrepared
    session.tracks = path.tracks
    for index in session.tracks.indices { session.tracks[index].control = "trackID=\(index)" }
    session.path = path
    path.add(reader: session)
    return nil
  }

  private func track(of url: String, in session: Session) -> Int? {
    for (index, track) in session.tracks.enumerated() where !track.control.isEmpty {
      if url == track.control || url.hasSuffix("/" + track.control) { return index }
    }
    return session.tracks.count == 1 ? 0 : nil
  }

  // MARK: End

  /// Takes a session off its path. Its connection goes on, unless it ends as well.
  func end(_ session: Session, reason: String) {
    guard session.connection.session === session else { return }
    session.connection.session = nil
    sessions.removeAll { $0 === session }
    if let path = session.path {
      if path.publisher === session {
        endStream(of: path)
      } else {
        path.remove(reader: session)
      }
      session.path = nil
    }
    log(.info, session.label + " destroyed: " + reason)
    removeUnusedPaths()
  }

  /// Ends a path's stream. Whoever reads from it has nothing left to read.
  func endStream(of path: Path) {
    path.unpublish(log: log)
    for reader in path.readers { reader.connection.ending = "terminated" }
  }
}
