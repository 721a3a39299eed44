import Wire

// What `wpctl --json` prints. The schemas beside this file describe it; a test compares the two.
// Fields are only ever added.

public struct StatusDocument: Codable, Sendable {
  public struct MediaServer: Codable, Sendable {
    public var state: String
    /// nil: not told by this device.
    public var version: String?
    public var pid: UInt32?
    public var restarts: UInt32
    public var lastExit: String?
    public var lastExitLine: String?
    public var nextAttemptInMs: UInt32?
  }
  public struct Cameras: Codable, Sendable {
    public var known: UInt8
    public var present: UInt8
    public var streaming: UInt8
    public var failed: UInt8
  }
  public struct Slots: Codable, Sendable {
    public var total: UInt32
    public var used: UInt32
    public var peak: UInt32
    public var refused: UInt64
  }
  public struct ConfigurationError: Codable, Sendable {
    public var line: UInt32
    public var column: UInt32
    public var message: String
  }

  public var device: String
  public var name: String
  public var version: String
  public var board: String?
  public var state: String
  public var reasons: [String]
  public var safeMode: Bool
  public var mediaServer: MediaServer
  public var cameras: Cameras
  public var slots: Slots
  public var configurationError: ConfigurationError?
  public var uptimeMs: UInt64
  public var agentUptimeMs: UInt64
  public var unixMs: UInt64?
  public var bootCount: UInt32
  public var agentStarts: UInt32
  public var bootID: String
  public var resetReason: String
  public var recentWatchdogResets: UInt32
  public var requests: UInt64
  public var memoryKiB: UInt32
  public var cpuPermille: UInt32
  public var dataTotalBytes: UInt64
  public var dataFreeBytes: UInt64
  public var address: String?
}

extension StatusDocument {
  /// `info` and `media` are nil where the device lets only its trusted addresses see them.
  public init(
    device: DeviceAddress, health: HealthReport, info: ServerInfo?, media: MediaServerReport?
  ) {
    let wrong = health.configurationErrorLine > 0 || info?.configurationError.isEmpty == false
    self.init(
      device: "\(device)", name: health.name.string, version: health.version.string,
      board: info?.board.string.nonempty, state: health.state.name, reasons: health.reasons.names,
      safeMode: health.safeMode,
      mediaServer: MediaServer(
        state: health.mediaState.name, version: media?.version.string.nonempty,
        pid: health.mediaPid == 0 ? nil : health.mediaPid, restarts: health.mediaRestarts,
        lastExit: health.mediaLastExit.words, lastExitLine: media?.lastExitLine.string.nonempty,
        nextAttemptInMs: media?.nextAttemptInMs == 0 ? nil : media?.nextAttemptInMs),
      cameras: Cameras(
        known: health.camerasKnown, present: health.camerasPresent,
        streaming: health.camerasStreaming, failed: health.camerasFailed),
      slots: Slots(
        total: health.slotsTotal, used: health.slotsUsed, peak: health.slotsPeak,
        refused: health.refused),
      configurationError: wrong
        ? ConfigurationError(
          line: health.configurationErrorLine, column: health.configurationErrorColumn,
          message: info?.configurationError.string ?? "") : nil,
      uptimeMs: health.uptimeMs, agentUptimeMs: health.agentUptimeMs,
      unixMs: health.clockTrusted ? health.unixMs : nil, bootCount: health.bootCount,
      agentStarts: health.agentStarts, bootID: health.bootID.text,
      resetReason: health.resetReason.name, recentWatchdogResets: health.recentWatchdogResets,
      requests: health.requests, memoryKiB: health.memoryKiB, cpuPermille: health.cpuPermille,
      dataTotalBytes: health.dataTotalBytes, dataFreeBytes: health.dataFreeBytes,
      address: addressText(health.address))
  }
}

public struct CameraDocument: Codable, Sendable {
  public struct Mode: Codable, Sendable {
    public var format: String
    public var width: UInt16
    public var height: UInt16
    /// nil: the driver does not tell.
    public var framesPerSecond: Double?
  }

  public var name: String
  public var product: String
  public var serial: String
  public var port: String
  public var node: String?
  public var state: String
  public var reason: String
  public var identity: String
  public var vendorID: UInt16
  public var productID: UInt16
  public var formats: [String]
  public var modeCount: UInt16
  public var holder: UInt32?
  public var holderName: String?
  /// What the driver has granted; nil while there is no feed.
  public var granted: Mode?
  /// Frames per second as they come.
  public var measuredFramesPerSecond: Double?
  /// How the pictures are passed on; nil while there are none.
  public var delivery: String?
  /// Why they are transcoded.
  public var deliveryReason: String?
  /// Its stream is wanted.
  public var enabled: Bool
  /// Pictures published by its present feed.
  public var frames: UInt64
  public var connectedForMs: UInt64
  public var disconnects: UInt32
  public var attempts: UInt32
  public var nextAttemptInMs: UInt32?
  /// In the document of one camera only.
  public var card: String?
  public var driver: String?
  public var modes: [Mode]?
  public var modesTruncated: Bool?
  /// Likewise, where there is something to tell.
  public var recovery: RecoveryDocument?
  public var recording: RecordingDocument?
}

extension CameraDocument {
  public init(_ entry: CameraEntry, capabilities: CameraCapabilities? = nil) {
    self.init(
      name: entry.name.string, product: entry.product.string, serial: entry.serial.string,
      port: entry.port.string, node: entry.node.string.nonempty, state: entry.state.name,
      reason: entry.reason.name, identity: entry.rung.name, vendorID: entry.vendorID,
      productID: entry.productID,
      formats: entry.formats.indices.compactMap { formatName(entry.formats[$0]) },
      modeCount: entry.modeCount, holder: entry.holder == 0 ? nil : entry.holder,
      holderName: entry.holderName.string.nonempty, granted: Mode(grantedTo: entry),
      measuredFramesPerSecond: entry.measuredRateMilli == 0
        ? nil : Double(entry.measuredRateMilli) / 1000,
      delivery: entry.delivery.known == Delivery.none ? nil : entry.delivery.name,
      deliveryReason: entry.deliveryReason.known == DeliveryReason.none
        ? nil : entry.deliveryReason.name,
      enabled: entry.enabled, frames: entry.frames, connectedForMs: entry.connectedForMs,
      disconnects: entry.disconnects, attempts: entry.attempts,
      nextAttemptInMs: entry.nextAttemptInMs == 0 ? nil : entry.nextAttemptInMs,
      card: capabilities?.head.card.string, driver: capabilities?.head.driver.string,
      modes: capabilities?.modes.map(Mode.init), modesTruncated: capabilities?.head.truncated)
  }
}

extension CameraDocument.Mode {
  init?(grantedTo entry: CameraEntry) {
    guard let format = formatName(entry.format) else { return nil }
    self.init(
      format: format, width: entry.width, height: entry.height,
      framesPerSecond: entry.rateMilli == 0 ? nil : Double(entry.rateMilli) / 1000)
  }

  init(_ mode: ModeEntry) {
    let seconds = Double(mode.intervalNumerator) / Double(mode.intervalDenominator)
    self.init(
      format: formatName(mode.format) ?? "", width: mode.width, height: mode.height,
      framesPerSecond: seconds > 0 && seconds.isFinite ? (1000 / seconds).rounded() / 1000 : nil)
  }
}

public struct StreamDocument: Codable, Sendable {
  public var name: String
  public var url: String?
  public var state: String
  public var source: String
  public var ready: Bool
  public var readers: UInt32
  public var inboundBytes: UInt64
  public var inboundFramesInError: UInt64
  public var readyForMs: UInt64

  /// `host` is the one that the device was reached at.
  public init(_ entry: StreamEntry, host: String, rtspPort: Int) {
    name = entry.name.string
    let authority = DeviceAddress(host: host, port: rtspPort)
    url = rtspPort == 0 ? nil : "rtsp://\(authority)/\(name)"
    state = entry.state.name
    source = entry.source.name
    ready = entry.ready
    readers = entry.readers
    inboundBytes = entry.inboundBytes
    inboundFramesInError = entry.inboundFramesInError
    readyForMs = entry.readyForMs
  }
}

extension String {
  var nonempty: String? { isEmpty ? nil : self }
}
