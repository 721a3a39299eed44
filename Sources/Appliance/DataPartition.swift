import Wire

// The data partition: whether it can be used, and how full it is.
//
//              ≥ warning            ≥ low             ≥ critical
//   normal ──────────────▶ warning ────────▶ low ────────────────▶ critical
//     ▲                      │  ▲             │ ▲                      │
//     └── below, and 1 % ────┘  └─────────────┘ └──────────────────────┘
//
// A level falls only when more than one percent less is used than would raise it: a recording that
// writes and a retention that removes must not switch it to and fro.
//
// A partition that cannot be written is mounted anew after a while, and again at growing intervals:
// the kernel makes one that had errors read-only until then. One that hangs has to come back by
// itself; whoever touched it would hang as well.

public struct DataPartition: Sendable {
  /// Percent by which a threshold must be undercut before a level falls.
  static let slackPercent: UInt64 = 1
  /// Milliseconds until a partition is mounted anew the first time: until MediaMTX has closed what
  /// it wrote. The interval doubles up to the longest.
  static let remountMs: UInt64 = 15_000
  static let longestRemountMs: UInt64 = 600_000

  private let settings: Configuration.Storage
  public private(set) var facts = StorageFacts()
  public private(set) var level = StorageLevel.normal
  /// When it is to be mounted anew.
  private(set) var nextDeadline = Instant.never
  private var remounts: UInt64 = 0
  private var remountedAt = Instant(ms: 0)
  /// What the storage worker has told of all files.
  public internal(set) var totals = ArchiveTotals()
  /// When files may go: the configuration's word, until somebody has said something else.
  public private(set) var retention: RetentionPolicy
  /// Somebody has, in this life of the agent: what the partition keeps may be older.
  private(set) var isRetentionSaid = false

  init(_ settings: Configuration.Storage) {
    self.settings = settings
    retention = settings.retention
  }

  /// True when files can be written.
  public var isWritable: Bool { facts.state == .writable }

  /// True when what is written now is not lost for want of room either.
  var takesWrites: Bool { isWritable && level != .critical }

  /// What the partition keeps of it counts more than the configuration.
  mutating func recall(_ kept: RetentionPolicy) {
    if !isRetentionSaid { retention = kept }
  }

  mutating func say(_ wanted: RetentionPolicy) {
    retention = wanted
    isRetentionSaid = true
  }

  /// Takes what is known of the partition now; tells what has changed.
  mutating func take(_ new: StorageFacts, now: Instant, _ effects: inout Effects) {
    let before = facts.state
    facts = new
    if new.state != before {
      effects.append(.publish(Event(.storageChanged, value: UInt32(new.state.rawValue))))
      planRemount(now: now)
    }
    let judged = judge()
    guard judged != level else { return }
    level = judged
    effects.append(.publish(Event(.storageLevel, value: UInt32(judged.rawValue))))
  }

  private mutating func planRemount(now: Instant) {
    switch facts.state {
    case .unknown, .writable, .hanging: nextDeadline = .never
    case .missing, .readOnly, .failing:
      guard nextDeadline == .never else { return }
      // One that was well for long has a new fault.
      if now >= remountedAt + DataPartition.longestRemountMs { remounts = 0 }
      nextDeadline = now + remountInterval
    }
  }

  private var remountInterval: UInt64 {
    min(DataPartition.remountMs << min(remounts, 16), DataPartition.longestRemountMs)
  }

  mutating func tick(now: Instant, _ effects: inout Effects) {
    guard now >= nextDeadline else { return }
    remounts += 1
    remountedAt = now
    nextDeadline = now + remountInterval
    effects.append(.remountData)
  }

  private func judge() -> StorageLevel {
    // What cannot be looked at now is as full as it was.
    guard facts.totalBytes > 0 else { return level }
    if usedPermille >= settings.criticalPercent * 10 { return .critical }
    if level == .critical, isAbove(settings.criticalPercent) { return .critical }
    if usedPermille >= settings.lowPercent * 10 { return .low }
    if level.rawValue >= StorageLevel.low.rawValue, isAbove(settings.lowPercent) { return .low }
    if usedPermille >= settings.warningPercent * 10 { return .warning }
    if level != .normal, isAbove(settings.warningPercent) { return .warning }
    return .normal
  }

  private func isAbove(_ percent: UInt64) -> Bool {
    usedPermille >= (percent - min(percent, DataPartition.slackPercent)) * 10
  }

  private var usedPermille: UInt64 { permille(used: usedBytes) }

  private var usedBytes: UInt64 { facts.totalBytes - min(facts.freeBytes, facts.totalBytes) }

  private func permille(used: UInt64) -> UInt64 {
    // Dividing first keeps the largest sizes within 64 bits.
    used / max(facts.totalBytes / 1000, 1)
  }

  /// Bytes held for this many running recordings.
  func reserve(_ running: Int) -> UInt64 { UInt64(max(0, running)) * settings.reserveBytes }

  /// Whether one more recording may start beside those that run. `.storageUnavailable`,
  /// `.storageLow`, `.storageCritical`.
  func admit(running: Int) throws(Status) {
    guard isWritable else { throw .storageUnavailable }
    guard level != .critical else { throw .storageCritical }
    let wanted = usedBytes &+ reserve(running + 1)
    guard level != .low, permille(used: wanted) < settings.lowPercent * 10 else {
      throw .storageLow
    }
  }

  var reasons: HealthReasons {
    var reasons = HealthReasons.none
    switch facts.state {
    case .unknown, .writable: break
    case .missing: reasons.insert(.dataMissing)
    case .readOnly: reasons.insert(.dataReadOnly)
    case .failing: reasons.insert(.dataFailing)
    case .hanging: reasons.insert(.dataHanging)
    }
    switch level {
    case .normal: break
    case .warning: reasons.insert(.storageWarning)
    case .low: reasons.insert(.storageLow)
    case .critical: reasons.insert(.storageLow | .storageCritical)
    }
    return reasons
  }

  /// The answer to `storageStatus`, with `running` recordings.
  func report(running: Int) -> StorageReport {
    var report = StorageReport()
    report.state = Code(rawValue: facts.state.rawValue)
    report.level = Code(level)
    report.warningPercent = UInt8(settings.warningPercent)
    report.lowPercent = UInt8(settings.lowPercent)
    report.criticalPercent = UInt8(settings.criticalPercent)
    report.totalBytes = facts.totalBytes
    report.freeBytes = facts.freeBytes
    report.reserveBytes = reserve(running)
    report.recordingBytes = totals.recordingBytes
    report.snapshotBytes = totals.snapshotBytes
    report.recordingFiles = totals.recordingFiles
    report.snapshotFiles = totals.snapshotFiles
    report.foreignFiles = totals.foreignFiles
    report.repairedFiles = totals.repairedFiles
    report.removedFiles = totals.removedFiles
    report.maximumAgeS = retention.maximumAgeS
    report.maximumBytes = retention.maximumBytes
    report.removedBytes = totals.removedBytes
    return report
  }
}
