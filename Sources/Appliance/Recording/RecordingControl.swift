import Wire

// What clients ask of recordings and of the data partition.

extension Appliance {
  /// A camera is recorded from now on. `.unknownCamera`, `.cameraNotStreaming`,
  /// `.mediaServerDown`, `.storageUnavailable`, `.storageLow`, `.storageCritical`,
  /// `.alreadyRecording`, `.state`, `.busy`.
  public mutating func startRecording(
    _ request: RecordingRequest, now: Instant, effects: inout Effects
  ) throws(Status) -> RecordingEntry {
    guard cameras.index(of: request.camera) != nil else { throw .unknownCamera }
    if (try? recordings.entry(of: request.camera, now: now)) == nil {
      guard mediaServer.wireState == .up else { throw .mediaServerDown }
      try storage.admit(running: recordings.running)
      guard let stream = streams.index(of: request.camera),
        streams[stream].streamState == .flowing
      else { throw .cameraNotStreaming }
    }
    try recordings.start(
      request.camera, durationS: request.durationS, now: now, &effects)
    settle(now: now, &effects)
    return try recordings.entry(of: request.camera, now: now)
  }

  /// The camera is no longer recorded. `.unknownCamera`, `.notRecording`.
  public mutating func stopRecording(
    _ camera: Name, now: Instant, effects: inout Effects
  ) throws(Status) -> RecordingEntry {
    if cameras.index(of: camera) == nil, (try? recordings.entry(of: camera, now: now)) == nil {
      throw .unknownCamera
    }
    try recordings.stop(camera, now: now)
    let entry = try recordings.entry(of: camera, now: now)
    settle(now: now, &effects)
    return entry
  }

  /// The answer to `recordingList`.
  public func writeRecordingList(now: Instant, into writer: inout ByteWriter) {
    recordings.write(now: now, into: &writer)
  }

  /// The answer to `storageStatus`.
  public func storageReport() -> StorageReport { storage.report(running: recordings.running) }

  /// When files may go from now on, also after a reboot. `.storageUnavailable`: it could not be
  /// kept.
  public mutating func setRetention(
    _ policy: RetentionPolicy, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard storage.isWritable else { throw .storageUnavailable }
    storage.say(policy)
    effects.append(.setRetention(policy, keep: true))
    settle(now: now, &effects)
  }

  /// Whether the data partition allows a job. `.storageUnavailable`; `.storageCritical` where it
  /// would need room.
  public func admitJob(_ kind: Kind) throws(Status) {
    // A picture that goes to the client leaves the data partition alone.
    guard kind != .snapshot else { return }
    switch storage.facts.state {
    case .unknown, .missing, .hanging: throw .storageUnavailable
    case .readOnly, .failing, .writable: break
    }
    guard kind == .snapshotSave || kind == .fileRemove || kind == .retentionRun else { return }
    guard storage.isWritable else { throw .storageUnavailable }
    if kind == .snapshotSave, storage.level == .critical { throw .storageCritical }
  }

  // MARK: What the storage worker tells

  /// A worker has begun: it is told what it must know.
  mutating func storageStarted(_ effects: inout Effects) {
    if clock.isTrusted { effects.append(.tellClock) }
    effects.append(.setRetention(storage.retention, keep: storage.isRetentionSaid))
    keepAgain()
  }

  /// What was to be kept may not have reached the data partition.
  private mutating func keepAgain() {
    cameras.known.keepAgain()
    sources.keepAgain()
    recordings.keepAgain()
  }

  mutating func storageChanged(_ facts: StorageFacts, now: Instant, _ effects: inout Effects) {
    let before = storage.facts.state
    let tookWrites = storage.takesWrites
    storage.take(facts, now: now, &effects)
    // The worker may be the same one as before.
    if storage.takesWrites, !tookWrites { keepAgain() }
    // Without a data partition there is no memory of cameras to wait for.
    if facts.state == .missing, before != .missing {
      cameras.openNaming(streams: &streams, now: now, &effects)
    }
  }

  /// How recordings find their surroundings; each looks at its own stream besides.
  @inline(__always)
  var recordingSurroundings: RecordingSurroundings {
    RecordingSurroundings(
      isWritable: storage.isWritable, isCritical: storage.level == .critical,
      serverIsUp: mediaServer.wireState == .up, streamFlows: false)
  }
}
