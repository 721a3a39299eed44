import Appliance
import Noise
import Wire

@testable import ControlClient

/// One session: an agent, a client or two, and what happens between them, checked at every step.
final class Session {
  private let scene: Scene
  private let agent: Agent
  private let network: Network
  private let keys: Keys?
  private var clients: [Client?] = [nil, nil]
  /// The agent's life is over.
  private(set) var agentHasEnded = false
  /// Events that have happened, and how many of them had when each client had subscribed.
  private var published = 0
  private var subscribedAfter: [Int?] = [nil, nil]
  /// Each client's connection is in order to the end of the session: it lacks nothing.
  private var isWhole = [false, false]
  private(set) var findings: [String] = []

  /// Requests of a client in one session at most.
  private static let requests = 3
  /// More than the agent keeps.
  private static let manyEvents = 600

  init(_ scene: Scene, _ agent: Agent, _ keys: Keys?) throws {
    self.scene = scene
    self.agent = agent
    self.keys = keys
    network = agent.network
    network.flaw = scene.flaw
    network.clear()
    agent.begin()
    for action in scene.before { try perform(action) }
  }

  // MARK: Actions

  /// The actions that would not be in vain.
  var enabled: [Action] { scene.actions.filter(isEnabled) }

  private func isEnabled(_ action: Action) -> Bool {
    let (first, second) = (clients[0], clients[1])
    return switch action {
    case .connects: first == nil && !agentHasEnded
    case .otherConnects: second == nil && !agentHasEnded
    case .pings, .subscribes: first.map { mayAsk($0) } ?? false
    case .reads:
      first.map { client in
        // Parts of two sealed answers cannot be told apart on their way.
        mayAsk(client) && !(scene.isSealed && client.asked.contains { $0.kind == .fileRead })
      } ?? false
    case .shakesHands: first.map { $0.asked.isEmpty } ?? false
    case .otherPings: second.map { $0.asked.count < 2 } ?? false
    case .closes: first?.isOpen ?? false
    case .otherCloses: second?.isOpen ?? false
    case .toAgent: first.map { $0.line.hasNewsForAgent } ?? false
    case .partToAgent: first.map { $0.line.toAgent.count > Self.part } ?? false
    case .toClient: first.map { $0.line.hasNewsForClient } ?? false
    case .partToClient: first.map { $0.line.toClient.count > Self.tail } ?? false
    case .otherCarries: second.map { $0.line.hasNewsForAgent || $0.line.hasNewsForClient } ?? false
    case .resets: first.map { $0.isOpen && $0.line.agentSees != .reset } ?? false
    case .agentTurns, .agentWaits, .event, .manyEvents: !agentHasEnded
    case .jobDone: !agentHasEnded && !network.jobs.isEmpty
    case .clientWaits: clients.contains { $0?.waiting.isEmpty == false }
    case .agentEnds: !agentHasEnded
    }
  }

  /// Bytes of the first part of a frame to the agent, and of the last of one to a client: within
  /// the header, and within the payload.
  private static let part = 20
  private static let tail = 7

  private func mayAsk(_ client: Client) -> Bool {
    guard client.asked.count < Self.requests + (scene.isSealed ? 1 : 0) else { return false }
    // A connection that could not be sealed is given to nobody.
    return !scene.isSealed || client.isSealed
  }

  func perform(_ action: Action) throws {
    let ended = clients.map { $0?.asked.map(\.ends.count) ?? [] }
    switch action {
    case .connects: try connect(0, from: scene.address)
    case .otherConnects: try connect(1, from: scene.otherAddress)
    case .pings: ask(.ping)
    case .reads: ask(.fileRead)
    case .subscribes: ask(.subscribe)
    case .shakesHands: ask(.handshake)
    case .otherPings: ask(.ping, by: 1)
    case .closes: clients[0]!.close()
    case .otherCloses: clients[1]!.close()
    case .toAgent: clients[0]!.line.carryToAgent(clients[0]!.line.toAgent.count)
    case .partToAgent: clients[0]!.line.carryToAgent(Self.part)
    case .toClient: try deliver(0)
    case .partToClient: try deliver(0, leaving: Self.tail)
    case .otherCarries:
      clients[1]!.line.carryToAgent(clients[1]!.line.toAgent.count)
      try deliver(1)
    case .resets:
      clients[0]!.line.reset()
      try deliver(0)
    case .agentTurns: turn { agent.turn() }
    case .agentWaits: turn { agent.pass() }
    case .clientWaits:
      for client in clients { client?.pass() }
    case .event: publish(1)
    case .manyEvents: publish(Self.manyEvents)
    case .jobDone: network.answerJob()
    case .agentEnds:
      agentHasEnded = true
      for line in network.lines { line.endOfProcess() }
    }
    judge(ended, action)
  }

  private func connect(_ index: Int, from address: IPv4) throws {
    let line = Line(from: address, window: scene.window)
    network.connect(line)
    clients[index] = try Client(line, flaw: scene.flaw)
  }

  /// A turn of the agent, or more of them while time passes.
  private func turn(_ turns: () -> Void) {
    let before = clients.map { $0.map { ($0.line.generation, $0.line.isDropped) } }
    turns()
    for (index, client) in clients.enumerated() where client?.line.isDropped == true {
      // A stranger makes room for one who comes.
      let other = 1 - index
      let hasCome = before[other]?.0 == 0 && clients[other]?.line.generation != 0
      if before[index]?.1 == false, scene.address == IPv4(127, 0, 0, 1) || !hasCome {
        found("the connection of client \(index) was closed for no reason")
      }
    }
    for (index, client) in clients.enumerated() where subscribedAfter[index] == nil {
      // All that happened before this turn is not told.
      if let client, agent.isSubscribed(client.line) { subscribedAfter[index] = published }
    }
  }

  private func publish(_ count: Int) {
    agent.publish(count, from: published)
    published += count
  }

  private func deliver(_ index: Int, leaving tail: Int = 0) throws {
    let client = clients[index]!
    try client.receive(client.line.toClient.count - tail) { network.spoil($0) }
  }

  private func ask(_ kind: Kind, by index: Int = 0) {
    let client = clients[index]!
    let number = UInt8(100 * index + client.asked.count + 1)
    client.ask(kind, Self.body(kind, number), number: number, terms: keys?.terms(kind))
  }

  /// A request that no other one is equal to. Their sizes differ, so that they can be told from
  /// each other when they are sealed.
  private static func body(_ kind: Kind, _ number: UInt8) -> [UInt8] {
    switch kind {
    case .ping: [UInt8](repeating: number, count: 20 + Int(number) % 20)
    case .subscribe: bytes(SubscriptionRequest(topics: .cameras))
    case .fileRead:
      bytes(
        FileReadRequest(
          file: FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4")),
          offset: UInt64(number), length: 1 << 20))
    default: []
    }
  }

  private static func bytes<Body: Payload>(_ body: Body) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Body.size) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      body.encode(into: &writer)
      count = writer.count
    }
  }

  // MARK: Checks

  private func found(_ what: String) { findings.append(what) }

  /// What has come of requests since there were `ended` ends of each, for no other reason than
  /// this action.
  private func judge(_ ended: [[Int]], _ action: Action) {
    let cause = action.cause
    for (index, client) in clients.enumerated() {
      guard let client else { continue }
      if !client.isOpen && client.endedOf == nil { client.endedOf = lastWords(to: client, cause) }
      for (request, asked) in client.asked.enumerated() {
        let before = request < ended[index].count ? ended[index][request] : 0
        guard asked.ends.count > before else { continue }
        let name = "\(action): request \(request + 1) of client \(index)"
        if asked.ends.count > 1 { found("\(name) ended again") }
        switch asked.ends[asked.ends.count - 1] {
        case .success(let answer):
          if cause != .delivery { found("\(name) was answered by nobody") }
          if !Self.isRight(answer, to: asked) { found("\(name) got the answer to another one") }
        case .failure(let error):
          let wanted = expectedError(client, request, cause)
          if !Self.isSame(error, wanted) {
            found("\(name) failed of \(error) instead of \(wanted.map { "\($0)" } ?? "nothing")")
          }
        }
      }
      if cause == .time {
        for request in client.waiting where client.isDue(request) {
          found("request \(request + 1) of client \(index) is waited for too long")
        }
      }
    }
  }

  /// The one reason of which a request may fail now; nil: there is none.
  private func expectedError(_ client: Client, _ request: Int, _ cause: Cause) -> ControlError? {
    let asked = client.asked[request]
    switch cause {
    case .nothing: return nil
    case .time:
      guard client.isDue(request) else { return nil }
      return .timeout(Client.device, operation: asked.kind, seconds: 2)
    case .delivery, .end, .asking: return client.endedOf
    }
  }

  /// Why the connection has ended: the agent may have said so.
  private func lastWords(to client: Client, _ cause: Cause) -> ControlError {
    guard cause == .delivery, client.line.wasTold else { return .closed(Client.device) }
    if agent.isRefused(client.line) { return .busy(Client.device, retryAfterMs: 1000) }
    return .ended(status: Status.timeout.rawValue, message: "")
  }

  private static func isSame(_ error: any Error, _ wanted: ControlError?) -> Bool {
    // The words are the agent's.
    if case .ended(let status, _)? = error as? ControlError, case .ended(let other, _)? = wanted {
      return status == other
    }
    return wanted != nil && error as? ControlError == wanted
  }

  private static func isRight(_ answer: Answer, to asked: Client.Asked) -> Bool {
    guard answer.header.kind == asked.kind.rawValue, answer.header.status == Status.ok.rawValue
    else { return false }
    switch asked.kind {
    case .ping: return answer.payload == body(.ping, asked.number)
    case .fileRead: return answer.payload == Network.answer(to: body(.fileRead, asked.number))
    case .subscribe:
      let reply = try? answer.payload.withUnsafeBytes { try SubscriptionReply.decode($0) }
      return reply?.topics == .cameras
    default: return asked.kind == .handshake
    }
  }

  // MARK: The end

  /// Everything that is under way arrives, then everybody goes, and nothing may be left.
  func finish() throws {
    for (index, client) in clients.enumerated() {
      guard let client, client.tableSize != client.waiting.count else { continue }
      found("client \(index) waits for \(client.tableSize) instead of \(client.waiting.count)")
    }
    try settle()
    for (index, client) in clients.enumerated() {
      guard let client, client.isOpen else { continue }
      isWhole[index] = !agentHasEnded
      for request in client.waiting {
        found("request \(request + 1) of client \(index) has got no answer")
      }
    }
    for client in clients { client?.close() }
    for _ in 0..<2 {
      try settle()
      turn { agent.pass() }
    }
    for leak in agent.leaks { found("agent: \(leak)") }
    for client in clients { for leak in client?.leaks() ?? [] { found("client: \(leak)") } }
  }

  /// Until nothing moves any more; no time passes.
  private func settle() throws {
    for _ in 0..<40 {
      var moves = false
      if !agentHasEnded {
        if !network.jobs.isEmpty { try perform(.jobDone) }
        try perform(.agentTurns)
        moves = !agent.isQuiet || network.hadNews
      }
      for (index, client) in clients.enumerated() {
        guard let line = client?.line, line.hasNewsForAgent || line.hasNewsForClient else {
          continue
        }
        moves = true
        let ended = clients.map { $0?.asked.map(\.ends.count) ?? [] }
        line.carryToAgent(line.toAgent.count)
        try deliver(index)
        judge(ended, .toClient)
      }
      if !moves { return }
    }
    found("it does not come to rest")
  }

  /// The events that each client has got, which has ended.
  func readEvents() async {
    for (index, client) in clients.enumerated() {
      guard let client else { continue }
      var next = subscribedAfter[index] ?? 0
      for await event in client.events {
        next += Int(event.missed)
        if Int(event.value) != next || subscribedAfter[index] == nil {
          found("client \(index) got event \(event.value) where \(next) was due")
        }
        next = Int(event.value) + 1
      }
      if isWhole[index], subscribedAfter[index] != nil, next != published {
        found("client \(index) got \(next) events of \(published)")
      }
    }
  }

  /// Tells states apart that can go on differently.
  var state: Int {
    var hasher = Hasher()
    hasher.combine(agentHasEnded)
    if agentHasEnded { for line in network.lines { hasher.combine(line) } }
    if !agentHasEnded { agent.hash(into: &hasher) }
    for client in clients {
      hasher.combine(client == nil)
      client?.hash(into: &hasher)
    }
    return hasher.finalize()
  }
}

/// Of what a request may end.
private enum Cause { case nothing, delivery, time, end, asking }

extension Action {
  fileprivate var cause: Cause {
    switch self {
    case .pings, .reads, .subscribes, .shakesHands, .otherPings: .asking
    case .toClient, .partToClient, .otherCarries: .delivery
    case .closes, .otherCloses, .resets: .end
    case .clientWaits: .time
    case .connects, .otherConnects, .toAgent, .partToAgent, .agentTurns, .agentWaits, .event,
      .manyEvents, .jobDone, .agentEnds:
      .nothing
    }
  }
}
