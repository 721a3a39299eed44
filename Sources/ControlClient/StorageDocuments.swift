import Wire

/// A recording that is asked for.
public struct RecordingDocument: Codable, Sendable {
  public var camera: String
  /// Each of the device's recordings has another number.
  public var recording: UInt32
  public var state: String
  public var reason: String
  /// Asked for, seconds; nil: until it is stopped.
  public var durationS: UInt32?
  public var remainingS: UInt32?
  /// Milliseconds since it was asked for, or the agent started, as all numbers below.
  public var forMs: UInt64
  public var bytes: UInt64
  public var segments: UInt32
  public var gaps: UInt32
  /// Milliseconds since a file grew; nil: none has grown yet.
  public var quietMs: UInt32?

  public init(_ entry: RecordingEntry) {
    camera = entry.camera.string
    recording = entry.recording
    state = entry.state.name
    reason = entry.reason.name
    durationS = entry.durationS == 0 ? nil : entry.durationS
    remainingS = entry.durationS == 0 ? nil : entry.remainingS
    forMs = entry.forMs
    bytes = entry.bytes
    segments = entry.segments
    gaps = entry.gaps
    quietMs = entry.quietMs == 0 ? nil : entry.quietMs
  }
}

/// When files may go.
public struct RetentionDocument: Codable, Sendable {
  /// Seconds that the device has run since; nil: age does not matter.
  public var maximumAgeS: UInt32?
  /// Of all files; nil: size does not matter.
  public var maximumBytes: UInt64?

  public init(_ policy: RetentionPolicy) {
    maximumAgeS = policy.maximumAgeS == 0 ? nil : policy.maximumAgeS
    maximumBytes = policy.maximumBytes == 0 ? nil : policy.maximumBytes
  }
}

extension RetentionPolicy {
  /// The rules that hold on a device.
  public init(_ report: StorageReport) {
    self.init(maximumAgeS: report.maximumAgeS, maximumBytes: report.maximumBytes)
  }
}

/// What `wpctl retention run` prints.
public struct RetentionRunDocument: Codable, Sendable {
  public var files: UInt32
  public var bytes: UInt64

  public init(_ report: RetentionReport) {
    files = report.files
    bytes = report.bytes
  }
}

/// The data partition.
public struct StorageDocument: Codable, Sendable {
  public struct Files: Codable, Sendable {
    public var files: UInt32
    public var bytes: UInt64
  }
  public struct Thresholds: Codable, Sendable {
    public var warning: UInt8
    public var low: UInt8
    public var critical: UInt8
  }

  public var state: String
  public var level: String
  /// Used space from which on the level changes, percent.
  public var thresholds: Thresholds
  public var totalBytes: UInt64
  public var freeBytes: UInt64
  /// Held for running recordings.
  public var reserveBytes: UInt64
  public var recordings: Files
  public var snapshots: Files
  /// In the folders of cameras, but none of theirs: never touched.
  public var foreignFiles: UInt32
  /// Repaired or set aside in this life of the storage worker.
  public var repairedFiles: UInt32
  /// By retention, in this life of the storage worker.
  public var removed: Files
  public var retention: RetentionDocument

  public init(_ report: StorageReport) {
    state = report.state.name
    level = report.level.name
    thresholds = Thresholds(
      warning: report.warningPercent, low: report.lowPercent, critical: report.criticalPercent)
    totalBytes = report.totalBytes
    freeBytes = report.freeBytes
    reserveBytes = report.reserveBytes
    recordings = Files(files: report.recordingFiles, bytes: report.recordingBytes)
    snapshots = Files(files: report.snapshotFiles, bytes: report.snapshotBytes)
    foreignFiles = report.foreignFiles
    repairedFiles = report.repairedFiles
    removed = Files(files: report.removedFiles, bytes: report.removedBytes)
    retention = RetentionDocument(RetentionPolicy(report))
  }

  /// Bytes of all files at which the device refuses new recordings (`thresholds.low`): what else is
  /// on the partition and what running recordings hold takes the rest. Retention with a larger
  /// bound comes too late. nil: there is no partition to see.
  public var roomForFiles: UInt64? {
    guard totalBytes > 0 else { return nil }
    let files = recordings.bytes + snapshots.bytes
    let used = totalBytes - min(freeBytes, totalBytes)
    let others = used - min(files, used) + reserveBytes
    let allowed = totalBytes / 100 * UInt64(thresholds.low)
    return allowed - min(others, allowed)
  }
}

/// What the device has done to get a camera's pictures back.
public struct RecoveryDocument: Codable, Sendable {
  public struct Step: Codable, Sendable {
    /// Milliseconds since the kernel started.
    public var atMs: UInt64
    public var rung: String
    public var outcome: String
    /// What was wrong.
    public var cause: String
  }

  /// Where the ladder stands; `none`: nothing is wrong.
  public var rung: String
  /// Steps since the camera worked last.
  public var attempts: UInt32
  public var nextInMs: UInt32?
  /// Steps of each kind, and how often it worked again, in this life of the agent.
  public var reopens: UInt32
  public var restarts: UInt32
  public var reauthorisations: UInt32
  public var powerCycles: UInt32
  public var recoveries: UInt32
  /// The last ones, the oldest first.
  public var steps: [Step]

  public init(_ recovery: CameraRecovery) {
    let head = recovery.head
    rung = head.rung.name
    attempts = head.attempts
    nextInMs = head.nextInMs == 0 ? nil : head.nextInMs
    reopens = head.reopens
    restarts = head.restarts
    reauthorisations = head.reauthorisations
    powerCycles = head.powerCycles
    recoveries = head.recoveries
    steps = recovery.steps.map {
      Step(
        atMs: $0.atMs, rung: $0.rung.name, outcome: $0.outcome.name, cause: $0.cause.name)
    }
  }

  /// False: nothing is wrong, and nothing was.
  public var tells: Bool { rung != "none" || attempts > 0 || !steps.isEmpty }
}
