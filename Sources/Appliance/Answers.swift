import Wire

// What clients are told. Reading changes nothing, so answers need no input and no effect.
//
// The executor adds what only it knows: connection and request counts, memory and processor use,
// the last line that MediaMTX printed, its own RTSP port where there is no media server.

extension Appliance {
  /// The answer to `health`, but for slots, requests, memory and processor use.
  public func healthReport(now: Instant) -> HealthReport {
    let health = self.health
    var report = HealthReport()
    report.state = Code(health.state)
    report.reasons = health.reasons
    report.resetReason = Code(facts.reset)
    report.safeMode = isSafeMode
    report.clockTrusted = clock.isTrusted
    report.uptimeMs = now.ms
    report.agentUptimeMs = now.since(boot.startedAt)
    report.unixMs = clock.unixMs(at: now)
    report.bootCount = facts.bootCount
    report.agentStarts = facts.agentStarts
    report.recentWatchdogResets = facts.recentWatchdogResets
    report.mediaState = Code(mediaServer.wireState)
    report.mediaLastExit = LastExit(mediaServer.child.lastExit)
    report.mediaRestarts = mediaServer.child.restarts
    report.mediaPid = UInt32(max(0, mediaServer.child.pid))
    report.slotsTotal = UInt32(configuration.control.slots)
    report.slotsUsed = UInt32(max(0, connections))
    report.dataTotalBytes = storage.facts.totalBytes
    report.dataFreeBytes = storage.facts.freeBytes
    report.configurationErrorLine = facts.configurationError.line
    report.configurationErrorColumn = facts.configurationError.column
    report.bootID = BootID(facts.bootID)
    report.name = configuration.name
    report.version = facts.version
    report.address = address.value
    countCameras(into: &report)
    return report
  }

  private func countCameras(into report: inout HealthReport) {
    for index in cameras.slots where cameras.table[index].isAnnounced {
      report.camerasKnown += 1
      guard cameras.table[index].isPresent else { continue }
      report.camerasPresent += 1
      switch cameras.table[index].wireState {
      case .streaming: report.camerasStreaming += 1
      case .failed, .busy, .stalled, .noBandwidth: report.camerasFailed += 1
      case .absent, .probing, .ready, .starting: break
      }
    }
  }

  /// The answer to `serverInfo`.
  public func serverInfo() -> ServerInfo {
    var info = ServerInfo()
    info.controlPort = configuration.control.port
    info.rtspPort = rtspPort
    info.slots = UInt32(configuration.control.slots)
    info.configurationErrorLine = facts.configurationError.line
    info.configurationErrorColumn = facts.configurationError.column
    info.configurationError = facts.configurationError.message
    info.address = address.value
    info.bootID = BootID(facts.bootID)
    info.name = configuration.name
    info.version = facts.version
    info.board = facts.board
    info.idleTimeoutMs = UInt32(clamping: configuration.control.idleTimeoutMs)
    info.frameTimeoutMs = UInt32(clamping: configuration.control.frameTimeoutMs)
    info.writeTimeoutMs = UInt32(clamping: configuration.control.writeTimeoutMs)
    return info
  }

  /// The answer to `mediaServer`, but for the last line it printed.
  public func mediaServerReport(now: Instant) -> MediaServerReport {
    let child = mediaServer.child
    var report = MediaServerReport()
    report.state = Code(mediaServer.wireState)
    report.lastExit = LastExit(child.lastExit)
    report.pid = UInt32(max(0, child.pid))
    report.life = child.life
    report.restarts = child.restarts
    report.stateForMs = now.since(mediaServer.since)
    if let answeredAt = mediaServer.answeredAt { report.lastAnswerAgeMs = now.since(answeredAt) }
    if child.phase == .waiting {
      report.nextAttemptInMs = UInt32(clamping: max(1, child.nextDeadline.since(now)))
    }
    report.attempts = child.failures
    report.version = mediaServer.version
    return report
  }

  // MARK: Cameras

  /// The answer to `cameraList`.
  public func writeCameraList(now: Instant, into writer: inout ByteWriter) {
    var count: UInt16 = 0
    for index in cameras.slots where cameras.table[index].isAnnounced { count += 1 }
    CameraListHead(count: count).encode(into: &writer)
    for index in cameras.slots where cameras.table[index].isAnnounced {
      cameraEntry(index, now: now).encode(into: &writer)
    }
  }

  /// The answer to `cameraStatus`.
  public func cameraStatus(_ name: Name, now: Instant) throws(Status) -> CameraEntry {
    guard let index = cameras.index(of: name) else { throw .unknownCamera }
    return cameraEntry(index, now: now)
  }

  private func cameraEntry(_ index: Int, now: Instant) -> CameraEntry {
    let camera = cameras.table[index]
    var entry = CameraEntry()
    entry.name = camera.name
    entry.product = camera.device.product
    entry.serial = camera.device.serial
    entry.port = camera.device.place
    entry.state = Code(camera.wireState)
    entry.reason = Code(camera.reason)
    entry.rung = Code(camera.rung)
    entry.vendorID = camera.device.vendorID
    entry.productID = camera.device.productID
    entry.disconnects = camera.disconnects
    entry.attempts = max(camera.attempts, camera.feed.attempts)
    entry.enabled = !camera.stopped
    if camera.nextAttempt != .never {
      entry.nextAttemptInMs = UInt32(clamping: max(1, camera.nextAttempt.since(now)))
    }
    if case .present(.busy(let holder, let name), _) = camera.state {
      entry.holder = UInt32(max(0, holder))
      entry.holderName = name
    }
    if case .busy(let holder, let name) = camera.feed.fault {
      entry.holder = UInt32(max(0, holder))
      entry.holderName = name
    }
    guard camera.isPresent else { return entry }
    entry.connectedForMs = max(1, now.since(camera.connectedAt))
    entry.node = camera.captureNodeName
    guard case .present(.ready, _) = camera.state else { return entry }
    cameras.withReport(index) { report in
      entry.modeCount = UInt16(clamping: report.modeCount)
      listFormats(of: report, in: &entry)
    }
    tellFeed(camera.feed, in: &entry)
    return entry
  }

  /// What its feed has got from the driver, and what it makes of it.
  private func tellFeed(_ feed: borrowing Feed, in entry: inout CameraEntry) {
    entry.format = feed.report.granted.format
    entry.width = feed.report.granted.width
    entry.height = feed.report.granted.height
    entry.rateMilli = feed.report.granted.rateMilli
    entry.measuredRateMilli = feed.isCapturing ? feed.report.measuredRateMilli : 0
    entry.delivery = Code(feed.report.delivery)
    entry.deliveryReason = Code(feed.report.deliveryReason)
    entry.frames = feed.report.published
  }

  /// The first four different formats, in the driver's order.
  private func listFormats(of report: borrowing ProbeReport, in entry: inout CameraEntry) {
    var count = 0
    for mode in 0..<report.modeCount where count < entry.formats.count {
      let format = report.modes[mode].format
      var isListed = false
      for known in 0..<count where entry.formats[known] == format { isListed = true }
      if isListed { continue }
      entry.formats[count] = format
      count += 1
    }
  }

  /// The answer to `cameraCapabilities`: what the last successful probe found, also while the
  /// camera is absent. `.state` if it was never probed successfully in this life.
  public func writeCapabilities(_ name: Name, into writer: inout ByteWriter) throws(Status) {
    guard let index = cameras.index(of: name) else { throw .unknownCamera }
    guard cameras.table[index].hasReport else { throw .state }
    cameras.withReport(index) { report in
      var head = CapabilitiesHead()
      head.count = UInt16(report.modeCount)
      head.truncated = report.truncated
      head.name = name
      head.card = report.card
      head.driver = report.driver
      head.encode(into: &writer)
      for index in 0..<report.modeCount {
        var mode = ModeEntry()
        mode.format = report.modes[index].format
        mode.width = report.modes[index].width
        mode.height = report.modes[index].height
        mode.intervalNumerator = report.modes[index].intervalNumerator
        mode.intervalDenominator = report.modes[index].intervalDenominator
        mode.encode(into: &writer)
      }
    }
  }

  // MARK: Streams

  /// The answer to `streamList`.
  public func writeStreamList(now: Instant, into writer: inout ByteWriter) {
    var count: UInt16 = 0
    for index in 0..<streams.count where streams[index].isWanted { count += 1 }
    StreamListHead(count: count, rtspPort: rtspPort).encode(into: &writer)
    for index in 0..<streams.count where streams[index].isWanted {
      let stream = streams[index]
      var entry = StreamEntry()
      entry.name = stream.name
      entry.state = Code(stream.streamState)
      entry.source = Code(stream.url.isEmpty ? .camera : .external)
      if let flow = stream.flow {
        entry.ready = flow.readyAt != nil
        entry.readers = flow.readers
        entry.inboundBytes = flow.inboundBytes
        entry.inboundFramesInError = flow.inboundFramesInError
        if let readyAt = flow.readyAt { entry.readyForMs = max(1, now.since(readyAt)) }
      }
      entry.encode(into: &writer)
    }
  }

  /// The answer to `alertList`.
  public func writeAlertList(now: Instant, into writer: inout ByteWriter) {
    alerts.write(now: now, into: &writer)
  }

  /// The machines' part of the answer to `metrics`.
  public func fillMetrics(_ metrics: inout MetricValues, now: Instant) {
    metrics[.uptimeMs] = now.ms
    metrics[.agentUptimeMs] = now.since(boot.startedAt)
    metrics[.mediaServerStarts] = UInt64(mediaServer.child.starts)
    metrics[.mediaServerExits] = mediaServer.exits
    metrics[.mediaServerProbesFailed] = mediaServer.probesFailed
    metrics[.cameraConnects] = cameras.connects
    metrics[.cameraDisconnects] = cameras.disconnects
    metrics[.cameraProbesFailed] = cameras.probesFailed
    for index in cameras.slots {
      let feed = cameras.table[index].feed
      metrics[.feedStarts] += UInt64(feed.child.starts)
      metrics[.feedStalls] += feed.stalls
      metrics[.framesPublished] += feed.published
      metrics[.framesDamaged] += feed.damaged
    }
  }

  private var rtspPort: UInt16 {
    mediaServer.isConfigured ? configuration.mediaServer.rtspPort : 0
  }
}

extension LastExit {
  /// A process that could not be started is told as exit code 127, as shells do.
  init(_ exit: ChildExit?) {
    switch exit {
    case nil: self.init()
    case .exited(.code(let code)): self.init(.code, code)
    case .exited(.signal(let signal)): self.init(.signal, signal)
    case .spawnFailed: self.init(.code, 127)
    }
  }
}
