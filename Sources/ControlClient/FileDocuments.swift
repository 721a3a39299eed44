import Wire

/// One file of the device.
public struct FileDocument: Codable, Sendable {
  /// `CAMERA/NAME`, as commands take it.
  public var file: String
  public var kind: String
  public var state: String
  public var bytes: UInt64
  /// When it began; nil: the device did not know the time.
  public var unixMs: UInt64?
  /// The same in milliseconds since the kernel started, in its boot.
  public var startedMs: UInt64
  /// The first eight digits of its boot's id.
  public var boot: String
  /// nil: not known (yet).
  public var durationMs: UInt32?
  /// The number of its recording; nil: of none.
  public var recording: UInt32?
  /// Pictures are missing between it and the segment before it.
  public var afterGap: Bool
  /// Its place in the order of all files.
  public var id: UInt64

  public init(_ entry: FileEntry) {
    file = "\(entry.camera.string)/\(entry.name.string)"
    kind = entry.kind.name
    state = entry.state.name
    bytes = entry.bytes
    unixMs = entry.unixMs == 0 ? nil : entry.unixMs
    startedMs = entry.startedMs
    var digits = Text<8>()
    digits.append(hexadecimal: UInt64(entry.boot.byteSwapped), width: 8)
    boot = digits.string
    durationMs = entry.durationMs == 0 ? nil : entry.durationMs
    recording = entry.recording == 0 ? nil : entry.recording
    afterGap = entry.afterGap
    id = entry.id
  }
}

/// What `wpctl files ls` prints.
public struct FilesDocument: Codable, Sendable {
  public var files: [FileDocument]
  /// Files of the device in all, whatever was asked for.
  public var known: UInt32
  /// Where `--cursor` goes on; nil: this is all.
  public var nextCursor: UInt64?

  public init(_ listing: FileListing) {
    files = listing.files.map(FileDocument.init)
    known = listing.known
    nextCursor = listing.nextCursor == 0 ? nil : listing.nextCursor
  }
}

/// What `wpctl files rm` prints.
public struct RemovedDocument: Codable, Sendable {
  public struct Failure: Codable, Sendable {
    public var file: String
    public var reason: String
  }

  public var removed: [String] = []
  public var failed: [Failure] = []

  public init() {}

  public mutating func add(_ file: DeviceFile, failedWith reason: String) {
    failed.append(Failure(file: "\(file)", reason: reason))
  }
}

/// What the device finds when it reads a whole file.
public struct VerdictDocument: Codable, Sendable {
  public var bytes: UInt64
  /// CRC-32C, eight hexadecimal digits.
  public var checksum: String
  public var condition: String
  /// Whole parts of a recording.
  public var parts: UInt32
  public var durationMs: UInt32?

  public init(_ verdict: FileVerdict) {
    bytes = verdict.bytes
    checksum = checksumText(verdict.checksum)
    condition = verdict.condition.name
    parts = verdict.parts
    durationMs = verdict.durationMs == 0 ? nil : verdict.durationMs
  }
}

/// A checksum as eight hexadecimal digits.
func checksumText(_ checksum: UInt32) -> String {
  var text = Text<8>()
  text.append(hexadecimal: UInt64(checksum), width: 8)
  return text.string
}
