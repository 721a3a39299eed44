import Wire

/// Why publishing ended.
public enum PublisherFailure: Error, Equatable, Sendable {
  /// The server answered a request with this status.
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
  /// How long an answer may take, in milliseconds: MediaMTX answers a wrong password after 0–4 s.
  public static let answerMs: UInt64 = 5000
  /// Bytes of the longest request.
  public static let requestSize = 2048

  public private(set) var stage = PublisherStage.preparing
  /// The interleaved channel of the media; reports go to the next one.
  public private(set) var channel: UInt8 = 0

  /// For a connection that has just been made.
  public init(target: RTSPTarget, description: SessionDescription) { fatalError() }

  /// When `tick` is to be called next; `.max`: never.
  public var nextDeadlineMs: UInt64 { fatalError() }

  /// True when `write` has something to write.
  public var hasRequest: Bool { fatalError() }

  /// Writes the request that is due, if any, to the front of `buffer`, which must have room for
  /// `requestSize` bytes, and waits for its answer from now on. Returns its size, 0: none is due.
  /// While recording it belongs between two interleaved packets.
  public mutating func write(
    into buffer: UnsafeMutableRawBufferPointer, nowMs: UInt64
  ) -> Int { fatalError() }

  /// Takes bytes from the server, split in any way.
  public mutating func receive(_ bytes: UnsafeRawBufferPointer, nowMs: UInt64) { fatalError() }

  /// The server has ended the connection.
  public mutating func closed() { fatalError() }

  /// Looks at deadlines.
  public mutating func tick(nowMs: UInt64) { fatalError() }

  /// Ends the session: TEARDOWN is the next request.
  public mutating func stop() { fatalError() }
}
