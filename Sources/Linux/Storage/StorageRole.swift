import Appliance
import Archive
import CLinux
import Wire

/// `watchpost storage DATA`: the one process that touches the data partition for the agent.
///
/// A card that hangs puts whoever uses it into uninterruptible sleep. A thread in that state would
/// keep the whole agent from ending and so from being started again; a process is simply left
/// behind.
public struct StorageRole: ~Copyable {
  /// How often free space is looked at, and a partition that was missing.
  static let intervalMs: Int32 = 2000
  private static let camerasMagic: UInt32 = 0x3143_5057
  private static let bootsMagic: UInt32 = 0x3142_5057
  private static let sourcesMagic: UInt32 = 0x3153_5057

  private static let retentionMagic: UInt32 = 0x3152_5057
  private static let recordingsMagic: UInt32 = 0x3147_5057
  /// Messages taken in one turn.
  private static let messagesAtOnce = 64

  private let folder: DataFolder
  private let agent = AgentChannel()
  private var bootID = InlineArray<16, UInt8>(repeating: 0)
  private var watchdogReset = false
  private var facts = StorageFacts()
  private enum Told {
    /// The agent has not said yet which boot this is.
    case unasked
    case nothing
    case everything
  }
  private var told = Told.unasked
  private var longLived = false
  /// Somebody has said when files may go, in this boot or before: the configuration's word no
  /// longer counts.
  private var keepsRetention = false
  /// Of this boot; nil until the partition has been there.
  private var boots: BootRecord?
  private let memory: UnsafeMutableRawBufferPointer
  private var archive: FileArchive
  private var agentLog: KeptLog
  private var mediaLog: KeptLog
  private let logText = reserved(bytes: 2 * KeptLog.size)
  private var lookedMs: UInt64 = 0
  /// The state of the partition that the archive was started or stopped for.
  private var served = StorageFacts.State.unknown

  /// Serves the agent until it ends. The process's exit code.
  public static func run(dataDirectory: Text<96>) -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 16) { memory in
      var role = StorageRole(folder: dataDirectory, memory: memory)
      return role.serve()
    }
  }

  private init(folder: Text<96>, memory: UnsafeMutableRawBufferPointer) {
    let folder = DataFolder(folder)
    self.folder = folder
    self.memory = memory
    archive = FileArchive(folder)
    agentLog = KeptLog(folder, .agent)
    mediaLog = KeptLog(folder, .media)
  }

  private mutating func serve() -> Int32 {
    // Who ends everything at once (init, a service manager) must not keep the last words of the
    // agent from the card: the worker ends when the agent has.
    _ = lx_signals_open()
    var waitMs: Int32 = Self.intervalMs
    while true {
      let ready = lx_wait_readable_of(
        AgentChannel.descriptor, archive.watch.descriptor, -1, waitMs)
      guard ready >= 0 else { return 1 }
      let isOver = takeMessages()
      let nowMs = lx_boot_time_ms()
      if nowMs >= lookedMs + UInt64(Self.intervalMs) { look(nowMs: nowMs) }
      if let isOver {
        archive.end(nowMs: nowMs)
        agentLog.sync()
        mediaLog.sync()
        return isOver
      }
      agentLog.upkeep(nowMs: nowMs)
      mediaLog.upkeep(nowMs: nowMs)
      waitMs = min(archive.turn(nowMs: nowMs), untilLook(nowMs: nowMs))
    }
  }

  private func untilLook(nowMs: UInt64) -> Int32 {
    let dueMs = lookedMs + UInt64(Self.intervalMs)
    return dueMs > nowMs ? Int32(dueMs - nowMs) : 0
  }

  /// Takes what the agent has said. The exit code when it has ended.
  private mutating func takeMessages() -> Int32? {
    for _ in 0..<Self.messagesAtOnce {
      let count = lx_receive(AgentChannel.descriptor, memory.baseAddress!, memory.count)
      if count == 0 { return 0 }
      if count == -Int64(LX_EAGAIN.rawValue) { return nil }
      guard count > 0 else { return 1 }
      obey(UnsafeRawBufferPointer(rebasing: memory[..<Int(count)]))
    }
    return nil
  }

  private mutating func obey(_ message: UnsafeRawBufferPointer) {
    var reader = ByteReader(message)
    guard let request = StorageRequest(rawValue: reader.read(UInt8.self)) else { return }
    switch request {
    case .hello:
      guard reader.remaining == 18 else { return }
      for index in bootID.indices { bootID[index] = reader.read() }
      watchdogReset = reader.read(UInt8.self) != 0
      longLived = reader.read(UInt8.self) != 0
      if told == .unasked { told = .nothing }
      // What follows may ask for files already.
      look(nowMs: lx_boot_time_ms())
    case .cameras:
      folder.replace("/state/cameras", magic: Self.camerasMagic, reader.take(reader.remaining))
    case .sources:
      folder.replace("/state/sources", magic: Self.sourcesMagic, reader.take(reader.remaining))
    case .recordings:
      folder.replace(
        "/state/recordings", magic: Self.recordingsMagic, reader.take(reader.remaining))
    case .longLived:
      longLived = true
      boots?.longLived = true
      writeBoots()
    case .orderlyStop:
      boots?.orderly = true
      writeBoots()
    case .clock: if reader.remaining == 8 { archive.setOrigin(reader.read()) }
    case .retention: setRetention(&reader)
    case .tag: if reader.remaining == RecordingTag.size { archive.tag(RecordingTag(from: &reader)) }
    case .job: work(&reader)
    case .log:
      guard reader.remaining > 1 else { return }
      let source = LogSource(rawValue: reader.read())
      let text = reader.take(reader.remaining)
      if source == .agent { agentLog.append(text) }
      if source == .mediaServer { mediaLog.append(text) }
    }
  }

  private mutating func work(_ reader: inout ByteReader) {
    guard reader.remaining >= JobRequest.size else { return }
    var head = ByteReader(reader.take(JobRequest.size))
    guard let job = JobRequest(from: &head) else { return }
    let payload = reader.take(reader.remaining)
    guard job.kind == .logTail else {
      archive.work(job, payload, nowMs: lx_boot_time_ms())
      return
    }
    do throws(Status) {
      let request = try LogRequest.decode(payload)
      guard archive.isRunning else { throw Status.storageUnavailable }
      switch request.source {
      case .agentBefore: agentLog.answer(job.id, request, logText, agent)
      case .mediaServerBefore: mediaLog.answer(job.id, request, logText, agent)
      case .agent, .mediaServer: throw Status.invalidArgument
      }
    } catch {
      agent.answer(job.id, error)
    }
  }

  /// A policy, and whether it holds for later boots as well. One that does not is the
  /// configuration's, from an agent that has not been told yet what is kept.
  private mutating func setRetention(_ reader: inout ByteReader) {
    guard reader.remaining == RetentionPolicy.size + 1 else { return }
    let bytes = reader.take(RetentionPolicy.size)
    let isToBeKept = reader.read(UInt8.self) != 0
    guard let policy = try? RetentionPolicy.decode(bytes), isToBeKept || !keepsRetention else {
      return
    }
    archive.retention.policy = policy
    guard isToBeKept else { return }
    keepsRetention = true
    folder.replace("/state/retention", magic: Self.retentionMagic, bytes)
  }

  /// Looks at the partition, and tells the agent: also a sign of life, changed or not.
  private mutating func look(nowMs: UInt64) {
    lookedMs = nowMs
    var now = StorageFacts()
    var readOnly: Int32 = 0
    let result = folder.judge(
      folder.path.withCString {
        lx_filesystem($0, &now.totalBytes, &now.freeBytes, &readOnly)
      })
    now.state = result < 0 ? .missing : readOnly != 0 ? .readOnly : .writable
    folder.isWritable = now.state == .writable
    let hasFailed = folder.isFailing
    folder.probe()
    let mounted = now.state
    if folder.isFailing, now.state != .missing { now.state = .failing }
    facts = now
    tellFacts()
    serveFiles(mounted, nowMs: nowMs)
    if hasFailed, !folder.isFailing, archive.isRunning { archive.beginScan() }
    archive.tellTotals()
  }

  /// What the archive works with, as init mounts and unmounts.
  private mutating func serveFiles(_ mounted: StorageFacts.State, nowMs: UInt64) {
    guard told != .unasked, mounted != served else { return }
    served = mounted
    guard mounted == .writable || mounted == .readOnly else {
      archive.stop()
      agentLog.stop()
      mediaLog.stop()
      return
    }
    // The first time that the partition is there, everything that is remembered is read.
    if told == .nothing {
      told = .everything
      if folder.isWritable { folder.judge(folder.path("/state").withCString { lx_mkdir($0) }) }
      countBoot()
      tellCameras()
      tellSources()
      tellRecordings()
    }
    archive.boot =
      UInt32(bootID[0]) | UInt32(bootID[1]) << 8 | UInt32(bootID[2]) << 16
      | UInt32(bootID[3]) << 24
    archive.start(nowMs: nowMs)
    agentLog.start(bootID)
    mediaLog.start(bootID)
  }

  // MARK: Boots

  /// Counts this boot, once, and tells what earlier ones have left.
  private mutating func countBoot() {
    let record = BootRecord(
      of: bootID, watchdogReset: watchdogReset, longLived: longLived, after: earlierBoots())
    boots = record
    writeBoots()
    agent.tell(.history) { writer in
      writer.write(record.history.reset.rawValue)
      writer.write(record.history.bootCount)
      writer.write(record.history.recentWatchdogResets)
    }
  }

  private func earlierBoots() -> BootRecord.Earlier {
    if let bytes = folder.read("/state/boots", magic: Self.bootsMagic, into: memory),
      let record = BootRecord(bytes)
    {
      return .record(record, isLatest: facts.state == .writable)
    }
    let isThere = folder.path("/state/boots").withCString { lx_exists($0) } != 0
    return isThere || facts.state != .writable ? .untold : .none
  }

  private func writeBoots() {
    guard let boots, facts.state == .writable else { return }
    withUnsafeTemporaryAllocation(byteCount: BootRecord.size, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      boots.encode(into: &writer)
      folder.replace("/state/boots", magic: Self.bootsMagic, writer.written)
    }
  }

  // MARK: Telling the agent

  private func tellFacts() {
    agent.tell(.facts) { writer in
      writer.write(facts.state.rawValue)
      writer.write(facts.totalBytes)
      writer.write(facts.freeBytes)
    }
  }

  /// The remembered cameras; none where there is no file yet.
  private func tellCameras() {
    let bytes = folder.read("/state/cameras", magic: Self.camerasMagic, into: memory)
    agent.tell(.cameras) { writer in
      guard let bytes, bytes.count % KnownCamera.encodedSize == 0 else { return }
      writer.write(bytes)
    }
  }

  /// The external sources; none where there is no file yet.
  private func tellSources() {
    let bytes = folder.read("/state/sources", magic: Self.sourcesMagic, into: memory)
    agent.tell(.sources) { writer in
      guard let bytes, bytes.count % KnownSource.encodedSize == 0 else { return }
      writer.write(bytes)
    }
  }

  /// The recordings that were asked for, none where there is no file yet, and the retention.
  private mutating func tellRecordings() {
    let bytes = folder.read("/state/recordings", magic: Self.recordingsMagic, into: memory)
    agent.tell(.recordings) { writer in if let bytes { writer.write(bytes) } }
    let kept = folder.read("/state/retention", magic: Self.retentionMagic, into: memory)
    guard let kept, let policy = try? RetentionPolicy.decode(kept) else { return }
    archive.retention.policy = policy
    keepsRetention = true
    agent.tell(.retention) { policy.encode(into: &$0) }
  }
}
