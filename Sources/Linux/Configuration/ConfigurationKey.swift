import Wire

/// Every key of the configuration file. The README's table, the parser and `check-config --keys`
/// read this one; a test parses every default and expects it to change nothing.
public enum ConfigurationKey: Int, CaseIterable, Sendable {
  case deviceName
  case controlListen, controlShare, controlPlain, controlHealthPublic, controlSlots, controlTrusted
  case controlReserved, controlPublic, controlPublicPerAddress
  case controlRequestRate, controlPublicRequestRate
  case controlHandshakeTimeout, controlIdleTimeout, controlFrameTimeout, controlWriteTimeout
  case networkMode, networkInterface, networkAddress, networkGateway
  case mediaPath, mediaRTSPPort, mediaAPIPort, mediaMetricsPort
  case mediaProbeInterval, mediaProbeTimeout
  case rtspUser, rtspPassword
  case camerasEnabled, camerasProbeTimeout, camerasModes, camerasPlayback
  case camerasFeedTimeout, camerasStall
  case ledPower, ledCamera, ledLink
  case watchdogDevice, watchdogTimeout, watchdogMagicClose
  case mdnsEnabled
  case timeServers
  case dataDirectory, runDirectory, accessDirectory, accessApprovals, accessButton
  case alertLatency, alertErrors, alertCPU, alertMemory, alertConnections, alertQueue, alertSlots
  case alertThroughput, alertRaise, alertClear
  case storageWarning, storageLow, storageCritical, storageReserve, storageWorkers
  case retentionAge, retentionSize

  public static let count = 64

  /// What a key's value may be.
  public enum Value: Sendable {
    case integer(ClosedRange<UInt64>)
    case flag
    /// Text of at most so many bytes; `off` means none where the key allows it.
    case text(Int)
    case path(Int, offAllowed: Bool)
    case deviceName
    /// A name or a password of so many characters.
    case credential(ClosedRange<Int>)
    case endpoint
    case address
    case addressWithPrefix
    case addresses(Int)
    case subnets(Int)
    case networkMode
    case led
    case line
    /// Wishes for cameras' modes, at most so many.
    case modes(Int)
    /// Files with rates, at most so many.
    case playback(Int)
    /// Two numbers, each at most this: where an alert is a warning, and where it is critical.
    case thresholds(UInt64)
  }

  /// One row of the key table.
  public struct Facts: Sendable {
    public var name: StaticString
    public var value: Value
    /// The default, as it would stand in a file; empty where the key has none.
    public var standard: StaticString
    public var meaning: StaticString
  }

  public var facts: Facts {
    switch self {
    case .deviceName, .dataDirectory, .runDirectory, .accessDirectory, .accessApprovals,
      .accessButton:
      machineFacts
    case .controlListen, .controlShare, .controlPlain, .controlHealthPublic, .controlSlots,
      .controlTrusted, .controlReserved, .controlPublic, .controlPublicPerAddress,
      .controlRequestRate, .controlPublicRequestRate:
      controlFacts
    case .controlHandshakeTimeout, .controlIdleTimeout, .controlFrameTimeout, .controlWriteTimeout:
      controlTimeFacts
    case .networkMode, .networkInterface, .networkAddress, .networkGateway, .mdnsEnabled,
      .timeServers:
      networkFacts
    case .mediaPath, .mediaRTSPPort, .mediaAPIPort, .mediaMetricsPort, .mediaProbeInterval,
      .mediaProbeTimeout:
      mediaFacts
    case .rtspUser, .rtspPassword: readerFacts
    case .camerasEnabled, .camerasProbeTimeout, .camerasModes, .camerasPlayback,
      .camerasFeedTimeout, .camerasStall:
      cameraFacts
    case .ledPower, .ledCamera, .ledLink, .watchdogDevice, .watchdogTimeout, .watchdogMagicClose:
      hardwareFacts
    case .alertLatency, .alertErrors, .alertCPU, .alertMemory, .alertConnections, .alertQueue,
      .alertSlots, .alertThroughput, .alertRaise, .alertClear:
      alertFacts
    case .storageWarning, .storageLow, .storageCritical, .storageReserve, .storageWorkers,
      .retentionAge, .retentionSize:
      storageFacts
    }
  }

  static func row(
    _ name: StaticString, _ value: Value, _ standard: StaticString, _ meaning: StaticString
  ) -> Facts {
    Facts(name: name, value: value, standard: standard, meaning: meaning)
  }

  private var machineFacts: Facts {
    switch self {
    case .deviceName:
      Self.row("device.name", .deviceName, "watchpost", "name shown by clients and mDNS host name")
    case .dataDirectory:
      Self.row(
        "data.directory", .path(96, offAllowed: false), "/data",
        "what must survive a reboot")
    case .accessButton:
      Self.row(
        "access.button", .line, "off",
        "a push button: pressed for less than 3 s it lets a client pair, for 10 s it resets")
    case .accessApprovals:
      Self.row(
        "access.approvals", .integer(0...1), "0",
        "keys other than the stager's that must approve a change of the configuration")
    case .accessDirectory:
      Self.row(
        "access.directory", .path(90, offAllowed: false), "/boot/access",
        "keys; `pairing.txt` and `factory-reset` lie in the folder above, which a person can reach")
    default:
      Self.row(
        "run.directory", .path(80, offAllowed: false), "/run/watchpost",
        "what holds for this boot")
    }
  }

  private var controlFacts: Facts {
    switch self {
    case .controlListen:
      Self.row("control.listen", .endpoint, "0.0.0.0:4710", "address and port of the control port")
    case .controlShare:
      Self.row(
        "control.share_port", .flag, "off",
        "agents on one machine share the port (SO_REUSEPORT), to use more cores")
    case .controlPlain:
      Self.row(
        "control.plain", .flag, "off",
        "clients on this machine may do without a key what does not have to do with keys")
    case .controlHealthPublic:
      Self.row(
        "control.health_public", .flag, "on", "everybody may ping and ask for health")
    case .controlSlots:
      Self.row("control.slots", .integer(1...16_384), "1024", "connections at the same time")
    case .controlTrusted:
      Self.row(
        "control.trusted", .subnets(8), "127.0.0.0/8",
        "known peers, comma-separated: they get the reserved slots, and may ask faster")
    case .controlReserved:
      Self.row(
        "control.reserved_slots", .integer(0...8192), "16",
        "of the slots, those of which strangers get a quarter at most; never more than half")
    case .controlPublic:
      Self.row(
        "control.public_slots", .integer(0...16_384), "256",
        "slots that peers which are not trusted get in all")
    case .controlPublicPerAddress:
      Self.row(
        "control.public_slots_per_address", .integer(1...16_384), "16",
        "slots that one address which is not trusted gets")
    case .controlRequestRate:
      Self.row(
        "control.request_rate", .integer(1...100_000_000), "500000",
        "requests a second of one trusted address; as many can be saved")
    default:
      Self.row(
        "control.public_request_rate", .integer(1...100_000_000), "200",
        "requests a second of one address that is not trusted; as many can be saved")
    }
  }

  private var controlTimeFacts: Facts {
    switch self {
    case .controlHandshakeTimeout:
      Self.row(
        "control.handshake_timeout_ms", .integer(100...600_000), "2000",
        "a peer that is not trusted must have sent its first request within this time")
    case .controlIdleTimeout:
      Self.row(
        "control.idle_timeout_ms", .integer(1000...86_400_000), "300000",
        "a connection that is silent and subscribes to nothing for this long is ended")
    case .controlFrameTimeout:
      Self.row(
        "control.frame_timeout_ms", .integer(100...600_000), "10000",
        "an unfinished request must be complete within this time")
    default:
      Self.row(
        "control.write_timeout_ms", .integer(100...600_000), "10000",
        "a client must take what is sent to it within this time")
    }
  }

  private var networkFacts: Facts {
    switch self {
    case .networkMode:
      Self.row(
        "network.mode", .networkMode, "dhcp",
        "`dhcp` (link-local while nothing answers), `static`, `link-local` or `off`")
    case .networkInterface:
      Self.row("network.interface", .text(15), "eth0", "the interface that Watchpost sets up")
    case .networkAddress:
      Self.row("network.address", .addressWithPrefix, "", "address and prefix for `static`")
    case .networkGateway:
      Self.row("network.gateway", .address, "", "default gateway for `static`")
    case .mdnsEnabled:
      Self.row("mdns.enabled", .flag, "on", "announce the device by multicast DNS")
    default:
      Self.row(
        "time.servers", .addresses(2), "",
        "SNTP servers, numeric; without them those that DHCP names")
    }
  }

  private var mediaFacts: Facts {
    switch self {
    case .mediaPath:
      Self.row(
        "mediamtx.path", .path(96, offAllowed: true), "/bin/mediamtx",
        "the MediaMTX program; `off`: none on this machine")
    case .mediaRTSPPort:
      Self.row("mediamtx.rtsp_port", .integer(1...65_535), "8554", "RTSP port of the streams")
    case .mediaAPIPort:
      Self.row("mediamtx.api_port", .integer(1...65_535), "9997", "its control API, on loopback")
    case .mediaMetricsPort:
      Self.row("mediamtx.metrics_port", .integer(1...65_535), "9998", "its metrics, on loopback")
    case .mediaProbeInterval:
      Self.row(
        "mediamtx.probe_interval_ms", .integer(100...60_000), "1000",
        "how often its API is asked whether it lives")
    default:
      Self.row(
        "mediamtx.probe_timeout_ms", .integer(100...60_000), "2000",
        "how long such an answer may take")
    }
  }

  private var cameraFacts: Facts {
    switch self {
    case .camerasEnabled:
      Self.row("cameras.enabled", .flag, "on", "look for cameras")
    case .camerasProbeTimeout:
      Self.row(
        "cameras.probe_timeout_ms", .integer(100...60_000), "5000",
        "how long a camera may take to tell what it can do")
    case .camerasModes:
      Self.row(
        "cameras.modes", .modes(16), "none",
        "what to capture, by camera or for all (`*`); unnamed parts are chosen")
    case .camerasPlayback:
      Self.row(
        "cameras.playback", .playback(4), "none",
        "`.mjpeg` or `.h264` files played as cameras, with frames/s")
    case .camerasFeedTimeout:
      Self.row(
        "cameras.feed_timeout_ms", .integer(500...60_000), "1000",
        "a feed that is silent for this long is ended and started again")
    default:
      Self.row(
        "cameras.stall_ms", .integer(500...60_000), "2000",
        "a camera that sends no picture for this long is stalled")
    }
  }

  private var hardwareFacts: Facts {
    switch self {
    case .ledPower:
      Self.row("led.power", .led, "off", "the power and health LED")
    case .ledCamera:
      Self.row("led.camera", .led, "off", "the camera LED")
    case .ledLink:
      Self.row("led.link", .led, "off", "the network and client LED")
    case .watchdogDevice:
      Self.row(
        "watchdog.device", .path(32, offAllowed: true), "/dev/watchdog0",
        "the watchdog; `off`: none on this machine")
    case .watchdogTimeout:
      Self.row(
        "watchdog.timeout_s", .integer(2...15), "10",
        "seconds without a sign of life until the board is reset")
    default:
      Self.row(
        "watchdog.magic_close", .flag, "off",
        "an orderly stop disarms the watchdog instead of leaving it armed")
    }
  }

  /// The key of this name.
  static func named<let capacity: Int>(_ name: borrowing Text<capacity>) -> ConfigurationKey? {
    for index in 0..<count {
      guard let key = ConfigurationKey(rawValue: index) else { continue }
      if name == key.facts.name { return key }
    }
    return nil
  }
}
