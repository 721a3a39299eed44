import CLinux

/// A path's stream that is pulled from another RTSP server: `source: rtsp://USER:PASS@HOST/PATH`.
///
///     resting ──5 s──> options ──> describe ──> set up, each track ──> play ──> playing
///        ^                │  a refusal, the connection's end, silence   │         │
///        └────────────────┴──────────────────────────────────────────────┴─────────┘
///
/// As MediaMTX does it: over TCP here, ready before PLAY, 5 s between two attempts for ever.
final class RTSPSource {
  enum Question {
    case options, describe, play
    case setUp(track: Int)
  }

  enum State {
    case resting(until: Nanoseconds)
    case asking(Question, since: Nanoseconds)
    case playing(keptAlive: Nanoseconds)
  }

  /// MediaMTX's pause after a failure.
  static let pause = 5 * second
  /// A server may end a session that says nothing for a minute (RFC 2326, 12.37).
  static let keepAlive = 30 * second

  let url: SourceURL
  let pathName: String
  fileprivate(set) var state = State.resting(until: 0)
  fileprivate(set) var connection: Connection?
  fileprivate(set) var tracks: [Track] = []
  fileprivate(set) var channels: [Session.Channel] = []
  private var sequence = 0
  private var session = ""
  private var base = ""
  /// Whether the server has asked for credentials and was given them.
  private var isIdentified = false

  init(_ url: SourceURL, path: String) {
    self.url = url
    pathName = path
  }

  var label: String { "[path " + pathName + "] [RTSP source] " }

  /// Forgets the last attempt.
  fileprivate func begin(_ connection: Connection, now: Nanoseconds) {
    self.connection = connection
    (tracks, channels, sequence, session, isIdentified) = ([], [], 0, "", false)
    base = url.text
    ask(.options, now: now)
  }

  /// Ends it for good, with its path.
  func stop() {
    connection?.ending = "terminated"
    connection?.source = nil
  }

  private func ask(_ question: Question, now: Nanoseconds) {
    state = .asking(question, since: now)
    switch question {
    case .options: send("OPTIONS", url.text)
    case .describe: send("DESCRIBE", url.text, "Accept: application/sdp\r\n")
    case .setUp(let track):
      let number = track * 2
      send(
        "SETUP", address(of: tracks[track]),
        "Transport: RTP/AVP/TCP;unicast;interleaved=\(number)-\(number + 1)\r\n")
    case .play: send("PLAY", base, "Range: npt=0-\r\n")
    }
  }

  fileprivate func send(_ method: String, _ target: String, _ headers: String = "") {
    sequence += 1
    var text = method + " " + target + " RTSP/1.0\r\nCSeq: \(sequence)\r\n"
    text += "User-Agent: gortsplib\r\n" + headers
    if isIdentified {
      text += "Authorization: Basic " + base64Encoded(url.user + ":" + url.password) + "\r\n"
    }
    if !session.isEmpty { text += "Session: " + session + "\r\n" }
    connection?.send(Array((text + "\r\n").utf8))
  }

  /// A track's control attribute is a URL or relative to the description's (RFC 2326, C.1.1).
  private func address(of track: Track) -> String {
    if track.control.isEmpty || track.control == "*" { return base }
    if track.control.hasPrefix("rtsp") { return track.control }
    return base + (base.hasSuffix("/") ? "" : "/") + track.control
  }

  /// Takes the answer to the last question and asks the next; true when all tracks are set up.
  fileprivate func take(_ answer: Message, now: Nanoseconds) throws(Refusal) -> Bool {
    guard case .asking(let question, _) = state else { return false }
    if answer.status == 401, try identify(answer) {
      ask(question, now: now)
      return false
    }
    guard answer.status == 200 else { throw Refusal("bad status code: " + answer.target) }
    if let given = answer.header("session") { session = given.cut(at: ";")?.0 ?? given }
    switch question {
    case .options: ask(.describe, now: now)
    case .describe:
      tracks = try SessionDescription.tracks(answer.body)
      if let given = answer.header("content-base") { base = given }
      ask(.setUp(track: 0), now: now)
    case .setUp(let track):
      channels.append(Session.Channel(track: track, number: channel(answer, ofTrack: track)))
      let isLast = track + 1 == tracks.count
      ask(isLast ? .play : .setUp(track: track + 1), now: now)
      return isLast
    case .play: state = .playing(keptAlive: now)
    }
    return false
  }

  /// Whether the question is worth asking again, with what the URL holds.
  private func identify(_ answer: Message) throws(Refusal) -> Bool {
    if isIdentified || url.user.isEmpty { return false }
    let challenges = answer.headers.filter { $0.name == "www-authenticate" }
    guard challenges.contains(where: { asciiLowercased($0.value).hasPrefix("basic") }) else {
      throw Refusal("the stand-in knows no authentication but Basic")
    }
    isIdentified = true
    return true
  }

  private func channel(_ answer: Message, ofTrack track: Int) -> UInt8 {
    for field in (answer.header("transport") ?? "").parts(";") {
      guard let (name, value) = field.trimmed.cut(at: "="), name == "interleaved" else { continue }
      if let number = value.cut(at: "-").flatMap({ UInt8($0.0) }) { return number }
    }
    return UInt8(track * 2)
  }

  /// Why an attempt has lasted too long, nil if it has not.
  fileprivate func overdue(now: Nanoseconds, limit: Nanoseconds) -> String? {
    switch state {
    case .resting: nil
    case .asking(_, let since): now - since > limit ? "request timed out" : nil
    case .playing: now - (connection?.lastMedia ?? now) > limit ? "TCP timeout" : nil
    }
  }

  fileprivate func keepAlive(now: Nanoseconds) {
    guard case .playing(let last) = state, now - last > RTSPSource.keepAlive else { return }
    state = .playing(keptAlive: now)
    send("OPTIONS", base)
  }

  fileprivate func rest(until due: Nanoseconds) {
    connection = nil
    state = .resting(until: due)
  }
}

extension Server {
  /// Begins what has rested, and ends what has waited too long.
  func runSources() {
    let limit = Configuration.duration("readTimeout", in: running.global)
    for path in paths {
      guard let source = path.source else { continue }
      if case .resting(let until) = source.state {
        if now >= until { begin(source) }
      } else if let reason = source.overdue(now: now, limit: limit) {
        source.connection?.ending = reason
      } else {
        source.keepAlive(now: now)
      }
    }
  }

  private func begin(_ source: RTSPSource) {
    let url = source.url
    // Embedded, the stand-in resolves no names.
    let host = url.host == "localhost" ? "127.0.0.1" : url.host
    let descriptor = url.isEncrypted ? -95 : si_connect(host, url.port)
    guard descriptor >= 0 else {
      let reason =
        url.isEncrypted
        ? "the stand-in knows no RTSP encryption"
        : descriptor == -22 ? "lookup \(host): no such host" : FileError(code: -descriptor).reason
      log(.error, source.label + reason)
      source.rest(until: now + RTSPSource.pause)
      return
    }
    let connection = Connection(
      descriptor: descriptor, service: .source, peer: "\(host):\(url.port)")
    connection.source = source
    add(connection)
    source.begin(connection, now: now)
  }

  /// Takes every whole answer and packet that has arrived.
  func serveSource(_ connection: Connection) {
    guard let source = connection.source else { return }
    var position = 0
    let input = connection.input
    while position < input.count, connection.ending == nil {
      let rest = input[position...]
      if rest[position] == InterleavedFrame.mark {
        guard let frame = InterleavedFrame(rest) else { break }
        receive(frame, from: source, on: connection)
        position = frame.payload.endIndex
        continue
      }
      switch Message.parse(rest) {
      case .incomplete: break
      case .invalid: connection.ending = "invalid answer"
      case .message(let answer, let length):
        take(answer, for: source, on: connection)
        position += length
        continue
      }
      break
    }
    connection.input.removeFirst(position)
  }

  private func take(_ answer: Message, for source: RTSPSource, on connection: Connection) {
    // A server may ask as well, for instance with OPTIONS; MediaMTX passes over it.
    guard answer.status != nil, let path = path(named: source.pathName) else { return }
    do throws(Refusal) {
      guard try source.take(answer, now: now) else { return }
      connection.lastMedia = now
      path.publish(source.tracks, by: nil, log: log)
    } catch {
      connection.ending = error.reason
    }
  }

  private func receive(
    _ frame: InterleavedFrame, from source: RTSPSource, on connection: Connection
  ) {
    connection.lastMedia = now
    guard
      let channel = source.channels.first(where: { $0.number == frame.channel }),
      let packet = RTPPacket(frame.payload),
      packet.payloadType == source.tracks[channel.track].payloadType
    else { return }
    path(named: source.pathName)?.receive(
      packet, bytes: frame.payload, track: channel.track, maximumPayload: maximumPayload,
      wallClock: wallClock, log: log)
  }

  /// Its connection has ended: it rests, and its path's stream is over.
  func endSource(_ connection: Connection, reason: String) {
    guard let source = connection.source else { return }
    connection.source = nil
    log(.error, source.label + reason)
    source.rest(until: now + RTSPSource.pause)
    if let path = path(named: source.pathName), path.isReady { endStream(of: path) }
  }
}
