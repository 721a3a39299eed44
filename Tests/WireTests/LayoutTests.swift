import Testing

@testable import Wire

/// The tables in the doc comments against the code.
@Suite struct LayoutTests {
  @Test func tablesHaveNoGapsAndTheRightSize() {
    let sizes: [String: Int] = [
      "Header": Limits.headerSize, "HealthReport": 256, "ServerInfo": ServerInfo.size,
      "CameraEntry": CameraEntry.size, "CameraListHead": CameraListHead.size,
      "ModeEntry": ModeEntry.size, "CapabilitiesHead": CapabilitiesHead.size,
      "CameraRequest": CameraRequest.size, "StreamEntry": StreamEntry.size,
      "StreamListHead": StreamListHead.size, "MediaServerReport": MediaServerReport.size,
      "SubscriptionRequest": SubscriptionRequest.size, "SubscriptionReply": SubscriptionReply.size,
      "SubscriptionStatistics": SubscriptionStatistics.size, "EventMessage": EventMessage.size,
      "MetricValues": 8, "LogRequest": LogRequest.size, "LogHead": LogHead.size,
      "IdentifyRequest": IdentifyRequest.size, "Refusal": Refusal.size,
      "SnapshotPart": SnapshotPart.size, "SourceRequest": SourceRequest.size,
      "PublishPart": PublishPart.size, "PublishReply": PublishReply.size,
      "MessagePart": MessagePart.size, "SourceEntry": SourceEntry.size,
      "SourceListHead": SourceListHead.size, "AlertEntry": AlertEntry.size,
      "AlertListHead": AlertListHead.size, "OperationStatistics": OperationStatistics.size,
      "RecordingRequest": RecordingRequest.size, "RecordingEntry": RecordingEntry.size,
      "RecordingListHead": RecordingListHead.size, "FileRequest": FileRequest.size,
      "FileReadRequest": FileReadRequest.size, "BulkPart": BulkPart.size,
      "FileListRequest": FileListRequest.size, "FileListHead": FileListHead.size,
      "FileEntry": FileEntry.size, "FileVerdict": FileVerdict.size,
      "StorageReport": StorageReport.size, "RetentionPolicy": RetentionPolicy.size,
      "RetentionReport": RetentionReport.size, "RecoveryReport": RecoveryReport.size,
      "RecoveryStep": RecoveryStep.size, "KeyEntry": KeyEntry.size,
      "KeyListHead": KeyListHead.size, "AuditEntry": AuditEntry.size,
      "AuditListHead": AuditListHead.size, "IdentityReport": IdentityReport.size,
      "Welcome": Welcome.size,
      "ChangeEntry": ChangeEntry.size,
      "ChangeListHead": ChangeListHead.size,
      "KeyRequest": KeyRequest.size, "KeyName": KeyName.size, "KeyRotation": KeyRotation.size,
      "KeyGrant": KeyGrant.size, "PairingRequest": PairingRequest.size,
      "PairingReply": PairingReply.size, "AuditRequest": AuditRequest.size,
      "ChangeRequest": ChangeRequest.size, "StageRequest": StageRequest.size,
      "ConfigurationProof": ConfigurationProof.size,
    ]
    #expect(Set(Layout.all.keys) == Set(sizes.keys))
    for layout in Layout.all.values {
      var offset = 0
      for field in layout.fields {
        #expect(field.offset == offset, "\(layout.type).\(field.name)")
        offset += field.size
      }
      #expect(layout.size == sizes[layout.type], "\(layout.type)")
      if let repeated = layout.repeated { #expect(repeated.offset == layout.size) }
    }
  }

  @Test func listsFitAFrame() {
    #expect(CameraListHead.size(count: CameraListHead.maximum) <= Limits.payloadSize)
    #expect(CapabilitiesHead.size(count: CapabilitiesHead.maximum) <= Limits.payloadSize)
    #expect(StreamListHead.size(count: StreamListHead.maximum) <= Limits.payloadSize)
    #expect(LogHead.size + Limits.logChunkSize <= Limits.payloadSize)
    #expect(SourceListHead.size(count: SourceListHead.maximum) <= Limits.payloadSize)
    #expect(SnapshotPart.size + SnapshotPart.capacity == Limits.payloadSize)
    #expect(MetricValues.size == 8 + 8 * Metric.count)
    #expect(RecordingListHead.size(count: RecordingListHead.maximum) <= Limits.payloadSize)
    #expect(RecoveryReport.size(count: RecoveryReport.maximum) <= Limits.payloadSize)
    #expect(KeyListHead.size(count: KeyListHead.maximum) <= Limits.payloadSize)
    #expect(AuditListHead.size(count: AuditListHead.maximum) <= Limits.payloadSize)
    #expect(Limits.plainSize + 16 == Limits.frameSize)
    #expect(ChangeListHead.size(count: ChangeListHead.maximum) <= Limits.payloadSize)
    #expect(FileListHead.size(count: FileListHead.maximum) <= Limits.bulkSize)
    #expect(BulkPart.size + BulkPart.capacity == Limits.payloadSize)
    #expect(AlertListHead.size(count: AlertListHead.maximum) <= Limits.payloadSize)
    let places = OperationStatistics.firstPlace + 64 * OperationStatistics.places
    #expect(places == Metric.count && OperationStatistics.size == 8 * OperationStatistics.places)
  }

  /// Each named field's bytes are where the table puts them, and its reserved bytes are zero.
  @Test func fieldsLieWhereTheTableSays() {
    check(Example.health)
    check(Example.serverInfo)
    check(Example.camera)
    check(Example.capabilities)
    check(Example.modes[1])
    check(CameraListHead(count: 2))
    check(CameraRequest(name: "cam-front"))
    check(Example.streams[0])
    check(StreamListHead(count: 2, rtspPort: 8554))
    check(Example.mediaServer)
    check(SubscriptionRequest(topics: .cameras | .health))
    check(SubscriptionReply(topics: .cameras, nextSequence: 44))
    check(Example.statistics)
    check(Example.identityReport)
    check(Example.welcome)
    check(Example.eventMessage)
    check(LogRequest(source: .mediaServer, cursor: 4096, maximum: 1024))
    check(LogHead(nextCursor: 3, oldestCursor: 2, count: 1))
    check(IdentifyRequest(durationMs: 30_000))
    check(RecordingRequest(camera: "cam-front", durationS: 3600))
    check(Example.recording)
    check(RecordingListHead(count: 1))
    check(Example.fileRequest)
    check(FileReadRequest(file: Example.fileRequest, offset: 1, length: 2))
    check(BulkPart(total: 7, offset: 5, count: 2))
    check(Example.fileListRequest)
    check(FileListHead(nextCursor: 4712, known: 93_214, count: 2))
    var file = Example.segment
    file.kind = Code(.snapshot)
    check(file)
    check(Example.verdict)
    check(Example.storage)
    check(RetentionPolicy(maximumAgeS: 2_592_000, maximumBytes: 20_000_000_000))
    check(RetentionReport(files: 12, bytes: 371_000_000))
    check(Example.recovery)
    check(Example.recoverySteps[0])
    check(Example.key)
    check(KeyListHead(count: 2))
    check(Example.auditEntry)
    check(AuditListHead(nextCursor: 4711, overwritten: 17, count: 3))
    check(Example.snapshotPart)
    check(SourceRequest(name: "door", url: "rtsp://10.0.0.5/1"))
    check(Example.sources[0])
    check(SourceListHead(count: 2))
    check(Example.alerts[0])
    check(AlertListHead(count: 2))
    check(Example.metrics[operation: 1])
    check(Example.change)
    check(Example.keyRequest)
    check(KeyName(name: "bernds-tablet"))
    check(KeyRotation(publicKey: Example.publicKey))
    check(Example.keyGrant)
    check(PairingRequest(role: .viewer))
    check(Example.pairingReply)
    check(AuditRequest(cursor: 4711, lane: .keys))
    check(ChangeRequest(id: 41))
    check(Example.stageRequest)
    check(Example.proof)
    check(ChangeListHead(count: 2))
    check(Refusal(.busy, retryAfterMs: 500, detail: 7))
  }

  private func check<Body: Payload & Equatable>(_ value: Body) {
    let bytes = Example.bytes(of: value)
    #expect(bytes.count == Body.size)
    #expect((try? bytes.withUnsafeBytes { try Body.decode($0) }) == value)
    let layout = Layout.all["\(Body.self)"]!
    for field in layout.fields {
      let found = [UInt8](bytes[field.offset..<field.offset + field.size])
      let expected = expectedBytes(of: field, in: value)
      #expect(found == expected, "\(Body.self).\(field.name)")
      if !field.isReserved, field.name != "lastExitValue", Body.self != Refusal.self {
        #expect(found.contains { $0 != 0 }, "\(Body.self).\(field.name) proves nothing when zero")
      }
    }
  }

  private func expectedBytes(of field: Layout.Field, in value: Any) -> [UInt8]? {
    if field.isReserved { return [UInt8](repeating: 0, count: field.size) }
    for child in Mirror(reflecting: value).children {
      if let exit = child.value as? LastExit, let label = child.label {
        if field.name == label + "Kind" { return [exit.kind.rawValue] }
        if field.name == label + "Value" { return [exit.value] }
      }
      guard child.label == field.name, let property = child.value as? any WireField else {
        continue
      }
      let bytes = property.wireBytes(size: field.size)
      return field.name == "address" ? bytes.reversed() : bytes
    }
    return nil
  }
}
