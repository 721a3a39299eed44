import Wire

// announce ─200─► set up ─200─► record ─200─► recording ◄─► keep alive
//    └─401─► announce with credentials           │ stop
//                                                ▼
// any ─refusal, silence, nonsense─► failed     tear down ─► ended

/// Why publishing ended.
public enum PublisherFailure: Error, Equatable, Sendable {
  /// The server answered a request with this status; 401: it does not like the credentials.
  case refused(status: UInt16)
  /// It wants credentials and there are none.
  case credentialsMissing
  /// It offers no Basic authentication, only Digest or another.
  case authenticationNotOffered
  /// It did not answer within `Publisher.answerMs`.
  case timeout
  /// What it sent is no RTSP, or beyond the bounds.
  case malformed
  /// It ended the connection.
  case closed
}

public enum PublisherStage: Equatable, Sendable {
  /// ANNOUNCE, SETUP and RECORD are on their way.
  case preparing
  /// Media may be sent.
  case recording
  /// After `stop`: the connection can be closed when nothing is left to write.
  case ended
  case failed(PublisherFailure)
}

/// The publisher's side of one RTSP connection (RFC 2326) over TCP, from the moment it stands:
/// bytes and time in, requests and deadlines out. Times are monotonic milliseconds.
public struct Publisher {
  enum Request { case announce, setUp, record, keepAlive, tearDown }

  private enum State {
    case due(Request)
    case awaiting(Request, untilMs: UInt64)
    case recording(keepAliveMs: UInt64)
    case ended
    case failed(PublisherFailure)
  }

  /// How long an answer may take, in milliseconds: MediaMTX answers a wrong password after 0–4 s.
  public static let answerMs: UInt64 = 5000
  /// Bytes of the longest request.
  public static let requestSize = 2048
  /// Bounds of the time between two signs of life, in milliseconds: half the server's session
  /// timeout, whatever it says.
  public static let keepAliveMs: ClosedRange<UInt64> = 1000...60_000

  /// The interleaved channel of the media; reports go to the next one.
  public private(set) var channel: UInt8 = 0

  private let target: RTSPTarget
  private let description: SessionDescription
  private var state = State.due(.announce)
  private var reader = RTSPAnswerReader()
  /// CSeq of the newest request.
  private var sequence = 0
  /// Whether the server has asked for credentials, which then go with every request.
  private var isChallenged = false
  private var session = Text<96>()
  private var keepAliveMs: UInt64 = 30_000

  /// For a connection that has just been made.
  public init(target: RTSPTarget, description: SessionDescription) {
    self.target = target
    self.description = description
  }

  public var stage: PublisherStage {
    switch state {
    case .due(.announce), .due(.setUp), .due(.record), .awaiting(.announce, _),
      .awaiting(.setUp, _), .awaiting(.record, _):
      .preparing
    case .due(.keepAlive), .awaiting(.keepAlive, _), .recording: .recording
    case .due(.tearDown), .awaiting(.tearDown, _), .ended: .ended
    case .failed(let failure): .failed(failure)
    }
  }

  /// When `tick` is to be called next; `.max`: never.
  public var nextDeadlineMs: UInt64 {
    switch state {
    case .due, .ended, .failed: .max
    case .awaiting(_, let untilMs): untilMs
    case .recording(let keepAliveMs): keepAliveMs
    }
  }

  /// True when `write` has something to write.
  public var hasRequest: Bool {
    if case .due = state { return true }
    return false
  }

  /// Writes the request that is due, if any, to the front of `buffer`, which must have room for
  /// `requestSize` bytes, and waits for its answer from now on. Returns its size, 0: none is due.
  /// While recording it belongs between two interleaved packets.
  public mutating func write(
    into buffer: UnsafeMutableRawBufferPointer, nowMs: UInt64
  ) -> Int {
    guard case .due(let request) = state else { return 0 }
    sequence += 1
    // Nothing depends on the answer to the last request.
    state =
      request == .tearDown ? .ended : .awaiting(request, untilMs: nowMs + Publisher.answerMs)
    var writer = RTSPRequestWriter(buffer)
    writer.writeRequest(request, to: target, sequence: sequence)
    if isChallenged, let credentials = target.credentials { writer.writeBasic(credentials) }
    if !session.isEmpty { writer.writeSession(session) }
    return writer.finish(body: request == .announce ? description : nil)
  }

  /// Takes bytes from the server, split in any way.
  public mutating func receive(_ bytes: UnsafeRawBufferPointer, nowMs: UInt64) {
    var rest = bytes
    do throws(RTSPSyntaxError) {
      while let answer = try reader.next(&rest) { take(answer, nowMs) }
    } catch {
      fail(.malformed)
    }
  }

  /// The server has ended the connection.
  public mutating func closed() { fail(.closed) }

  /// Looks at deadlines.
  public mutating func tick(nowMs: UInt64) {
    switch state {
    case .due, .ended, .failed: break
    case .awaiting(_, let untilMs): if untilMs <= nowMs { fail(.timeout) }
    case .recording(let keepAliveMs): if keepAliveMs <= nowMs { state = .due(.keepAlive) }
    }
  }

  /// Ends the session: TEARDOWN is the next request if there is a session.
  public mutating func stop() {
    switch state {
    case .due, .awaiting, .recording: state = session.isEmpty ? .ended : .due(.tearDown)
    case .ended, .failed: break
    }
  }

  // MARK: Answers

  private mutating func take(_ answer: RTSPAnswer, _ nowMs: UInt64) {
    // An answer that comes too late belongs to no request; provisional ones say nothing.
    guard case .awaiting(let request, _) = state, answer.sequence ?? sequence == sequence,
      answer.status >= 200
    else { return }
    if answer.status == 401, !isChallenged {
      challenge(answer, request)
      return
    }
    // Servers differ in what they let a client say while it records; only a session that is gone is
    // gone.
    let isSuccess = answer.status < 300 || (request == .keepAlive && answer.status != 454)
    guard isSuccess else { return fail(.refused(status: answer.status)) }
    remember(answer)
    switch request {
    case .announce: state = .due(.setUp)
    case .setUp: state = .due(.record)
    case .record, .keepAlive: state = .recording(keepAliveMs: nowMs + keepAliveMs)
    case .tearDown: state = .ended
    }
  }

  private mutating func challenge(_ answer: RTSPAnswer, _ request: Request) {
    guard target.credentials != nil else { return fail(.credentialsMissing) }
    guard answer.offersBasic else { return fail(.authenticationNotOffered) }
    isChallenged = true
    state = .due(request)
  }

  private mutating func remember(_ answer: RTSPAnswer) {
    if let channel = answer.channel { self.channel = channel }
    guard !answer.session.isEmpty else { return }
    session = answer.session
    let halfMs = UInt64(answer.sessionTimeoutS) * 500
    keepAliveMs = min(
      max(halfMs, Publisher.keepAliveMs.lowerBound), Publisher.keepAliveMs.upperBound)
  }

  private mutating func fail(_ failure: PublisherFailure) {
    switch state {
    case .due, .awaiting, .recording: state = .failed(failure)
    // The first reason counts, and a server may hang up on whoever is leaving.
    case .ended, .failed: break
    }
  }
}
