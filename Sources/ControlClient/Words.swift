import Wire

extension Text {
  /// The text as it came; malformed UTF-8 is replaced. Not for a terminal: see `printable`.
  public var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension StringProtocol {
  /// The text without control characters, which a camera's product name could use to steer the
  /// terminal of whoever lists it. Tabs stay.
  public var printable: String {
    String(
      String.UnicodeScalarView(
        unicodeScalars.map { scalar in
          scalar.properties.generalCategory == .control && scalar != "\t" ? "\u{FFFD}" : scalar
        }))
  }
}

extension Code {
  /// The case's name, or the number when it is newer than this build.
  public var name: String { known.map { "\($0)" } ?? "\(rawValue)" }
}

/// A V4L2 pixel format as text, e.g. `MJPG`; nil for none.
public func formatName(_ fourcc: UInt32) -> String? {
  guard fourcc != 0 else { return nil }
  let bytes = (0..<4).map { UInt8(truncatingIfNeeded: fourcc >> UInt32(8 * $0)) }
  return String(decoding: bytes, as: UTF8.self).printable.trimmed
}

/// An IPv4 address as text; nil for 0.0.0.0, which means none.
public func addressText(_ address: UInt32) -> String? {
  guard address != 0 else { return nil }
  return [24, 16, 8, 0].map { "\(UInt8(truncatingIfNeeded: address >> UInt32($0)))" }
    .joined(separator: ".")
}

extension BootID {
  /// 32 hexadecimal digits.
  public var text: String {
    var text = Text<32>()
    for index in 0..<16 { text.append(hexadecimal: UInt64(bytes[index]), width: 2) }
    return text.string
  }
}

extension Topics {
  /// The topics' names and masks, in the order of their bits.
  public static let named: [(name: String, topic: Topics)] = [
    ("cameras", .cameras), ("streams", .streams), ("mediaServer", .mediaServer),
    ("health", .health), ("system", .system), ("recordings", .recordings),
    ("snapshots", .snapshots), ("storage", .storage), ("messages", .messages),
  ]

  /// The names of the topics that are set; unknown bits as numbers.
  public var names: [String] {
    (0..<32).filter { rawValue & 1 << $0 != 0 }
      .map { Int($0) < Topics.named.count ? Topics.named[Int($0)].name : "bit\($0)" }
  }
}

extension HealthReasons {
  /// The reasons' names and what they mean, in the order of their bits.
  public static let named: [(name: String, words: String)] = [
    ("configurationInvalid", "the configuration file is wrong, the last good one is used"),
    ("ledsUnavailable", "a configured LED cannot be driven"),
    ("watchdogUnavailable", "there is no watchdog, or it cannot be opened"),
    ("watchdogReset", "the last reset came from the watchdog"),
    ("safeMode", "safe mode after repeated watchdog resets: only control port and LEDs run"),
    ("mediaServerDown", "MediaMTX does not run"),
    ("mediaServerUnresponsive", "MediaMTX runs, but does not answer"),
    ("mediaServerSockets", "MediaMTX listens on other sockets than the wanted ones"),
    ("cameraFailed", "a camera that is plugged in cannot be used"),
    ("cameraStalled", "a camera sends no pictures"),
    ("cameraBusy", "another process holds a camera"),
    ("cameraNoBandwidth", "the USB bus has no bandwidth left for a camera"),
    ("networkDown", "there is no link or no address"),
    ("clockUntrusted", "the wall clock is not known"),
    ("dataMissing", "there is no data partition"),
    ("dataReadOnly", "the data partition cannot be written"),
    ("storageLow", "at least 90 % of the data partition is used"),
    ("storageCritical", "at least 95 % of the data partition is used"),
    ("slotsNearlyFull", "most of the connection slots are used"),
    ("childQuarantined", "a child process ignores SIGKILL"),
    ("udevUnavailable", "udev does not work: cameras cannot be noticed"),
    ("noCameraSlot", "more cameras are plugged in than there are slots"),
    ("cameraSlow", "a camera delivers fewer pictures than its mode promises"),
    ("latencyHigh", "answers take long"),
    ("errorsMany", "many requests are answered with an error of the device's"),
    ("cpuBusy", "the processors are busy"),
    ("memoryShort", "little memory is left"),
    ("connectionsFailing", "many connections are refused or time out"),
    ("queueLong", "most of the large buffers are lent"),
    ("throughputLow", "fewer requests come than the configuration expects"),
    ("dataFailing", "the data partition fails when it is read or written"),
    ("dataHanging", "the data partition does not answer"),
    ("storageWarning", "at least 80 % of the data partition is used"),
    ("recordingStalled", "a recording is not written although its stream flows"),
    ("recordingSuspended", "recordings wait for the data partition, or for room on it"),
  ]

  private var bits: [Int] { (0..<64).filter { rawValue & 1 << UInt64($0) != 0 } }

  /// The names of the reasons that are set; unknown bits as numbers.
  public var names: [String] {
    bits.map { $0 < HealthReasons.named.count ? HealthReasons.named[$0].name : "bit\($0)" }
  }

  /// What the reasons that are set mean.
  public var words: [String] {
    bits.map {
      $0 < HealthReasons.named.count
        ? HealthReasons.named[$0].words : "reason \($0), which is newer than this client"
    }
  }
}

extension LastExit {
  /// nil: it has not ended yet.
  public var words: String? {
    switch kind.known {
    case .none?: nil
    case .code?: "exit code \(value)"
    case .signal?: "signal \(value)"
    case .spawnFailed?: "could not be started: error \(value)"
    case nil: "\(kind.rawValue)/\(value)"
    }
  }
}

extension String {
  var trimmed: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
