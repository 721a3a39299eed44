import Foundation
import Testing

@testable import Wire

/// The documents in `Wire.docc` against the code.
@Suite struct SpecificationTests {
  static let folder = sourceFolder.appending(path: "Wire/Wire.docc")

  /// Every layout stands in the documents exactly as it stands beside its code.
  @Test func layoutsAreTheOnesInTheCode() throws {
    let text = try ["Frames", "Operations", "Events"].map(article).joined()
    for layout in Layout.all.values {
      #expect(text.contains(layout.text), "\(layout.type)")
    }
    #expect(text.ranges(of: "\noffset size field\n").count == Layout.all.count)
  }

  @Test func enumerationsAreTheOnesInTheCode() throws {
    try expect("Kind", Kind.self)
    try expect("Role", Role.self)
    try expect("Status", Status.self)
    try expect("EventCode", EventCode.self)
    try expect("HealthState", HealthState.self)
    try expect("ResetReason", ResetReason.self)
    try expect("CameraState", CameraState.self)
    try expect("CameraReason", CameraReason.self)
    try expect("IdentityRung", IdentityRung.self)
    try expect("MediaServerState", MediaServerState.self)
    try expect("ExitKind", ExitKind.self)
    try expect("StreamState", StreamState.self)
    try expect("StreamSource", StreamSource.self)
    try expect("LogSource", LogSource.self)
    try expect("Metric", Metric.self)
    try expect("Delivery", Delivery.self)
    try expect("DeliveryReason", DeliveryReason.self)
    try expect("Alert", Alert.self)
    try expect("AlertLevel", AlertLevel.self)
    try expect("RecordingState", RecordingState.self)
    try expect("RecordingReason", RecordingReason.self)
    try expect("RecordingEnd", RecordingEnd.self)
    try expect("FileKind", FileKind.self)
    try expect("FileState", FileState.self)
    try expect("FileCondition", FileCondition.self)
    try expect("DataState", DataState.self)
    try expect("StorageLevel", StorageLevel.self)
    try expect("RecoveryRung", RecoveryRung.self)
    try expect("RecoveryOutcome", RecoveryOutcome.self)
    try expect("PairingState", PairingState.self)
    try expect("AuditLane", AuditLane.self)
    try expect("AuditCode", AuditCode.self)
    try expect("ChangeState", ChangeState.self)
    try expect("ChangeReason", ChangeReason.self)
  }

  /// Bits have no reflection: their declarations are read.
  @Test func bitsAreTheOnesInTheCode() throws {
    let files = [
      ("Topics", "Vocabulary"), ("HealthReasons", "HealthVocabulary"),
      ("KeyFlags", "AccessVocabulary"),
    ]
    for (type, file) in files {
      let source = try String(
        contentsOf: sourceFolder.appending(path: "Wire/\(file).swift"), encoding: .utf8)
      let start = try #require(source.range(of: "public struct \(type): Flags {"))
      let end = try #require(source.range(of: "\n}", range: start.upperBound..<source.endIndex))
      let body = source[start.upperBound..<end.lowerBound]
      let declared = body.matches(of: /static let (\w+) = bit\((\d+)\)/).map {
        Row(number: UInt64($0.2)!, name: String($0.1))
      }
      #expect(try rows("Numbers", section: type) == declared)
      #expect(Set(declared.map(\.number)).count == declared.count)
    }
    #expect(HealthReasons.notes == .watchdogReset | .clockUntrusted | .storageWarning)
    #expect(HealthReasons.failures == .safeMode | .mediaServerDown | .mediaServerUnresponsive)
    #expect(Topics.all.rawValue == 0x1FF && KeyFlags.all == .loadTest)
  }

  /// Event codes are told twice: in numbers and with what they carry.
  @Test func eventsAreComplete() throws {
    let codes = try rows("Numbers", section: "EventCode")
    #expect(try rows("Events", section: "Codes") == codes)
    for row in codes {
      let code = try #require(EventCode(rawValue: UInt16(row.number)))
      #expect(code.topic.rawValue.nonzeroBitCount == 1 && Topics.all.contains(code.topic))
    }
  }

  @Test func limitsAreTheOnesInTheCode() throws {
    let limits: [String: Int] = [
      "headerSize": Limits.headerSize, "frameSize": Limits.frameSize,
      "payloadSize": Limits.payloadSize, "pingSize": Limits.pingSize,
      "healthSize": Limits.healthSize, "cameras": Limits.cameras,
      "modesPerCamera": Limits.modesPerCamera, "formatsPerCamera": Limits.formatsPerCamera,
      "streams": Limits.streams, "logChunkSize": Limits.logChunkSize,
      "identifyMs": Int(Limits.identifyMs), "pictureSize": Limits.pictureSize,
      "messageSize": Limits.messageSize, "sources": Limits.sources, "urlSize": Limits.urlSize,
      "handshakePayloadSize": Limits.handshakePayloadSize,
      "recordingS": Int(Limits.recordingS), "bulkSize": Limits.bulkSize, "files": Limits.files,
      "filesByDefault": Limits.filesByDefault, "retentionS": Int(Limits.retentionS),
      "retentionBytes": Int(Limits.retentionBytes), "recoverySteps": Limits.recoverySteps,
      "openChanges": Limits.openChanges, "endedChanges": Limits.endedChanges,
      "configurationSize": Limits.configurationSize,
    ]
    let told = try cells("Numbers", section: "Limits").map { ($0[0], Int($0[1])!) }
    #expect(Dictionary(uniqueKeysWithValues: told) == limits)
  }

  /// The table of operations: numbers, names, roles, and the sizes of requests and answers.
  @Test func operationsHaveTheSizesOfTheCode() throws {
    let table = try cells("Operations", section: "Overview")
    #expect(table.count == Example.requests.count)
    for (row, (request, reply)) in zip(table, zip(Example.requests, Example.replies)) {
      #expect(UInt16(row[0]) == request.header.kind)
      let kind = try #require(Kind(rawValue: request.header.kind))
      #expect(row[1] == "\(kind)")
      #expect(row[2] == "\(kind.leastRole)", "\(row[1])")
      if kind == .ping { continue }
      #expect(row[3] == requestSize(request), "\(row[1])")
      #expect(row[4] == size(of: reply), "\(row[1])")
    }
  }

  @Test func exampleBytesAreTheVectors() throws {
    let text = try article("WritingAClient")
    for (name, length) in [("subscribe-request", 40), ("subscribe-reply", 48), ("busy", 40)] {
      let expected = Array(Example.named(name).bytes.prefix(length))
      let start = try #require(text.range(of: "```\n\(name).hex"))
      let lines = text[start.upperBound...].split(separator: "\n").dropFirst(
        name == "busy" ? 1 : 0)
      let dump = lines.prefix { $0 != "```" }.joined(separator: "\n")
      #expect(try bytes(inHex: dump) == expected, "\(name)")
    }
  }

  // MARK: -

  private struct Row: Equatable {
    let number: UInt64
    let name: String
  }

  private func article(_ name: String) throws -> String {
    try String(contentsOf: Self.folder.appending(path: name + ".md"), encoding: .utf8)
  }

  /// The rows of the table in a section, without its head.
  private func cells(_ name: String, section: String) throws -> [[String]] {
    let text = try article(name)
    let start = try #require(text.range(of: "\n## \(section)\n"))
    let lines = text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
    let table = lines.prefix { !$0.hasPrefix("## ") }.filter { $0.hasPrefix("|") }.dropFirst(2)
    return table.map { line in
      line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  private func rows(_ name: String, section: String) throws -> [Row] {
    try cells(name, section: section).map { cells in
      let text = cells[0]
      let number =
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
      return Row(number: try #require(number), name: cells[1])
    }
  }

  private func expect<Value: RawRepresentable>(_ section: String, _: Value.Type) throws
  where Value.RawValue: FixedWidthInteger {
    let cases = (Value.RawValue.min...Value.RawValue.max).compactMap { number in
      Value(rawValue: number).map { Row(number: UInt64(number), name: "\($0)") }
    }
    #expect(try rows("Numbers", section: section) == cases, "\(section)")
  }

  private func requestSize(_ request: Example) -> String {
    // A message with a name of up to 64 bytes in it; the example has none.
    if request.header.kind == Kind.handshake.rawValue {
      let least = HandshakeForm.size + HandshakeForm.firstOverhead
      return "\(least) … \(least + Limits.handshakePayloadSize) bytes"
    }
    if request.header.kind == Kind.configurationCheck.rawValue { return "n" }
    if request.layouts == ["StageRequest"] { return "\(StageRequest.size) + n" }
    if request.layouts == ["PublishPart"] { return "\(PublishPart.size) + n" }
    return request.payload.isEmpty ? "–" : "\(request.payload.count)"
  }

  private func size(of reply: Example) -> String {
    if reply.header.kind == Kind.handshake.rawValue {
      return "\(HandshakeForm.size + HandshakeForm.secondOverhead + Welcome.size)"
    }
    guard let name = reply.layouts.first, let head = Layout.all[name] else {
      return reply.payload.isEmpty ? "–" : "n"
    }
    if ["LogHead", "SnapshotPart", "BulkPart"].contains(name) { return "\(head.size) + n" }
    guard let repeated = head.repeated else { return "\(head.size)" }
    return "\(head.size) + \(repeated.size) n"
  }
}
