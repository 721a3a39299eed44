import ArgumentParser
import ControlClient
import Wire

struct CamerasCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cameras", abstract: "Lists the cameras.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let connection = try await options.connect()
    let cameras = try await connection.cameras().cameras.map { CameraDocument($0) }
    await connection.close()
    if options.json { return try Console.document(cameras) }
    guard !cameras.isEmpty else { return Console.line("No camera has been plugged in yet.") }
    var table = TextTable("NAME", "PRODUCT", "SERIAL", "FORMATS", "STATE")
    for camera in cameras {
      table.add(
        .init(camera.name), .init(camera.product),
        .init(camera.serial.isEmpty ? "–" : camera.serial),
        .init(camera.formats.isEmpty ? "–" : camera.formats.joined(separator: " ")),
        .init(camera.stateWords, camera.style))
    }
    table.print()
  }
}

struct CameraCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "camera", abstract: "Shows one camera with its modes.")

  @OptionGroup var options: GlobalOptions
  @Argument(help: "The camera's name, as `wpctl cameras` lists it.") var name: CameraName

  func run() async throws {
    let connection = try await options.connect()
    async let entry = connection.camera(name.name)
    async let capabilities = connection.capabilities(of: name.name)
    async let recovery = connection.optional { try await $0.recovery(of: name.name) }
    async let recordings = connection.optional { try await $0.recordings() }
    var camera = try await CameraDocument(entry, capabilities: capabilities)
    let ladder = try await recovery.map { RecoveryDocument($0) }
    camera.recovery = ladder?.tells == true ? ladder : nil
    camera.recording = try await recordings?.first { $0.camera == name.name }
      .map { RecordingDocument($0) }
    await connection.close()
    if options.json { return try Console.document(camera) }
    show(camera)
  }

  private func show(_ camera: CameraDocument) {
    var facts = TextFacts()
    facts.add("Name", camera.name)
    facts.add("Product", camera.product)
    facts.add("State", camera.stateWords, camera.style)
    facts.add("Serial", camera.serial)
    facts.add(
      "USB", camera.vendorID == 0 ? nil : "\(hex(camera.vendorID)):\(hex(camera.productID))")
    facts.add("Port", camera.port)
    facts.add("Node", camera.node)
    facts.add("Driver", [camera.driver, camera.card].compactMap { $0 }.joined(separator: ", "))
    facts.add("Mode", camera.granted.map(words))
    facts.add("Pictures", delivery(of: camera))
    facts.add("Stream", camera.enabled ? nil : "stopped by request")
    facts.add("Named by", camera.identity)
    facts.add("Plugged in", camera.connectedForMs == 0 ? nil : spoken(ms: camera.connectedForMs))
    facts.add("Unplugged", "\(camera.disconnects) times")
    if camera.attempts > 0 {
      let next = camera.nextAttemptInMs.map { ", next try in \(spoken(ms: UInt64($0)))" } ?? ""
      facts.add("Failures", "\(camera.attempts) in a row\(next)")
    }
    facts.add("Recording", camera.recording.map(words), camera.recording?.style ?? .plain)
    if let recovery = camera.recovery { add(recovery, to: &facts) }
    facts.print()
    guard let modes = camera.modes, !modes.isEmpty else { return }
    Console.line("")
    var table = TextTable("FORMAT", "SIZE", "RATE")
    for mode in modes {
      table.add(
        .init(mode.format), .init("\(mode.width)x\(mode.height)"),
        .init(mode.framesPerSecond.map { "\($0)/s" } ?? "–"))
    }
    table.print()
    if camera.modesTruncated == true { Console.line("… and more than fit into one answer.") }
  }

  private func words(_ recording: RecordingDocument) -> String {
    let left = recording.remainingS.map { ", \(spoken(ms: UInt64($0) * 1000)) left" } ?? ""
    return "\(recording.stateWords)\(left), \(recording.written)"
  }

  /// Where the recovery ladder stands, what was done, and the last steps.
  private func add(_ recovery: RecoveryDocument, to facts: inout TextFacts) {
    let next = recovery.nextInMs.map { ", next step in \(spoken(ms: UInt64($0)))" } ?? ""
    let steps = "\(recovery.attempts) step\(recovery.attempts == 1 ? "" : "s")"
    facts.add(
      "Recovery",
      recovery.rung == "none" ? "nothing is wrong now" : "\(recovery.rung), \(steps)\(next)",
      recovery.rung == "none" ? .plain : .yellow)
    facts.add(
      "",
      "reopened \(recovery.reopens), restarted \(recovery.restarts), "
        + "reauthorised \(recovery.reauthorisations), power cycled \(recovery.powerCycles), "
        + "worked again \(recovery.recoveries) times")
    for step in recovery.steps {
      facts.add(
        "", "at \(spoken(ms: step.atMs)): \(step.rung) (\(step.cause)), \(step.outcome)", .dim)
    }
  }

  private func words(_ mode: CameraDocument.Mode) -> String {
    let rate = mode.framesPerSecond.map { " at \($0)/s" } ?? ""
    return "\(mode.format) \(mode.width)x\(mode.height)\(rate)"
  }

  private func delivery(of camera: CameraDocument) -> String? {
    guard let delivery = camera.delivery else { return nil }
    let how = delivery == "passThrough" ? "as the camera codes them" : "coded anew"
    let why = camera.deliveryReason.map { " (\($0))" } ?? ""
    let rate = camera.measuredFramesPerSecond.map { ", \($0)/s" } ?? ""
    return "\(how)\(why)\(rate), \(camera.frames) so far"
  }

  private func hex(_ number: UInt16) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 4 - digits.count) + digits
  }
}

struct StreamsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "streams", abstract: "Lists the streams with their RTSP addresses.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let connection = try await options.connect()
    let list = try await connection.streams()
    await connection.close()
    let streams = list.streams.map {
      StreamDocument($0, host: connection.device.host, rtspPort: list.rtspPort)
    }
    if options.json { return try Console.document(streams) }
    guard !streams.isEmpty else { return Console.line("There is no stream; plug in a camera.") }
    var table = TextTable("NAME", "STATE", "READERS", "RECEIVED", "ERRORS", "ADDRESS")
    for stream in streams {
      table.add(
        .init(stream.name), .init(stream.state, stream.state == "flowing" ? .green : .yellow),
        .init("\(stream.readers)"), .init(spoken(bytes: stream.inboundBytes)),
        .init("\(stream.inboundFramesInError)"), .init(stream.url ?? "–"))
    }
    table.print()
  }
}

/// The name of a camera on the command line.
struct CameraName: ExpressibleByArgument {
  let name: Name

  init?(argument: String) {
    guard argument.utf8.count <= 32 else { return nil }
    name = Array(argument.utf8).withUnsafeBytes { Name($0) }
    guard name.isName else { return nil }
  }
}

extension CameraDocument {
  var stateWords: String {
    if state == "busy", let holder = holderName ?? self.holder.map({ "process \($0)" }) {
      return "busy (held by \(holder)\(self.holder.map { ", pid \($0)" } ?? ""))"
    }
    return reason == "none" || reason == "unplugged" ? state : "\(state) (\(reason))"
  }

  var style: Console.Style {
    switch state {
    case "ready", "streaming": .green
    case "failed", "noBandwidth": .red
    case "absent": .dim
    default: .yellow
    }
  }
}
