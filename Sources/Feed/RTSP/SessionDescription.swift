import Wire

/// The description of one video stream (SDP, RFC 8866) that ANNOUNCE carries.
public struct SessionDescription: Equatable, Sendable {
  /// Bytes of the longest: two parameter sets in base64, and what is around them.
  public static let size = 1024

  public private(set) var text = Text<1024>()

  /// JPEG has a static payload type; nothing else is to be told (RFC 2435, section 3.1).
  public static func jpeg() -> SessionDescription { fatalError() }

  /// H.264 in packetization-mode 1, with profile, level and parameter sets where they are known
  /// (RFC 6184, section 8.2.1).
  public static func h264(_ sets: ParameterSets) -> SessionDescription { fatalError() }
}
