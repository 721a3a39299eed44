import Appliance
import CLinux
import Feed
import Wire

/// `watchpost feed`: one camera's pictures to MediaMTX, as a child of the agent (orders and reports
/// over descriptor 3, memory for pictures as 4), or alone, to look for a fault:
/// `watchpost feed NODE|FILE --to rtsp://HOST:PORT/PATH`.
public struct FeedRole: ~Copyable {
  /// How often the agent is told how it goes.
  static let reportMs: UInt64 = 250
  private static let channel: Int32 = 3
  private static let memory: Int32 = 4
  private static let none: Int32 = -1

  private enum Place: UInt64 {
    case channel = 1
    case camera = 2
    case connection = 3
  }

  private let poller: Int32
  /// The agent's end, or -1.
  private let channel: Int32
  private var feed: FeedProcess
  private let node: Text<16>
  private var watched: (descriptor: Int32, writing: Bool) = (FeedRole.none, false)
  private var reportAtMs: UInt64 = 0
  private var told = FeedReport()

  /// Serves the agent until it ends. The process's exit code.
  public static func run() -> Int32 {
    guard let order = firstOrder() else { return 1 }
    // The agent's order is the last thing that is taken with the agent's rights.
    if order.1.path.isEmpty { confine(to: order.0.node) } else { _ = lx_confine(LX_ROLE_FEED, nil) }
    let pictures = SharedPicture(mapping: memory, writable: true)
    defer { CameraCapture.close() }
    do throws(CaptureError) {
      var role = try start(order.0, order.1, pictures, channel: channel)
      return try role.serve()
    } catch {
      _ = failure(error).send(over: channel)
      return 1
    }
  }

  /// Publishes to `target` until the camera or the file ends, and says why: with the rights of the
  /// person who looks for a fault. The exit code.
  static func run(
    _ order: FeedOrder, _ file: Configuration.PlaybackFile, to target: RTSPTarget
  ) -> Int32 {
    defer { CameraCapture.close() }
    do throws(CaptureError) {
      var role = try start(order, file, nil, channel: none)
      role.feed.connection.publish(to: target, nowMs: lx_boot_time_ms())
      return try role.serve()
    } catch {
      var report = failure(error)
      if error.failure == .busy {
        (report.holder, report.holderName) = Devices.holder(of: order.node)
      }
      FeedArguments.complain(of: report)
      return 1
    }
  }

  private static func firstOrder() -> (FeedOrder, Configuration.PlaybackFile)? {
    withUnsafeTemporaryAllocation(byteCount: FeedMessage.size, alignment: 8) { message in
      while lx_wait_readable(channel, -1) >= 0 {
        let count = lx_receive(channel, message.baseAddress!, message.count)
        if count == -Int64(LX_EAGAIN.rawValue) { continue }
        guard count > 0 else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: message[..<Int(count)])
        if case .order(let order, let file) = FeedMessage(decoding: bytes) { return (order, file) }
      }
      return nil
    }
  }

  private static func confine(to node: Text<16>) {
    var path = Text<32>("/dev/")
    path.append(node)
    _ = path.withCString { lx_confine(LX_ROLE_FEED, $0) }
  }

  private static func failure(_ error: CaptureError) -> FeedReport {
    var report = FeedReport()
    report.stage = .failed
    report.failure = error.failure
    report.errno = error.errno
    return report
  }

  private static func start(
    _ order: FeedOrder, _ file: Configuration.PlaybackFile, _ pictures: SharedPicture?,
    channel: Int32
  ) throws(CaptureError) -> FeedRole {
    let nowMs = lx_boot_time_ms()
    guard file.path.isEmpty else {
      let playback = try FilePlayback(file, nowNs: lx_boot_clock_ns())
      let feed = try FeedProcess.make(
        .file(playback), granted: playback.granted, pictures: pictures, nowMs: nowMs)
      return FeedRole(feed, order.node, camera: none, channel: channel)
    }
    // Before the first of its pictures: many cameras may be starting.
    if FeedProcess.isRaw(order.mode.format) { lx_give_way() }
    let camera = try CameraCapture(node: order.node, mode: order.mode)
    let feed = try FeedProcess.make(
      .camera(camera), granted: camera.granted, pictures: pictures, nowMs: nowMs)
    try camera.start()
    return FeedRole(feed, order.node, camera: camera.descriptor, channel: channel)
  }

  private init(
    _ feed: consuming FeedProcess, _ node: Text<16>, camera: Int32, channel: Int32
  ) {
    self.feed = feed
    self.node = node
    self.channel = channel
    poller = lx_poller_open()
    if channel >= 0 {
      _ = lx_poller_add(poller, channel, LX_READABLE.rawValue, Place.channel.rawValue)
    }
    if camera >= 0 { watch(camera: camera) }
  }

  private func watch(camera: Int32) {
    _ = lx_poller_add(poller, camera, LX_READABLE.rawValue, Place.camera.rawValue)
  }

  private mutating func serve() throws(CaptureError) -> Int32 {
    var ready = lx_ready()
    while true {
      var nowMs = lx_boot_time_ms()
      tell(nowMs: nowMs)
      let timeout = Int32(clamping: nextDeadlineMs - min(nowMs, nextDeadlineMs))
      let count = lx_poller_wait(poller, &ready, 1, nextDeadlineMs == .max ? -1 : timeout)
      nowMs = lx_boot_time_ms()
      if count > 0 {
        switch Place(rawValue: ready.token) {
        case .channel: guard obey(nowMs: nowMs) else { return 0 }
        case .camera, .connection, nil: break
        }
      }
      try capture(nowMs: nowMs)
      feed.connection.advance(nowMs: nowMs)
      watchConnection()
    }
  }

  /// Takes what the camera has, and opens it anew once it gives nothing any more.
  private mutating func capture(nowMs: UInt64) throws(CaptureError) {
    var fails = false
    do throws(CaptureError) {
      try feed.capture(nowMs: nowMs)
    } catch {
      guard feed.forgives(error) else { throw error }
      fails = true
    }
    guard fails || feed.isQuiet(nowMs: nowMs) else { return }
    // Closed, the old descriptor has left the poller by itself.
    watch(camera: try feed.reopen(node: node, nowMs: nowMs))
  }

  private var nextDeadlineMs: UInt64 {
    var deadline = min(reportAtMs, feed.connection.nextDeadlineMs)
    if let due = feed.dueMs { deadline = min(deadline, due) }
    return deadline
  }

  /// Keeps the poller to the connection there is now.
  private mutating func watchConnection() {
    let wanted = feed.connection.watched ?? (FeedRole.none, false)
    let interest = LX_READABLE.rawValue | (wanted.writing ? LX_WRITABLE.rawValue : 0)
    if wanted.descriptor != watched.descriptor || feed.connection.isNew {
      // A closed descriptor has left the poller by itself.
      if wanted.descriptor >= 0 {
        _ = lx_poller_add(poller, wanted.descriptor, interest, Place.connection.rawValue)
      }
    } else if wanted.writing != watched.writing, wanted.descriptor >= 0 {
      _ = lx_poller_change(poller, wanted.descriptor, interest, Place.connection.rawValue)
    }
    feed.connection.isNew = false
    watched = wanted
  }

  // MARK: The agent

  /// Does what the agent says. False when the agent is gone.
  private mutating func obey(nowMs: UInt64) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: FeedMessage.size, alignment: 8) { message in
      defer { lx_wipe(message.baseAddress!, message.count) }
      while true {
        let count = lx_receive(channel, message.baseAddress!, message.count)
        if count == -Int64(LX_EAGAIN.rawValue) { return true }
        guard count > 0 else { return false }
        let bytes = UnsafeRawBufferPointer(rebasing: message[..<Int(count)])
        switch FeedMessage(decoding: bytes) {
        case .publish(let port, let path, let user, let password):
          let target = RTSPTarget(
            address: 127 << 24 | 1, port: port, path: Text(path),
            credentials: RTSPCredentials(user: Text(user), password: Text(password)))
          feed.connection.publish(to: target, nowMs: nowMs)
        case .silence: feed.connection.silence()
        case .order, nil: break
        }
      }
    }
  }

  /// Reports when it is time, and when something has changed that the agent waits for.
  private mutating func tell(nowMs: UInt64) {
    let hasNews =
      feed.report.stage != told.stage || feed.connection.stage != told.publish
      || feed.report.hasPicture != told.hasPicture || feed.report.reopens != told.reopens
    guard hasNews || nowMs >= reportAtMs else { return }
    reportAtMs = nowMs + FeedRole.reportMs
    told = feed.current(nowMs: nowMs)
    if channel >= 0 { _ = told.send(over: channel) }
  }
}
