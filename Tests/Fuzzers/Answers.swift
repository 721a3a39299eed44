import Wire

extension Fuzzer {
  /// In: the number of a message, then its payload. Holds: what is written of what was read is read
  /// as the same; a list has as many entries as it says; nothing but the length is ever refused
  /// where a newer device may say more than this build knows.
  static let answers = Fuzzer("answers", longest: 4096) {
    Answer.all.indices.flatMap { number in
      [0, 8, 16, 64, 256, 600].map { size in
        [UInt8(number)] + [UInt8](repeating: size == 64 ? 1 : 0, count: size)
      }
    }
  } run: { bytes in
    var input = Bytes(bytes)
    let number = Int(input.byte()) % Answer.all.count
    withCopy(input.rest) { Answer.all[number](UnsafeRawBufferPointer($0)) }
  }
}

private enum Answer {
  static let all: [@Sendable (UnsafeRawBufferPointer) -> Void] = [
    body(RecordingEntry.self), body(SubscriptionReply.self), body(SubscriptionStatistics.self),
    body(EventMessage.self), body(RecoveryStep.self), body(LogHead.self), body(Refusal.self),
    body(ChangeEntry.self), body(CameraEntry.self), body(ModeEntry.self), body(StreamEntry.self),
    body(MediaServerReport.self), body(KeyEntry.self), body(AuditEntry.self),
    body(ConfigurationProof.self), body(AlertEntry.self), body(PublishReply.self),
    body(StorageReport.self), body(RetentionReport.self), body(KeyGrant.self),
    body(PairingReply.self), body(Welcome.self), body(IdentityReport.self), body(FileEntry.self),
    body(FileVerdict.self), body(HealthReport.self), body(SourceEntry.self), body(ServerInfo.self),
    body(MetricValues.self), body(OperationStatistics.self),
    list(RecordingListHead.self), list(RecoveryReport.self), list(ChangeListHead.self),
    list(CameraListHead.self), list(CapabilitiesHead.self), list(StreamListHead.self),
    list(KeyListHead.self), list(AuditListHead.self), list(AlertListHead.self),
    list(FileListHead.self), list(SourceListHead.self),
    { payload in split(payload) { p throws(Status) in try MessagePart.open(p).bytes } },
    { payload in split(payload) { p throws(Status) in try SnapshotPart.open(p).bytes } },
    { payload in split(payload) { p throws(Status) in try BulkPart.open(p).bytes } },
    { payload in split(payload) { p throws(Status) in try LogHead.open(p).text } },
    { payload in split(payload) { p throws(Status) in try HandshakeForm.openReply(p) } },
  ]

  /// A payload of one size; any other one is refused.
  private static func body<Body: Payload & Equatable>(
    _: Body.Type
  ) -> @Sendable (UnsafeRawBufferPointer) -> Void {
    { payload in
      let isTaken = (try? Body.decode(payload)) != nil
      if Body.self != MetricValues.self {
        require(isTaken <= (payload.count == Body.size), "\(Body.self): another length")
      }
      var input = Bytes(payload)
      var reader = input.fill(Body.size)
      reader.withUnsafeMutableBytes { bytes in
        withCopy(.init(bytes)) { isStable(Body.self, .init($0)) }
      }
    }
  }

  private static func isStable<Body: Payload & Equatable>(
    _: Body.Type, _ bytes: UnsafeRawBufferPointer
  ) {
    var reader = ByteReader(bytes)
    guard let value = try? Body(from: &reader) else { return }
    require(reader.remaining == 0, "\(Body.self): all of it is read")
    let again = encoded(Body.size) { value.encode(into: &$0) }
    require(again.count == Body.size, "\(Body.self): its size is written")
    again.withUnsafeBytes { again in
      var reader = ByteReader(again)
      require((try? Body(from: &reader)) == value, "\(Body.self): what was written is read")
    }
  }

  private static func list<Head: ListHead & Equatable>(
    _: Head.Type
  ) -> @Sendable (UnsafeRawBufferPointer) -> Void where Head.Entry: Equatable {
    { payload in
      guard let (head, rest) = try? Head.open(payload) else { return }
      var reader = rest
      require(Int(head.count) <= Head.maximum, "\(Head.self): no more than may be")
      for _ in 0..<head.count {
        isStable(Head.Entry.self, reader.take(Head.Entry.size))
      }
      require(reader.remaining == 0, "\(Head.self): nothing behind the entries")
    }
  }

  private static func split(
    _ payload: UnsafeRawBufferPointer,
    _ open: (UnsafeRawBufferPointer) throws(Status) -> UnsafeRawBufferPointer
  ) {
    guard let bytes = try? open(payload) else { return }
    require(lies(bytes, in: payload), "told in place")
  }
}

/// Implication.
private func <= (left: Bool, right: Bool) -> Bool { !left || right }
