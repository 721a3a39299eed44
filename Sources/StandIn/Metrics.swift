extension Session {
  var description: JSON {
    let lost = inboundPacketsLost
    return .object(
      ("id", .string(id)), ("created", .string(CivilTime(sinceEpoch: created).rfc3339)),
      ("remoteAddr", .string(connection.peer)), ("state", .string(state.name)),
      ("path", .string(pathName)), ("query", .string(query)), ("user", .string(user)),
      ("userAgent", .string(userAgent)), ("transport", .string("TCP")),
      ("profile", .string("AVP")), ("conns", .array([.string(connection.id)])),
      ("inboundBytes", .int(inboundBytes)), ("inboundRTPPackets", .int(inboundPackets)),
      ("inboundRTPPacketsLost", .int(lost)),
      ("inboundRTPPacketsInError", .int(inboundPacketsInError)),
      ("inboundRTPPacketsJitter", .int(0)), ("inboundRTCPPackets", .int(inboundControlPackets)),
      ("inboundRTCPPacketsInError", .int(0)), ("outboundBytes", .int(outboundBytes)),
      ("outboundRTPPackets", .int(outboundPackets)), ("outboundRTPPacketsReportedLost", .int(0)),
      ("outboundRTPPacketsDiscarded", .int(outboundPacketsDiscarded)),
      ("outboundRTCPPackets", .int(0)), ("bytesReceived", .int(inboundBytes)),
      ("bytesSent", .int(outboundBytes)), ("rtpPacketsReceived", .int(inboundPackets)),
      ("rtpPacketsSent", .int(outboundPackets)), ("rtpPacketsLost", .int(lost)),
      ("rtpPacketsInError", .int(inboundPacketsInError)), ("rtpPacketsJitter", .int(0)),
      ("rtcpPacketsReceived", .int(inboundControlPackets)), ("rtcpPacketsSent", .int(0)),
      ("rtcpPacketsInError", .int(0)))
  }

  /// The lines of the metrics page, current and deprecated.
  func metrics(_ current: inout String, _ deprecated: inout String) {
    let labels =
      "{id=\"\(id)\",path=\"\(pathName)\",remoteAddr=\"\(connection.peer)\",state=\""
      + state.name + "\"} "
    func line(_ name: String, _ value: UInt64) -> String {
      "rtsp_sessions" + name + labels + "\(value)\n"
    }
    current += line("", 1) + line("_inbound_bytes", inboundBytes)
    current += line("_inbound_rtp_packets", inboundPackets)
    current += line("_inbound_rtp_packets_lost", inboundPacketsLost)
    current += line("_inbound_rtp_packets_in_error", inboundPacketsInError)
    current += line("_inbound_rtp_packets_jitter", 0)
    current += line("_inbound_rtcp_packets", inboundControlPackets)
    current += line("_inbound_rtcp_packets_in_error", 0)
    current += line("_outbound_bytes", outboundBytes)
    current += line("_outbound_rtp_packets", outboundPackets)
    current += line("_outbound_rtp_packets_reported_lost", 0)
    current += line("_outbound_rtp_packets_discarded", outboundPacketsDiscarded)
    current += line("_outbound_rtcp_packets", 0)
    deprecated += line("_bytes_received", inboundBytes) + line("_bytes_sent", outboundBytes)
    deprecated += line("_rtp_packets_received", inboundPackets)
    deprecated += line("_rtp_packets_sent", outboundPackets)
    deprecated += line("_rtp_packets_lost", inboundPacketsLost)
    deprecated += line("_rtp_packets_in_error", inboundPacketsInError)
    deprecated += line("_rtp_packets_jitter", 0)
    deprecated += line("_rtcp_packets_received", inboundControlPackets)
    deprecated += line("_rtcp_packets_sent", 0) + line("_rtcp_packets_in_error", 0)
  }
}

extension Connection {
  var description: JSON {
    .object(
      ("id", .string(id)), ("created", .string(CivilTime(sinceEpoch: created).rfc3339)),
      ("remoteAddr", .string(peer)), ("session", session.map { .string($0.id) } ?? .null),
      ("tunnel", .string("none")), ("inboundBytes", .int(inboundBytes)),
      ("outboundBytes", .int(outboundBytes)), ("bytesReceived", .int(inboundBytes)),
      ("bytesSent", .int(outboundBytes)))
  }
}

extension Server {
  /// The page of metrics: sections of current names, each followed by its deprecated names.
  func metricsPage() -> String {
    var (current, deprecated) = ("", "")
    for path in paths { path.metrics(&current, &deprecated) }
    var page = "# Paths\n" + current + "\n# Paths (deprecated)\n" + deprecated + "\n"
    (current, deprecated) = ("", "")
    for connection in rtspConnections {
      let labels = "{id=\"" + connection.id + "\"} "
      let (bytesIn, bytesOut) = (connection.inboundBytes, connection.outboundBytes)
      current += "rtsp_conns" + labels + "1\n"
      current += "rtsp_conns_inbound_bytes" + labels + "\(bytesIn)\n"
      current += "rtsp_conns_outbound_bytes" + labels + "\(bytesOut)\n"
      deprecated += "rtsp_conns_bytes_received" + labels + "\(bytesIn)\n"
      deprecated += "rtsp_conns_bytes_sent" + labels + "\(bytesOut)\n"
    }
    page += "# RTSP connections\n" + current + "\n# RTSP connections (deprecated)\n"
    page += deprecated + "\n"
    (current, deprecated) = ("", "")
    for session in sessions { session.metrics(&current, &deprecated) }
    page += "# RTSP sessions\n" + current + "\n# RTSP sessions (deprecated)\n" + deprecated + "\n"
    return page
  }
}
