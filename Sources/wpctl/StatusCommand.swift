import ArgumentParser
import ControlClient
import Wire

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows how the device is.",
    discussion: "Ends with 6 when the device has failed.")

  @OptionGroup var options: GlobalOptions
  @Flag(help: "End with 6 also when the device is degraded.") var strict = false

  func run() async throws {
    let connection = try await options.connect()
    async let health = connection.health()
    async let info = optional { try await connection.serverInfo() }
    async let media = optional { try await connection.mediaServer() }
    let status = try await StatusDocument(
      device: connection.device, health: health, info: info, media: media)
    if options.json {
      try Console.document(status)
    } else {
      show(status, reasons: try await health.reasons)
    }
    await connection.close()
    let bad = status.state == "failed" || (strict && status.state == "degraded")
    if bad { throw ExitCode(Outcome.unhealthy.rawValue) }
  }

  /// Addresses that the device does not trust see its health only.
  private func optional<Value: Sendable>(
    _ body: @Sendable () async throws -> Value
  ) async throws -> Value? {
    do {
      return try await body()
    } catch let error as ControlError
      where error.status == .permission || error.status == .authentication
    {
      return nil
    }
  }

  private func show(_ status: StatusDocument, reasons: HealthReasons) {
    var facts = TextFacts()
    facts.add(
      "Device",
      [status.name, status.version, status.board, status.device].compactMap { $0 }
        .joined(separator: ", "))
    facts.add("Health", status.state, style(status.state))
    for (index, words) in reasons.words.enumerated() {
      facts.add(index == 0 ? "Reasons" : "", words, .yellow)
    }
    if let error = status.configurationError {
      facts.add(
        "Configuration", "line \(error.line), column \(error.column): \(error.message)", .yellow)
    }
    add(status.mediaServer, to: &facts)
    let cameras = status.cameras
    facts.add(
      "Cameras",
      "\(cameras.present) present, \(cameras.streaming) streaming, \(cameras.failed) failed, "
        + "\(cameras.known) known")
    let slots = status.slots
    facts.add(
      "Slots",
      "\(slots.used) of \(slots.total) used, peak \(slots.peak), \(slots.refused) refused")
    facts.add(
      "Uptime",
      "\(spoken(ms: status.uptimeMs)), agent \(spoken(ms: status.agentUptimeMs)), "
        + "start \(status.agentStarts) of boot \(status.bootCount)")
    facts.add("Last reset", resetWords(status))
    facts.add("Clock", status.unixMs.map { spoken(unixMs: $0) + " UTC" } ?? "not set")
    facts.add(
      "Agent",
      "\(spoken(bytes: UInt64(status.memoryKiB) * 1024)), "
        + "\(Double(status.cpuPermille) / 10) % of a core, \(status.requests) requests")
    facts.add(
      "Data",
      status.dataTotalBytes == 0
        ? "none"
        : "\(spoken(bytes: status.dataFreeBytes)) free of \(spoken(bytes: status.dataTotalBytes))")
    facts.add("Address", status.address)
    facts.print()
  }

  private func add(_ media: StatusDocument.MediaServer, to facts: inout TextFacts) {
    var words = [media.state]
    if let version = media.version { words.append(version) }
    if let pid = media.pid { words.append("pid \(pid)") }
    words.append("\(media.restarts) restart\(media.restarts == 1 ? "" : "s")")
    words.append("last exit: \(media.lastExit ?? "none")")
    if let next = media.nextAttemptInMs {
      words.append("next start in \(spoken(ms: UInt64(next)))")
    }
    let style: Console.Style =
      switch media.state {
      case "up": .green
      case "off": .plain
      default: .yellow
      }
    facts.add("MediaMTX", words.joined(separator: ", "), style)
    facts.add("", media.lastExitLine, .dim)
  }

  private func resetWords(_ status: StatusDocument) -> String {
    let count = status.recentWatchdogResets
    return count == 0
      ? status.resetReason : "\(status.resetReason), \(count) watchdog resets in a row"
  }

  private func style(_ state: String) -> Console.Style {
    switch state {
    case "healthy": .green
    case "failed": .red
    default: .yellow
    }
  }
}
