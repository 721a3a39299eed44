import Wire

/// A page of files.
public struct FilePage: Sendable {
  public let head: FileListHead
  public let files: [FileEntry]
}

/// What the device has done to get a camera's pictures back.
public struct CameraRecovery: Sendable {
  public let head: RecoveryReport
  /// The last ones, the oldest first.
  public let steps: [RecoveryStep]
}

/// Recordings, files and the data partition. Every method throws `ControlError`.
extension ControlConnection {
  /// For what reads whole files or removes many: the device gives each 10 s, and others may be
  /// before it.
  private static let longJob: Duration = .seconds(15)

  /// `seconds` is 1 … 86,400, or 0: until it is stopped. Accepted at once; the event
  /// `recordingStarted` confirms it.
  public func startRecording(_ camera: Name, seconds: UInt32 = 0) async throws -> RecordingEntry {
    try await ask(.recordingStart, RecordingRequest(camera: camera, durationS: seconds))
  }

  /// Accepted at once; the event `recordingStopped` tells when the file is closed.
  public func stopRecording(_ camera: Name) async throws -> RecordingEntry {
    try await ask(.recordingStop, CameraRequest(name: camera))
  }

  /// Recordings that are asked for.
  public func recordings() async throws -> [RecordingEntry] {
    try await list(.recordingList, RecordingListHead.self).1
  }

  public func files(_ request: FileListRequest) async throws -> FilePage {
    let (head, files) = try await list(.fileList, FileListHead.self, sending: request)
    return FilePage(head: head, files: files)
  }

  public func file(_ file: FileRequest) async throws -> FileEntry {
    try await ask(.fileInfo, file)
  }

  /// A range of a file: fewer bytes than `length`, 1 … 1,048,576, only at its end, none behind it.
  public func read(_ file: FileRequest, from offset: UInt64, length: Int) async throws -> [UInt8] {
    let request = FileReadRequest(file: file, offset: offset, length: UInt32(length))
    let bytes = try await call(.fileRead, sending: request)
    guard bytes.count <= length else { throw ControlError.malformedAnswer(.fileRead) }
    return bytes
  }

  public func removeFile(_ file: FileRequest) async throws {
    _ = try await call(.fileRemove, sending: file)
  }

  /// Size and checksum of a file as the device reads it now.
  public func verify(_ file: FileRequest) async throws -> FileVerdict {
    try await ask(.fileVerify, file, atLeast: Self.longJob)
  }

  public func storage() async throws -> StorageReport { try await ask(.storageStatus) }

  /// Both rules at once; kept over a reboot.
  public func setRetention(_ policy: RetentionPolicy) async throws {
    _ = try await call(.retentionSet, sending: policy)
  }

  /// Removes at once what retention would remove within the next minute.
  public func runRetention() async throws -> RetentionReport {
    try await ask(.retentionRun, Empty(), atLeast: Self.longJob)
  }

  /// Keeps a camera's newest picture as a file of the device.
  public func saveSnapshot(of camera: Name) async throws -> FileEntry {
    try await ask(.snapshotSave, CameraRequest(name: camera))
  }

  public func recovery(of camera: Name) async throws -> CameraRecovery {
    let (head, steps) = try await list(
      .cameraRecovery, RecoveryReport.self, sending: CameraRequest(name: camera))
    return CameraRecovery(head: head, steps: steps)
  }
}

extension ControlConnection {
  /// What `body` asks for, or nil where the device does not know the operation or lets only its
  /// trusted addresses use it.
  public func optional<Value: Sendable>(
    _ body: @Sendable (ControlConnection) async throws -> Value
  ) async throws -> Value? {
    do {
      return try await body(self)
    } catch let error as ControlError {
      switch error.status {
      case .unknownOperation, .permission, .authentication: return nil
      default: throw error
      }
    }
  }
}
