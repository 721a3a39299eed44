import Appliance
import CLinux
import Wire

/// Reads the text of a configuration file on top of a configuration.
///
/// The text's shape (sections, comments, blanks, byte order mark, CRLF) is libinih's business;
/// which keys there are and what they mean is the key table's. The first wrong thing ends it.
public struct ConfigurationParser {
  /// Bytes of the longest file that is read.
  public static let fileLimit = 64 * 1024

  private var configuration: Configuration
  private var error: ConfigurationError?
  private var places = InlineArray<64, lx_config_place>(
    repeating: lx_config_place(line: 0, key_column: 0, value_column: 0))

  private init(base: Configuration) { configuration = base }

  /// The configuration that `text` describes, with `base` for everything it does not name.
  public static func parse(_ text: UnsafeRawBufferPointer, base: Configuration)
    throws(ConfigurationError) -> Configuration
  {
    var parser = ConfigurationParser(base: base)
    guard text.count <= fileLimit else {
      throw ConfigurationError(line: 1, column: 1, message: Text("Shorten the file to 64 KiB."))
    }
    guard let start = text.baseAddress, text.count > 0 else { return base }
    var stop = lx_config_place()
    let outcome = withUnsafeMutablePointer(to: &parser) { context in
      lx_config_parse(start, text.count, takePair, context, &stop)
    }
    if let error = parser.error { throw error }
    if let message = sentence(outcome) {
      throw ConfigurationError(line: stop.line, column: stop.key_column, message: message)
    }
    try parser.checkTogether()
    return parser.configuration
  }

  private static func sentence(_ outcome: lx_config_outcome) -> Text<120>? {
    switch outcome {
    case LX_CONFIG_SYNTAX:
      Text("Write key = value, [section], or begin the line with # for a comment.")
    case LX_CONFIG_LINE_TOO_LONG:
      Text("Shorten the line to 190 bytes.")
    case LX_CONFIG_NOT_TEXT:
      Text("Save the file as plain UTF-8 text; this line holds control characters.")
    default:
      nil
    }
  }

  private mutating func take(
    _ place: lx_config_place, section: UnsafePointer<CChar>, key: UnsafePointer<CChar>,
    value: UnsafePointer<CChar>
  ) -> Bool {
    var name = Text<128>(cString: section)
    if !name.isEmpty { name.append(UInt8(ascii: ".")) }
    name.append(Text<64>(cString: key))
    guard let known = ConfigurationKey.named(name) else {
      return fail(place.line, place.key_column, KeySuggestion.sentence(for: name))
    }
    let earlier = places[known.rawValue]
    guard earlier.line == 0 else {
      var message = Text<120>("Remove one of the two: the key stands in line ")
      message.append(decimal: UInt64(earlier.line))
      message.append(" already.")
      return fail(place.line, place.key_column, message)
    }
    places[known.rawValue] = place
    let text = ConfigurationValue(text: Text(cString: value))
    guard !text.text.isEmpty else {
      return fail(place.line, place.value_column, Text("Give a value, or remove the line."))
    }
    do throws(ValueError) {
      try configuration.set(known, text)
      return true
    } catch {
      return fail(place.line, place.value_column, error.message)
    }
  }

  private mutating func fail(_ line: UInt32, _ column: UInt32, _ message: Text<120>) -> Bool {
    error = ConfigurationError(line: line, column: column, message: message)
    return false
  }

  /// What no key can check alone.
  private func checkTogether() throws(ConfigurationError) {
    try checkStorage()
    try checkReaders()
    if configuration.network.mode == .fixed, configuration.network.address == .any {
      throw at(.networkMode, "Give network.address too: a static network needs one.")
    }
    let media = configuration.mediaServer
    if media.rtspPort == configuration.control.port {
      throw at(.mediaRTSPPort, "Choose another port: the control port has this one.")
    }
    if media.apiPort == media.rtspPort || media.apiPort == configuration.control.port {
      throw at(.mediaAPIPort, "Choose another port: this one is taken.")
    }
    if media.metricsPort == media.rtspPort || media.metricsPort == media.apiPort
      || media.metricsPort == configuration.control.port
    {
      throw at(.mediaMetricsPort, "Choose another port: this one is taken.")
    }
  }

  private func checkReaders() throws(ConfigurationError) {
    guard configuration.rtsp.user.isEmpty != configuration.rtsp.password.isEmpty else { return }
    if configuration.rtsp.user.isEmpty {
      throw at(.rtspPassword, "Give rtsp.user too: who reads shows both.")
    }
    throw at(.rtspUser, "Give rtsp.password too: who reads shows both.")
  }

  private func checkStorage() throws(ConfigurationError) {
    let storage = configuration.storage
    if storage.lowPercent < storage.warningPercent {
      throw at(.storageLow, "Give a number that is not below storage.warning_percent.")
    }
    if storage.criticalPercent < storage.lowPercent {
      throw at(.storageCritical, "Give a number that is not below storage.low_percent.")
    }
  }

  /// The key's place, or the first place there is when a default is in the way.
  private func at(_ key: ConfigurationKey, _ message: StaticString) -> ConfigurationError {
    var place = places[key.rawValue]
    for index in places.indices where place.line == 0 { place = places[index] }
    return ConfigurationError(
      line: max(place.line, 1), column: max(place.value_column, 1), message: Text(message))
  }

  private static let takePair: lx_config_handler = { context, place, section, key, value in
    let parser = context.assumingMemoryBound(to: ConfigurationParser.self)
    return parser.pointee.take(place, section: section, key: key, value: value)
  }
}

extension Configuration {
  /// Sets what `key` names.
  mutating func set(_ key: ConfigurationKey, _ value: ConfigurationValue) throws(ValueError) {
    switch key {
    case .deviceName: name = try value.deviceName()
    case .dataDirectory, .runDirectory: try setDirectory(key, value)
    case .accessDirectory:
      // Never a relative one: two agents would find two folders, and the keys of neither.
      access.directory = try value.path(Text<96>.self, limit: 90, offAllowed: false)
    case .controlListen: (control.address, control.port) = try value.endpoint()
    case .controlShare: control.sharesPort = try value.flag()
    case .controlPlain: control.plain = try value.flag()
    case .controlHealthPublic: control.healthIsPublic = try value.flag()
    case .controlTrusted: control.trusted = try value.subnets(InlineArray<8, Subnet>.self)
    case .networkMode: network.mode = try value.networkMode()
    case .networkInterface: network.interface = try value.word(Text<16>.self, limit: 15)
    case .networkAddress: (network.address, network.prefix) = try value.addressWithPrefix()
    case .networkGateway: network.gateway = try value.address()
    case .mediaPath:
      mediaServer.path = try value.path(Text<96>.self, limit: 96, offAllowed: true)
    case .rtspUser:
      rtsp.user = try Text(value.credential(key))
      guard !(rtsp.user == "any") else {
        // MediaMTX lets everybody in whose entry has this name, whatever its password.
        throw ValueError("Choose another name: to MediaMTX, any means everybody.")
      }
    case .rtspPassword: rtsp.password = try value.credential(key)
    case .camerasEnabled: cameras.enabled = try value.flag()
    case .camerasModes: cameras.modes = try value.modes()
    case .camerasPlayback: cameras.playback = try value.playback()
    case .accessButton: access.button = try value.line()
    case .ledPower: leds[0] = try value.led()
    case .ledCamera: leds[1] = try value.led()
    case .ledLink: leds[2] = try value.led()
    case .watchdogDevice:
      watchdog.device = try value.path(Text<32>.self, limit: 32, offAllowed: true)
    case .watchdogMagicClose: watchdog.magicClose = try value.flag()
    case .mdnsEnabled: mdns = try value.flag()
    case .timeServers: timeServers = try value.addresses(InlineArray<2, IPv4>.self)
    case .controlSlots, .controlReserved, .controlPublic, .controlPublicPerAddress,
      .controlRequestRate, .controlPublicRequestRate, .controlHandshakeTimeout,
      .controlIdleTimeout, .controlFrameTimeout, .controlWriteTimeout,
      .mediaRTSPPort, .mediaAPIPort, .mediaMetricsPort, .mediaProbeInterval, .mediaProbeTimeout,
      .camerasProbeTimeout, .camerasFeedTimeout, .camerasStall, .watchdogTimeout, .alertRaise,
      .alertClear, .storageWarning, .storageLow, .storageCritical, .storageReserve,
      .storageWorkers, .retentionAge, .retentionSize, .accessApprovals:
      guard case .integer(let range) = key.facts.value else { return }
      setNumber(key, try value.integer(range))
    case .alertLatency, .alertErrors, .alertCPU, .alertMemory, .alertConnections, .alertQueue,
      .alertSlots, .alertThroughput:
      guard case .thresholds(let limit) = key.facts.value else { return }
      try alerts.set(key, value.thresholds(limit))
    }
  }

  private mutating func setDirectory(_ key: ConfigurationKey, _ value: ConfigurationValue)
    throws(ValueError)
  {
    guard case .path(let limit, _) = key.facts.value else { return }
    // Relative ones serve a run from a checkout.
    let path = try value.path(
      Text<96>.self, limit: limit, offAllowed: false, relativeAllowed: true)
    if key == .dataDirectory { dataDirectory = path } else { runDirectory = path }
  }

  private mutating func setNumber(_ key: ConfigurationKey, _ number: UInt64) {
    switch key {
    case .accessApprovals: access.approvals = UInt8(number)
    case .controlSlots: control.slots = Int(number)
    case .controlReserved: control.reservedSlots = Int(number)
    case .controlPublic: control.publicSlots = Int(number)
    case .controlPublicPerAddress: control.publicSlotsPerAddress = Int(number)
    case .controlRequestRate: control.requestRate = UInt32(number)
    case .controlPublicRequestRate: control.publicRequestRate = UInt32(number)
    case .controlHandshakeTimeout: control.handshakeTimeoutMs = number
    case .controlIdleTimeout: control.idleTimeoutMs = number
    case .controlFrameTimeout: control.frameTimeoutMs = number
    case .controlWriteTimeout: control.writeTimeoutMs = number
    case .mediaRTSPPort: mediaServer.rtspPort = UInt16(number)
    case .mediaAPIPort: mediaServer.apiPort = UInt16(number)
    case .mediaMetricsPort: mediaServer.metricsPort = UInt16(number)
    case .mediaProbeInterval: mediaServer.probeIntervalMs = number
    case .mediaProbeTimeout: mediaServer.probeTimeoutMs = number
    case .camerasProbeTimeout: cameras.probeTimeoutMs = number
    case .camerasFeedTimeout: cameras.feedTimeoutMs = number
    case .camerasStall: cameras.stallMs = number
    case .watchdogTimeout: watchdog.timeoutS = UInt32(number)
    case .alertRaise: alerts.raiseS = UInt16(number)
    case .alertClear: alerts.clearS = UInt16(number)
    case .storageWarning, .storageLow, .storageCritical, .storageReserve, .storageWorkers,
      .retentionAge, .retentionSize:
      storage.set(key, number)
    default: preconditionFailure("a key without a number")
    }
  }
}
