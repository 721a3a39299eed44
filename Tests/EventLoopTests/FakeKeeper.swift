import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// A card and who keeps it, as the loop sees them: what it holds outlives the loop.
final class FakeCard {
  var clients: [UInt8]?
  var changes: [UInt8]?
  var texts: [UInt32: [UInt8]] = [:]
  var inForce: [UInt8] = Array("name = barn\n".utf8)
  var former: [UInt8] = []
  /// The change that is in force and not confirmed; 0: none.
  var applied: UInt32 = 0
  var lanes = [[UInt8]](repeating: [], count: 4)
  /// What pairing.txt says.
  var note = ""
  var deviceKey: UInt8 = 100
  /// Texts that are to be staged do not come.
  var losesTexts = false
  /// The card has the device key; if not, it is kept as soon as it can be written.
  var hasDeviceKey = true
  /// What it says of the one that it makes.
  var madeKeyIs = BlobNews.State.madeAnew
  /// Nothing can be read: the device key is one for the time being.
  var isUnreadable = false
  /// Nothing can be written.
  var isReadOnly = false
  /// Requests of this kind fail.
  var refuses: KeeperRequest?
  /// Requests of this kind had been done before.
  var hasDone: KeeperRequest?
  /// Requests are taken, and not answered before this is false again.
  var hangs = false
  /// What was asked, in order.
  var log: [KeeperRequest] = []
  private var held: [[UInt8]] = []

  /// Answers what the loop has asked.
  func serve(_ fixture: inout Fixture) {
    held += fixture.loop.system.asked
    fixture.loop.system.asked = []
    guard !hangs else { return }
    let messages = held
    held = []
    for message in messages {
      for reply in answer(message) { fixture.loop.system.keeperNews.append(.said(reply)) }
    }
    if !fixture.loop.system.keeperNews.isEmpty { fixture.loop.system.extraReady.append(.keeper) }
  }

  /// Answers all but requests of one kind, which wait.
  func serveAllBut(_ kind: KeeperRequest, _ fixture: inout Fixture) {
    let late = (held + fixture.loop.system.asked).filter { $0[0] == kind.rawValue }
    held = (held + fixture.loop.system.asked).filter { $0[0] != kind.rawValue }
    fixture.loop.system.asked = []
    serve(&fixture)
    held = late
  }

  /// Forgets what it was asked: its process has ended, and another one begins.
  func restart(_ fixture: inout Fixture) {
    held = []
    fixture.loop.system.asked = []
    fixture.loop.system.keeperNews += [.ended, .began]
    fixture.loop.system.extraReady.append(.keeper)
  }

  private func answer(_ message: [UInt8]) -> [[UInt8]] {
    let number = Array(message[4..<8])
    let body = Array(message[8...])
    guard let request = KeeperRequest(rawValue: message[0]) else { return [] }
    log.append(request)
    guard request != refuses else { return [done(number, .failing)] }
    var replies: [[UInt8]] = []
    var outcome = isReadOnly ? KeeperOutcome.readOnly : .done
    let id = body.count >= 4 ? body[..<4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) } : 0
    switch request {
    case .hello:
      outcome = .done
      replies = [
        device(), blob(.clients, clients), blob(.changes, changes), staged(),
      ]
      for lane in 0..<4 { replies.append(audit(lane)) }
    case .retry:
      outcome = .done
      if !hasDeviceKey { replies = [device()] }
    case .clients where !isReadOnly: clients = body
    case .changes where !isReadOnly: changes = body
    case .append where !isReadOnly: lanes[Int(body[0])] += body[1...]
    case .forget where !isReadOnly:
      (clients, changes, texts, note) = (nil, nil, [:], "")
      deviceKey += 1
      var facts = KeeperFacts()
      (facts.place, facts.reset) = (.kept, .carriedOut)
      if applied != 0 { (facts.repair, inForce, applied) = (.putBack, former, 0) }
      replies = [encoded(.facts) { facts.encode(into: &$0) }]
      replies += [blob(.device, SealedClient.bytes(deviceKey)), blob(.clients, nil)]
    case .pairing where !isReadOnly: note = String(decoding: body, as: UTF8.self)
    case .stage where !isReadOnly && !losesTexts: texts[id] = Array(body[4...])
    case .check where texts[id].map({ digest($0) != Array(body[4...]) }) ?? false:
      outcome = .damaged
    case .check: outcome = texts[id] == nil ? .unknown : isWrong(texts[id]!) ? .wrong : .done
    case .proof: outcome = isWrong(body) ? .wrong : .done
    case .apply where !isReadOnly && applied == id: outcome = .already
    case .apply where !isReadOnly: (former, inForce, applied) = (inForce, texts[id] ?? [], id)
    case .rollBack where !isReadOnly && applied == id: (inForce, applied) = (former, 0)
    case .rollBack where !isReadOnly: outcome = .already
    case .drop where !isReadOnly:
      texts[id] = nil
      if applied == id { applied = 0 }
    case .text:
      outcome = .done
      replies = [[KeeperReply.text.rawValue, 0, 0, 0] + number + (id == 0 ? inForce : texts[id]!)]
    default: break
    }
    if request == hasDone { outcome = .already }
    return replies + [done(number, outcome)]
  }

  private func digest(_ text: [UInt8]) -> [UInt8] {
    let digest = text.withUnsafeBytes { ConfigurationDigest(sha256Of: $0) }
    return digest.bytes.indices.map { digest.bytes[$0] }
  }

  private func isWrong(_ text: [UInt8]) -> Bool { text.starts(with: Array("wrong".utf8)) }

  private func device() -> [UInt8] {
    let key = SealedClient.bytes(isUnreadable ? deviceKey + 90 : deviceKey)
    guard !hasDeviceKey else { return blob(.device, key) }
    hasDeviceKey = !isReadOnly
    var news = BlobNews(.device)
    (news.state, news.storing) = (madeKeyIs, isReadOnly ? .readOnly : .done)
    return encoded(.blob) { news.encode(into: &$0) } + key
  }

  private func blob(_ blob: Blob, _ bytes: [UInt8]?) -> [UInt8] {
    var news = BlobNews(blob)
    news.state = isUnreadable ? .unreadable : bytes == nil ? .none : .loaded
    return encoded(.blob) { news.encode(into: &$0) } + (bytes ?? [])
  }

  private func staged() -> [UInt8] {
    encoded(.staged) { writer in
      for id in texts.keys { writer.write(id) }
    }
  }

  private func audit(_ lane: Int) -> [UInt8] {
    var news = AuditNews()
    news.lane = UInt8(lane)
    return encoded(.audit) { news.encode(into: &$0) } + lanes[lane]
  }

  private func done(_ number: [UInt8], _ outcome: KeeperOutcome) -> [UInt8] {
    var done = KeeperDone(outcome)
    if outcome == .wrong {
      done = KeeperDone(ConfigurationError(line: 1, column: 2, message: Text("wrong on purpose")))
    }
    var bytes = encoded(.done) { done.encode(into: &$0) }
    bytes.replaceSubrange(4..<8, with: number)
    return bytes
  }

  private func encoded(_ reply: KeeperReply, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    writer.write(reply.rawValue)
    writer.zero(3)
    body(&writer)
    return Array(writer.written)
  }
}

extension FakeCard {
  /// A card with three clients' keys, as a device of `withKeys` has them.
  static func withKeys() throws -> FakeCard {
    let card = FakeCard()
    var fixture = Fixture.with(card)
    try fixture.addKeys()
    fixture.loop.accessWake = fixture.loop.now
    fixture.settle(card)
    #expect(card.clients != nil)
    return card
  }
}

extension Fixture {
  /// A device that begins with this card.
  static func with(
    _ card: FakeCard, slots: Int = 8, startMs: UInt64 = 5000,
    _ change: (inout Configuration) -> Void = { _ in }
  ) -> Fixture {
    var fixture = Fixture(slots: slots, startMs: startMs, change)
    fixture.insert(card)
    return fixture
  }

  mutating func insert(_ card: FakeCard) {
    loop.system.hasKeeper = true
    loop.system.keeperNews = [.began]
    loop.system.extraReady = [.keeper]
    settle(card)
  }

  /// Turns until the card has answered everything.
  mutating func settle(_ card: FakeCard) {
    for _ in 0..<12 {
      turns(2)
      card.serve(&self)
    }
    turns(2)
  }

  /// Settles, until nothing is on its way to the card any more, nor waits for its time.
  mutating func rest(_ card: FakeCard) {
    settle(card)
    pass(ms: Keeping.retryMs + 100)
    settle(card)
  }
}
