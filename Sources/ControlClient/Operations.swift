import Wire

/// The answer to `cameraList`.
public struct CameraList: Sendable {
  /// Camera slots of the device.
  public let slots: Int
  public let cameras: [CameraEntry]
}

/// The answer to `cameraCapabilities`.
public struct CameraCapabilities: Sendable {
  public let head: CapabilitiesHead
  public let modes: [ModeEntry]
}

/// The answer to `streamList`.
public struct StreamList: Sendable {
  /// 0: no media server.
  public let rtspPort: Int
  public let streams: [StreamEntry]
}

/// A piece of a log.
public struct LogChunk: Sendable {
  public let head: LogHead
  public let text: [UInt8]
}

/// A picture of a camera.
public struct Snapshot: Sendable {
  public let head: SnapshotPart
  /// A whole JPEG.
  public let bytes: [UInt8]
}

/// What another client has published.
public struct Message: Sendable, Equatable {
  /// From 1 in each life of the agent.
  public var sequence: UInt64
  /// Messages that this connection has lost since the one before.
  public var missed: UInt32
  public var bytes: [UInt8]

  public init(sequence: UInt64, missed: UInt32 = 0, bytes: [UInt8]) {
    (self.sequence, self.missed, self.bytes) = (sequence, missed, bytes)
  }
}

extension ControlConnection {
  /// Sends a message of 1 … 2,097,152 bytes to all who are subscribed to `messages`. Returns its
  /// number, and for how many connections it is.
  public func publish(_ message: [UInt8]) async throws -> PublishReply {
    var reply = PublishReply()
    for offset in stride(from: 0, to: message.count, by: PublishPart.capacity) {
      let end = min(offset + PublishPart.capacity, message.count)
      let head = PublishPart(
        total: UInt32(clamping: message.count), offset: UInt32(offset), count: UInt32(end - offset))
      let body = [UInt8](unsafeUninitializedCapacity: PublishPart.size) { buffer, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
        head.encode(into: &writer)
        count = writer.count
      }
      let payload = try await call(.publish, body + message[offset..<end])
      reply = try decode(.publish, payload) { try PublishReply.decode($0) }
    }
    return reply
  }

  /// Returns how long an answer took. `size` bytes, 0 … 64, travel both ways.
  @discardableResult public func ping(size: Int = 8) async throws -> Duration {
    let bytes = (0..<min(max(size, 0), Limits.pingSize)).map { _ in UInt8.random(in: 0...255) }
    let clock = ContinuousClock()
    let start = clock.now
    guard try await call(.ping, bytes) == bytes else { throw ControlError.malformedAnswer(.ping) }
    return clock.now - start
  }

  public func health() async throws -> HealthReport { try await ask(.health) }
  public func serverInfo() async throws -> ServerInfo { try await ask(.serverInfo) }
  public func mediaServer() async throws -> MediaServerReport { try await ask(.mediaServer) }
  public func metrics() async throws -> MetricValues { try await ask(.metrics) }

  /// What the device watches of itself: one entry for each alert that it knows.
  public func alerts() async throws -> [AlertEntry] {
    try await list(.alertList, AlertListHead.self).1
  }

  public func cameras() async throws -> CameraList {
    let (head, cameras) = try await list(.cameraList, CameraListHead.self)
    return CameraList(slots: Int(head.slots), cameras: cameras)
  }

  public func camera(_ name: Name) async throws -> CameraEntry {
    let payload = try await call(.cameraStatus, sending: CameraRequest(name: name))
    return try decode(.cameraStatus, payload) { try CameraEntry.decode($0) }
  }

  public func capabilities(of name: Name) async throws -> CameraCapabilities {
    let (head, modes) = try await list(
      .cameraCapabilities, CapabilitiesHead.self, sending: CameraRequest(name: name))
    return CameraCapabilities(head: head, modes: modes)
  }

  public func streams() async throws -> StreamList {
    let (head, streams) = try await list(.streamList, StreamListHead.self)
    return StreamList(rtspPort: Int(head.rtspPort), streams: streams)
  }

  /// The newest picture of a camera: taken no earlier than one frame interval before the request
  /// reached the device.
  public func snapshot(of name: Name) async throws -> Snapshot {
    let payload = try await call(.snapshot, sending: CameraRequest(name: name))
    return try decode(.snapshot, payload) { bytes in
      var reader = ByteReader(bytes)
      let head = SnapshotPart(from: &reader)
      return Snapshot(head: head, bytes: [UInt8](reader.take(reader.remaining)))
    }
  }

  public func startStream(_ name: Name) async throws {
    _ = try await call(.streamStart, sending: CameraRequest(name: name))
  }

  /// Stops a camera's stream until it is started again; kept over a reboot.
  public func stopStream(_ name: Name) async throws {
    _ = try await call(.streamStop, sending: CameraRequest(name: name))
  }

  /// The RTSP sources on the network that the device pulls.
  public func sources() async throws -> [SourceEntry] {
    try await list(.sourceList, SourceListHead.self).1
  }

  public func addSource(_ name: Name, url: Text<160>) async throws {
    _ = try await call(.sourceAdd, sending: SourceRequest(name: name, url: url))
  }

  public func removeSource(_ name: Name) async throws {
    _ = try await call(.sourceRemove, sending: CameraRequest(name: name))
  }

  /// Adds topics to what `events` gets.
  @discardableResult public func subscribe(_ topics: Topics) async throws -> SubscriptionReply {
    try await ask(.subscribe, SubscriptionRequest(topics: topics))
  }

  @discardableResult public func unsubscribe(_ topics: Topics) async throws -> SubscriptionReply {
    try await ask(.unsubscribe, SubscriptionRequest(topics: topics))
  }

  public func subscriptionStatistics() async throws -> SubscriptionStatistics {
    try await ask(.subscriptionStatistics)
  }

  /// A piece of a log from `cursor` on; 0 is the oldest kept, `LogRequest.end` tells only the end.
  public func log(_ source: LogSource, from cursor: UInt64) async throws -> LogChunk {
    let payload = try await call(.logTail, sending: LogRequest(source: source, cursor: cursor))
    return try decode(.logTail, payload) { bytes in
      let (head, text) = try LogHead.open(bytes)
      return LogChunk(head: head, text: [UInt8](text))
    }
  }

  /// The LEDs show which box this is for `durationMs`, at most `Limits.identifyMs`; 0 ends it.
  public func identify(durationMs: UInt32) async throws {
    _ = try await call(.identify, sending: IdentifyRequest(durationMs: durationMs))
  }

  public func reboot() async throws { _ = try await call(.reboot) }
  public func shutdown() async throws { _ = try await call(.shutdown) }
}
