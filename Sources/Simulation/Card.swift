import Appliance
import Noise
import Wire

/// What the card keeps of keys, changes and the audit: it outlives power cuts. A request that was
/// answered lies on it; one that was not may do so.
struct Card {
  var deviceKey: [UInt8]?
  /// One that was made while the card could not take it.
  var unsavedKey: [UInt8]?
  var clients: [UInt8]?
  var changes: [UInt8]?
  /// Texts by the id of their change.
  private var texts: [(id: UInt32, text: [UInt8])] = []
  private(set) var inForce: [UInt8] = Array("name = barn\n".utf8)
  private var former: [UInt8] = []
  /// The change that is in force and was not dropped; 0: none.
  private(set) var applied: UInt32 = 0
  /// Keys and changes could not be read when they were to be told.
  private var isMissing = false
  private var lanes = [[UInt8]](repeating: [], count: 4)
  /// pairing.txt.
  private(set) var note = ""
  /// Somebody has put the file there that asks for a factory reset.
  var resetIsAsked = false

  /// How the card is now.
  struct Condition {
    /// Why nothing can be written; `done`: it can.
    var writing = KeeperOutcome.done
    var isUnreadable = false
  }

  private static let textLimit = 16
  /// Records of a lane that are told again.
  private static let recordsTold = 100

  /// What one request leads to: messages to the agent, `done` last.
  mutating func answer(
    _ message: [UInt8], _ condition: Condition, _ random: inout SplitMix
  ) -> [[UInt8]] {
    let number = Array(message[4..<8])
    let body = Array(message[KeeperMessage.requestHead...])
    guard let request = KeeperRequest(rawValue: message[0]) else { return [] }
    var replies: [[UInt8]] = []
    var done = KeeperDone(condition.writing)
    let canWrite = condition.writing == .done && !condition.isUnreadable
    if condition.isUnreadable, condition.writing == .done { done.outcome = .failing }
    let id = Self.id(body)
    switch request {
    case .hello:
      replies = greet(condition, canWrite, &random)
      done.outcome = .done
    case .retry:
      if unsavedKey != nil { replies.append(device(condition, canWrite, &random)) }
      if isMissing {
        replies += [blob(.clients, clients, condition), blob(.changes, changes, condition)]
        isMissing = condition.isUnreadable
      }
      done.outcome = .done
    case .clients: if canWrite { clients = body }
    case .changes: if canWrite { changes = body }
    case .append: if canWrite { append(body) }
    case .forget:
      let repair = canWrite ? erase(&random) : .notNeeded
      replies = [facts(canWrite ? .carriedOut : .failed, repair)]
      replies.append(device(condition, canWrite, &random))
      replies += [blob(.clients, clients, condition), blob(.changes, changes, condition)]
      replies.append(staged())
    case .pairing: if canWrite { note = String(decoding: body, as: UTF8.self) }
    case .stage: if canWrite { done.outcome = stage(id, Array(body[4...])) }
    case .check: done = check(id, Array(body[4...]))
    case .proof: done = Self.proof(body)
    case .apply: if canWrite { done = apply(id, Array(body[4...])) }
    case .rollBack: if canWrite { done.outcome = rollBack(id) }
    case .drop: if canWrite { drop(id) }
    case .text: (done.outcome, replies) = tell(id, number)
    }
    return replies + [Self.encoded(.done, number) { done.encode(into: &$0) }]
  }

  static func id(_ body: [UInt8]) -> UInt32 {
    body.count < 4 ? 0 : body[..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  // MARK: What is told

  private mutating func greet(
    _ condition: Condition, _ canWrite: Bool, _ random: inout SplitMix
  ) -> [[UInt8]] {
    note = ""
    var reset = KeeperFacts.Reset.notAsked
    var repair = KeeperFacts.Repair.notNeeded
    if resetIsAsked {
      reset = canWrite ? .carriedOut : .failed
      if canWrite { repair = erase(&random) }
    }
    var replies = [facts(reset, repair), device(condition, canWrite, &random)]
    replies += [blob(.clients, clients, condition), blob(.changes, changes, condition)]
    replies.append(staged())
    isMissing = condition.isUnreadable
    for lane in lanes.indices {
      var news = AuditNews()
      news.lane = UInt8(lane)
      let told = lanes[lane].suffix(Self.recordsTold * AuditEntry.size)
      replies.append(Self.encoded(.audit) { news.encode(into: &$0) } + told)
    }
    return replies
  }

  private func facts(_ reset: KeeperFacts.Reset, _ repair: KeeperFacts.Repair) -> [UInt8] {
    var facts = KeeperFacts()
    facts.place = .kept
    facts.reset = reset
    facts.repair = repair
    facts.applied = applied
    return Self.encoded(.facts) { facts.encode(into: &$0) }
  }

  private mutating func device(
    _ condition: Condition, _ canWrite: Bool, _ random: inout SplitMix
  ) -> [UInt8] {
    var news = BlobNews(.device)
    var key = condition.isUnreadable ? nil : deviceKey
    if key != nil {
      news.state = .loaded
      unsavedKey = nil
    } else {
      key = unsavedKey ?? random.bytes(Blob.keySize)
      news.state = condition.isUnreadable ? .unreadable : .madeAnew
      if canWrite { deviceKey = key } else { news.storing = .readOnly }
      unsavedKey = canWrite ? nil : key
    }
    return Self.encoded(.blob) { news.encode(into: &$0) } + (key ?? [])
  }

  private func blob(_ blob: Blob, _ bytes: [UInt8]?, _ condition: Condition) -> [UInt8] {
    var news = BlobNews(blob)
    news.state = condition.isUnreadable ? .unreadable : bytes == nil ? .none : .loaded
    let told = condition.isUnreadable ? [] : bytes ?? []
    return Self.encoded(.blob) { news.encode(into: &$0) } + told
  }

  private func staged() -> [UInt8] {
    Self.encoded(.staged) { writer in
      for id in stagedIDs { writer.write(id) }
    }
  }

  // MARK: What is kept

  private mutating func append(_ body: [UInt8]) {
    let lane = Int(body[0])
    lanes[lane] += body[1...]
    let most = 2 * Self.recordsTold * AuditEntry.size
    if lanes[lane].count > 2 * most { lanes[lane].removeFirst(lanes[lane].count - most) }
  }

  /// What nobody has confirmed is taken back first: nobody is left to do so.
  private mutating func erase(_ random: inout SplitMix) -> KeeperFacts.Repair {
    let isPutBack = applied != 0
    if isPutBack { inForce = former }
    (clients, changes, texts, unsavedKey) = (nil, nil, [], nil)
    (applied, former, note, resetIsAsked) = (0, [], "", false)
    deviceKey = random.bytes(Blob.keySize)
    return isPutBack ? .putBack : .notNeeded
  }

  // MARK: Changes

  private mutating func stage(_ id: UInt32, _ text: [UInt8]) -> KeeperOutcome {
    texts.removeAll { $0.id == id }
    guard texts.count < Self.textLimit else { return .tooMany }
    texts.append((id, text))
    return .done
  }

  /// Changes whose texts it has.
  var stagedIDs: [UInt32] { texts.map(\.id) }

  func text(_ id: UInt32) -> [UInt8]? { texts.first { $0.id == id }?.text }

  func isInForce(_ id: UInt32) -> Bool { text(id) == inForce }

  private func check(_ id: UInt32, _ digest: [UInt8]) -> KeeperDone {
    guard let text = text(id) else { return KeeperDone(.unknown) }
    let isThis = text.withUnsafeBytes { bytes in
      let found = ConfigurationDigest(sha256Of: bytes)
      return found.bytes.indices.map { found.bytes[$0] } == digest
    }
    return isThis ? Self.proof(text) : KeeperDone(.damaged)
  }

  private static func proof(_ text: [UInt8]) -> KeeperDone {
    guard text.starts(with: Array("wrong".utf8)) else { return KeeperDone(.done) }
    return KeeperDone(ConfigurationError(line: 1, column: 2, message: Text("wrong on purpose")))
  }

  private mutating func apply(_ id: UInt32, _ digest: [UInt8]) -> KeeperDone {
    let checked = check(id, digest)
    guard checked.outcome == .done, let text = text(id) else { return checked }
    if applied == id { return KeeperDone(.already) }
    (former, inForce, applied) = (inForce, text, id)
    return KeeperDone(.done)
  }

  private mutating func rollBack(_ id: UInt32) -> KeeperOutcome {
    guard applied == id else { return .already }
    (inForce, applied) = (former, 0)
    return .done
  }

  private mutating func drop(_ id: UInt32) {
    texts.removeAll { $0.id == id }
    if applied == id { applied = 0 }
  }

  private func tell(_ id: UInt32, _ number: [UInt8]) -> (KeeperOutcome, [[UInt8]]) {
    guard let text = id == 0 ? inForce : text(id) else { return (.unknown, []) }
    return (.done, [[KeeperReply.text.rawValue, 0, 0, 0] + number + text])
  }

  // MARK: -

  private static func encoded(
    _ reply: KeeperReply, _ number: [UInt8]? = nil, _ body: (inout ByteWriter) -> Void
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = bytes.withUnsafeMutableBytes { memory in
      var writer = ByteWriter(memory)
      writer.write(reply.rawValue)
      writer.zero(3)
      body(&writer)
      return writer.count
    }
    if let number { bytes.replaceSubrange(4..<8, with: number) }
    return Array(bytes[..<count])
  }
}
