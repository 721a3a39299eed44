import Appliance
import EventLoop
import Wire

/// A connection as the kernel holds it: bytes under way in both directions, bounded.
final class Socket {
  /// What a socket buffer holds, in either direction.
  static let capacity = 65_536
  let client: Client
  let address: IPv4
  /// Bytes that have come for the agent.
  var input: [UInt8] = []
  var inputRead = 0
  /// Bytes that the agent has sent and the client has not taken.
  var output: [UInt8] = []
  /// The client has ended its direction, behind `input`; the connection is dead.
  var clientEnded = false
  var isBroken = false
  /// The agent has ended its direction.
  var agentEnded = false
  var isAccepted = false
  var slot = -1
  var generation: UInt32 = 0
  var interest = Interest.nothing
  /// When bytes or an end went over it last, or it was accepted; and `starvedUs` of the world
  /// then.
  private(set) var movedUs: UInt64 = 0
  private(set) var movedStarvedUs: UInt64 = 0

  func moves(_ world: SimulatedWorld) {
    (movedUs, movedStarvedUs) = (world.us, world.starvedUs)
  }

  init(_ client: Client, _ address: IPv4) {
    self.client = client
    self.address = address
  }

  /// The client still wants to hear what the agent says.
  var isListening: Bool { !isBroken && !clientEnded }

  var unread: Int { input.count - inputRead }

  var readiness: Readiness? {
    guard slot >= 0 else { return nil }
    if isBroken { return .broken }
    switch interest {
    case .nothing: return nil
    case .readable: return unread > 0 || clientEnded ? .readable : nil
    case .writable: return output.count < Socket.capacity ? .writable : nil
    }
  }
}

/// The control port.
extension SimulatedWorld {
  static let firstDescriptor = 10

  /// The socket of a descriptor that the agent must own.
  private func owned(_ descriptor: Int32, _ what: StaticString) -> Socket? {
    let index = Int(descriptor) - Self.firstDescriptor
    guard sockets.indices.contains(index), let socket = sockets[index], socket.isAccepted else {
      broke(SlotsConserved.self, "\(what) on descriptor \(descriptor), which is not open")
      return nil
    }
    return socket
  }

  func collectSockets() {
    for socket in sockets {
      guard let socket, let readiness = socket.readiness else { continue }
      var generation = socket.generation
      if canary == .staleGeneration, us > 60_000_000 { generation &+= 7 }
      list.append(.connection(slot: socket.slot, generation: generation, readiness))
    }
  }

  /// A client connects: the kernel completes the handshake without the agent.
  func connect(_ client: Client, from address: IPv4) -> Int? {
    guard isAlive, backlog.count < 4096 else { return nil }
    let socket = Socket(client, address)
    // The lowest number that is free, as the kernel gives them.
    let index = sockets.firstIndex { $0 == nil } ?? sockets.count
    if index == sockets.count { sockets.append(socket) } else { sockets[index] = socket }
    backlog.append(index)
    return index
  }

  /// The place of the connection that is accepted next.
  private var nextInBacklog: Int? {
    guard canary == .forgottenOperator else { return backlog.isEmpty ? nil : 0 }
    return backlog.firstIndex { sockets[$0]?.client.kind != .operator }
  }

  var hasBacklog: Bool { nextInBacklog != nil }

  public func accept() -> Accepted {
    if isNow(.descriptorsExhausted) {
      exhaustedAtUs = us
      return .exhausted
    }
    guard let place = nextInBacklog else { return .none }
    return accepted(backlog.remove(at: place))
  }

  private func accepted(_ index: Int) -> Accepted {
    guard let socket = sockets[index] else { return .none }
    socket.isAccepted = true
    socket.moves(self)
    openDescriptors += 1
    fold(UInt64(index) &+ 0x200)
    return .connection(Int32(index + Self.firstDescriptor), socket.address)
  }

  public func watchBacklog(_ watched: Bool) { backlogWatched = watched }

  public func watch(
    _ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest
  ) -> Bool {
    guard let socket = owned(connection, "watch") else { return false }
    while lastGenerations.count <= slot { lastGenerations.append(nil) }
    if let last = lastGenerations[slot], generation != (last &+ 1) & 0x3FFF_FFFF {
      broke(SlotsConserved.self, "slot \(slot) went from generation \(last) to \(generation)")
    }
    lastGenerations[slot] = generation
    socket.slot = slot
    socket.generation = generation
    socket.interest = interest
    return true
  }

  public func change(
    _ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest
  ) {
    guard let socket = owned(connection, "change") else { return }
    if socket.slot != slot || socket.generation != generation {
      broke(SlotsConserved.self, "interest of slot \(slot) changed for another connection")
    }
    socket.interest = interest
  }

  public func receive(_ connection: Int32, into buffer: UnsafeMutableRawBufferPointer)
    -> Transfer
  {
    guard let socket = owned(connection, "receive") else { return .broken }
    fold(UInt64(connection) &+ 0x300)
    if socket.isBroken { return .broken }
    guard socket.unread > 0 else { return socket.clientEnded ? .end : .wouldBlock }
    var count = min(socket.unread, buffer.count)
    if count > 1 && random.chance(20) { count = 1 + random.below(count) }
    socket.input[socket.inputRead..<socket.inputRead + count].withUnsafeBytes {
      buffer.copyMemory(from: $0)
    }
    socket.inputRead += count
    socket.moves(self)
    if socket.unread == 0 {
      socket.input.removeAll(keepingCapacity: true)
      socket.inputRead = 0
    }
    return .moved(count)
  }

  public func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    guard let socket = owned(connection, "send") else { return .broken }
    if socket.agentEnded { broke(SlotsConserved.self, "sent after the end of our direction") }
    if socket.isBroken { return .broken }
    let room = Socket.capacity - socket.output.count
    guard room > 0 else { return .wouldBlock }
    var count = min(bytes.count, room)
    if count > 4096 && random.chance(20) { count = 1 + random.below(count) }
    let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
    fold(UInt64(count) << 16 &+ UInt64(connection))
    deliver(part, to: socket)
    socket.moves(self)
    wake(socket.client)
    return .moved(count)
  }

  /// Hands bytes to a client's end, where a canary may sit.
  private func deliver(_ bytes: UnsafeRawBufferPointer, to socket: Socket) {
    guard canary != nil, bytes.count >= Limits.headerSize else {
      socket.output += bytes
      return
    }
    let kind = bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
    let isEvent = kind == Kind.event.rawValue
    if isEvent, sings(.droppedEvent, at: 5) { return }
    let isLate = us > 60_000_000 && !isEvent && socket.client.isHonest
    if isLate, sings(.droppedAnswer, at: 3) { return }
    if isLate, kind == Kind.ping.rawValue, sings(.doubledAnswer, at: 3) { socket.output += bytes }
    socket.output += bytes
  }

  public func shutdownWrite(_ connection: Int32) {
    guard let socket = owned(connection, "shutdown") else { return }
    socket.agentEnded = true
    socket.moves(self)
    wake(socket.client)
  }

  public func close(_ connection: Int32) {
    guard let socket = owned(connection, "close") else { return }
    fold(UInt64(connection) &+ 0x500)
    if sings(.leakedDescriptor, at: 2) { return }
    let index = Int(connection) - Self.firstDescriptor
    sockets[index] = nil
    openDescriptors -= 1
    // What the client has not read is lost where it had written something itself (RFC 9293).
    let isRead = socket.unread == 0 && socket.isListening
    socket.client.closed(index, rest: isRead ? socket.output : [], self)
  }

  /// The agent is gone: every connection ends.
  func closeAll(cut: Bool) {
    for index in sockets.indices {
      guard let socket = sockets[index] else { continue }
      sockets[index] = nil
      socket.client.closed(index, rest: cut || !socket.isListening ? [] : socket.output, self)
    }
    openDescriptors = 0
    backlog.removeAll()
    lastGenerations.removeAll()
    starts.forget()
  }

  // MARK: Memory and logs

  public func random(into bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
  }

  public func discard(_ memory: UnsafeMutableRawBufferPointer) {
    memory.initializeMemory(as: UInt8.self, repeating: 0xDD)
  }

  public func nextLogLine() -> LogLine? { nil }

  public func showLog(_ line: LogLine) { say("log: \(String(line.text))") }

  public func keepLog(_ line: StampedLine) {}

  public func resources() -> Resources {
    var resources = Resources()
    resources.memoryKiB = 4096
    resources.memoryPeakKiB = 4096
    resources.cores = 4
    resources.deviceMemoryKiB = 1 << 20
    resources.deviceAvailableKiB = 1 << 19
    resources.wholeMs = nowUs() / 1000 * 4
    resources.busyMs = nowUs() / 10_000
    resources.cpuMs = nowUs() / 20_000
    return resources
  }
}
