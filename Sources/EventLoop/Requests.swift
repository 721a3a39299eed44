import Appliance
import Noise
import Wire

/// Requests: who may ask what, and how an answer comes about.
extension EventLoop where System: ~Copyable {
  /// Bytes of the frame that refuses a request.
  static var refusalSize: Int { Limits.headerSize + Refusal.size }

  /// The most bytes that the answer to a kind may have. Small ones are served without a large
  /// buffer being free, so that a ping gets through on a machine whose other clients do not read.
  @inline(__always)
  static func largestAnswer(to kind: UInt16) -> Int {
    // What is asked for most is found without looking the number up.
    let health = Limits.headerSize + HealthReport.size
    if kind == Kind.ping.rawValue || kind == Kind.health.rawValue { return health }
    return switch Kind(rawValue: kind) {
    case .ping, .health: health
    case .subscribe, .unsubscribe, .subscriptionStatistics, .identify, .reboot, .shutdown,
      .serverInfo, .mediaServer, .cameraStatus, .streamStart, .streamStop, .sourceAdd,
      .sourceRemove, .publish, .alertList, .recordingStart, .recordingStop, .storageStatus,
      .retentionSet, .cameraRecovery, .identity, .handshake, .pairingOpen, .pairingCancel:
      512
    case .recordingList: 4096
    case .cameraList, .cameraCapabilities, .streamList, .sourceList, .logTail, .metrics, .keyList,
      .auditList, .changeList, .changeHistory:
      Limits.plainSize
    // Pictures, and the answers of jobs and of the keeper, find their own room, later.
    case .connection, .event, .message, .snapshot, .fileList, .fileInfo, .fileRead, .fileRemove,
      .fileVerify, .retentionRun, .snapshotSave, .keyAdd, .keyRemove, .keyRotate, .keyChange,
      .configurationText, .configurationCheck, .configurationStage, .changeApprove, .changeReject,
      .changeApply, .changeConfirm, nil:
      refusalSize
    }
  }

  /// Writes the answer to a frame into `room` and returns its size. `ends` becomes true when the
  /// connection must end after it.
  mutating func answer(
    _ index: Int, _ frame: FrameStep, into room: UnsafeMutableRawBufferPointer,
    ends: inout Bool
  ) -> Int {
    switch frame {
    case .incomplete: return 0
    case .refused(let error, let header, _):
      counters[.framesRefused] &+= 1
      ends = error.endsConnection
      if ends { counters[.closedProtocolError] &+= 1 }
      let status = error == .seal ? sealRefusal : error.status
      if !sessions.slots[index].isSealed {
        note(.frameRefused, index, detail: UInt64(status.rawValue))
      }
      return Frame.refusal(to: header, status, detail: error.detail, into: room)
    case .frame(let header, let payload, _):
      guard sessions.prove(index, by: header.kind, now: now) else {
        count(sessions.reason(ofTrial: index))
        ends = true
        return busy(into: room)
      }
      guard spend(index) else { return refuseUnpaid(index, header, into: room) }
      return answer(index, header, payload, into: room)
    }
  }

  /// A request beyond the rate; a key that is gone has none.
  @inline(never)
  private mutating func refuseUnpaid(
    _ index: Int, _ header: Header, into room: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard role(of: index) != nil else {
      countFailure(index, header, .authentication)
      return Frame.refusal(to: header, .authentication, into: room)
    }
    counters[.requestsRateLimited] &+= 1
    note(.rateRefused, index)
    return Frame.refusal(
      to: header, .rateLimited, retryAfterMs: SessionLimits.rateRetryMs, into: room)
  }

  private mutating func answer(
    _ index: Int, _ header: Header, _ payload: UnsafeRawBufferPointer,
    into room: UnsafeMutableRawBufferPointer
  ) -> Int {
    do throws(Status) {
      let request = try Request.decode(header, payload: payload)
      counters.count(requestOf: header.kind)
      answered |= 1 << UInt64(header.kind & 63)
      try authorise(index, header.kind)
      switch request {
      // Asked for most, and told apart first: the others cost each request a copy.
      case .ping, .health: break
      case .handshake: return try beginSealed(index, header, payload, into: room)
      case .snapshot(let wanted):
        try beginSnapshot(index, header, payload, of: wanted.name)
        return 0
      default:
        if try decide(index, header, request) { return 0 }
        guard let camera = jobCamera(of: request) else { break }
        try beginJob(index, header, payload, camera: camera)
        return 0
      }
      var writer = FrameWriter(room)
      try write(request, index, into: &writer.payload)
      counters[.requestsSucceeded] &+= 1
      return writer.seal(header.reply())
    } catch {
      countFailure(index, header, error)
      if header.kind == Kind.handshake.rawValue { noteUnread(index, error) }
      let retryAfterMs = refusalRetryMs
      refusalRetryMs = 0
      return Frame.refusal(to: header, error, retryAfterMs: retryAfterMs, into: room)
    }
  }

  /// A handshake that was refused before anything was read of it.
  private mutating func noteUnread(_ index: Int, _ error: Status) {
    switch error {
    case .malformed, .notSupported, .reservedBits, .state: note(.handshakeRefused, index)
    default: break
    }
  }

  /// The camera whose jobs fail together; nil: the request is answered at once.
  private func jobCamera(of request: Request) -> Name? {
    switch request {
    case .fileList, .fileInfo, .fileRemove, .retentionRun: .empty
    case .logTail(let wanted) where wanted.source.isBefore: .empty
    // They begin alike, with the file's kind, seven reserved bytes and the camera.
    case .fileRead(let bytes), .fileVerify(let bytes):
      Name(UnsafeRawBufferPointer(rebasing: bytes[8..<40]))
    case .snapshotSave(let wanted): wanted.name
    default: nil
    }
  }

  mutating func countFailure(_ index: Int, _ header: Header, _ error: Status) {
    noteRefusal(index, header.kind, error)
    counters[.requestsFailed] &+= 1
    if error == .unknownOperation { counters[.requestsUnknown] &+= 1 }
    if error == .permission { counters[.permissionDenied] &+= 1 }
    if error.isOurs { counters[.requestsFailedHere] &+= 1 }
    statistics.recordError(error == .unknownOperation ? 0 : Int(header.kind & 63))
  }

  @inline(__always)
  private mutating func authorise(_ index: Int, _ kind: UInt16) throws(Status) {
    // Asked for most, and of anybody.
    let isHealth = kind == Kind.ping.rawValue || kind == Kind.health.rawValue
    if isHealth, healthIsPublic { return }
    try authoriseByRole(index, kind)
  }

  @inline(never)
  private mutating func authoriseByRole(_ index: Int, _ kind: UInt16) throws(Status) {
    guard let kind = Kind(rawValue: kind) else { throw .unknownOperation }
    guard let role = role(of: index) else { throw .authentication }
    // What is not for everybody here is a viewer's.
    let isHidden = !healthIsPublic && (kind == .ping || kind == .health)
    guard max(kind.leastRole, isHidden ? .viewer : .anybody) <= role else {
      let isSealed = sessions.slots[index].isSealed
      note(isSealed ? .roleRefused : .plainRefused, index, detail: UInt64(kind.rawValue))
      throw .permission
    }
    if kind.isAudited { note(.adminOperation, index, detail: UInt64(kind.rawValue)) }
  }

  private mutating func write(
    _ request: Request, _ index: Int, into payload: inout ByteWriter
  ) throws(Status) {
    switch request {
    case .ping(let bytes): payload.write(bytes)
    case .health: payload.write(freshHealth())
    case .serverInfo: appliance.serverInfo().encode(into: &payload)
    case .cameraList: appliance.writeCameraList(now: now, into: &payload)
    case .cameraStatus(let wanted):
      try appliance.cameraStatus(wanted.name, now: now).encode(into: &payload)
    case .cameraCapabilities(let wanted):
      try appliance.writeCapabilities(wanted.name, into: &payload)
    case .streamList: appliance.writeStreamList(now: now, into: &payload)
    case .mediaServer:
      var report = appliance.mediaServerReport(now: now)
      report.lastExitLine = lastExitLine
      report.encode(into: &payload)
    case .subscribe(let wanted):
      subscribe(index, sessions.slots[index].topics | wanted.topics, into: &payload)
    case .unsubscribe(let wanted):
      subscribe(index, sessions.slots[index].topics - wanted.topics, into: &payload)
    case .subscriptionStatistics: subscriptionStatistics(index).encode(into: &payload)
    case .metrics: metrics().encode(into: &payload)
    case .logTail(let wanted): writeLog(wanted, into: &payload)
    case .identify(let wanted):
      effects.removeAll()
      try appliance.identify(durationMs: wanted.durationMs, now: now, effects: &effects)
      executeAll()
    case .reboot: try stop(.reboot)
    case .shutdown: try stop(.powerOff)
    case .streamStart(let wanted):
      effects.removeAll()
      try appliance.startStream(wanted.name, now: now, effects: &effects)
      executeAll()
    case .streamStop(let wanted):
      effects.removeAll()
      try appliance.stopStream(wanted.name, now: now, effects: &effects)
      executeAll()
    case .sourceAdd(let bytes):
      let wanted = try SourceRequest.decode(bytes)
      effects.removeAll()
      try appliance.addSource(wanted.name, url: wanted.url, now: now, effects: &effects)
      executeAll()
    case .sourceRemove(let wanted):
      effects.removeAll()
      try appliance.removeSource(wanted.name, now: now, effects: &effects)
      executeAll()
    case .sourceList: appliance.writeSourceList(into: &payload)
    case .alertList: appliance.writeAlertList(now: now, into: &payload)
    case .cameraRecovery(let wanted):
      try appliance.writeRecovery(wanted.name, now: now, into: &payload)
    case .publish(let part, let bytes): try publish(part, bytes, index).encode(into: &payload)
    case .recordingStart(let wanted):
      effects.removeAll()
      let entry = try appliance.startRecording(wanted, now: now, effects: &effects)
      executeAll()
      entry.encode(into: &payload)
    case .recordingStop(let wanted):
      effects.removeAll()
      let entry = try appliance.stopRecording(wanted.name, now: now, effects: &effects)
      executeAll()
      entry.encode(into: &payload)
    case .recordingList: appliance.writeRecordingList(now: now, into: &payload)
    case .storageStatus: appliance.storageReport().encode(into: &payload)
    case .retentionSet(let wanted):
      effects.removeAll()
      try appliance.setRetention(wanted, now: now, effects: &effects)
      executeAll()
    case .identity: identity().encode(into: &payload)
    case .keyList:
      _ = try keyName(of: index)
      writeKeys(into: &payload)
    case .pairingOpen(let wanted):
      try openPairing(index, role: wanted.role, into: &payload)
    case .pairingCancel: try cancelPairing(index)
    case .auditList(let wanted):
      _ = try keyName(of: index)
      access.audit.page(from: wanted.cursor, lane: wanted.wantedLane, into: &payload)
    case .changeList:
      _ = try keyName(of: index)
      access.changes.writeOpen(now: now, into: &payload)
    case .changeHistory:
      _ = try keyName(of: index)
      access.changes.writeEnded(now: now, into: &payload)
    case .snapshot, .fileList, .fileInfo, .fileRead, .fileRemove, .fileVerify, .retentionRun,
      .snapshotSave, .handshake, .keyAdd, .keyRemove, .keyRotate, .keyChange, .configurationText,
      .configurationCheck, .configurationStage, .changeApprove, .changeReject, .changeApply,
      .changeConfirm:
      preconditionFailure("answered elsewhere")
    }
  }

  private mutating func stop(_ action: PowerAction) throws(Status) {
    effects.removeAll()
    try appliance.stop(action, now: now, effects: &effects)
    executeAll()
  }

  // MARK: What only the loop knows

  /// The answer to `health`, made anew whenever something has happened or a millisecond is over:
  /// whole fleets ask for it.
  private mutating func freshHealth() -> UnsafeRawBufferPointer {
    if healthAt != now || healthConnections != sessions.placed {
      var writer = ByteWriter(health)
      healthReport().encode(into: &writer)
      healthAt = now
      healthConnections = sessions.placed
    }
    return UnsafeRawBufferPointer(health)
  }

  private mutating func healthReport() -> HealthReport {
    var report = appliance.healthReport(now: now)
    report.slotsTotal = UInt32(sessions.ordinary)
    report.slotsUsed = UInt32(sessions.placed)
    report.slotsPeak = UInt32(clamping: counters[.connectionsPeak])
    report.refused =
      counters[.refusedBusy] &+ counters[.refusedPublic] &+ counters[.refusedAddress]
    report.requests = counters[.requestsSucceeded] &+ counters[.requestsFailed]
    report.memoryKiB = UInt32(clamping: resources.memoryKiB)
    report.cpuPermille = cpuPermille
    return report
  }

  private func identity() -> IdentityReport {
    var report = IdentityReport()
    report.publicKey = deviceKey.publicKey
    report.pairing = Code(access.pairing.status)
    report.openForMs = UInt32(clamping: access.pairing.openForMs(at: now))
    report.name = configuration.name
    return report
  }

  private mutating func metrics() -> MetricValues {
    var values = counters
    appliance.fillMetrics(&values, now: now)
    values[.connectionsOpen] = UInt64(sessions.placed)
    values[.connectionsAccepted] = sessions.acceptedTotal
    values[.subscribers] = UInt64(sessions.subscribers)
    values[.eventsDelivered] = events.deliveredTotal
    values[.eventsMissed] = events.missedTotal
    values[.messagesDelivered] = messages.deliveredTotal
    values[.messagesMissed] = messages.missedTotal
    values[.memoryKiB] = resources.memoryKiB
    values[.memoryPeakKiB] = resources.memoryPeakKiB
    values[.cpuMs] = resources.cpuMs
    values[.logLines] = logs.agent.lines
    fillStatistics(&values)
    return values
  }

  private func writeLog(_ request: LogRequest, into payload: inout ByteWriter) {
    switch request.source {
    case .agent: write(logs.agent, request, into: &payload)
    case .mediaServer: write(logs.mediaServer, request, into: &payload)
    case .agentBefore, .mediaServerBefore: preconditionFailure("answered later")
    }
  }

  private func write(
    _ ring: borrowing LogRing, _ request: LogRequest, into payload: inout ByteWriter
  ) {
    if request.cursor == LogRequest.end {
      LogHead(nextCursor: ring.end, oldestCursor: ring.oldest, count: 0).encode(into: &payload)
      return
    }
    let range = ring.range(from: request.cursor, bound: request.bound)
    LogHead(
      nextCursor: range.upperBound, oldestCursor: ring.oldest,
      count: UInt32(range.upperBound - range.lowerBound)
    ).encode(into: &payload)
    ring.write(range, into: &payload)
  }

  // MARK: Subscriptions

  private mutating func subscribe(
    _ index: Int, _ topics: Topics, into payload: inout ByteWriter
  ) {
    if sweep != nil && topics.isEmpty { sweepAgain = true }
    countOverwritten(index)
    sessions.setTopics(index, topics, cursor: events.next, now: now)
    if topics.contains(.messages) { messages.join(index) } else { messages.leave(index) }
    SubscriptionReply(topics: topics, nextSequence: events.next).encode(into: &payload)
  }

  /// What a subscriber has lost by now counts as missed, as its topics are.
  mutating func countOverwritten(_ index: Int) {
    if sessions.slots[index].isSubscribed { events.skipOverwritten(for: index, sessions) }
  }

  private mutating func subscriptionStatistics(_ index: Int) -> SubscriptionStatistics {
    countOverwritten(index)
    let session = sessions.slots[index]
    var statistics = SubscriptionStatistics()
    statistics.topics = session.topics
    statistics.queued = events.queued(for: index, sessions)
    statistics.delivered = UInt64(session.delivered)
    statistics.missed = UInt64(session.missed)
    statistics.subscribers = UInt32(sessions.subscribers)
    statistics.published = events.next - 1
    statistics.missedTotal = events.missedTotal
    statistics.nextSequence = events.next
    return statistics
  }
}

extension LogSource {
  /// It lies on the data partition, not in memory.
  fileprivate var isBefore: Bool { self == .agentBefore || self == .mediaServerBefore }
}

extension FrameError {
  /// The number that helps the client: the version spoken here, the largest frame.
  fileprivate var detail: UInt32 {
    switch self {
    case .unsupportedVersion: UInt32(Header.version)
    case .tooLarge: UInt32(Limits.frameSize)
    case .badMagic, .headerChecksum, .payloadChecksum, .reservedBits, .seal: 0
    }
  }
}
