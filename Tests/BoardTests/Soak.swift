import Appliance
import ControlClient
import EmulatedBoard
import Foundation
import Wire

/// A board under a soak: two cameras, one of them recorded, a key at the desk, and three clients
/// that look on. One task uses it.
final class Soak {
  static let serials = ["SOAK00", "SOAK01"]
  /// Retention by size, bytes: the card has 171 MiB, of which a running recording reserves 64, and
  /// beyond 95 % it would wait for room.
  static let retention: UInt64 = 60 << 20
  /// For so long all must be well.
  static let steady = Duration.seconds(1)
  /// What the guest says of itself when two MediaMTX run at once, before it says which.
  static let twoServers = "soak: two MediaMTX:"

  let board: EmulatedBoard
  let violations: Violations
  let weather = SoakWeather()
  let observers: SoakObservers
  private let footage: Footage
  /// What each camera shows.
  private let sources: [[VideoCodec: any FrameSource]]
  /// Of the camera with this index, the port that it is in.
  var ports = USBPort.allCases
  var names: [Name] = []
  /// The soak's own client.
  var desk: ControlConnection
  /// Guest milliseconds of all lives, that of lives before this soak included.
  private(set) var guestMs: UInt64
  /// What health told last.
  private(set) var lastReport = HealthReport()
  /// Lives that the soak has brought about itself since they were compared last.
  var caused = (boots: 0, agents: 0)
  private var recordings = RecordingsLedger(limit: Soak.retention)
  var memory = MemoryLedger()
  private var machineEvents = 0
  private var lines = 0

  private init(
    _ board: EmulatedBoard, _ desk: ControlConnection, _ violations: Violations, guestMs: UInt64
  ) throws {
    (self.board, self.desk, self.violations, self.guestMs) = (board, desk, violations, guestMs)
    observers = SoakObservers(board, weather, violations)
    footage = try Footage()
    sources = [
      try StreamingKind.motionJPEG.sources(footage), try StreamingKind.h264.sources(footage),
    ]
  }

  /// Sets everything up and waits until it is well.
  static func begin(
    on board: EmulatedBoard, _ violations: Violations, guestMs: UInt64
  ) async throws -> Soak {
    let desk = try await Reception.admin(at: board)
    // Until its first sealed frame it is a stranger, who may not be silent for long.
    _ = try await desk.health()
    let soak = try Soak(board, desk, violations, guestMs: guestMs)
    let technician = try await Technician.arrive(at: board)
    try await technician.mediaServerUp()
    for index in Soak.serials.indices {
      let from = await technician.events.count
      try await soak.plug(index)
      soak.names.append(try await technician.events.first(.cameraConnected, from: from).subject)
    }
    try await desk.setRetention(RetentionPolicy(maximumBytes: retention))
    try await technician.streaming(soak.names[1])
    try await technician.startRecording(soak.names[1])
    await technician.leave()
    try await soak.watchInside()
    let trouble = try await soak.converge(within: .seconds(120))
    if let trouble { throw BoardError("the board does not become healthy at first: \(trouble)") }
    soak.adopt()
    soak.observers.begin()
    return soak
  }

  func end() async {
    weather.become(rough: true)
    await observers.end()
    await desk.close()
  }

  /// What the board is now is what it shall be.
  func adopt() {
    caused = (0, 0)
    machineEvents = board.machineEvents.count
    lines = board.console.count
  }

  // MARK: Cameras

  /// Plugs a camera in where it belongs: the first is M-JPEG, the second H.264.
  func plug(_ index: Int, fault: CameraFault? = nil) async throws {
    let kind = index == 0 ? StreamingKind.motionJPEG : .h264
    var model = kind.model(serial: Self.serials[index])
    model.fault = fault
    try await board.plug(model, into: ports[index], sources: sources[index])
  }

  // MARK: The guest

  /// Has the guest itself look for a second MediaMTX, three times a second; ends with its boot.
  /// One that has ended and is not yet reaped has no program any more. The console shows the
  /// command line as well, which must not read as what it says.
  func watchInside() async throws {
    let quoted = Self.twoServers.split(separator: " ").joined(separator: "\" \"")
    _ = try await board.shell(
      "those() { ls -l /proc/[0-9]*/exe 2>/dev/null | grep /bin/mediamtx; }; "
        + "(while busybox sleep 0.3; do set -- $(busybox pidof mediamtx); [ $# -lt 2 ] || "
        + "{ seen=$(those); [ $(echo \"$seen\" | grep -c .) -lt 2 ] || "
        + "echo \"\(quoted)\" $seen $(busybox ps -o pid,ppid,stat,args | grep media) "
        + "> /dev/console; }; done) & true")
  }

  // MARK: Health

  /// The device's health, over a new connection where the old one has ended.
  func health() async throws -> HealthReport {
    let report: HealthReport
    do { report = try await desk.health() } catch {
      await desk.close()
      desk = try await Reception.connect(to: board, within: .seconds(60))
      report = try await desk.health()
    }
    let isSameLife = report.bootID == lastReport.bootID
    guestMs += report.uptimeMs - (isSameLife ? min(lastReport.uptimeMs, report.uptimeMs) : 0)
    if isSameLife, report.agentStarts == lastReport.agentStarts {
      lastReport = report
    } else {
      compareLives(report)
    }
    return report
  }

  /// Another life of the board or of the agent: was it the soak?
  private func compareLives(_ report: HealthReport) {
    let isFirst = lastReport.uptimeMs == 0
    defer {
      lastReport = report
      memory.begin()
    }
    guard !isFirst else { return }
    if report.bootID != lastReport.bootID {
      caused.boots -= 1
      if caused.boots < 0 { violations.add(.noReset, "the board has started anew") }
      if report.agentStarts > 1 {
        violations.add(.noReset, "the agent started \(report.agentStarts) times in this boot")
      }
    } else {
      let starts = Int(report.agentStarts) - Int(lastReport.agentStarts)
      caused.agents -= starts
      if caused.agents < 0 { violations.add(.noReset, "the agent has started anew") }
    }
  }

  /// Waits until all is well, and has been for a second; what is still wrong when the time is over.
  func converge(within limit: Duration) async throws -> String? {
    let deadline = ContinuousClock.now + limit
    var wellSince: ContinuousClock.Instant?
    while true {
      let trouble = try await whatIsWrong()
      let now = ContinuousClock.now
      if let trouble {
        wellSince = nil
        guard now < deadline else { return trouble + (await whatTakesRoom()) }
      } else if let wellSince, now - wellSince >= Self.steady {
        return nil
      } else if wellSince == nil {
        wellSince = now
      }
      try await Task.sleep(for: .milliseconds(150))
    }
  }

  /// Where the card is too full: of what, and who holds what is removed already.
  private func whatTakesRoom() async -> String {
    guard lastReport.reasons.contains(.storageLow) else { return "" }
    var words = ""
    if let report = try? await desk.storage() {
      words +=
        "; \(report.freeBytes >> 20) of \(report.totalBytes >> 20) MiB free, "
        + "recordings \(report.recordingBytes >> 20), snapshots \(report.snapshotBytes >> 20) MiB"
    }
    for (state, files) in Dictionary(grouping: (try? await listFiles()) ?? [], by: \.state.name) {
      words += "; \(files.count) \(state), \(files.map(\.bytes).reduce(0, +) >> 20) MiB"
    }
    let look = "busybox du -k /data/* | sort -n | tail -n 8; ls -l /proc/[0-9]*/fd | grep deleted"
    let seen = try? await board.shell(look, within: .seconds(30))
    return words + "; " + (seen?.output ?? "no shell").replacing("\n", with: ", ")
  }

  private func whatIsWrong() async throws -> String? {
    do {
      let report = try await health()
      guard report.state.known == .healthy, report.camerasPresent == 2,
        report.camerasStreaming == 2
      else {
        return "\(report.state.name), \(report.reasons.names.joined(separator: ", ")), "
          + "\(report.camerasStreaming) of \(report.camerasPresent) cameras stream"
      }
      for stream in try await desk.streams().streams where names.contains(stream.name) {
        guard stream.state.known == .flowing, stream.ready else {
          return "stream \(stream.name.string) is \(stream.state.name)"
        }
      }
      let recording = try await desk.recordings().first { $0.camera == names[1] }
      guard let recording, recording.state.known == .recording, recording.quietMs < 1500 else {
        return "the recording is \(recording?.state.name ?? "not there")"
      }
      return nil
    } catch let error as ControlError {
      return "\(error)"
    }
  }

  // MARK: Rules

  /// Looks at everything that must hold while all is well. `isHard`: the card was meddled with.
  func check(factor: Double, isHard: Bool) async throws {
    let report = try await health()
    violations.add(.memoryStays, memory.take(report.memoryKiB))
    checkMachine()
    if caused != (0, 0) {
      violations.add(.noReset, "what was to end goes on: \(caused)")
      caused = (0, 0)
    }
    let servers = try await board.processes("/bin/mediamtx")
    if servers != [Int(report.mediaPid)] {
      violations.add(.oneMediaServer, "\(servers) run, health tells of \(report.mediaPid)")
    }
    let (pings, visits) = observers.take()
    print(
      "measured | \(pings.count) pings, 95 % within \(Int(PingBar.percentile95(pings))) ms, "
        + "longest \(Int(pings.max() ?? 0)) ms; in within \(Int(visits.max() ?? 0)) ms; "
        + "\(report.memoryKiB) KiB")
    violations.add(.promptPing, PingBar.complaints(pings, factor: factor))
    let longest = visits.max() ?? 0
    if longest > SoakObservers.visitLongestMs * factor {
      violations.add(.operatorServed, "in, with an answer, after \(Int(longest)) ms")
    }
    violations.add(.eventsCounted, try await observers.settleEvents(within: .seconds(15)))
    let port = UInt16(try await Reception.address(of: board).port)
    let crowd = SoakCrowd(port: port, connections: 4)
    let outcome = await crowd.ask(
      requests: 16, lasts: .milliseconds(200), within: .seconds(10) * factor)
    violations.add(.oneAnswer, outcome.complaints)
    if outcome.answers != 64 {
      violations.add(.oneAnswer, "\(outcome.answers) answers to 64 requests on idle slots")
    }
    try await checkRecordings(verifying: isHard ? 4 : 1)
    try await checkLights(of: try await health(), factor: factor)
  }

  /// What the machine and the console say.
  private func checkMachine() {
    for event in board.machineEvents.entries(from: machineEvents).map(\.value.name) {
      switch event {
      case "WATCHDOG", "GUEST_PANICKED": violations.add(.noReset, event)
      default: break
      }
    }
    machineEvents = board.machineEvents.count
    let told = board.console.entries(from: lines).map(\.value)
    if let line = told.first(where: { $0.contains(Self.twoServers) }) {
      violations.add(.oneMediaServer, "the guest has seen two at once: \(line)")
    }
    lines = board.console.count
  }

  func checkRecordings(verifying count: Int) async throws {
    let files = try await listFiles()
    violations.add(.recordingsStay, recordings.compare(files))
    let complete = files.filter { [.complete, .repaired].contains($0.state.known) }
    for file in complete.suffix(count) {
      let verdict: FileVerdict
      do { verdict = try await desk.verify(file.request) } catch {
        violations.add(.recordingsStay, "\(file.name.string): \(error)")
        continue
      }
      if verdict.condition.known != .whole {
        violations.add(.recordingsStay, "\(file.name.string) is \(verdict.condition)")
      }
    }
  }

  func listFiles() async throws -> [FileEntry] {
    var request = FileListRequest()
    (request.oldestFirst, request.limit) = (true, 1000)
    return try await desk.files(request).files
  }

  /// Each LED shows within 10 s what follows from what health tells.
  func checkLights(
    of report: HealthReport, factor: Double, isPairing: Bool = false
  ) async throws {
    var situation = LEDSituation()
    if let state = report.state.known { situation.health = state }
    situation.reasons = report.reasons
    situation.camerasPresent = Int(report.camerasPresent)
    situation.camerasKnown = Int(report.camerasKnown)
    situation.linkUp = true
    situation.hasAddress = report.address != 0
    situation.clients = Int(report.slotsUsed)
    situation.isPairing = isPairing
    try await withThrowingTaskGroup(of: Void.self) { [board, violations] group in
      for (led, line) in ledLines {
        let code = LEDs.code(led, of: situation)
        group.addTask {
          let seen = try await look(
            for: code, on: board, line: line, within: .seconds(10) * factor)
          guard let seen else { return }
          violations.add(.lightsTell, "\(led) does not show \(code): \(seen)")
        }
      }
      try await group.waitForAll()
    }
  }

  /// While a fault lasts: health satisfies `condition` within `limit`.
  @discardableResult
  func demand(
    _ what: String, within limit: Duration, _ condition: (HealthReport) -> Bool
  ) async throws -> HealthReport? {
    let deadline = ContinuousClock.now + limit * HostLoad.factor
    while true {
      let report = try await health()
      if condition(report) { return report }
      guard ContinuousClock.now < deadline else {
        let told = report.reasons.names.joined(separator: ", ")
        violations.add(.told, "not told within \(limit): \(what); health: \(told)")
        return nil
      }
      try await Task.sleep(for: .milliseconds(150))
    }
  }
}

extension Duration {
  static func * (duration: Duration, factor: Double) -> Duration {
    .milliseconds(Int64(duration.milliseconds * factor))
  }
}
