import Foundation

/// USB ports of the board that a camera can be plugged into; the raw value names the socket.
public enum USBPort: String, CaseIterable, Sendable {
  case usb0
  case usb1

  /// Number of the port on the board's bus, as in Linux' `1-1`, `1-2`.
  public var busPort: Int { self == .usb0 ? 1 : 2 }
}

/// Result of a command in the debug shell.
public struct ShellResult: Sendable {
  public let status: Int32
  /// Standard output and error, lines joined by LF, without the last line's end.
  public let output: String
}

/// A board on the bench: QEMU's `virt` machine with an image of ours, and everything around it that
/// a person would have in their hands – power, reset, card, cameras, network cable, LEDs.
///
///     off ── powerOn ──▶ on ── powerCut │ powerOff │ the board's own power-off ──▶ off …
///
/// A board can be powered on again; its card keeps its content and its cameras stay plugged in.
/// QEMU ends with this object, and with this process however that ends.
public actor EmulatedBoard {
  /// Lines of the serial console.
  public nonisolated let console = Journal<String>()
  /// Events of the machine: `WATCHDOG`, `RESET`, `SHUTDOWN`, `GUEST_PANICKED` …
  public nonisolated let machineEvents = Journal<MonitorEvent>()
  /// Edges of the GPIO controller's outputs, when `watchesPins` is set.
  public nonisolated let pins = Journal<PinEdge>()
  /// Folder with the sockets `qmp`, `qtest`, `serial`, `usb0`, `usb1` and `ports.json`.
  public nonisolated var stateFolder: String { state.path }

  public nonisolated let image: BoardImage
  var configuration: BoardConfiguration
  let state: StateFolder
  private var machine: Machine?
  var cardFile: (file: String, format: String)?
  /// The same card, when it has a volatile write cache.
  var losingCard: LosingCard?
  /// Host port by board port; kept over power cycles.
  private var tcpPorts: [UInt16: UInt16]
  private var mdnsHostPort: UInt16 = 0
  private var cameras: [USBPort: Plugged] = [:]
  private var shellCount = 0
  /// Number of machine events when the shell first answered; nil before.
  private var shellReadyAt: Int?
  /// Console entry at which the present life of the board began.
  private var lifeBegan = 0

  private struct Plugged {
    let model: CameraModel
    let sources: [VideoCodec: any FrameSource]
    var camera: USBCamera
  }

  /// One life of QEMU.
  struct Machine {
    let process: ChildProcess
    let monitor: Monitor
    let probe: PinProbe?
    let poweredOn: ContinuousClock.Instant
  }

  /// Board port of the control protocol.
  public static let controlPort: UInt16 = 4710
  /// Board port of RTSP.
  public static let rtspPort: UInt16 = 8554
  private static let mdnsPort: UInt16 = 5353

  /// Puts a board on the bench; it is off.
  public init(image: BoardImage, configuration: BoardConfiguration = .init()) throws {
    (self.image, self.configuration) = (image, configuration)
    state = try StateFolder(configuration.stateFolder)
    tcpPorts = [
      Self.controlPort: configuration.controlPort, Self.rtspPort: configuration.rtspPort,
    ]
    for port in configuration.otherPorts { tcpPorts[port] = 0 }
  }

  deinit {
    machine?.process.signal(SIGKILL)
    state.clean()
  }

  // MARK: Power

  public var isOn: Bool { machine != nil }

  /// The moment at which the board's processors began to run.
  public var poweredOn: ContinuousClock.Instant? { machine?.poweredOn }

  /// Process number of QEMU while the board is on.
  public var processID: Int32? { machine?.process.pid }

  /// Switches the board on. Returns when its processors run; see `waitForLine` for what follows.
  public func powerOn() async throws {
    precondition(machine == nil, "the board is on")
    state.removeSockets()
    for port in tcpPorts.values.sorted() where port != 0 { try HostPort.check(port) }
    let card = try prepareCard()
    console.resume()
    machineEvents.resume()
    pins.resume()
    let forwards =
      tcpPorts.sorted { $0.key < $1.key }.map { ($0.key, $0.value, false) }
      + [(Self.mdnsPort, mdnsHostPort, true)]
    let line = CommandLine(
      image: image, configuration: configuration, card: card, writeLog: losingCard?.log,
      forwards: forwards)
    let started = try start(line.arguments)
    do {
      machine = try await setUp(started)
    } catch {
      started.process.signal(SIGKILL)
      await started.process.end(within: .seconds(5))
      // Its last words come first: they say why QEMU could not be reached.
      _ = try? await started.complaints.first("end", within: .seconds(1)) { _ in false }
      let words = started.complaints.entries().map(\.value).joined(separator: "\n")
      throw words.isEmpty ? error : BoardError(words)
    }
  }

  /// Takes the power away, as pulling the plug does: nothing gets a chance to finish.
  public func powerCut() async {
    guard let machine else { return }
    machine.process.signal(SIGKILL)
    await wentOff(machine)
  }

  /// Ends the emulation in order. The system on the board learns as little of it as of a power cut;
  /// to shut that down, ask it to.
  public func powerOff() async {
    guard let machine else { return }
    _ = try? await machine.monitor.execute("quit")
    await wentOff(machine)
  }

  /// Waits until the board has switched itself off, and says how QEMU ended.
  public func waitForPowerOff(within timeout: Duration = .seconds(30)) async throws -> ExitStatus {
    let machine = try running()
    let status = try await machine.process.ended.first("power-off", within: timeout) { _ in true }
    await wentOff(machine)
    return status.value
  }

  /// Presses the reset button.
  public func reset() async throws {
    let machine = try running()
    lifeBegan = console.count
    shellReadyAt = nil
    try await machine.monitor.execute("system_reset")
  }

  /// Puts everything away: cameras, power, files.
  public func dismantle() async {
    for port in USBPort.allCases { await unplug(port) }
    await powerOff()
    state.clean()
  }

  // MARK: Console

  /// Waits for a console line that contains a text.
  /// - Parameter from: console entry at which the search begins; by default every line counts.
  @discardableResult
  public nonisolated func waitForLine(
    containing text: String, from: Int = 0, within timeout: Duration = .seconds(60)
  ) async throws -> Journal<String>.Entry {
    try await console.first("console line with \"\(text)\"", from: from, within: timeout) {
      $0.contains(text)
    }
  }

  /// Executes a command line in the debug shell, which must have been asked for (`debugShell`).
  /// The `serial` socket is taken only while the command runs.
  public func shell(
    _ command: String, within timeout: Duration = .seconds(30)
  ) async throws -> ShellResult {
    _ = try running()
    let line = try SerialLine(path: state.file("serial"))
    defer { line.hangUp() }
    if !shellAnswered { try await greetShell(line, within: timeout) }
    return try await run(command, line, within: timeout)
  }

  private var shellAnswered: Bool {
    guard let shellReadyAt else { return false }
    // A reset that we did not cause ends the shell as well.
    return !machineEvents.entries(from: shellReadyAt).contains { $0.value.name == "RESET" }
  }

  /// Waits until a shell listens at the console.
  ///
  /// Until something comes back, single bytes are typed, and none before the first line: QEMU 7.2's
  /// PL011 never receives again when its FIFO of 16 bytes is full while the driver opens it.
  private func greetShell(_ line: SerialLine, within timeout: Duration) async throws {
    let deadline = ContinuousClock.now + timeout
    _ = try await console.first("sign of life", from: lifeBegan, within: timeout) { _ in true }
    var attempt = 0
    while ContinuousClock.now < deadline {
      let (events, from) = (machineEvents.count, console.count)
      try line.type("\n")
      guard try await hears("echo", from: from, where: { _ in true }) else { continue }
      attempt += 1
      let answer = "WP\(attempt)"
      // The quotes keep the echo from looking like the answer.
      try line.type("echo W'P'\(attempt)\n")
      if try await hears("answer of the shell", from: from, where: { $0 == answer }) {
        shellReadyAt = events
        return
      }
    }
    throw BoardError("The debug shell does not answer within \(timeout).")
  }

  /// Whether a line comes within a second.
  private func hears(
    _ awaited: String, from: Int, where matches: @escaping @Sendable (String) -> Bool
  ) async throws -> Bool {
    do {
      _ = try await console.first(awaited, from: from, within: .seconds(1), where: matches)
      return true
    } catch JournalError.timedOut {
      return false
    }
  }

  private func run(
    _ command: String, _ line: SerialLine, within timeout: Duration
  ) async throws -> ShellResult {
    shellCount += 1
    let mark = "\(shellCount)-\(UInt32.random(in: 0...UInt32.max))"
    let from = console.count
    // Marks are printed in two parts, so that their echo never looks like them.
    let typed =
      "printf '\\n%s%s\\n' BEGIN: \(mark); \(command); "
      + "printf '\\n%s%s:%d\\n' END: \(mark) $?\n"
    try line.type(typed)
    let (begin, end) = ("BEGIN:\(mark)", "END:\(mark):")
    let last = try await console.first("end of `\(command)`", from: from, within: timeout) {
      $0.contains(end)
    }
    let lines = console.entries(from: from).prefix { $0.index < last.index }.map(\.value)
    let digits = last.value.split(separator: end, omittingEmptySubsequences: false).last
    guard let status = digits.flatMap({ Int32($0.prefix { $0.isNumber }) }) else {
      throw BoardError("The status of `\(command)` is garbled.")
    }
    let first = lines.lastIndex { $0.contains(begin) || $0.contains("printf '") } ?? -1
    var output = lines[(first + 1)...]
    if output.last == "" { output.removeLast() }
    return ShellResult(status: status, output: output.joined(separator: "\n"))
  }

  // MARK: Cameras

  /// Plugs a camera in. It stays plugged in over resets and power cuts.
  /// - Parameter sources: pictures per codec; MJPEG shows a test pattern without one.
  @discardableResult
  public func plug(
    _ model: CameraModel = CameraModel(), into port: USBPort = .usb0,
    sources: [VideoCodec: any FrameSource] = [:]
  ) async throws -> USBCamera {
    precondition(cameras[port] == nil, "there is a camera in \(port.rawValue)")
    _ = try running()
    let camera = try await attach(model, port, sources)
    cameras[port] = Plugged(model: model, sources: sources, camera: camera)
    return camera
  }

  /// Pulls the camera out of a port, if there is one.
  public func unplug(_ port: USBPort) async {
    await cameras.removeValue(forKey: port)?.camera.unplug()
  }

  private func attach(
    _ model: CameraModel, _ port: USBPort, _ sources: [VideoCodec: any FrameSource]
  ) async throws -> USBCamera {
    let camera = try USBCamera.plug(model, into: state.file(port.rawValue), sources: sources)
    _ = try await camera.events.first("plug in \(port.rawValue)", within: .seconds(10)) {
      $0 == .attached
    }
    return camera
  }

  // MARK: Network

  /// Port of 127.0.0.1 that leads to a TCP port of the board.
  public func hostPort(for boardPort: UInt16) -> UInt16? { tcpPorts[boardPort] }

  /// UDP port of 127.0.0.1 that leads to the board's mDNS port. User networking carries no
  /// multicast; a question sent here reaches the board from a neighbour by unicast, which RFC 6762,
  /// section 5.5 has it answer directly.
  public func mdnsPort() -> UInt16 { mdnsHostPort }

  /// Plugs the network cable in or out.
  public func setLink(up: Bool) async throws {
    try await running().monitor.execute(
      "set_link", ["name": .string(CommandLine.networkID), "up": .bool(up)])
  }

  // MARK: Inside

  func running() throws -> Machine {
    guard let machine else { throw BoardError("The board is off.") }
    return machine
  }

  /// QEMU and our ends of what it was given.
  private struct Started {
    let process: ChildProcess
    let monitorEnd: StreamSocket
    /// Lines of QEMU's standard error.
    let complaints: Journal<String>
  }

  private func start(_ arguments: [String]) throws -> Started {
    let output = try StreamSocket.pipe()
    let errors = try StreamSocket.pair()
    let monitor = try StreamSocket.pair()
    let process = try ChildProcess.start(
      arguments, in: state.path,
      descriptors: [1: output.write, 2: errors.1, CommandLine.monitorDescriptor: monitor.1])
    let complaints = Journal<String>()
    output.read.readLines(into: console, name: "serial console")
    errors.0.readLines(into: complaints, name: "qemu errors")
    return Started(process: process, monitorEnd: monitor.0, complaints: complaints)
  }

  private func setUp(_ started: Started) async throws -> Machine {
    let monitor = try await Monitor(started.monitorEnd, events: machineEvents)
    try await learnPorts(monitor)
    var probe: PinProbe?
    if configuration.watchesPins {
      let socket = try StreamSocket.connect(toUnixSocket: state.file("qtest"))
      probe = try await PinProbe(
        socket, device: try await pinController(monitor), edges: pins)
    }
    try writePorts(started.process.pid)
    shellReadyAt = nil
    lifeBegan = console.count
    try await monitor.execute("cont")
    // QEMU takes nothing from a camera while the machine stands still.
    for (port, plugged) in cameras {
      cameras[port]?.camera = try await attach(plugged.model, port, plugged.sources)
    }
    return Machine(
      process: started.process, monitor: monitor, probe: probe, poweredOn: .now)
  }

  private func wentOff(_ machine: Machine) async {
    await machine.process.end(within: .seconds(5))
    self.machine = nil
    // The last lines of the console may still be on their way.
    _ = try? await console.first("end", from: console.count, within: .seconds(1)) { _ in false }
    machineEvents.end()
    pins.end()
    state.removeSockets()
  }

  private func learnPorts(_ monitor: Monitor) async throws {
    for line in try await monitor.human("info usernet").split(whereSeparator: \.isNewline) {
      let words = line.split(separator: " ")
      guard words.count >= 6, words[0].contains("HOST_FORWARD"), let host = UInt16(words[3]),
        let guest = UInt16(words[5])
      else { continue }
      if words[0].hasPrefix("TCP") { tcpPorts[guest] = host } else { mdnsHostPort = host }
    }
    guard !tcpPorts.values.contains(0) else {
      throw BoardError("QEMU did not say which ports it forwards.")
    }
  }

  private func pinController(_ monitor: Monitor) async throws -> String {
    let parent = "/machine/unattached"
    let children = try await monitor.execute("qom-list", ["path": .string(parent)]).array ?? []
    guard let controller = children.first(where: { $0["type"]?.string == "child<pl061>" }),
      let name = controller["name"]?.string
    else { throw BoardError("The emulated machine has no PL061 GPIO controller.") }
    return "\(parent)/\(name)"
  }

  private func writePorts(_ pid: Int32) throws {
    let ports: JSONValue = [
      "control": .integer(Int64(tcpPorts[Self.controlPort] ?? 0)),
      "rtsp": .integer(Int64(tcpPorts[Self.rtspPort] ?? 0)),
      "mdns": .integer(Int64(mdnsHostPort)), "pid": .integer(Int64(pid)),
    ]
    try (ports.text + "\n").write(
      toFile: state.file("ports.json"), atomically: true, encoding: .utf8)
  }
}
