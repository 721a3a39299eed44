@testable import Wire

// Values in which no two neighbouring fields are equal, so that a field in a wrong place shows.

extension Example {
  static let bootID: BootID = {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    for index in 0..<16 { bytes[index] = UInt8(0xB0 + index) }
    return BootID(bytes)
  }()

  static let health: HealthReport = {
    var report = HealthReport()
    report.state = Code(.degraded)
    report.resetReason = Code(.watchdog)
    report.safeMode = true
    report.clockTrusted = true
    report.reasons = .cameraStalled | .watchdogReset | .slotsNearlyFull
    report.uptimeMs = 3_723_004
    report.agentUptimeMs = 3_720_500
    report.unixMs = 1_767_225_600_123
    report.bootCount = 17
    report.agentStarts = 2
    report.recentWatchdogResets = 1
    report.mediaState = Code(.up)
    report.mediaLastExit = LastExit(.signal, 9)
    report.camerasKnown = 5
    report.camerasPresent = 4
    report.camerasStreaming = 3
    report.camerasFailed = 1
    report.mediaRestarts = 6
    report.mediaPid = 312
    report.slotsTotal = 1024
    report.slotsUsed = 930
    report.slotsPeak = 1001
    report.refused = 12
    report.requests = 1_234_567
    report.memoryKiB = 5_632
    report.cpuPermille = 14
    report.dataTotalBytes = 31_914_983_424
    report.dataFreeBytes = 28_991_029_248
    report.configurationErrorLine = 7
    report.configurationErrorColumn = 13
    report.bootID = bootID
    report.name = "watchpost"
    report.version = "1.0.0"
    report.address = 0xC0A8_0117
    return report
  }()

  static let serverInfo: ServerInfo = {
    var info = ServerInfo()
    info.controlPort = 4710
    info.rtspPort = 8554
    info.slots = 1024
    info.configurationErrorLine = 7
    info.configurationErrorColumn = 13
    info.address = 0xC0A8_0117
    info.bootID = bootID
    info.name = "watchpost"
    info.version = "1.0.0"
    info.board = "qemu-arm64"
    info.configurationError = "`control.slot` is no key; write `control.slots`."
    info.idleTimeoutMs = 300_000
    info.frameTimeoutMs = 10_000
    info.writeTimeoutMs = 10_001
    return info
  }()

  static let camera: CameraEntry = {
    var entry = CameraEntry()
    entry.name = "cam-front"
    entry.product = "HD Webcam C270"
    entry.serial = "2F3A9C10"
    entry.port = "1-1.2"
    entry.node = "video0"
    entry.holderName = "motion"
    entry.state = Code(.busy)
    entry.reason = Code(.heldByOther)
    entry.rung = Code(.serialAndPort)
    entry.vendorID = 0x046D
    entry.productID = 0x0825
    entry.formats[0] = fourcc("MJPG")
    entry.formats[1] = fourcc("YUYV")
    entry.modeCount = 19
    entry.holder = 411
    entry.connectedForMs = 86_400_000
    entry.disconnects = 3
    entry.attempts = 2
    entry.nextAttemptInMs = 4_000
    entry.format = fourcc("MJPG")
    entry.width = 1280
    entry.height = 720
    entry.rateMilli = 29_970
    entry.measuredRateMilli = 24_812
    entry.delivery = Code(.transcoded)
    entry.deliveryReason = Code(.restartInterval)
    entry.enabled = true
    entry.frames = 17_250_000_001
    return entry
  }()

  static let absentCamera: CameraEntry = {
    var entry = CameraEntry()
    entry.name = "cam-1-1-3"
    entry.product = "Überwachung 2"
    entry.port = "1-1.3"
    entry.reason = Code(.unplugged)
    entry.rung = Code(.port)
    entry.disconnects = 1
    return entry
  }()

  static let capabilities: CapabilitiesHead = {
    var head = CapabilitiesHead()
    head.count = 2
    head.truncated = true
    head.name = "cam-front"
    head.card = "HD Webcam C270: HD Webcam C270"
    head.driver = "uvcvideo"
    return head
  }()

  static let modes: [ModeEntry] = {
    var small = ModeEntry()
    small.format = fourcc("YUYV")
    small.width = 640
    small.height = 480
    small.intervalNumerator = 1
    small.intervalDenominator = 30
    var large = small
    large.format = fourcc("MJPG")
    large.width = 1280
    large.height = 720
    large.intervalNumerator = 1001
    large.intervalDenominator = 30_000
    return [small, large]
  }()

  static let streams: [StreamEntry] = {
    var flowing = StreamEntry()
    flowing.name = "cam-front"
    flowing.state = Code(.flowing)
    flowing.source = Code(.external)
    flowing.ready = true
    flowing.readers = 2
    flowing.inboundBytes = 987_654_321
    flowing.inboundFramesInError = 4
    flowing.readyForMs = 60_500
    var pending = StreamEntry()
    pending.name = "cam-1-1-3"
    return [flowing, pending]
  }()

  static let statistics: SubscriptionStatistics = {
    var statistics = SubscriptionStatistics()
    statistics.topics = .cameras
    statistics.queued = 2
    statistics.delivered = 31
    statistics.missed = 5
    statistics.subscribers = 3
    statistics.published = 43
    statistics.missedTotal = 6
    statistics.nextSequence = 44
    return statistics
  }()

  static let metrics: MetricValues = {
    var values = MetricValues()
    values[.uptimeMs] = 3_723_004
    values[.requestsSucceeded] = 1_234_567
    values[.longestTurnUs] = 830
    values[.requestsPing] = 1_000_000
    values[.requestsMediaServer] = 12
    values[core: 1] = 86_400_000
    var ping = OperationStatistics()
    ping.errors = 3
    ping.p50Us = 12
    ping.p95Us = 60
    ping.p99Us = 140
    ping.largestUs = 3000
    ping.longestUs = 4100
    ping.requests = 1_000_000
    values[operation: Int(Kind.ping.rawValue)] = ping
    return values
  }()

  static let alerts: [AlertEntry] = {
    var slots = AlertEntry()
    slots.alert = Code(.slots)
    slots.level = Code(.warning)
    slots.value = 912
    slots.warning = 900
    slots.critical = 950
    slots.levelForMs = 61_000
    slots.raised = 2
    var throughput = AlertEntry()
    throughput.alert = Code(.throughput)
    throughput.value = 14
    return [slots, throughput]
  }()

  static let logChunk: [UInt8] = {
    let text = [UInt8]("2026/01/01 00:00:01 INF [RTSP] listener opened on :8554\n".utf8)
    let head = LogHead(
      nextCursor: 4096 + UInt64(text.count), oldestCursor: 1024, count: UInt32(text.count))
    return bytes(of: head) + text
  }()

  static let snapshotPart: SnapshotPart = {
    var part = SnapshotPart()
    part.total = 48_918
    part.offset = 48_912
    part.count = 6
    part.width = 1280
    part.height = 720
    part.frame = 4_711
    part.capturedUs = 3_722_981_204
    part.unixMs = 1_767_225_600_100
    part.ageUs = 22_796
    part.completed = true
    part.transcoded = true
    return part
  }()

  /// A picture that fits one frame: the first part is the last.
  static let wholeSnapshot: SnapshotPart = {
    var part = snapshotPart
    part.total = UInt32(picture.count)
    part.offset = 0
    part.count = part.total
    return part
  }()

  /// Begin, an application segment, end (ITU-T T.81): the bytes of a JPEG without an image.
  static let picture: [UInt8] =
    [0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x10] + [UInt8]("JFIF".utf8)
    + [0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0xFF, 0xD9]

  static let snapshotChunk: [UInt8] = bytes(of: wholeSnapshot) + picture

  static let publishChunk: [UInt8] =
    bytes(of: PublishPart(total: 14, offset: 0, count: 14)) + "door, ring 3 x".utf8

  static let messageChunk: [UInt8] = {
    var part = MessagePart()
    part.sequence = 7
    part.uptimeMs = 93_100
    part.total = 14
    part.count = 14
    return bytes(of: part) + "door, ring 3 x".utf8
  }()

  static let lostMessages: MessagePart = {
    var part = MessagePart()
    part.sequence = 11
    part.uptimeMs = 95_200
    part.missed = 3
    return part
  }()

  static let sources: [SourceEntry] = {
    var entry = SourceEntry()
    entry.name = "barn-door"
    entry.url = "rtsp://viewer:***@192.168.1.60:554/stream1"
    entry.state = Code(.flowing)
    entry.ready = true
    var unreachable = SourceEntry()
    unreachable.name = "gate"
    unreachable.url = "rtsps://gate.example/live"
    unreachable.state = Code(.idle)
    return [entry, unreachable]
  }()

  static let mediaServer: MediaServerReport = {
    var report = MediaServerReport()
    report.state = Code(.waiting)
    report.lastExit = LastExit(.code, 1)
    report.pid = 312
    report.life = 7
    report.restarts = 6
    report.stateForMs = 1_500
    report.lastAnswerAgeMs = 2_300
    report.nextAttemptInMs = 500
    report.attempts = 3
    report.version = "v1.20.1"
    report.lastExitLine = "ERR: listen tcp :8554: bind: address already in use"
    return report
  }()

  static let eventMessage: EventMessage = {
    var event = EventMessage()
    event.sequence = 43
    event.uptimeMs = 3_723_004
    event.unixMs = 1_767_225_600_123
    event.topic = .cameras
    event.code = Code(.cameraConnected)
    event.value = UInt32(CameraState.probing.rawValue)
    event.missed = 2
    event.subject = "cam-front"
    event.detail = "HD Webcam C270"
    return event
  }()

  static func fourcc(_ text: StaticString) -> UInt32 {
    precondition(text.utf8CodeUnitCount == 4, "a fourcc has four characters")
    return (0..<4).reduce(0) { $0 | UInt32(text.utf8Start[$1]) << UInt32(8 * $1) }
  }

  static func bytes<Body: Payload>(of body: Body) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Body.size) { buffer, count in
      buffer.initialize(repeating: 0xA5)
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      body.encode(into: &writer)
      count = writer.count
    }
  }
}
