@testable import Wire

/// Recordings, files, storage and recovery.
extension Example {
  static let fileRequests: [Example] = [
    request(.recordingStart, id: 25, RecordingRequest(camera: "cam-front", durationS: 3600)),
    request(.recordingStop, id: 26, CameraRequest(name: "cam-front")),
    request(.recordingList, id: 27),
    request(.fileList, id: 28, fileListRequest),
    request(.fileInfo, id: 29, fileRequest),
    request(
      .fileRead, id: 30,
      FileReadRequest(file: fileRequest, offset: 1_048_576, length: 524_288)),
    request(.fileRemove, id: 31, fileRequest),
    request(.fileVerify, id: 32, fileRequest),
    request(.storageStatus, id: 33),
    request(
      .retentionSet, id: 34,
      RetentionPolicy(maximumAgeS: 2_592_000, maximumBytes: 20_000_000_000)),
    request(.retentionRun, id: 35),
    request(.snapshotSave, id: 36, CameraRequest(name: "cam-front")),
    request(.cameraRecovery, id: 37, CameraRequest(name: "cam-front")),
  ]

  static let fileReplies: [Example] = [
    reply(.recordingStart, id: 25, recording), reply(.recordingStop, id: 26, stoppedRecording),
    reply(.recordingList, id: 27, RecordingListHead(count: 1), [recording]),
    reply(
      .fileList, id: 28, title: "fileList, two files in one part",
      layouts: ["BulkPart", "FileListHead", "FileEntry"], body: fileListPart),
    reply(.fileInfo, id: 29, segment),
    reply(
      .fileRead, id: 30, title: "fileRead, the last 5 bytes of a file", layouts: ["BulkPart"],
      body: bytes(of: BulkPart(total: 5, offset: 0, count: 5)) + "moof!".utf8),
    reply(.fileRemove, id: 31), reply(.fileVerify, id: 32, verdict),
    reply(.storageStatus, id: 33, storage), reply(.retentionSet, id: 34),
    reply(.retentionRun, id: 35, RetentionReport(files: 12, bytes: 371_000_000)),
    reply(.snapshotSave, id: 36, freshSnapshot),
    reply(.cameraRecovery, id: 37, recovery, recoverySteps),
  ]

  static let fileRequest = FileRequest(
    kind: .snapshot, camera: "cam-front", name: "2026-11-21_12-41-32-123456_0a1b2c3d-0.jpg")

  static let fileListRequest: FileListRequest = {
    var request = FileListRequest()
    request.kind = .snapshot
    request.oldestFirst = true
    request.limit = 100
    request.cursor = 4711
    request.fromUnixMs = 1_790_000_000_000
    request.untilUnixMs = 1_795_000_000_000
    request.camera = "cam-front"
    return request
  }()

  static let recording: RecordingEntry = {
    var entry = RecordingEntry()
    entry.camera = "cam-front"
    entry.recording = 17
    entry.state = Code(.waiting)
    entry.reason = Code(.cameraNotStreaming)
    entry.durationS = 3600
    entry.remainingS = 1234
    entry.forMs = 2_366_000
    entry.bytes = 1_100_000_000
    entry.segments = 41
    entry.gaps = 1
    entry.quietMs = 4_200
    return entry
  }()

  static let stoppedRecording: RecordingEntry = {
    var entry = recording
    entry.state = Code(.stopping)
    entry.reason = Code(.none)
    return entry
  }()

  static let segment: FileEntry = {
    var entry = FileEntry()
    entry.id = 4712
    entry.kind = Code(.recording)
    entry.state = Code(.complete)
    entry.afterGap = true
    entry.recording = 17
    entry.bytes = 28_311_552
    entry.unixMs = 1_793_364_092_123
    entry.startedMs = 86_412_345
    entry.durationMs = 60_000
    entry.boot = 0x3D2C_1B0A
    entry.camera = "cam-front"
    entry.name = "2026-11-21_12-41-32-123456_0a1b2c3d-65537.mp4"
    return entry
  }()

  static let savedSnapshot: FileEntry = {
    var entry = FileEntry()
    entry.id = 4713
    entry.kind = Code(.snapshot)
    entry.state = Code(.complete)
    entry.bytes = 84_120
    entry.unixMs = 1_793_364_092_500
    entry.startedMs = 86_412_722
    entry.boot = 0x3D2C_1B0A
    entry.camera = "cam-front"
    entry.name = "2026-11-21_12-41-32-500000_0a1b2c3d-0.jpg"
    return entry
  }()

  static let freshSnapshot: FileEntry = {
    var entry = savedSnapshot
    (entry.id, entry.unixMs) = (0, 0)
    return entry
  }()

  static let fileListPart: [UInt8] = {
    let head = FileListHead(nextCursor: 4712, known: 93_214, count: 2)
    let size = FileListHead.size(count: 2)
    return bytes(of: BulkPart(total: UInt32(size), offset: 0, count: UInt32(size)))
      + bytes(of: head) + bytes(of: savedSnapshot) + bytes(of: segment)
  }()

  static let verdict: FileVerdict = {
    var verdict = FileVerdict()
    verdict.bytes = 28_311_552
    verdict.checksum = 0x9A71_BB4C
    verdict.durationMs = 60_000
    verdict.parts = 60
    verdict.condition = Code(.unfinished)
    return verdict
  }()

  static let storage: StorageReport = {
    var report = StorageReport()
    report.state = Code(.writable)
    report.level = Code(.warning)
    report.warningPercent = 80
    report.lowPercent = 90
    report.criticalPercent = 95
    report.totalBytes = 30_923_764_736
    report.freeBytes = 5_211_000_832
    report.reserveBytes = 67_108_864
    report.recordingBytes = 25_100_000_000
    report.snapshotBytes = 41_000_000
    report.recordingFiles = 1_870
    report.snapshotFiles = 402
    report.foreignFiles = 1
    report.repairedFiles = 2
    report.removedFiles = 12
    report.maximumAgeS = 2_592_000
    report.maximumBytes = 26_000_000_000
    report.removedBytes = 371_000_000
    return report
  }()

  static let recovery: RecoveryReport = {
    var report = RecoveryReport()
    report.camera = "cam-front"
    report.rung = Code(.reauthorise)
    report.attempts = 5
    report.nextInMs = 12_000
    report.reopens = 2
    report.restarts = 6
    report.reauthorisations = 1
    report.powerCycles = 3
    report.recoveries = 4
    report.count = 2
    return report
  }()

  static let recoverySteps: [RecoveryStep] = {
    var restart = RecoveryStep()
    restart.atMs = 86_400_100
    restart.rung = Code(.restart)
    restart.outcome = Code(.failed)
    restart.cause = Code(.stalled)
    var pending = RecoveryStep()
    pending.atMs = 86_405_200
    pending.rung = Code(.reauthorise)
    pending.cause = Code(.stalled)
    return [restart, pending]
  }()
}
