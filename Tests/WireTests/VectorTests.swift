import Foundation
import Testing

@testable import Wire

/// The files in `Wire.docc/Vectors` against the encoders.
///
/// `WATCHPOST_REGENERATE=1 swift test --filter VectorTests` writes them anew; the difference is
/// then a change of the protocol and to be read as one.
@Suite struct VectorTests {
  static let folder = sourceFolder.appending(path: "Wire/Wire.docc/Vectors")

  @Test(arguments: Example.all) func fileHoldsTheBytes(example: Example) throws {
    let file = Self.folder.appending(path: example.name + ".hex")
    if ProcessInfo.processInfo.environment["WATCHPOST_REGENERATE"] != nil {
      try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
      try annotated(example).write(to: file, atomically: true, encoding: .utf8)
    }
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(try bytes(inHex: text) == example.bytes)
    #expect(text == annotated(example))
  }

  @Test func everyFileHasAnExample() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(Set(files) == Set(Example.all.map { $0.name + ".hex" }))
  }

  @Test func everyOperationHasARequestAndAnAnswer() {
    let requests = Set(Example.requests.map(\.header.kind))
    let replies = Set(Example.replies.filter(\.header.isReply).map(\.header.kind))
    let kinds = Set(Kind.all.map(\.rawValue)).subtracting([0, 0x8000, 0x8001])
    #expect(requests == kinds)
    #expect(replies == kinds)
  }

  /// The values that come out of the files are the ones that went in.
  @Test func decodedValuesAreTheEncodedOnes() throws {
    try expect("health-reply", Example.health)
    try expect("server-info-reply", Example.serverInfo)
    try expect("camera-status-reply", Example.camera)
    try expect("subscription-statistics-reply", Example.statistics)
    try expect("metrics-reply", Example.metrics)
    try expect("media-server-reply", Example.mediaServer)
    try expect("event", Example.eventMessage)
    try expect("busy", Refusal(.busy, retryAfterMs: 500))
    try read("camera-list-reply") { payload in
      let (head, entries) = try CameraListHead.entries(payload)
      #expect(head == CameraListHead(count: 2))
      #expect(entries == [Example.camera, Example.absentCamera])
    }
    try read("camera-capabilities-reply") { payload in
      let (head, entries) = try CapabilitiesHead.entries(payload)
      #expect(head == Example.capabilities)
      #expect(entries == Example.modes)
    }
    try read("stream-list-reply") { payload in
      let (head, entries) = try StreamListHead.entries(payload)
      #expect(head == StreamListHead(count: 2, rtspPort: 8554))
      #expect(entries == Example.streams)
    }
    try read("log-tail-reply") { payload in
      let (head, text) = try LogHead.open(payload)
      #expect([UInt8](text) == Array(Example.logChunk[LogHead.size...]))
      #expect(head.nextCursor == 4096 + UInt64(text.count))
    }
    try read("snapshot-reply") { payload in
      let (part, picture) = try SnapshotPart.open(payload)
      #expect(part == Example.wholeSnapshot && part.isLast)
      #expect([UInt8](picture) == Example.picture)
    }
    try read("publish-request") { payload in
      let (part, bytes) = try PublishPart.open(payload)
      #expect(part == PublishPart(total: 14, offset: 0, count: 14) && part.isLast)
      #expect([UInt8](bytes) == Array("door, ring 3 x".utf8))
    }
    try expect("publish-reply", PublishReply(sequence: 7, subscribers: 12))
    try expect("message-losses", Example.lostMessages)
    try read("message") { payload in
      let (part, bytes) = try MessagePart.open(payload)
      #expect(part.sequence == 7 && part.total == 14 && part.missed == 0)
      #expect([UInt8](bytes) == Array("door, ring 3 x".utf8))
    }
    try read("source-list-reply") { payload in
      let (head, entries) = try SourceListHead.entries(payload)
      #expect(head == SourceListHead(count: 2))
      #expect(entries == Example.sources)
    }
  }

  @Test func decodedFilesAreTheEncodedOnes() throws {
    try expect("recording-start-reply", Example.recording)
    try expect("key-add-request", Example.keyRequest)
    try expect("key-add-reply", Example.keyGrant)
    try expect("pairing-open-reply", Example.pairingReply)
    try expect("audit-list-request", AuditRequest(cursor: 4711, lane: .keys))
    try expect("configuration-check-reply", Example.proof)
    try expect("change-approve-reply", Example.change)
    try read("configuration-stage-request") { payload in
      let (head, text) = try StageRequest.open(payload)
      #expect(head == Example.stageRequest)
      #expect([UInt8](text) == Example.text)
    }
    try expect("file-info-reply", Example.segment)
    try expect("file-verify-reply", Example.verdict)
    try expect("storage-status-reply", Example.storage)
    try expect("retention-run-reply", RetentionReport(files: 12, bytes: 371_000_000))
    try expect("file-list-request", Example.fileListRequest)
    try expect(
      "file-read-request",
      FileReadRequest(file: Example.fileRequest, offset: 1_048_576, length: 524_288))
    try read("file-list-reply") { payload in
      let (part, bytes) = try BulkPart.open(payload)
      #expect(part.isLast)
      let (head, entries) = try FileListHead.entries(bytes)
      #expect(head == FileListHead(nextCursor: 4712, known: 93_214, count: 2))
      #expect(entries == [Example.savedSnapshot, Example.segment])
    }
    try read("camera-recovery-reply") { payload in
      let (head, entries) = try RecoveryReport.entries(payload)
      #expect(head == Example.recovery)
      #expect(entries == Example.recoverySteps)
    }
  }

  // MARK: -

  /// What follows the layouts that are no lists.
  private static let tails = [
    "StageRequest": "# the text",
    "MetricValues": "# values", "LogHead": "# text", "SnapshotPart": "# bytes of the JPEG",
    "PublishPart": "# bytes of the message", "MessagePart": "# bytes of the message",
    "BulkPart": "# bytes of the answer",
  ]

  private func read(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let file = Self.folder.appending(path: name + ".hex")
    let frame = try bytes(inHex: String(contentsOf: file, encoding: .utf8))
    try Array(frame.dropFirst(Limits.headerSize)).withUnsafeBytes(body)
  }

  private func expect<Body: Payload & Equatable>(_ name: String, _ value: Body) throws {
    try read(name) { payload in
      let decoded = try Body.decode(payload)
      #expect(decoded == value)
    }
  }

  /// The bytes with the name of each field beside them.
  private func annotated(_ example: Example) -> String {
    var lines = ["# \(example.title)", "", "# header"]
    lines += rows(Layout.all["Header"]!, example.bytes[...], base: 0)
    var offset = Limits.headerSize
    var layouts = example.layouts[...]
    while offset < example.bytes.count {
      guard let name = layouts.first, let layout = Layout.all[name] else {
        lines += ["", "# payload", row(example.bytes[offset...])]
        break
      }
      lines += ["", "# \(name)"]
      lines += rows(layout, example.bytes[offset...], base: offset)
      offset += layout.size
      if layouts.count > 1 { layouts.removeFirst() }
      guard let title = Self.tails[layout.type], layouts.first == name else { continue }
      lines += ["", title]
      lines += stride(from: offset, to: example.bytes.count, by: 8).map { start in
        row(example.bytes[start..<min(start + 8, example.bytes.count)])
      }
      break
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func rows(_ layout: Layout, _ bytes: ArraySlice<UInt8>, base: Int) -> [String] {
    layout.fields.flatMap { field -> [String] in
      let start = base + field.offset
      return stride(from: 0, to: field.size, by: 16).map { part in
        let text = row(bytes[(start + part)..<(start + min(part + 16, field.size))])
        let padding = String(repeating: " ", count: max(0, 24 - text.count))
        return part == 0 ? "\(text)\(padding)  # \(field.offset) \(field.name)" : text
      }
    }
  }

  private func row(_ bytes: some Collection<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}

/// The bytes of a vector file: hexadecimal pairs, `#` begins a comment.
func bytes(inHex text: String) throws -> [UInt8] {
  let words = text.split(separator: "\n").flatMap { line in
    line.prefix { $0 != "#" }.split(separator: " ")
  }
  return try words.map { word in
    guard word.count == 2, let byte = UInt8(word, radix: 16) else { throw Status.malformed }
    return byte
  }
}
