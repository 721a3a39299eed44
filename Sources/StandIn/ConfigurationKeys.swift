/// The keys that MediaMTX 1.20.1 knows, in the order in which it lists them, its initial values.
///
/// They double as the schema: a key's type is that of its initial value, and a key that is not here
/// is refused. Source: the answers of a real server to `/v3/config/global/get` and
/// `/v3/config/pathdefaults/get`, and its reference configuration for what those had changed.
enum ConfigurationKeys {
  static let global = parsed(
    #"""
    {
    "logLevel":"info", "logDestinations":["stdout"], "logStructured":false,
    "logFile":"mediamtx.log", "sysLogPrefix":"mediamtx", "dumpPackets":false,
    "readTimeout":"10s", "writeTimeout":"10s", "writeQueueSize":512, "udpMaxPayloadSize":1452,
    "udpReadBufferSize":0, "runOnConnect":"", "runOnConnectRestart":false, "runOnDisconnect":"",
    "authMethod":"internal",
    "authInternalUsers":[{"user":"any","pass":"","ips":[],
    "permissions":[{"action":"publish","path":""},{"action":"read","path":""},
    {"action":"playback","path":""}]},
    {"user":"any","pass":"","ips":["127.0.0.1/32","::1/128"],
    "permissions":[{"action":"api","path":""},{"action":"metrics","path":""},
    {"action":"pprof","path":""}]}],
    "authHTTPAddress":"", "authHTTPFingerprint":"", "authHTTPExclude":[], "authJWTJWKS":"",
    "authJWTJWKSFingerprint":"", "authJWTClaimKey":"mediamtx_permissions", "authJWTExclude":[],
    "authJWTIssuer":"", "authJWTAudience":"", "api":false, "apiAddress":":9997",
    "apiEncryption":false, "apiServerKey":"server.key", "apiServerCert":"server.crt",
    "apiAllowOrigins":["*"], "apiTrustedProxies":[], "metrics":false, "metricsAddress":":9998",
    "metricsEncryption":false, "metricsServerKey":"server.key",
    "metricsServerCert":"server.crt", "metricsAllowOrigins":["*"], "metricsTrustedProxies":[],
    "pprof":false, "pprofAddress":":9999", "pprofEncryption":false,
    "pprofServerKey":"server.key", "pprofServerCert":"server.crt", "pprofAllowOrigins":["*"],
    "pprofTrustedProxies":[], "playback":false, "playbackAddress":":9996",
    "playbackEncryption":false, "playbackServerKey":"server.key",
    "playbackServerCert":"server.crt", "playbackAllowOrigins":["*"],
    "playbackTrustedProxies":[], "rtsp":true, "rtspTransports":["udp","multicast","tcp"],
    "rtspEncryption":"no", "rtspAddress":":8554", "rtspsAddress":":8322", "rtpAddress":":8000",
    "rtcpAddress":":8001", "multicastIPRange":"224.1.0.0/16", "multicastRTPPort":8002,
    "multicastRTCPPort":8003, "srtpAddress":":8004", "srtcpAddress":":8005",
    "multicastSRTPPort":8006, "multicastSRTCPPort":8007, "rtspServerKey":"server.key",
    "rtspServerCert":"server.crt", "rtspAuthMethods":["basic"], "rtspTrustedProxies":[],
    "rtmp":true, "rtmpEncryption":"no", "rtmpAddress":":1935", "rtmpsAddress":":1936",
    "rtmpServerKey":"server.key", "rtmpServerCert":"server.crt", "rtmpTrustedProxies":[],
    "hls":true, "hlsAddress":":8888", "hlsEncryption":false, "hlsServerKey":"server.key",
    "hlsServerCert":"server.crt", "hlsAllowOrigins":["*"], "hlsTrustedProxies":[],
    "hlsAlwaysRemux":false, "hlsVariant":"lowLatency", "hlsSegmentCount":7,
    "hlsSegmentDuration":"1s", "hlsPartDuration":"200ms", "hlsSegmentMaxSize":"50M",
    "hlsDirectory":"", "hlsMuxerCloseAfter":"1m0s", "hlsCDNSecret":"", "webrtc":true,
    "webrtcAddress":":8889", "webrtcEncryption":false, "webrtcServerKey":"server.key",
    "webrtcServerCert":"server.crt", "webrtcAllowOrigins":["*"], "webrtcTrustedProxies":[],
    "webrtcLocalUDPAddress":":8189", "webrtcLocalTCPAddress":"", "webrtcIPsFromInterfaces":true,
    "webrtcIPsFromInterfacesList":[], "webrtcAdditionalHosts":[], "webrtcICEServers2":[],
    "webrtcSTUNGatherTimeout":"5s", "webrtcHandshakeTimeout":"10s",
    "webrtcTrackGatherTimeout":"2s", "srt":true, "srtAddress":":8890", "moq":true,
    "moqHTTP2Address":":8892", "moqHTTP3Address":":8892", "moqQUICAddress":":8893",
    "moqServerKey":"auto.key", "moqServerCert":"auto.crt", "moqAllowOrigins":["*"],
    "moqTrustedProxies":[]
    }
    """#)

  static let path = parsed(
    #"""
    {
    "name":"", "source":"publisher", "sourceFingerprint":"", "sourceOnDemand":false,
    "sourceOnDemandStartTimeout":"10s", "sourceOnDemandCloseAfter":"10s", "maxReaders":0,
    "srtReadPassphrase":"", "useAbsoluteTimestamp":false, "alwaysAvailable":false,
    "alwaysAvailableTracks":[], "alwaysAvailableFile":"", "forward":[], "record":false,
    "recordPath":"./recordings/%path/%Y-%m-%d_%H-%M-%S-%f", "recordFormat":"fmp4",
    "recordPartDuration":"1s", "recordMaxPartSize":"50M", "recordSegmentDuration":"1h0m0s",
    "recordDeleteAfter":"1d", "overridePublisher":true, "srtPublishPassphrase":"",
    "rtspDemuxMpegts":false, "rtspTransport":"automatic", "rtspAnyPort":false,
    "rtspRangeType":"", "rtspRangeStart":"", "rtspScale":"",
    "rtspUDPSourcePortRange":[32768,60999], "rtpSDP":"", "moqTransport":"quic",
    "whepBearerToken":"", "whepSTUNGatherTimeout":"5s", "whepHandshakeTimeout":"10s",
    "whepTrackGatherTimeout":"2s", "sourceRedirect":"", "rpiCameraCamID":0,
    "rpiCameraSecondary":false, "rpiCameraWidth":1920, "rpiCameraHeight":1080,
    "rpiCameraHFlip":false, "rpiCameraVFlip":false, "rpiCameraBrightness":0,
    "rpiCameraContrast":1, "rpiCameraSaturation":1, "rpiCameraSharpness":1,
    "rpiCameraExposure":"normal", "rpiCameraAWB":"auto", "rpiCameraAWBGains":[0,0],
    "rpiCameraDenoise":"off", "rpiCameraShutter":0, "rpiCameraMetering":"centre",
    "rpiCameraGain":0, "rpiCameraEV":0, "rpiCameraROI":"", "rpiCameraHDR":false,
    "rpiCameraTuningFile":"", "rpiCameraMode":"", "rpiCameraFPS":30,
    "rpiCameraAfMode":"continuous", "rpiCameraAfRange":"normal", "rpiCameraAfSpeed":"normal",
    "rpiCameraLensPosition":0, "rpiCameraAfWindow":"", "rpiCameraFlickerPeriod":0,
    "rpiCameraTextOverlayEnable":false, "rpiCameraTextOverlay":"%Y-%m-%d %H:%M:%S - MediaMTX",
    "rpiCameraCodec":"auto", "rpiCameraIDRPeriod":60, "rpiCameraBitrate":5000000,
    "rpiCameraH264Profile":"auto", "rpiCameraH264Level":"4.1", "rpiCameraMJPEGQuality":60,
    "runOnInit":"", "runOnInitRestart":false, "runOnDemand":"", "runOnDemandRestart":false,
    "runOnDemandStartTimeout":"10s", "runOnDemandCloseAfter":"10s", "runOnUnDemand":"",
    "runOnAvailable":"", "runOnAvailableRestart":false, "runOnUnavailable":"", "runOnOnline":"",
    "runOnOnlineRestart":false, "runOnOffline":"", "runOnRead":"", "runOnReadRestart":false,
    "runOnUnread":"", "runOnRecordSegmentCreate":"", "runOnRecordSegmentComplete":""
    }
    """#)

  /// Keys whose strings are durations; they are listed in Go's notation whatever was written.
  static func isDuration(_ key: String) -> Bool {
    key.hasSuffix("Timeout") || key.hasSuffix("Duration") || key.hasSuffix("After")
  }

  /// The fields of a path that change without recreating it, and so without dropping its publisher.
  static func isChangedInPlace(_ key: String) -> Bool {
    key == "name" || key == "record" || key.hasPrefix("record")
  }

  private static func parsed(_ text: StaticString) -> [JSON.Member] {
    let bytes = (0..<text.utf8CodeUnitCount).map { text.utf8Start[$0] }
    guard let table = try? JSONParser.parse(bytes) else { fatalError("the key table is not JSON") }
    return table.members
  }
}
