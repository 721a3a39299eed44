import Appliance
import EventLoop
import Wire

/// How a client behaves.
enum ClientKind: Equatable {
  // Honest ones.
  case `operator`, poller, subscriber, pipeliner
  /// With a key that may do everything.
  case admin
  // Faults.
  case flood, loris, slowReader, junk, copier
}

/// One client of the control port, which notes what it has asked and checks what it is told.
final class Client {
  struct Asked {
    var id: UInt32
    var kind: Kind
    var atUs: UInt64
    /// `starvedUs` of the world then.
    var starvedUs: UInt64
    var camera = Name()
    /// Where the next part of an answer in parts must begin.
    var offset: UInt32 = 0
    /// Whose key it is about, and what was asked for it.
    var holder: KeyHolder?
    var role: Role?
    /// What the client may do, where that was told.
    var askersRole: Role?
    var newKey: [UInt8]?
    var change: UInt32 = 0
    /// Of a configuration that is handed in.
    var text: [UInt8] = []
  }

  private(set) var kind: ClientKind
  let address: IPv4
  var random: SplitMix
  /// Index in the world's sockets.
  var connection: Int?
  var connectedUs: UInt64 = 0
  var connectedStarvedUs: UInt64 = 0
  var isServed = false
  var asked: [Asked] = []
  var nextID: UInt32 = 1
  var inbox: [UInt8] = []
  /// Bytes that have not left yet.
  var outbox: [UInt8] = []
  var topics = Topics.none
  /// The first event of the subscription, the last one that came, and how they add up.
  var firstSequence: UInt64 = 0
  var lastSequence: UInt64 = 0
  var received: UInt64 = 0
  var missed: UInt64 = 0
  var isReading = false
  var isPumping = false
  /// Acts planned for an earlier connection are void.
  var turn = 0
  /// nil: it comes in plain.
  var holder: KeyHolder?
  /// Its end of the connection, where that is sealed or about to be.
  var seal: SealedEnd?
  /// Changes of the configuration as it was told of them last.
  var changes: [ChangeEntry] = []
  /// When a client that a fault has brought leaves for good.
  var leavesUs: UInt64 = .max

  init(_ kind: ClientKind, _ address: IPv4, seed: UInt64, number: Int) {
    self.kind = kind
    self.address = address
    random = SplitMix(seed: seed, stream: 100 + UInt64(number))
  }

  var isHonest: Bool {
    switch kind {
    case .operator, .poller, .subscriber, .pipeliner, .admin: true
    case .flood, .loris, .slowReader, .junk, .copier: false
    }
  }

  /// It has become an admin, and acts as one.
  func promote() { kind = .admin }

  /// The connection is gone, and with it everything that was asked on it.
  func forget() {
    asked.removeAll()
    inbox.removeAll()
    outbox.removeAll()
    topics = .none
    seal = nil
  }

  /// The agent has closed the connection; `rest` still arrives.
  func closed(_ index: Int, rest: [UInt8], _ world: SimulatedWorld) {
    guard connection == index else { return }
    if !rest.isEmpty {
      inbox += rest
      read(world)
    }
    connection = nil
    forget()
    turn += 1
    world.plan(self, random.between(kind == .flood ? 50 : 200, kind == .flood ? 500 : 20_000))
  }
}

/// The population.
extension SimulatedWorld {
  func invite() {
    func add(_ kind: ClientKind, _ address: IPv4) {
      let client = Client(kind, address, seed: options.seed, number: clients.count)
      clients.append(client)
      plan(client, client.random.between(100, 20_000))
    }
    for _ in 0..<options.operators { add(.operator, IPv4(127, 0, 0, 1)) }
    for _ in 0..<options.subscribers { add(.subscriber, IPv4(127, 0, 0, 2)) }
    for _ in 0..<options.pipeliners { add(.pipeliner, IPv4(127, 0, 0, 3)) }
    inviteOwner()
    for index in 0..<options.pollers { add(.poller, IPv4(10, 0, 0, UInt8(index + 1))) }
  }

  /// Clients that a fault brings.
  func invite(_ fault: Fault) {
    let (kind, count): (ClientKind, Int) =
      switch fault.kind {
      case .strangerFlood: (.flood, 20 + Int(fault.subject % 80))
      case .slowLoris: (.loris, 5 + Int(fault.subject % 30))
      case .slowReaders: (.slowReader, slowReaders(Int(fault.subject)))
      case .copiedHandshakes: (.copier, 4 + Int(fault.subject % 20))
      default: (.junk, 1 + Int(fault.subject % 5))
      }
    for index in 0..<count {
      let address =
        kind == .slowReader
        ? IPv4(127, 0, 0, 4) : IPv4(10, 1, UInt8(fault.subject % 4), UInt8(index % 7))
      let number = Int(fault.subject) * 1000 + index
      let client = Client(kind, address, seed: options.seed &+ fault.atMs, number: number)
      client.leavesUs = us + max(fault.durationMs, 3000) * 1000
      clients.append(client)
      plan(client, client.random.between(0, 300))
      surely(max(fault.durationMs, 3000)) { $0.dismiss(client) }
    }
  }

  /// Who reads nothing takes no slot from an operator, who is a client of this machine as well:
  /// those may have all that strangers do not get, and nobody can make room for one more. Those of
  /// a fault before may still be there.
  private func slowReaders(_ subject: Int) -> Int {
    let wanted =
      switch options.slots {
      case RunOptions.manySlots: Buffers.pooled + subject % 36
      case 24...: 3
      default: 1
      }
    let here = clients.count { $0.address.isLoopback || $0.holder != nil }
    let ours = options.slots - options.configuration.control.publicSlots
    return max(0, min(wanted, ours - here))
  }

  func dismiss(_ client: Client) {
    client.turn += 1
    client.leavesUs = min(client.leavesUs, us)
    clients.removeAll { $0 === client }
    guard let index = client.connection, let socket = sockets[index] else { return }
    socket.clientEnded = true
    // Whoever leaves without having read resets its connection.
    if !socket.output.isEmpty { socket.isBroken = true }
    client.forget()
  }

  /// The client's next act.
  func plan(_ client: Client, _ ms: UInt64) {
    let turn = client.turn
    surely(ms) { world in
      if client.turn == turn { client.act(world) }
    }
  }

  /// It does not read now.
  func isStalled(_ client: Client) -> Bool {
    client.kind == .subscriber && isNow(.stalledSubscribers)
  }

  /// The stalled subscribers read again.
  func wakeStalled() {
    if isNow(.stalledSubscribers) { return }
    for client in clients where client.kind == .subscriber { wake(client) }
  }

  /// Something has come for a client.
  func wake(_ client: Client) {
    guard !client.isReading, client.kind != .slowReader, !isStalled(client) else { return }
    client.isReading = true
    surely(client.random.between(0, 15)) { world in
      client.isReading = false
      client.take(world)
    }
  }
}
