import CLinux

/// The stand-in: one thread, one poll(2).
///
///     file ──parse──> overlay ──compile──> accepted ──effectDelay──> running ──> paths, listeners
///                        ^
///     API PATCH/POST ────┘   (stays changed when compile refuses it)
final class Server {
  static let maximumConnections = 256

  let configurationFile: String
  var log = Log()
  var faults: Faults
  let started = si_realtime_ns()

  /// What was written, refused changes included.
  var overlay: Configuration.Overlay
  /// The last valid configuration.
  var accepted: Configuration.Effective
  /// The one that has taken effect.
  var running: Configuration.Effective
  private var effectDue: Nanoseconds?

  var paths: [Path] = []
  var sessions: [Session] = []
  private var listeners: [Listener] = []
  private var connections: [Connection] = []
  private let signals: Int32
  private let startedMonotonic: Nanoseconds
  private var scratch = [UInt8](repeating: 0, count: 64 * 1024)
  private var fileStamp: Int64
  private var lastFileCheck: Nanoseconds = 0
  private var lastReload: Nanoseconds
  private(set) var now: Nanoseconds

  init(file: String, overlay: Configuration.Overlay, effective: Configuration.Effective) {
    configurationFile = file
    self.overlay = overlay
    accepted = effective
    running = effective
    now = si_monotonic_ns()
    startedMonotonic = now
    lastReload = now
    fileStamp = si_file_stamp(file)
    signals = si_signals()
    log.threshold = Log.Level(effective.string("logLevel"))
    faults = Faults.read(log: log)
    createPaths()
  }

  /// Runs until something ends it; the exit code.
  func run() -> Int32 {
    if let code = announce() { return code }
    if let code = openListeners() { return code }
    while true {
      wait()
      now = si_monotonic_ns()
      if let code = takeSignals() ?? takeFaults() ?? checkFile() {
        return code
      }
      applyDue()
      if !faults.hang { serve() }
      dropSilentPublishers()
      reap()
    }
  }

  // MARK: Start and stop

  private func announce() -> Int32? {
    log(.info, "MediaMTX \(ControlAPI.version), linux, " + String(cString: si_architecture()))
    Log.plain("mediamtx-standin: test stand-in, not MediaMTX")
    log(.info, "configuration loaded from " + configurationFile)
    if faults.exitsAtStart { return 0 }
    return takeFaults()
  }

  private func openListeners() -> Int32? {
    if faults.noListen { return nil }
    do throws(Refusal) {
      for plan in Listener.plans(running) { listeners += try plan.open(log: log) }
    } catch {
      log(.error, error.reason)
      return 1
    }
    return nil
  }

  private func closeListeners() {
    for listener in listeners { si_close(listener.descriptor) }
    listeners = []
  }

  private func shutDown() {
    log(.info, "shutting down gracefully")
    for path in paths { path.unpublish(log: log) }
    log(.info, "waiting for running hooks")
  }

  private func takeSignals() -> Int32? {
    while true {
      switch si_next_signal(signals) {
      case 0: return nil
      case 10:  // SIGUSR1
        let closed = faults.noListen
        faults = Faults.read(log: log)
        if faults.noListen { closeListeners() }
        if closed, !faults.noListen, let code = openListeners() { return code }
      default:
        if faults.ignoresTermination { continue }
        shutDown()
        return 0
      }
    }
  }

  private func takeFaults() -> Int32? {
    if faults.crash { si_abort() }
    if faults.flap, now - startedMonotonic > 300 * millisecond { return 1 }
    if faults.logFlood {
      for _ in 0..<100 { log(.warn, "[standin] a line of the log flood") }
    }
    return nil
  }

  // MARK: Loop

  private func wait() {
    var due = now + 100 * millisecond
    if let effectDue { due = min(due, effectDue) }
    for connection in connections {
      if let held = connection.held { due = min(due, held.until) }
    }
    if faults.logFlood { due = min(due, now + millisecond) }
    var descriptors = [signals]
    var wants: [UInt8] = [1]
    for listener in listeners {
      let isFull = connections.count >= Server.maximumConnections
      descriptors.append(listener.service == nil || isFull ? -1 : listener.descriptor)
      wants.append(1)
    }
    for connection in connections {
      // A hanging server leaves everything in the kernel's buffers.
      descriptors.append(faults.hang ? -1 : connection.descriptor)
      wants.append((connection.isHolding ? 0 : 1) | (connection.wantsToSend ? 2 : 0))
    }
    var got = [UInt8](repeating: 0, count: descriptors.count)
    let timeout = Int32(max(0, (due - now + millisecond - 1) / millisecond))
    _ = si_poll(descriptors, wants, &got, descriptors.count, timeout)
    for (index, listener) in listeners.enumerated() where got[1 + index] & 1 != 0 {
      accept(listener)
    }
    // A connection that was accepted just now is polled in the next turn.
    let first = 1 + listeners.count
    for index in first..<descriptors.count where got[index] & 5 != 0 {
      let connection = connections[index - first]
      if connection.isHolding, got[index] & 1 == 0 {
        connection.ending = "EOF"
      } else if let reason = connection.receive(into: &scratch) {
        connection.ending = reason
      }
    }
  }

  private func accept(_ listener: Listener) {
    guard let service = listener.service else { return }
    var peer = [CChar](repeating: 0, count: 64)
    let descriptor = si_accept(listener.descriptor, &peer, peer.count)
    if descriptor < 0 { return }
    let text = peer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let connection = Connection(
      descriptor: descriptor, service: service, peer: String(decoding: text, as: UTF8.self))
    if connection.service == .rtsp, !faults.hang {
      log(.info, "[RTSP] [conn \(connection.peer)] opened")
    }
    connections.append(connection)
  }

  private func serve() {
    runSources()
    for connection in connections {
      connection.releaseHeld(now: now)
      if !connection.closesWhenSent, !connection.input.isEmpty {
        switch connection.service {
        case .rtsp: serveRTSP(connection)
        case .source: serveSource(connection)
        case .other: connection.input = []
        case .api, .metrics, .playback: serveHTTP(connection)
        }
      }
    }
    // After all of them: forwarding has filled the readers' queues.
    for connection in connections {
      if let reason = connection.flush() { connection.ending = reason }
      if connection.closesWhenSent, !connection.wantsToSend, !connection.isHolding,
        connection.ending == nil
      {
        connection.ending = "terminated"
      }
    }
  }

  private func dropSilentPublishers() {
    let limit = Configuration.duration("readTimeout", in: running.global)
    for session in sessions where session.state == .publishing {
      if now - session.connection.lastMedia > limit { session.connection.ending = "i/o timeout" }
    }
  }

  private func reap() {
    for connection in connections {
      guard let reason = connection.ending else { continue }
      if let session = connection.session { end(session, reason: reason) }
      if connection.service == .rtsp {
        log(.info, "[RTSP] [conn \(connection.peer)] closed: " + reason)
      }
      if connection.source != nil { endSource(connection, reason: reason) }
      si_close(connection.descriptor)
    }
    connections.removeAll { $0.ending != nil }
  }

  /// The RTSP connections, oldest first.
  var rtspConnections: [Connection] { connections.filter { $0.service == .rtsp } }

  /// Takes a connection that the server itself has begun.
  func add(_ connection: Connection) { connections.append(connection) }

  /// Longest RTP payload that MediaMTX sends: what is left in a datagram after RTP's header.
  var maximumPayload: Int {
    let key = running.global.value(of: "udpMaxPayloadSize")
    guard case .number(let size) = key else { return 0 }
    return (Int(size) ?? 0) - 12
  }

  /// Nanoseconds since 1970 of whoever records.
  var wallClock: Nanoseconds { si_realtime_ns() + faults.clockOffset }

  // MARK: Configuration

  /// Makes a valid configuration the accepted one; it takes effect later, as in MediaMTX.
  func accept(_ configuration: Configuration.Effective) {
    accepted = configuration
    effectDue = now + faults.effectDelay
    log(.info, "reloading configuration (API request)")
  }

  private func applyDue() {
    guard let due = effectDue, now >= due else { return }
    effectDue = nil
    apply(accepted)
  }

  private func apply(_ new: Configuration.Effective) {
    let old = running
    running = new
    log.threshold = Log.Level(new.string("logLevel"))
    if !old.hasSameServers(as: new) {
      for session in sessions { session.connection.ending = "terminated" }
      for path in paths where path.source != nil { remove(path) }
      reap()
      closeListeners()
      if openListeners() != nil { si_exit(0) }
    }
    for path in paths {
      guard let configuration = new.path(for: path.name) else {
        remove(path)
        continue
      }
      if Configuration.changesInPlace(path.configuration, configuration) {
        path.change(to: configuration, log: log)
      } else {
        remove(path)
      }
    }
    createPaths()
    removeUnusedPaths()
  }

  private func createPaths() {
    for configuration in running.paths where !Configuration.isCatchAll(configuration.name) {
      if path(named: configuration.name) == nil {
        paths.append(Path(name: configuration.name, configuration: configuration))
      }
    }
    paths.sort { $0.name < $1.name }
  }

  /// Drops a path with everybody on it.
  private func remove(_ path: Path) {
    for session in [path.publisher].compactMap({ $0 }) + path.readers {
      session.connection.ending = "terminated"
      end(session, reason: "terminated")
    }
    path.source?.stop()
    path.unpublish(log: log)
    paths.removeAll { $0 === path }
  }

  func removeUnusedPaths() { paths.removeAll { $0.isDynamic && $0.isUnused } }

  func path(named name: String) -> Path? { paths.first { $0.name == name } }

  /// The path for a publisher, made if the configuration for all others allows it.
  func obtainPath(named name: String) -> Path? {
    if let path = path(named: name) { return path }
    guard let configuration = running.path(for: name) else { return nil }
    let path = Path(name: name, configuration: configuration)
    paths.append(path)
    paths.sort { $0.name < $1.name }
    return path
  }

  /// Reloads the file when it has changed. A bad one ends the server, with exit code 0.
  private func checkFile() -> Int32? {
    guard now - lastFileCheck > 100 * millisecond else { return nil }
    lastFileCheck = now
    let stamp = si_file_stamp(configurationFile)
    if stamp == fileStamp || stamp < 0 { return nil }
    fileStamp = stamp
    // Measured: changes within a second of a reload are lost.
    if now - lastReload < second { return nil }
    lastReload = now
    log(.info, "reloading configuration (file changed)")
    do throws(Refusal) {
      (overlay, accepted) = try Server.load(configurationFile)
    } catch {
      log(.error, error.reason)
      shutDown()
      return 0
    }
    effectDue = nil
    apply(accepted)
    return nil
  }

  static func load(
    _ file: String
  ) throws(Refusal) -> (Configuration.Overlay, Configuration.Effective) {
    let content: [UInt8]
    switch fileContent(file, limit: 256 * 1024) {
    case .success(let bytes): content = bytes
    case .failure(let error): throw Refusal("open \(file): " + error.reason)
    }
    let overlay = try Configuration.Overlay.parse(file: content) { name in
      si_environment(name).map { String(cString: $0) }
    }
    return (overlay, try overlay.compiled())
  }
}

extension Configuration.Effective {
  func string(_ key: String) -> String { global.value(of: key)?.text ?? "" }
  func flag(_ key: String) -> Bool { global.value(of: key)?.flag ?? false }

  /// Whether nothing differs that makes MediaMTX close and reopen its servers. Users may change.
  fileprivate func hasSameServers(as other: Configuration.Effective) -> Bool {
    for (mine, theirs) in zip(global, other.global) where mine.key != "authInternalUsers" {
      if mine.value.encoded() != theirs.value.encoded() { return false }
    }
    return true
  }
}
