import Foundation
import Wire

/// What lies in a support file: `manifest.json` in it, and what `wpctl support` prints.
public struct SupportManifest: Codable, Sendable {
  public struct File: Codable, Sendable {
    public var name: String
    public var bytes: Int
  }
  public struct Failure: Codable, Sendable {
    public var name: String
    public var reason: String
  }

  /// The version of the client that made it.
  public var client: String
  /// The device as it was reached.
  public var device: String
  /// When, by the clock of the client.
  public var unixMs: UInt64
  public var files: [File] = []
  /// What could not be collected.
  public var failed: [Failure] = []
}

/// Collects everything that somebody needs who shall help, into one tar archive, without secrets.
public struct SupportBundle {
  private let connection: ControlConnection
  private var archive: TarArchive
  public private(set) var manifest: SupportManifest

  /// Bytes of one log at most; the latest are kept.
  static let logSize = 1 << 20
  /// The newest files that are listed.
  static let files = 1000

  /// Asks the device for everything. What fails is told in the manifest and keeps nothing else.
  public static func collect(
    _ connection: ControlConnection, at time: Date = Date()
  ) async -> SupportBundle {
    var bundle = SupportBundle(connection, time)
    await bundle.collectState()
    await bundle.collectCameras()
    await bundle.collectFiles()
    await bundle.collectLogs()
    return bundle
  }

  private init(_ connection: ControlConnection, _ time: Date) {
    self.connection = connection
    archive = TarArchive(modified: UInt64(max(time.timeIntervalSince1970, 0)))
    manifest = SupportManifest(
      client: "\(productVersion)", device: "\(connection.device)",
      unixMs: UInt64(max(time.timeIntervalSince1970, 0) * 1000))
  }

  /// The archive with its manifest.
  public func bytes() throws -> [UInt8] {
    var whole = archive
    whole.add("manifest.json", try Self.json(manifest))
    return whole.bytes
  }

  private mutating func collectState() async {
    let connection = connection
    await add("status.json") {
      let health = try await connection.health()
      let info = try await connection.optional { try await $0.serverInfo() }
      let media = try await connection.optional { try await $0.mediaServer() }
      return StatusDocument(device: connection.device, health: health, info: info, media: media)
    }
    await add("info.json") { InfoDocument(try await connection.serverInfo()) }
    await add("streams.json") {
      let list = try await connection.streams()
      return list.streams.map {
        StreamDocument($0, host: connection.device.host, rtspPort: list.rtspPort)
      }
    }
    await add("sources.json") { try await connection.sources().map(SourceDocument.init) }
    await add("metrics.json") { MetricsDocument(try await connection.metrics()) }
    await add("alerts.json") { try await connection.alerts().map(AlertDocument.init) }
    await add("subscriptions.json") {
      SubscriptionsDocument(try await connection.subscriptionStatistics())
    }
  }

  private mutating func collectCameras() async {
    let connection = connection
    var names: [Name] = []
    await add("cameras.json") {
      let cameras = try await connection.cameras().cameras
      names = cameras.map(\.name)
      return cameras.map { CameraDocument($0) }
    }
    // A name that comes from a device becomes part of a path only if it is one.
    for name in names where name.isName {
      await add("cameras/\(name.string).json") {
        async let entry = connection.camera(name)
        async let capabilities = connection.capabilities(of: name)
        return try await CameraDocument(entry, capabilities: capabilities)
      }
      await add("recovery/\(name.string).json") {
        RecoveryDocument(try await connection.recovery(of: name))
      }
    }
  }

  private mutating func collectFiles() async {
    let connection = connection
    await add("recordings.json") {
      try await connection.recordings().map { RecordingDocument($0) }
    }
    await add("storage.json") { StorageDocument(try await connection.storage()) }
    await add("files.json") {
      FilesDocument(try await connection.files(FileListRequest(), upTo: Self.files))
    }
  }

  private mutating func collectLogs() async {
    let connection = connection
    let logs: [(name: String, source: LogSource)] = [
      ("agent", .agent), ("mediamtx", .mediaServer), ("agent-previous-boot", .agentBefore),
      ("mediamtx-previous-boot", .mediaServerBefore),
    ]
    for (name, source) in logs {
      await addBytes("logs/\(name).log") {
        let text = try await connection.wholeLog(source, lastBytes: Self.logSize)
        return Array(Secrets.masked(text).utf8)
      }
    }
  }

  private mutating func add<Document: Encodable>(
    _ name: String, _ body: () async throws -> Document
  ) async {
    await addBytes(name) { try Self.json(try await body()) }
  }

  private mutating func addBytes(_ name: String, _ body: () async throws -> [UInt8]) async {
    do {
      let contents = try await body()
      archive.add(name, contents)
      manifest.files.append(.init(name: name, bytes: contents.count))
    } catch {
      manifest.failed.append(.init(name: name, reason: Secrets.masked("\(error)")))
    }
  }

  /// Indented JSON without secrets.
  private static func json(_ document: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    let value = try JSONSerialization.jsonObject(with: encoder.encode(document))
    return [UInt8](
      try JSONSerialization.data(
        withJSONObject: Secrets.masked(json: value),
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])) + [UInt8(ascii: "\n")]
  }
}

extension ControlConnection {
  /// The end of a log, as far as the device has kept it. Malformed UTF-8 is replaced.
  func wholeLog(_ source: LogSource, lastBytes: Int) async throws -> String {
    var text: [UInt8] = []
    var cursor: UInt64 = 0
    // The device writes on meanwhile; four times what is kept is enough.
    for _ in 0..<(4 * lastBytes / Limits.logChunkSize) {
      let chunk = try await log(source, from: cursor)
      guard !chunk.text.isEmpty else { break }
      text += chunk.text
      cursor = chunk.head.nextCursor
      if text.count > 2 * lastBytes { text.removeFirst(text.count - lastBytes) }
    }
    return String(decoding: text.suffix(lastBytes), as: UTF8.self)
  }
}

/// What does not change while the agent lives.
public struct InfoDocument: Codable, Sendable {
  public var name: String
  public var version: String
  public var board: String
  public var bootID: String
  public var protocolVersion: UInt8
  public var controlPort: UInt16
  public var rtspPort: UInt16
  public var slots: UInt32
  public var cameras: UInt16
  public var streams: UInt16
  public var idleTimeoutMs: UInt32
  public var frameTimeoutMs: UInt32
  public var writeTimeoutMs: UInt32
  public var configurationError: String?

  public init(_ info: ServerInfo) {
    name = info.name.string
    version = info.version.string
    board = info.board.string
    bootID = info.bootID.text
    protocolVersion = info.protocolVersion
    controlPort = info.controlPort
    rtspPort = info.rtspPort
    slots = info.slots
    cameras = info.cameras
    streams = info.streams
    idleTimeoutMs = info.idleTimeoutMs
    frameTimeoutMs = info.frameTimeoutMs
    writeTimeoutMs = info.writeTimeoutMs
    configurationError = info.configurationError.string.nonempty
  }
}
