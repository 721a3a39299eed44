import CLinux

/// A path at run time: who publishes to it, who reads it, and its recording.
final class Path {
  /// The settings that are looked at for every frame.
  struct Settings {
    var record: Bool
    var recordPath: String
    var fileExtension: String
    var partDuration: Nanoseconds
    var segmentDuration: Nanoseconds
    var overridesPublisher: Bool

    init(_ values: [JSON.Member]) {
      record = values.value(of: "record")?.flag ?? false
      recordPath = values.value(of: "recordPath")?.text ?? ""
      // Of MPEG-TS there is only the name: the file is fMP4 all the same.
      fileExtension = values.value(of: "recordFormat")?.text == "mpegts" ? ".ts" : ".mp4"
      partDuration = Configuration.duration("recordPartDuration", in: values)
      segmentDuration = Configuration.duration("recordSegmentDuration", in: values)
      overridesPublisher = values.value(of: "overridePublisher")?.flag ?? true
    }
  }

  let name: String
  private(set) var configuration: Configuration.NamedPath
  private(set) var settings: Settings
  private(set) var publisher: Session?
  /// Pulls the stream, where the configuration says so.
  let source: RTSPSource?
  /// What the stream is made of; empty while there is none.
  private(set) var tracks: [Track] = []
  private(set) var readers: [Session] = []
  private var readySince: Nanoseconds = 0
  private var recorder: Recorder?
  private var assemblies: [FrameAssembly] = []
  private var clock = MediaClock()
  private var hasToldOfSize = false
  private var inboundBytes: UInt64 = 0
  private var outboundBytes: UInt64 = 0
  private var framesInError: UInt64 = 0

  init(name: String, configuration: Configuration.NamedPath) {
    self.name = name
    self.configuration = configuration
    settings = Settings(configuration.values)
    source = SourceURL(configuration.values.value(of: "source")?.text ?? "")
      .map { RTSPSource($0, path: name) }
  }

  /// Takes a configuration that does not recreate the path.
  func change(to new: Configuration.NamedPath, log: Log) {
    let old = settings
    configuration = new
    settings = Settings(new.values)
    let sameRecording =
      old.recordPath == settings.recordPath && old.fileExtension == settings.fileExtension
      && old.partDuration == settings.partDuration
      && old.segmentDuration == settings.segmentDuration
    if !settings.record || !sameRecording { stopRecording(log: log) }
    startRecording(log: log)
  }

  var isReady: Bool { !tracks.isEmpty }
  /// A path that exists only while somebody uses it.
  var isDynamic: Bool { Configuration.isCatchAll(configuration.name) }
  var isUnused: Bool { publisher == nil && readers.isEmpty }

  /// Begins a stream, that of a publisher or, without one, of the source.
  func publish(_ tracks: [Track], by session: Session?, log: Log) {
    self.tracks = tracks
    publisher = session
    readySince = si_realtime_ns()
    (inboundBytes, framesInError, hasToldOfSize) = (0, 0, false)
    clock = MediaClock()
    assemblies = tracks.map { FrameAssembly($0.codec) }
    log(.info, "[path \(name)] stream is available and online, " + trackList)
    startRecording(log: log)
  }

  func unpublish(log: Log) {
    stopRecording(log: log)
    publisher = nil
    tracks = []
  }

  func add(reader: Session) { readers.append(reader) }

  func remove(reader: Session) { readers.removeAll { $0 === reader } }

  private var trackList: String { Path.list(tracks) }

  private static func list(_ tracks: [Track]) -> String {
    let names = tracks.map { $0.name }.joined(separator: ", ")
    return "\(tracks.count) track" + (tracks.count == 1 ? "" : "s") + " (" + names + ")"
  }

  // MARK: Recording

  /// The track that recordings are made of: the first one that is video. MediaMTX takes them all;
  /// the cameras here have one.
  private var recordedTrack: Int? { tracks.firstIndex { $0.isVideo } }

  private func startRecording(log: Log) {
    guard settings.record, recorder == nil, isReady else { return }
    guard let recorded = recordedTrack else {
      log(.warn, "[path \(name)] [recorder] no supported tracks found, skipping recording")
      return
    }
    for (index, track) in tracks.enumerated() where index != recorded {
      log(.warn, "[path \(name)] [recorder] skipping track \(index + 1) (" + track.name + ")")
    }
    recorder = Recorder(
      path: name, settings: settings, description: Path.list([tracks[recorded]]), log: log)
  }

  private func stopRecording(log: Log) {
    recorder?.finish(log: log)
    recorder = nil
  }

  private func record(
    _ assembled: AssembledFrame, of track: Int, timestamp: UInt32, wallClock: Nanoseconds, log: Log
  ) {
    if case .accessUnit(let units) = assembled { tracks[track].learn(units) }
    guard track == recordedTrack else { return }
    let time = clock.time(of: timestamp, wallClock: wallClock)
    guard let recorder, let format = tracks[track].format(of: assembled) else { return }
    let sample: (data: [UInt8], isKey: Bool)
    switch assembled {
    case .picture(let picture): sample = (picture.file, true)
    case .accessUnit(let units): sample = H264.sample(units, of: tracks[track])
    }
    if sample.data.isEmpty { return }
    recorder.take(
      Recorder.Frame(data: sample.data, isKey: sample.isKey, time: time), format: format,
      now: si_monotonic_ns(), log: log)
  }

  // MARK: Media

  /// Takes a media packet, and passes it on. `maximumPayload`: what MediaMTX sends in one packet.
  /// `wallClock`: what recordings are named after.
  func receive(
    _ packet: RTPPacket, bytes: ArraySlice<UInt8>, track: Int, maximumPayload: Int,
    wallClock: Nanoseconds, log: Log
  ) {
    guard track < tracks.count else { return }
    if packet.payload.count > maximumPayload, !hasToldOfSize {
      hasToldOfSize = true
      log(
        .info,
        "[path \(name)] RTP packets are too big (\(packet.payload.count) > \(maximumPayload)), "
          + "remuxing them into smaller ones")
    }
    switch assemblies[track].take(packet) {
    case .whole: break
    case .ignored: return
    case .wrong(let reason):
      framesInError += 1
      log(.debug, "[path \(name)] " + reason)
      return
    }
    inboundBytes += UInt64(bytes.count)
    forward(bytes, track: track)
    if packet.isLastOfFrame, let frame = assemblies[track].takeFrame() {
      record(frame, of: track, timestamp: packet.timestamp, wallClock: wallClock, log: log)
    }
  }

  private func forward(_ bytes: ArraySlice<UInt8>, track: Int) {
    for reader in readers {
      guard case .reading = reader.state,
        let channel = reader.channels.first(where: { $0.track == track })
      else { continue }
      if reader.connection.queued > Connection.maximumQueuedMedia {
        reader.outboundPacketsDiscarded += 1
        continue
      }
      let length = UInt16(bytes.count)
      reader.connection.send([
        0x24, channel.number, UInt8(length >> 8), UInt8(truncatingIfNeeded: length),
      ])
      reader.connection.send(Array(bytes))
      reader.outboundBytes += UInt64(bytes.count)
      reader.outboundPackets += 1
      outboundBytes += UInt64(bytes.count)
    }
  }
}

// MARK: - What the API tells

extension Path {
  var description: JSON {
    let time: JSON = isReady ? .string(CivilTime(sinceEpoch: readySince).rfc3339) : .null
    let session = publisher.map { Path.reference($0) } ?? .null
    let origin = source == nil ? session : Path.reference("rtspSource", "")
    return .object(
      ("name", .string(name)), ("confName", .string(configuration.name)),
      ("ready", .bool(isReady)), ("readyTime", time), ("available", .bool(isReady)),
      ("availableTime", time), ("online", .bool(isReady)), ("onlineTime", time),
      ("source", origin),
      ("tracks", .array(tracks.map { .string($0.name) })),
      (
        "tracks2",
        .array(
          tracks.map { .object(("codec", .string($0.name)), ("codecProps", $0.properties)) })
      ),
      ("readers", .array(readers.map { Path.reference($0) })),
      ("inboundBytes", .int(inboundBytes)), ("outboundBytes", .int(outboundBytes)),
      ("inboundFramesInError", .int(framesInError)), ("bytesReceived", .int(inboundBytes)),
      ("bytesSent", .int(outboundBytes)))
  }

  private static func reference(_ session: Session) -> JSON {
    reference("rtspSession", session.id)
  }

  private static func reference(_ type: String, _ id: String) -> JSON {
    .object(("type", .string(type)), ("id", .string(id)))
  }

  /// The lines of the metrics page, current and deprecated.
  func metrics(_ current: inout String, _ deprecated: inout String) {
    let state = isReady ? "ready" : "notReady"
    let labels = "{name=\"\(name)\",state=\"\(state)\"} "
    let readerType = readers.isEmpty ? "" : "rtspSession"
    current += "paths" + labels + "1\n"
    current +=
      "paths_readers{name=\"\(name)\",readerType=\"\(readerType)\",state=\"\(state)\"} "
      + "\(readers.count)\n"
    current += "paths_inbound_bytes" + labels + "\(inboundBytes)\n"
    current += "paths_outbound_bytes" + labels + "\(outboundBytes)\n"
    current += "paths_inbound_frames_in_error" + labels + "\(framesInError)\n"
    deprecated += "paths_bytes_received" + labels + "\(inboundBytes)\n"
    deprecated += "paths_bytes_sent" + labels + "\(outboundBytes)\n"
  }
}
