import Wire

/// Everything a person can set, with the values that hold where nothing is said.
///
/// The key table (names, units, ranges) lies beside the parser in `Linux/Configuration`; the README
/// shows it. Fixed size, no reference: a configuration is copied, compared and kept like a number.
public struct Configuration: Equatable, Sendable {
  /// The device's name: mDNS host and instance, shown by every client.
  public var name = Text<32>("watchpost")
  /// Where state that must survive a reboot lies.
  public var dataDirectory = Text<96>("/data")
  /// Where keys, configuration changes and the device's own key lie; the folder above it is the
  /// root of the card's partition that a person can read.
  public var access = Access()
  /// Where state of this boot lies.
  public var runDirectory = Text<96>("/run/watchpost")
  public var control = Control()
  public var network = Network()
  public var mediaServer = MediaServer()
  public var rtsp = RTSP()
  public var cameras = Cameras()
  public var leds = InlineArray<3, LEDMapping>(repeating: .none)
  public var watchdog = WatchdogSettings()
  public var alerts = Alerts()
  public var storage = Storage()
  public var mdns = true
  /// SNTP servers, numeric; an unset one is all zeros.
  public var timeServers = InlineArray<2, IPv4>(repeating: .any)

  public init() {}

  /// What admits clients, and what changes need.
  public struct Access: Equatable, Sendable {
    /// Where keys are kept.
    public var directory = Text<96>("/boot/access")
    /// The line of the button; `none`: there is no button.
    public var button = LEDMapping.none
    /// Keys besides the stager's that must agree to a change: 0 or 1.
    public var approvals: UInt8 = 0

    public init() {}
  }

  public struct Control: Equatable, Sendable {
    public var address = IPv4.any
    public var port: UInt16 = 4710
    /// Several agents listen on the same port, and the kernel deals connections out to them.
    public var sharesPort = false
    /// Connection slots, 1 … 16,384.
    public var slots = 1024
    /// Clients of this machine may do without a key what does not have to do with keys.
    public var plain = false
    /// Everybody may ping and ask for health.
    public var healthIsPublic = true
    /// Addresses that are known: slots are reserved for them, and they may ask at the full rate.
    public var trusted = InlineArray<8, Subnet>(repeating: .none)
    /// Slots, of all, that only trusted addresses get.
    public var reservedSlots = 16
    /// Slots that addresses which are not trusted get in all, and each of them.
    public var publicSlots = 256
    public var publicSlotsPerAddress = 16
    /// A connection that is not trusted must have sent its first request within this time.
    public var handshakeTimeoutMs: UInt64 = 2000
    /// Requests a second that a trusted address may make, and one that is not; as many can be
    /// saved.
    public var requestRate: UInt32 = 500_000
    public var publicRequestRate: UInt32 = 200
    /// A connection that sends no byte and subscribes to nothing for this long is ended.
    public var idleTimeoutMs: UInt64 = 300_000
    /// An unfinished frame must be complete within this time.
    public var frameTimeoutMs: UInt64 = 10_000
    /// A client must take what is sent to it within this time.
    public var writeTimeoutMs: UInt64 = 10_000

    public init() {
      trusted[0] = Subnet(address: IPv4(127, 0, 0, 0), prefix: 8)
    }

    public static func == (left: Self, right: Self) -> Bool {
      for index in left.trusted.indices where left.trusted[index] != right.trusted[index] {
        return false
      }
      return left.address == right.address && left.port == right.port && left.slots == right.slots
        && left.sharesPort == right.sharesPort && left.plain == right.plain
        && left.healthIsPublic == right.healthIsPublic
        && left.idleTimeoutMs == right.idleTimeoutMs && left.frameTimeoutMs == right.frameTimeoutMs
        && left.writeTimeoutMs == right.writeTimeoutMs
        && left.reservedSlots == right.reservedSlots && left.publicSlots == right.publicSlots
        && left.publicSlotsPerAddress == right.publicSlotsPerAddress
        && left.handshakeTimeoutMs == right.handshakeTimeoutMs
        && left.requestRate == right.requestRate
        && left.publicRequestRate == right.publicRequestRate
    }

    /// The rate of an address that is trusted, or is not.
    @inline(__always)
    func rate(trusted: Bool) -> UInt32 { trusted ? requestRate : publicRequestRate }

    /// What an address is worth without a key.
    func standing(of address: IPv4) -> Standing {
      if plain, address.isLoopback { return .local }
      return trusts(address) ? .known : .stranger
    }

    /// True when `address` is one of those that are known.
    public func trusts(_ address: IPv4) -> Bool {
      for index in trusted.indices where trusted[index].contains(address) { return true }
      return false
    }
  }

  /// When the device calls for attention. Thresholds are in the unit of their alert; 0: never.
  public struct Alerts: Equatable, Sendable {
    public struct Thresholds: Equatable, Sendable {
      public var warning: UInt32
      public var critical: UInt32
      public init(_ warning: UInt32, _ critical: UInt32) {
        self.warning = warning
        self.critical = critical
      }
    }

    public var latency = Thresholds(500_000, 1_000_000)
    public var errors = Thresholds(20, 50)
    public var cpu = Thresholds(750, 900)
    public var memory = Thresholds(850, 950)
    public var connections = Thresholds(0, 50)
    public var queue = Thresholds(750, 0)
    public var slots = Thresholds(900, 950)
    public var throughput = Thresholds(0, 0)
    /// Seconds on end at a threshold before an alert is raised, and away from it before it falls.
    public var raiseS: UInt16 = 5
    public var clearS: UInt16 = 15
    public init() {}

    public subscript(alert: Alert) -> Thresholds {
      get {
        switch alert {
        case .latency: latency
        case .errors: errors
        case .cpu: cpu
        case .memory: memory
        case .connections: connections
        case .queue: queue
        case .slots: slots
        case .throughput: throughput
        }
      }
      set {
        switch alert {
        case .latency: latency = newValue
        case .errors: errors = newValue
        case .cpu: cpu = newValue
        case .memory: memory = newValue
        case .connections: connections = newValue
        case .queue: queue = newValue
        case .slots: slots = newValue
        case .throughput: throughput = newValue
        }
      }
    }
  }

  /// Room on the data partition.
  public struct Storage: Equatable, Sendable {
    /// Used space, percent: from here on it warns, no new recording starts, running ones wait.
    public var warningPercent: UInt64 = 80
    public var lowPercent: UInt64 = 90
    public var criticalPercent: UInt64 = 95
    /// Bytes held for each running recording.
    public var reserveBytes: UInt64 = 64 * 1024 * 1024
    /// When files may go, until somebody says something else over the wire.
    public var retention = RetentionPolicy()
    /// Processes that do what takes long: reading and checking files, decoding.
    public var workers = 2
    public init() {}
  }

  public struct Network: Equatable, Sendable {
    public enum Mode: UInt8, Sendable { case off, dhcp, fixed, linkLocal }
    public var mode = Mode.dhcp
    public var interface = Text<16>("eth0")
    /// The address and its prefix length, for `fixed`.
    public var address = IPv4.any
    public var prefix: UInt8 = 24
    public var gateway = IPv4.any
    public init() {}
  }

  public struct MediaServer: Equatable, Sendable {
    /// The executable; empty: no media server on this machine.
    public var path = Text<96>("/bin/mediamtx")
    public var rtspPort: UInt16 = 8554
    public var apiPort: UInt16 = 9997
    public var metricsPort: UInt16 = 9998
    /// How often a running server's API is asked, and how long an answer may take.
    public var probeIntervalMs: UInt64 = 1000
    public var probeTimeoutMs: UInt64 = 2000
    public init() {}
  }

  /// Who may read streams: with a name, those who know the password; without, everybody. Not told
  /// to anybody but MediaMTX.
  public struct RTSP: Equatable, Sendable {
    public var user = Text<32>()
    public var password = Text<64>()
    public init() {}
  }

  public struct Cameras: Equatable, Sendable {
    public var enabled = true
    public var probeTimeoutMs: UInt64 = 5000
    /// Wanted modes by camera; entries without a name are unused.
    public var modes = InlineArray<16, CameraMode>(repeating: CameraMode())
    /// Files that are played as if they were cameras; an empty path: unused.
    public var playback = InlineArray<4, PlaybackFile>(repeating: PlaybackFile())
    /// A feed that says nothing for this long is ended and started again.
    public var feedTimeoutMs: UInt64 = 1000
    /// A camera that sends nothing for this long is stalled, and its feed is started again.
    public var stallMs: UInt64 = 2000
    public init() {}

    public static func == (left: Self, right: Self) -> Bool {
      for index in left.modes.indices where left.modes[index] != right.modes[index] {
        return false
      }
      for index in left.playback.indices where left.playback[index] != right.playback[index] {
        return false
      }
      return left.enabled == right.enabled && left.probeTimeoutMs == right.probeTimeoutMs
        && left.feedTimeoutMs == right.feedTimeoutMs && left.stallMs == right.stallMs
    }
  }

  /// The mode that is wanted of a camera; what is 0 is left to the device.
  public struct CameraMode: Equatable, Sendable {
    /// The camera's name, or `*` for all that are not named; empty: an unused entry.
    public var camera = Name()
    /// V4L2 fourcc, first character in the low byte.
    public var format: UInt32 = 0
    public var width: UInt16 = 0
    public var height: UInt16 = 0
    /// Frames in 1000 s.
    public var rateMilli: UInt32 = 0
    public init() {}
  }

  /// A file that is played as if it were a camera, from its beginning again and again.
  public struct PlaybackFile: Equatable, Sendable {
    /// `.mjpeg`, `.mjpg`, `.jpg` or `.jpeg`: one JPEG behind the other; `.h264` or `.264`: Annex B.
    public var path = Text<96>()
    /// Frames in a second, 1 … 120.
    public var rate: UInt32 = 0
    public init() {}
  }

  public struct WatchdogSettings: Equatable, Sendable {
    /// The device; empty: none on this machine.
    public var device = Text<32>("/dev/watchdog0")
    /// Seconds without a sign of life until the board is reset, 2 … 15.
    public var timeoutS: UInt32 = 10
    /// An orderly stop disarms the watchdog instead of leaving it armed.
    public var magicClose = false
    public init() {}
  }

  public static func == (left: Self, right: Self) -> Bool {
    for led in left.leds.indices where left.leds[led] != right.leds[led] { return false }
    for server in left.timeServers.indices
    where left.timeServers[server] != right.timeServers[server] { return false }
    return left.name == right.name && left.dataDirectory == right.dataDirectory
      && left.access == right.access
      && left.runDirectory == right.runDirectory && left.control == right.control
      && left.network == right.network && left.mediaServer == right.mediaServer
      && left.rtsp == right.rtsp
      && left.cameras == right.cameras && left.watchdog == right.watchdog
      && left.mdns == right.mdns && left.alerts == right.alerts && left.storage == right.storage
  }
}

/// Where a logical LED hangs.
public struct LEDMapping: Equatable, Sendable {
  public enum Place: UInt8, Sendable {
    /// Not there: not a fault.
    case none
    /// A GPIO line by chip path or name and offset.
    case gpioOffset
    /// A GPIO line by its name on any chip.
    case gpioName
    /// `/sys/class/leds/NAME`.
    case sysfs
  }
  public var place: Place
  /// The chip (`/dev/gpiochip0`), the line's name or the LED's name.
  public var target: Text<48>
  public var offset: UInt32
  public var activeLow: Bool

  public init(place: Place, target: Text<48>, offset: UInt32 = 0, activeLow: Bool = false) {
    self.place = place
    self.target = target
    self.offset = offset
    self.activeLow = activeLow
  }

  public static let none = LEDMapping(place: .none, target: .empty)
}

/// An IPv4 address, most significant byte first.
public struct IPv4: Equatable, Sendable {
  public var value: UInt32
  public init(_ value: UInt32) { self.value = value }
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    value = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }
  public static let any = IPv4(0)

  /// 127.0.0.0/8 (RFC 1122, section 3.2.1.3).
  public var isLoopback: Bool { value >> 24 == 127 }

  /// Four decimal numbers with dots.
  public var text: Text<16> {
    var text = Text<16>()
    for part: UInt32 in 0..<4 {
      if part > 0 { text.append(UInt8(ascii: ".")) }
      text.append(decimal: UInt64(value >> (24 - 8 * part) & 0xFF))
    }
    return text
  }
}

/// An IPv4 network. The unset one (`none`) contains no address.
public struct Subnet: Equatable, Sendable {
  public var address: IPv4
  /// Leading bits that must match, 0 … 32; 255 means unset.
  public var prefix: UInt8

  public init(address: IPv4, prefix: UInt8) {
    self.address = address
    self.prefix = prefix
  }

  public static let none = Subnet(address: .any, prefix: 255)

  public func contains(_ other: IPv4) -> Bool {
    guard prefix <= 32 else { return false }
    let mask: UInt32 = prefix == 0 ? 0 : ~0 << UInt32(32 - prefix)
    return address.value & mask == other.value & mask
  }
}
