import Noise
import Wire

@testable import ControlClient

/// The keys of a device and its one client.
struct Keys {
  private let device = [UInt8](repeating: 0x37, count: 32)
  private let secret = [UInt8](repeating: 0x5C, count: 32)
  private let identity: ClientIdentity
  private let agent: PublicKey

  init(in agent: Agent) throws {
    let own = [UInt8](repeating: 0x66, count: 32)
    identity = ClientIdentity(own.withUnsafeBytes { SecretBytes($0) })
    try agent.load(key: device, client: identity.publicKey, secret: secret)
    self.agent = agent.publicKey
  }

  func terms(_ kind: Kind) -> HandshakeTerms? {
    guard kind == .handshake else { return nil }
    return HandshakeTerms(
      identity: identity, device: agent, secret: secret.withUnsafeBytes { SecretBytes($0) })
  }
}

/// Plays all sessions of a scene up to its depth, the shortest first.
///
/// A session is played from its beginning to an end in which everything that is under way arrives
/// and everybody goes. One that leads to a state that was there before, with fewer actions or as
/// many, is played to its end but not continued: what could follow is what has followed there. So
/// every session of the scene is played or ends like one that is.
struct Explorer {
  private struct Node {
    let path: [Action]
    let enabled: [Action]
    /// Where each of them leads that changes anything.
    var next: [Int] = []
  }

  let scene: Scene
  private(set) var nodes = 0
  /// Sessions that were played, and those that there are: with actions that change nothing left
  /// out.
  private(set) var played = 0
  private(set) var sessions = 0
  /// The first sessions in which something was wrong, and what.
  private(set) var findings: [String] = []

  private var agent: Agent
  private var keys: Keys?

  init(_ scene: Scene) throws {
    self.scene = scene
    agent = Agent(slots: scene.slots, Network())
    keys = scene.isSealed ? try Keys(in: agent) : nil
  }

  /// Plays until something is found, or to the end.
  mutating func explore(findings most: Int = 3) async throws {
    var (start, enabled) = try await play([])
    var known = [start: 0]
    var graph = [Node(path: [], enabled: enabled)]
    var at = 0
    while at < graph.count, findings.count < most {
      defer { at += 1 }
      guard graph[at].path.count < scene.depth else { continue }
      for action in graph[at].enabled {
        let path = graph[at].path + [action]
        (start, enabled) = try await play(path)
        let index = known[start] ?? graph.count
        if index == graph.count {
          known[start] = index
          graph.append(Node(path: path, enabled: enabled))
        }
        if index != at { graph[at].next.append(index) }
      }
    }
    nodes = graph.count
    sessions = Self.count(graph, scene.depth)
  }

  /// Plays one session. Returns the state that its last action has led to, and what can follow.
  @discardableResult
  mutating func play(_ path: [Action]) async throws -> (Int, [Action]) {
    played += 1
    let session = try Session(scene, agent, keys)
    for action in path { try session.perform(action) }
    let (state, enabled) = (session.state, session.enabled)
    try session.finish()
    await session.readEvents()
    if !session.findings.isEmpty {
      let names = path.map { "\($0)" }.joined(separator: ", ")
      findings.append("\(scene): \(names): \(session.findings.joined(separator: "; "))")
    }
    if !session.findings.isEmpty {
      agent = Agent(slots: scene.slots, Network())
      keys = scene.isSealed ? try Keys(in: agent) : nil
    }
    return (state, enabled)
  }

  /// Paths of at most `depth` steps from the first node, of which none that can have a further one
  /// within that depth is unfinished in the graph.
  private static func count(_ graph: [Node], _ depth: Int) -> Int {
    var ways = [Int](repeating: 0, count: graph.count)
    ways[0] = 1
    var sum = 0
    for _ in 0..<depth {
      var next = [Int](repeating: 0, count: graph.count)
      for (index, node) in graph.enumerated() where ways[index] > 0 {
        for follower in node.next { next[follower] += ways[index] }
      }
      ways = next
      sum += ways.reduce(0, +)
    }
    return sum
  }
}
