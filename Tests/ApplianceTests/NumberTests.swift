import Foundation
import Testing
import Wire

@testable import Appliance

/// Numbers that users rely on: what the documents say is what the code has.
@Suite struct NumberTests {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A document's words, one space between two of them.
  private static func words(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
      .split { $0.isWhitespace }.joined(separator: " ")
  }

  /// Keys of the README's table with their defaults.
  private static func defaults() throws -> [String: String] {
    let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex(of: "| key | value | default | meaning |"))
    let rows = lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { row in
      row.split(separator: "|").map { $0.trimmingCharacters(in: [" ", "`"]) }
    }
    return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[2]) })
  }

  /// A configuration that says nothing. Which bytes a text has is checked where it is parsed.
  @Test func aConfigurationThatSaysNothingIsTheKeyTables() throws {
    let code = Configuration()
    let (control, server, cameras) = (code.control, code.mediaServer, code.cameras)
    let (alerts, storage) = (code.alerts, code.storage)
    func shares(_ pair: Configuration.Alerts.Thresholds, by unit: UInt32) -> String {
      #expect(pair.warning % unit == 0 && pair.critical % unit == 0)
      return "\(pair.warning / unit), \(pair.critical / unit)"
    }
    let found: [String: String] = [
      "control.listen": "0.0.0.0:\(control.port)", "control.slots": "\(control.slots)",
      "control.trusted": "127.0.0.0/\(control.trusted[0].prefix)",
      "control.reserved_slots": "\(control.reservedSlots)",
      "control.public_slots": "\(control.publicSlots)",
      "control.public_slots_per_address": "\(control.publicSlotsPerAddress)",
      "control.request_rate": "\(control.requestRate)",
      "control.public_request_rate": "\(control.publicRequestRate)",
      "control.handshake_timeout_ms": "\(control.handshakeTimeoutMs)",
      "control.idle_timeout_ms": "\(control.idleTimeoutMs)",
      "control.frame_timeout_ms": "\(control.frameTimeoutMs)",
      "control.write_timeout_ms": "\(control.writeTimeoutMs)",
      "mediamtx.rtsp_port": "\(server.rtspPort)", "mediamtx.api_port": "\(server.apiPort)",
      "mediamtx.metrics_port": "\(server.metricsPort)",
      "mediamtx.probe_interval_ms": "\(server.probeIntervalMs)",
      "mediamtx.probe_timeout_ms": "\(server.probeTimeoutMs)",
      "cameras.probe_timeout_ms": "\(cameras.probeTimeoutMs)",
      "cameras.feed_timeout_ms": "\(cameras.feedTimeoutMs)",
      "cameras.stall_ms": "\(cameras.stallMs)",
      "watchdog.timeout_s": "\(code.watchdog.timeoutS)",
      "access.approvals": "\(code.access.approvals)",
      "alerts.latency_ms": shares(alerts.latency, by: 1000),
      "alerts.errors_percent": shares(alerts.errors, by: 10),
      "alerts.cpu_percent": shares(alerts.cpu, by: 10),
      "alerts.memory_percent": shares(alerts.memory, by: 10),
      "alerts.connections_percent": shares(alerts.connections, by: 10),
      "alerts.queue_percent": shares(alerts.queue, by: 10),
      "alerts.slots_percent": shares(alerts.slots, by: 10),
      "alerts.throughput_per_s": shares(alerts.throughput, by: 1),
      "alerts.raise_s": "\(alerts.raiseS)", "alerts.clear_s": "\(alerts.clearS)",
      "storage.warning_percent": "\(storage.warningPercent)",
      "storage.low_percent": "\(storage.lowPercent)",
      "storage.critical_percent": "\(storage.criticalPercent)",
      "storage.reserve_mb": "\(Double(storage.reserveBytes) / 1_048_576)",
      "storage.workers": "\(storage.workers)",
      "retention.age_h": "\(Double(storage.retention.maximumAgeS) / 3600)",
      "retention.size_mb": "\(Double(storage.retention.maximumBytes) / 1_048_576)",
    ].mapValues { $0.hasSuffix(".0") ? String($0.dropLast(2)) : $0 }
    let told = try Self.defaults().filter { $0.value.contains { $0.isNumber } }
      // Paths and names.
      .filter { !["network.interface", "watchdog.device"].contains($0.key) }
    #expect(told == found)
  }

  /// On and off, which are in the key table, too.
  @Test func switchesAreTheKeyTables() throws {
    let code = Configuration()
    let found = [
      "control.share_port": code.control.sharesPort, "control.plain": code.control.plain,
      "control.health_public": code.control.healthIsPublic,
      "cameras.enabled": code.cameras.enabled, "mdns.enabled": code.mdns,
      "watchdog.magic_close": code.watchdog.magicClose,
    ]
    let told = try Self.defaults()
    for (key, isOn) in found { #expect(told[key] == (isOn ? "on" : "off"), "\(key)") }
  }

  @Test func theReadmeHasTheNumbers() throws {
    let (button, timing) = (Button.self, RecoveryTiming.self)
    try expect(
      "README.md",
      [
        "An admin opens it again (`wpctl pairing open`), for one client and ten minutes.",
        "Pressed for less than \(button.shortMs / 1000) s, it lets the next client pair without "
          + "a code, for \(Pairing.buttonMs / 1000) s and as an operator",
        "Held for \(button.longMs / 1000) s, it makes the device forget all keys",
        "An applied one that nobody confirms within \(ChangeTiming.confirmMs / 1000) s is taken",
        "everything rests, for \(timing.firstRestMs / 1000) s, doubled up to "
          + "\(timing.restCapMs / 60_000) minutes",
        "After \(DataPartition.remountMs / 1000) s init checks and mounts it anew",
        "then after \(2 * DataPartition.remountMs / 1000) s, and so on up to "
          + "\(DataPartition.longestRemountMs / 60_000) minutes",
      ])
    #expect(Pairing.codeMs == 10 * 60_000 && timing.goodRunMs == 10_000 && timing.restarts == 3)
    #expect(timing.reauthoriseSpacingMs == 2 * 60_000 && timing.portPowerSpacingMs == 10 * 60_000)
    try expect(
      "README.md",
      [
        "then the feed is started again, three times;", "Ten seconds of pictures or a new plug",
        "given back (`authorized`), at most once in two minutes;",
        "on where the hub can, at most once in ten;",
      ])
  }

  @Test func theProtocolHasTheNumbers() throws {
    let (limits, access) = (SessionLimits.self, HandshakeAdmission.self)
    try expect(
      "Sources/Wire/Wire.docc/Connections.md",
      [
        "(\(Configuration().control.slots) unless configured otherwise)",
        "at latest after \(limits.lingerMs) ms",
        "up to \(limits.trials) such connections at once are **on trial**, of strangers "
          + "\(limits.trialsPerAddress) from one address: the device waits \(limits.trialMs) ms "
          + "for the first frame (\(limits.graceMs) ms where another one wants the place)",
        "(within \(limits.provingMs / 1000) s where another one wants the place)",
      ])
    try expect(
      "Sources/Wire/Wire.docc/Access.md",
      [
        "a bucket for each address (\(access.addressBurst) at once, \(1000 / access.addressMs) a "
          + "second) and one for all (\(access.deviceBurst) at once, \(1000 / access.deviceMs) a "
          + "second",
        "a press of less than \(Button.shortMs / 1000) s on the button",
        "up to \(Pairing.longestPauseMs / 1000) s; then a new one",
        "Five attempts with it may begin, with pauses between them of one second and twice",
      ])
    #expect(Pairing.attempts == 5 && Pairing.pauseMs == 1000)
    try expect(
      "Sources/Wire/Wire.docc/Operations.md",
      [
        "`busy`: there are \(ClientKeys.capacity) keys",
        "It has room for \(AuditRing.capacity) entries in four lanes: "
          + "\(AuditRing.share(.access)) for `access`, \(AuditRing.share(.keys)) for `keys`, "
          + "\(AuditRing.share(.changes)) for `changes` and \(AuditRing.share(.admin)) for `admin`",
        "A change that was applied goes back by itself after \(ChangeTiming.confirmMs / 1000) s",
        "for ten minutes at most.", "A client may change its key once a minute:",
        "not applied within seven days in which the device runs expires",
      ])
    #expect(ClientKeys.formerMs == 10 * 60_000 && ClientKeys.rotationMs == 60_000)
    #expect(ChangeTiming.expiryMs == 7 * 24 * 3_600_000)
    try expect(
      "Sources/Wire/Wire.docc/Events.md",
      [
        "up to \(MessageRing.capacity) of them and "
          + "\(Double(MessageRing.memory) / 1_048_576) MiB;"
      ])
  }

  /// The document has all these words.
  private func expect(_ path: String, _ sentences: [String]) throws {
    let words = try Self.words(of: path)
    for sentence in sentences { #expect(words.contains(sentence), "\(path): \(sentence)") }
  }
}
