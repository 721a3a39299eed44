import Testing

@testable import Wire

@Suite struct FrameTests {
  @Test(arguments: Example.all) func isWhole(example: Example) throws {
    let seen = try #require(accepted(example.bytes))
    #expect(seen.size == example.bytes.count)
    #expect(seen.payload == example.payload)
    #expect(Int(seen.header.length) == example.payload.count)
  }

  /// Every prefix asks for more, never for more than the frame.
  @Test(arguments: Example.all) func truncated(example: Example) {
    for length in 0..<example.bytes.count {
      let expected = length < Limits.headerSize ? Limits.headerSize : example.bytes.count
      guard case .incomplete(expected) = step(Array(example.bytes[..<length])) else {
        Issue.record("\(length) bytes of \(example.name) are not waited for")
        continue
      }
    }
  }

  /// In two reads, cut anywhere, with the next frame's beginning behind it.
  @Test(arguments: Example.all) func split(example: Example) {
    let tail = Example.named("ping-request").bytes
    for cut in 0...example.bytes.count {
      var received = Array(example.bytes[..<cut])
      if cut < example.bytes.count {
        guard case .incomplete = step(received) else {
          Issue.record("a part of \(example.name) was not waited for")
          continue
        }
      }
      received += example.bytes[cut...] + tail
      guard accepted(received)?.size == example.bytes.count else {
        Issue.record("\(example.name) was not accepted when cut at \(cut)")
        continue
      }
    }
  }

  /// Every single flipped bit is found, and blamed on the right part.
  @Test(arguments: Example.all) func flipped(example: Example) {
    for index in example.bytes.indices {
      for bit in 0..<8 {
        var bytes = example.bytes
        bytes[index] ^= 1 << UInt8(bit)
        let expected: FrameError =
          index < 4 ? .badMagic : index < Limits.headerSize ? .headerChecksum : .payloadChecksum
        for ignoring in [false, true] {
          // One check per frame: a macro's for each of these 100,000 takes minutes.
          guard case .refused(expected, let header, bytes.count) = step(bytes, ignoring: ignoring),
            (header != nil) == (expected == .payloadChecksum)
          else {
            Issue.record("byte \(index) bit \(bit) of \(example.name)")
            continue
          }
        }
      }
    }
  }

  /// A changed payload under right checksums is another request, another answer or a typed error:
  /// nothing a decoder is given may trap.
  @Test(arguments: Example.all) func changedUnderRightChecksums(example: Example) throws {
    let header = example.header
    for index in example.payload.indices {
      for value in [UInt8(0), 0x80, 0xFF] {
        var payload = example.payload
        payload[index] = value
        decode(header, Example.frame(header, payload))
      }
    }
    // A text may be as long as it likes.
    let fixed = example.textStart ?? example.payload.count
    for length in 0..<fixed where header.status == 0 {
      let payload = Array(example.payload[..<length])
      let error = decode(header, Example.frame(header, payload))
      if header.kind != Kind.ping.rawValue { #expect(error == .malformed) }
    }
  }

  @Test func headerFieldsUnderRightChecksums() {
    let ping = Example.named("ping-request").bytes
    #expect(refusal(of: resealed(ping, 4, 2)) == .unsupportedVersion(2))
    #expect(refusal(of: resealed(ping, 4, 0)) == .unsupportedVersion(0))
    #expect(refusal(of: resealed(ping, 17, 0x40)) == .tooLarge(length: 0x4004))
    #expect(refusal(of: resealed(resealed(ping, 16, 0xD1), 17, 0x3F)) == .tooLarge(length: 16_337))
    #expect(refusal(of: resealed(ping, 19, 0x80)) == .tooLarge(length: 0x8000_0004))
    for (index, value) in [(5, UInt8(2)), (5, 0x80), (14, 1), (15, 1), (20, 1), (23, 0x80)] {
      let bytes = resealed(ping, index, value)
      #expect(refusal(of: bytes) == .reservedBits)
      #expect(accepted(bytes, ignoring: true)?.payload == [0xDE, 0xAD, 0xBE, 0xEF])
    }
  }

  @Test func largestFrame() {
    let header = Header(kind: Kind.logTail.rawValue, requestID: 1).reply()
    let bytes = Example.frame(header, [UInt8](repeating: 7, count: Limits.payloadSize))
    // With the tag of a sealed one it is `Limits.frameSize`.
    #expect(bytes.count == 16_384 - 16)
    #expect(accepted(bytes)?.size == 16_384 - 16)
  }

  /// Another protocol's first bytes are refused at once, not waited for.
  @Test(arguments: ["G", "GET / HTTP/1.1", "WPO!", "WPOX", "\u{16}\u{3}\u{1}", "SSH-2.0-x"])
  func anotherProtocol(text: String) {
    #expect(refusal(of: Array(text.utf8)) == .badMagic)
  }

  @Test func whichErrorsEndTheConnection() {
    let ending: [FrameError] = [
      .badMagic, .headerChecksum, .unsupportedVersion(2), .tooLarge(length: 1),
    ]
    let passing: [FrameError] = [.payloadChecksum, .reservedBits]
    #expect(ending.allSatisfy { $0.endsConnection })
    #expect(passing.allSatisfy { !$0.endsConnection })
    #expect(ending.map(\.status) == [.malformed, .checksum, .unsupportedVersion, .tooLarge])
    #expect(passing.map(\.status) == [.checksum, .reservedBits])
  }

  // MARK: -

  private func step(_ bytes: [UInt8], ignoring: Bool = false) -> Step {
    bytes.withUnsafeBytes { buffer in
      switch Header.next(in: buffer, ignoringReserved: ignoring) {
      case .incomplete(let needed): .incomplete(needed: needed)
      case .frame(let header, let payload, let size):
        .frame(Accepted(header: header, payload: [UInt8](payload), size: size))
      case .refused(let error, let header, let size): .refused(error, header, size: size)
      }
    }
  }

  private func accepted(_ bytes: [UInt8], ignoring: Bool = false) -> Accepted? {
    guard case .frame(let accepted) = step(bytes, ignoring: ignoring) else { return nil }
    return accepted
  }

  /// The error, whose header is there exactly when the connection goes on.
  private func refusal(of bytes: [UInt8]) -> FrameError? {
    guard case .refused(let error, let header, _) = step(bytes),
      (header == nil) == error.endsConnection
    else { return nil }
    return error
  }

  private func resealed(_ frame: [UInt8], _ index: Int, _ value: UInt8) -> [UInt8] {
    var bytes = frame
    bytes[index] = value
    let sum = CRC32C.of(Array(bytes[..<28]))
    bytes.replaceSubrange(28..<32, with: sum.wireBytes(size: 4))
    return bytes
  }

  /// Decodes a frame as whoever receives it would; returns the error.
  @discardableResult private func decode(_ header: Header, _ bytes: [UInt8]) -> Status? {
    guard let payload = accepted(bytes)?.payload else {
      Issue.record("a sealed frame was not accepted")
      return nil
    }
    return payload.withUnsafeBytes { bytes in
      do throws(Status) {
        try decode(header, bytes)
        return nil
      } catch {
        return error
      }
    }
  }

  private func decode(_ header: Header, _ bytes: UnsafeRawBufferPointer) throws(Status) {
    let isTold = header.kind == Kind.event.rawValue || header.kind == Kind.message.rawValue
    guard header.isReply || isTold else {
      _ = try Request.decode(header, payload: bytes)
      return
    }
    guard header.status == 0 else {
      _ = try Refusal.decode(bytes)
      return
    }
    switch Kind(rawValue: header.kind)! {
    case .ping: if bytes.count > Limits.pingSize { throw .malformed }
    case .health: _ = try HealthReport.decode(bytes)
    case .serverInfo: _ = try ServerInfo.decode(bytes)
    case .cameraStatus: _ = try CameraEntry.decode(bytes)
    case .cameraList: _ = try CameraListHead.entries(bytes)
    case .cameraCapabilities: _ = try CapabilitiesHead.entries(bytes)
    case .streamList: _ = try StreamListHead.entries(bytes)
    case .subscribe, .unsubscribe: _ = try SubscriptionReply.decode(bytes)
    case .subscriptionStatistics: _ = try SubscriptionStatistics.decode(bytes)
    case .metrics: _ = try MetricValues.decode(bytes)
    case .logTail: _ = try LogHead.open(bytes)
    case .mediaServer: _ = try MediaServerReport.decode(bytes)
    case .event: _ = try EventMessage.decode(bytes)
    case .identity: _ = try IdentityReport.decode(bytes)
    case .handshake: _ = try HandshakeForm.openReply(bytes)
    case .snapshot: _ = try SnapshotPart.open(bytes)
    case .sourceList: _ = try SourceListHead.entries(bytes)
    case .alertList: _ = try AlertListHead.entries(bytes)
    case .publish: _ = try PublishReply.decode(bytes)
    case .message: _ = try MessagePart.open(bytes)
    case .recordingStart, .recordingStop: _ = try RecordingEntry.decode(bytes)
    case .recordingList: _ = try RecordingListHead.entries(bytes)
    case .fileList: _ = try FileListHead.entries(try BulkPart.open(bytes).bytes)
    case .fileInfo, .snapshotSave: _ = try FileEntry.decode(bytes)
    case .fileRead: _ = try BulkPart.open(bytes)
    case .fileVerify: _ = try FileVerdict.decode(bytes)
    case .storageStatus: _ = try StorageReport.decode(bytes)
    case .retentionRun: _ = try RetentionReport.decode(bytes)
    case .cameraRecovery: _ = try RecoveryReport.entries(bytes)
    case .keyList: _ = try KeyListHead.entries(bytes)
    case .keyAdd, .keyRotate: _ = try KeyGrant.decode(bytes)
    case .pairingOpen: _ = try PairingReply.decode(bytes)
    case .auditList: _ = try AuditListHead.entries(bytes)
    case .configurationText: if bytes.count > Limits.payloadSize { throw .malformed }
    case .configurationCheck: _ = try ConfigurationProof.decode(bytes)
    case .changeList, .changeHistory: _ = try ChangeListHead.entries(bytes)
    case .configurationStage, .changeApprove, .changeReject, .changeApply, .changeConfirm:
      _ = try ChangeEntry.decode(bytes)
    case .identify, .reboot, .shutdown, .connection, .streamStart, .streamStop, .sourceAdd,
      .sourceRemove, .fileRemove, .retentionSet, .keyRemove, .keyChange, .pairingCancel:
      _ = try Empty.decode(bytes)
    }
  }

  private struct Accepted {
    let header: Header
    let payload: [UInt8]
    let size: Int
  }

  /// `FrameStep` with bytes of its own.
  private enum Step {
    case incomplete(needed: Int)
    case frame(Accepted)
    case refused(FrameError, Header?, size: Int)
  }
}

extension ListHead {
  static func entries(_ payload: UnsafeRawBufferPointer) throws(Status) -> (Self, [Entry]) {
    var (head, reader) = try open(payload)
    var entries: [Entry] = []
    for _ in 0..<head.count { entries.append(try Entry(from: &reader)) }
    return (head, entries)
  }
}
