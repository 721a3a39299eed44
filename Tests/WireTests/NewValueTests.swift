import Testing

@testable import Wire

/// Values as they are made: a field that nobody has filled says nothing, and each takes its size.
@Suite struct NewValueTests {
  /// Bytes of new values that are not zero, by their offsets.
  static let said: [String: [Int: UInt8]] = [
    // The first event; all kinds; the version of handshakes; a viewer.
    "EventMessage": [28: 1, 29: 4], "FileListRequest": [0: 255], "IdentityReport": [32: 1],
    "KeyEntry": [96: 1], "KeyRequest": [64: 1],
    // MediaMTX has never answered.
    "MediaServerReport": Dictionary(uniqueKeysWithValues: (24..<32).map { ($0, 255) }),
    // The version, the sizes of frames, and how many cameras and streams there may be.
    "ServerInfo": [0: 1, 9: 64, 16: 32, 18: 64],
  ]

  static let values: [any Payload] = [
    AlertEntry(), AuditEntry(), CameraEntry(), CapabilitiesHead(), ChangeEntry(),
    ConfigurationProof(), EventMessage(), FileEntry(), FileListRequest(), FileVerdict(),
    HealthReport(), IdentityReport(), KeyEntry(), KeyGrant(), KeyRequest(), MediaServerReport(),
    MessagePart(), ModeEntry(), OperationStatistics(), RecordingEntry(), RecoveryReport(),
    RecoveryStep(), ServerInfo(), SnapshotPart(), SourceEntry(), StorageReport(), StreamEntry(),
    SubscriptionStatistics(), Welcome(),
  ]

  @Test func whatNobodyHasFilledSaysNothing() {
    for value in Self.values {
      let bytes = encoded(value).enumerated().filter { $0.element != 0 }
      let found = Dictionary(uniqueKeysWithValues: bytes.map { ($0.offset, $0.element) })
      #expect(found == Self.said["\(type(of: value))"] ?? [:], "\(type(of: value))")
    }
  }

  @Test func aRefusalTellsNoMoreThanItIsGiven() {
    let refusal = Refusal(.busy, to: .publish)
    #expect(refusal.retryAfterMs == 0 && refusal.detail == 0 && !refusal.message.isEmpty)
  }

  /// What follows in a list is where it is looked for.
  @Test func valuesAreAsLongAsTheySay() throws {
    for value in Self.values where !(value is KeyRequest) {
      let bytes = encoded(value)
      #expect(bytes.count == type(of: value).size, "\(type(of: value))")
      let rest = try (bytes + [1, 2, 3]).withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        _ = try type(of: value).init(from: &reader)
        return Array(reader.take(reader.remaining))
      }
      #expect(rest == [1, 2, 3], "\(type(of: value))")
    }
  }

  private func encoded(_ value: some Payload) -> [UInt8] {
    Example.build {
      var writer = ByteWriter($0)
      value.encode(into: &writer)
      return writer.count
    }
  }
}
