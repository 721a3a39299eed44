import CLinux

/// A socket that waits for clients.
struct Listener {
  var descriptor: Int32
  /// nil: only there to be seen, as a UDP port is.
  var service: Connection.Service?

  /// A server that a configuration asks for, in MediaMTX's order of starting them.
  struct Plan {
    fileprivate var name: String
    fileprivate var service: Connection.Service
    fileprivate var stream: [String] = []
    fileprivate var datagrams: [String] = []
    fileprivate var transport: String
  }

  static func plans(_ configuration: Configuration.Effective) -> [Plan] {
    func address(_ key: String) -> String { configuration.string(key) }
    var plans: [Plan] = []
    func add(_ key: String, _ plan: Plan) { if configuration.flag(key) { plans.append(plan) } }
    add(
      "metrics",
      Plan(
        name: "metrics", service: .metrics, stream: [address("metricsAddress")],
        transport: "TCP/HTTP"))
    add(
      "pprof",
      Plan(
        name: "pprof", service: .other, stream: [address("pprofAddress")], transport: "TCP/HTTP"))
    add(
      "playback",
      Plan(
        name: "playback", service: .playback, stream: [address("playbackAddress")],
        transport: "TCP/HTTP"))
    let transports = configuration.global.value(of: "rtspTransports")?.list ?? []
    let usesDatagrams = transports.contains { $0.text == "udp" }
    add(
      "rtsp",
      Plan(
        name: "RTSP", service: .rtsp, stream: [address("rtspAddress")],
        datagrams: usesDatagrams ? [address("rtpAddress"), address("rtcpAddress")] : [],
        transport: usesDatagrams ? "TCP/RTSP, UDP/RTP, UDP/RTCP" : "TCP/RTSP"))
    add(
      "rtmp",
      Plan(
        name: "RTMP", service: .other, stream: [address("rtmpAddress")], transport: "TCP/RTMP"))
    add(
      "hls",
      Plan(name: "HLS", service: .other, stream: [address("hlsAddress")], transport: "TCP/HTTP"))
    add(
      "webrtc",
      Plan(
        name: "WebRTC", service: .other, stream: [address("webrtcAddress")],
        datagrams: [address("webrtcLocalUDPAddress")], transport: "TCP/HTTP, UDP/ICE"))
    add(
      "srt",
      Plan(
        name: "SRT", service: .other, datagrams: [address("srtAddress")], transport: "UDP/SRT"))
    add(
      "moq",
      Plan(
        name: "MoQ", service: .other, stream: [address("moqHTTP2Address")],
        datagrams: [address("moqHTTP3Address"), address("moqQUICAddress")],
        transport: "TCP/HTTP2, UDP/HTTP3, UDP/QUIC"))
    add(
      "api",
      Plan(name: "API", service: .api, stream: [address("apiAddress")], transport: "TCP/HTTP"))
    return plans
  }
}

extension Listener.Plan {
  /// Opens all its sockets, or none and says why.
  func open(log: Log) throws(Refusal) -> [Listener] {
    var opened: [Listener] = []
    for (addresses, isStream) in [(stream, true), (datagrams, false)] {
      for text in addresses where !text.isEmpty {
        guard let address = ListenAddress(text) else { throw Refusal("address \(text): invalid") }
        let descriptor =
          isStream
          ? si_listen(address.host, address.port) : si_bind_datagram(address.host, address.port)
        if descriptor < 0 {
          for listener in opened { si_close(listener.descriptor) }
          let reason = FileError(code: -descriptor).reason
          throw Refusal("listen " + (isStream ? "tcp" : "udp") + " \(text): bind: " + reason)
        }
        opened.append(Listener(descriptor: descriptor, service: isStream ? service : nil))
      }
    }
    if name == "MoQ" { Listener.Plan.writeKey() }
    let plural = opened.count > 1 || name == "RTSP" ? "s" : ""
    let list = (stream + datagrams).joined(separator: ", ")
    log(.info, "[\(name)] started with listener\(plural) on \(list) (\(transport))")
    return opened
  }

  /// MediaMTX 1.20.1 leaves this file in its working folder when MoQ is on.
  private static func writeKey() {
    let file = si_create("auto.key")
    if file < 0 { return }
    let text = Array("mediamtx-standin: not a key\n".utf8)
    _ = text.withUnsafeBytes { si_write(file, $0.baseAddress!, $0.count) }
    si_close(file)
  }
}
