import Wire

/// The description of one video stream (SDP, RFC 8866) that ANNOUNCE carries.
public struct SessionDescription: Equatable, Sendable {
  /// What SETUP adds to the URL: `a=control`.
  static let control: StaticString = "streamid=0"

  /// The whole description. Two parameter sets of the largest size fit.
  public private(set) var text = Text<1024>()

  private init(payloadType: UInt8) {
    text.append("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=watchpost\r\nc=IN IP4 0.0.0.0\r\n")
    text.append("t=0 0\r\nm=video 0 RTP/AVP ")
    text.append(decimal: UInt64(payloadType))
    text.append("\r\n")
  }

  private mutating func end() {
    text.append("a=control:")
    text.append(SessionDescription.control)
    text.append("\r\n")
  }

  /// JPEG has a static payload type: nothing else is to be told (RFC 3551, section 6).
  public static func jpeg() -> SessionDescription {
    var description = SessionDescription(payloadType: JPEGPacketizer.payloadType)
    description.end()
    return description
  }

  /// H.264 in packetization-mode 1, with profile, level and parameter sets where they are known
  /// (RFC 6184, section 8.2.1).
  public static func h264(_ sets: ParameterSets) -> SessionDescription {
    var description = SessionDescription(payloadType: H264Packetizer.payloadType)
    description.text.append("a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1")
    if let newest = sets.newest {
      description.text.append("; profile-level-id=")
      description.text.append(hexadecimal: UInt64(newest.profileLevel), width: 6)
    }
    if sets.isComplete {
      description.text.append("; sprop-parameter-sets=")
      sets.sequences[0].withBytes { description.text.append(base64: $0) }
      description.text.append(",")
      sets.pictures[0].withBytes { description.text.append(base64: $0) }
    }
    description.text.append("\r\n")
    description.end()
    return description
  }
}
