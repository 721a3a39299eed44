import Appliance
import CLinux
import Wire

/// The names and passwords with which this device's feeds publish and its agent calls the API. Made
/// anew for every start of MediaMTX, so that nothing that was read once is of use for long.
public struct MediaCredentials: Equatable, Sendable {
  public var user = Text<16>("watchpost")
  /// Of the feeds: 128 random bits in hexadecimal.
  public var password: Text<32>
  public var agentUser = Text<16>("watchpost-agent")
  /// Of the agent, 128 other bits.
  public var agentPassword: Text<32>

  public init(password: Text<32>, agentPassword: Text<32>) {
    self.password = password
    self.agentPassword = agentPassword
  }

  public static func random() -> MediaCredentials {
    MediaCredentials(password: word(), agentPassword: word())
  }

  private static func word() -> Text<32> {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.withUnsafeMutableBytes { lx_random($0.baseAddress!, $0.count) }
    var word = Text<32>()
    for index in bytes.indices { word.append(hexadecimal: UInt64(bytes[index]), width: 2) }
    return word
  }
}

/// The configuration file of one life of MediaMTX.
///
/// It is written before the start and never touched while MediaMTX runs: a change of the file
/// reloads it, discards what the API has set, and ends it where the file is wrong. It holds only
/// keys that every version of the v3 API knows, because an unknown one stops the start; what newer
/// versions switch on by themselves is switched off in the environment (`environment`).
public enum MediaConfigurationFile {
  /// Bytes of the longest file: 2 KiB of settings and 64 paths, half of them with a URL.
  public static let limit = 16 * 1024

  /// The whole environment of MediaMTX. Unknown names are ignored there, unlike unknown keys: 1.20
  /// would otherwise listen for MoQ on 8892 and 8893.
  public static let environment: StaticString = "MTX_MOQ=no"

  /// What distinguishes this life's recordings from all others: MediaMTX names files by the wall
  /// clock, truncates one of the same name, and the clock of a board without RTC repeats itself.
  public struct Life: Equatable, Sendable {
    public var bootID: InlineArray<16, UInt8>
    /// Counts the lives of MediaMTX in this boot.
    public var number: UInt32

    public init(bootID: InlineArray<16, UInt8>, number: UInt32) {
      self.bootID = bootID
      self.number = number
    }

    public static func == (left: Self, right: Self) -> Bool {
      for index in left.bootID.indices where left.bootID[index] != right.bootID[index] {
        return false
      }
      return left.number == right.number
    }
  }

  /// Renders the file with a path for every wanted stream. Its length; nil where `buffer` is too
  /// small.
  public static func render(
    _ configuration: Configuration, streams: borrowing Streams, credentials: MediaCredentials,
    life: Life, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var text = BoundedText(buffer)
    let settings = configuration.mediaServer
    text.append("logLevel: info\nlogDestinations: [stdout]\n")
    text.append("api: yes\napiAddress: 127.0.0.1:")
    text.append(decimal: UInt64(settings.apiPort))
    text.append("\nmetrics: yes\nmetricsAddress: 127.0.0.1:")
    text.append(decimal: UInt64(settings.metricsPort))
    text.append("\npprof: no\nplayback: no\n")
    text.append("rtsp: yes\nrtspTransports: [tcp]\nrtspEncryption: \"no\"\nrtspAddress: :")
    text.append(decimal: UInt64(settings.rtspPort))
    text.append("\nrtmp: no\nhls: no\nwebrtc: no\nsrt: no\n")
    appendUsers(credentials, configuration.rtsp, to: &text)
    appendPathDefaults(configuration.dataDirectory, life, to: &text)
    appendPaths(streams, to: &text)
    return text.fits ? text.count : nil
  }

  /// Publishing, and the API with all that it brings, only from this machine and with this life's
  /// passwords; reading for everybody, or for who knows the configured password.
  private static func appendUsers(
    _ credentials: MediaCredentials, _ readers: Configuration.RTSP, to text: inout BoundedText
  ) {
    text.append("authInternalUsers:\n")
    append(Text(credentials.user), Text(credentials.password), here: true, to: &text)
    text.append("  - action: publish\n")
    append(Text(credentials.agentUser), Text(credentials.agentPassword), here: true, to: &text)
    text.append("  - action: api\n  - action: metrics\n  - action: pprof\n")
    text.append("  - action: playback\n")
    let isOpen = readers.user.isEmpty
    append(isOpen ? Text("any") : readers.user, readers.password, here: false, to: &text)
    text.append("  - action: read\n")
  }

  @inline(never)
  private static func append(
    _ name: Text<32>, _ word: Text<64>, here: Bool, to text: inout BoundedText
  ) {
    text.append("- user: ")
    text.append(quoted: name)
    text.append("\n  pass: ")
    text.append(quoted: word)
    text.append(here ? "\n  ips: [\"127.0.0.1\", \"::1\"]" : "\n  ips: []")
    text.append("\n  permissions:\n")
  }

  /// Its own cleaner would delete by a wall clock that jumps: retention is the agent's.
  private static func appendPathDefaults(
    _ dataDirectory: Text<96>, _ life: Life, to text: inout BoundedText
  ) {
    var recordPath = Text<224>(dataDirectory)
    recordPath.append("/recordings/%path/%Y-%m-%d_%H-%M-%S-%f_")
    for index in 0..<4 {
      recordPath.append(hexadecimal: UInt64(life.bootID[index]), width: 2)
    }
    recordPath.append("-")
    recordPath.append(decimal: UInt64(life.number))
    text.append("pathDefaults:\n  overridePublisher: no\n  recordPath: ")
    text.append(quoted: recordPath)
    text.append("\n  recordFormat: fmp4\n  recordPartDuration: 1s\n")
    text.append("  recordSegmentDuration: 60s\n  recordDeleteAfter: 0s\n")
  }

  private static func appendPaths(_ streams: borrowing Streams, to text: inout BoundedText) {
    text.append("paths:\n")
    for index in 0..<streams.count where streams[index].isWanted {
      text.append("  ")
      text.append(quoted: streams[index].name)
      text.append(streams[index].recordsTold ? ":\n    record: yes\n" : ":\n    record: no\n")
      guard !streams[index].url.isEmpty else { continue }
      text.append("    source: ")
      text.append(quoted: streams[index].url)
      text.append("\n")
    }
  }
}

/// Text in memory of fixed size; what does not fit is noticed, not cut in silence.
struct BoundedText: ~Copyable {
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0
  private(set) var fits = true

  init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

  mutating func append(_ byte: UInt8) {
    guard count < buffer.count else {
      fits = false
      return
    }
    buffer[count] = byte
    count += 1
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes { append(byte) }
  }

  mutating func append(_ literal: StaticString) {
    append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  mutating func append<let capacity: Int>(_ text: Text<capacity>) {
    for index in 0..<text.count { append(text[index]) }
  }

  mutating func append(decimal value: UInt64) {
    var digits = Text<20>()
    digits.append(decimal: value)
    append(digits)
  }

  /// As a double-quoted scalar of YAML. Control characters have no place in what we write, and
  /// become question marks.
  mutating func append<let capacity: Int>(quoted text: Text<capacity>) {
    append(UInt8(ascii: "\""))
    for index in 0..<text.count {
      let byte = text[index]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
      append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
    }
    append(UInt8(ascii: "\""))
  }
}
