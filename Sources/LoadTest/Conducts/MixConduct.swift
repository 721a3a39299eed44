import LoadGenerator
import LoadPlan
import Wire

/// Asks one of several operations at a time, drawn by weight, and changes nothing.
final class MixConduct: Conduct {
  struct Choice {
    var ask: Ask
    var operation: UserClass.Operation
    var weight: Int
  }

  private let choices: [Choice]
  private let total: Int
  private var random: SplitMix

  /// `labels`: those of the operations, in the order of `shares`.
  init(_ shares: [UserClass.Share], labels: [Int], payload: Int, seed: UInt64) {
    choices = zip(shares, labels).map { share, label in
      Choice(
        ask: Ask(label, share.operation.kind, share.operation.request(payload: payload)),
        operation: share.operation, weight: share.weight)
    }
    total = shares.reduce(0) { $0 + $1.weight }
    random = SplitMix(seed)
  }

  func next(now: UInt64) -> Move {
    guard choices.count > 1 else { return .ask(choices[0].ask) }
    var place = Int.random(in: 0..<total, using: &random)
    for choice in choices {
      place -= choice.weight
      if place < 0 { return .ask(choice.ask) }
    }
    return .ask(choices[0].ask)
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    guard refusal == nil else { return .right }
    guard let choice = choices.first(where: { $0.ask.label == label }) else { return .wrong }
    return choice.operation.judge(payload, of: choice.ask.payload)
  }
}

extension UserClass.Operation {
  var kind: Kind {
    switch self {
    case .ping: .ping
    case .health: .health
    case .serverInfo: .serverInfo
    case .cameraList: .cameraList
    case .streamList: .streamList
    case .sourceList: .sourceList
    case .recordingList: .recordingList
    case .fileList: .fileList
    case .metrics: .metrics
    case .alertList: .alertList
    case .mediaServer: .mediaServer
    case .subscriptionStatistics: .subscriptionStatistics
    case .storageStatus: .storageStatus
    case .configurationCheck: .configurationCheck
    case .changeList: .changeList
    case .changeHistory: .changeHistory
    case .keyList: .keyList
    case .auditList: .auditList
    case .logTail: .logTail
    case .identity: .identity
    }
  }

  /// `payload`: bytes of a ping.
  func request(payload: Int) -> [UInt8] {
    switch self {
    case .ping: (0..<min(payload, Limits.pingSize)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    case .fileList: encoded(FileListRequest())
    case .auditList: encoded(AuditRequest())
    case .logTail: encoded(LogRequest(source: .agent, cursor: LogRequest.end))
    case .configurationCheck: Array("[device]\nname = wpload\n".utf8)
    case .health, .serverInfo, .cameraList, .streamList, .sourceList, .recordingList, .metrics,
      .alertList, .mediaServer, .subscriptionStatistics, .storageStatus, .changeList,
      .changeHistory, .keyList, .identity:
      []
    }
  }

  /// Whether this is an answer to what was asked: as long as it has to be, and what has to come
  /// back is there.
  func judge(_ payload: UnsafeRawBufferPointer, of request: [UInt8]) -> Verdict {
    switch self {
    case .ping: payload.elementsEqual(request) ? .right : .wrong
    case .fileList: part(payload)
    case .health: fits(HealthReport.self, payload)
    case .serverInfo: fits(ServerInfo.self, payload)
    case .cameraList: list(CameraListHead.self, payload)
    case .streamList: list(StreamListHead.self, payload)
    case .sourceList: list(SourceListHead.self, payload)
    case .recordingList: list(RecordingListHead.self, payload)
    case .alertList: list(AlertListHead.self, payload)
    case .changeList, .changeHistory: list(ChangeListHead.self, payload)
    case .keyList: list(KeyListHead.self, payload)
    case .auditList: list(AuditListHead.self, payload)
    case .metrics: fits(MetricValues.self, payload)
    case .mediaServer: fits(MediaServerReport.self, payload)
    case .subscriptionStatistics: fits(SubscriptionStatistics.self, payload)
    case .storageStatus: fits(StorageReport.self, payload)
    case .configurationCheck: fits(ConfigurationProof.self, payload)
    case .identity: fits(IdentityReport.self, payload)
    case .logTail: (try? LogHead.open(payload)) == nil ? .wrong : .right
    }
  }

  private func fits<Content: Payload>(
    _: Content.Type, _ payload: UnsafeRawBufferPointer
  ) -> Verdict {
    (try? Content.decode(payload)) == nil ? .wrong : .right
  }

  private func list<Head: ListHead>(_: Head.Type, _ payload: UnsafeRawBufferPointer) -> Verdict {
    guard payload.count >= Head.size else { return .wrong }
    var reader = ByteReader(payload)
    guard let head = try? Head(from: &reader) else { return .wrong }
    return payload.count == Head.size + Int(head.count) * Head.Entry.size ? .right : .wrong
  }

  private func part(_ payload: UnsafeRawBufferPointer) -> Verdict {
    guard payload.count >= BulkPart.size else { return .wrong }
    var reader = ByteReader(payload)
    let part = BulkPart(from: &reader)
    guard payload.count == BulkPart.size + Int(part.count) else { return .wrong }
    return part.isLast ? .right : .goesOn
  }
}

/// The bytes of a request.
func encoded<Content: Payload>(_ content: Content) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: Content.size) { buffer, count in
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
    content.encode(into: &writer)
    count = writer.count
  }
}
