import CLinux

/// One RTSP session: somebody who publishes or reads.
final class Session {
  enum State {
    case initial, announced, publishing, readPrepared, reading

    /// The API's word.
    var name: String {
      switch self {
      case .initial, .announced, .readPrepared: "idle"
      case .publishing: "publish"
      case .reading: "read"
      }
    }
  }

  /// A track that has been set up.
  struct Channel {
    var track: Int
    /// The even channel of media; control packets take the next.
    var number: UInt8
  }

  let id = randomIdentifier()
  /// The word in the Session header.
  let secret = hexadecimal(Array(randomIdentifier().utf8.prefix(8)))
  let created = si_realtime_ns()
  let connection: Connection
  var state = State.initial
  var pathName: String
  var query: String
  var user: String
  var userAgent: String
  var tracks: [Track] = []
  var channels: [Channel] = []
  /// The path that it publishes to or reads from; cleared when it ends.
  var path: Path?

  var inboundBytes: UInt64 = 0
  var inboundPackets: UInt64 = 0
  var inboundPacketsLost: UInt64 = 0
  var inboundPacketsInError: UInt64 = 0
  var inboundControlPackets: UInt64 = 0
  var outboundBytes: UInt64 = 0
  var outboundPackets: UInt64 = 0
  var outboundPacketsDiscarded: UInt64 = 0
  private var lastSequence: [UInt16?] = []

  init(connection: Connection, pathName: String, query: String) {
    self.connection = connection
    self.pathName = pathName
    self.query = query
    user = ""
    userAgent = ""
  }

  /// How sessions are named in the log.
  var label: String { "[RTSP] [session " + String(id.prefix(8)) + "]" }

  /// Counts a packet of a track and those missing before it.
  func count(_ packet: RTPPacket, track: Int) {
    inboundPackets += 1
    while lastSequence.count <= track { lastSequence.append(nil) }
    if let last = lastSequence[track] {
      let gap = packet.sequence &- last &- 1
      if gap < 0x8000 { inboundPacketsLost += UInt64(gap) }
    }
    lastSequence[track] = packet.sequence
  }
}
