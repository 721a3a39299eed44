import Appliance
import Wire

/// What clients do.
extension Client {
  /// One act, and the plan of the next.
  func act(_ world: SimulatedWorld) {
    guard world.us < leavesUs else { return }
    guard let connection, let socket = world.sockets[connection] else {
      return connect(world)
    }
    if socket.isBroken || socket.clientEnded { return }
    // Before the welcome nothing can be asked.
    if holder != nil, seal?.isOpen != true { return waitForWelcome(world) }
    switch kind {
    case .operator, .poller, .admin: converse(world, socket)
    case .subscriber:
      ask(random.chance(50) ? .subscriptionStatistics : .ping, world)
      world.plan(self, random.between(10_000, 60_000))
    case .pipeliner:
      if random.chance(2) { return storm(world) }
      for _ in 0..<1 + random.below(20) { askSomething(world) }
      world.plan(self, random.between(5000, 60_000))
    case .flood, .slowReader, .copier: return
    case .loris:
      socket.input.append([0x57, 0x50, 0x4F, 0x53][min(Int(nextID) - 1, 3)])
      nextID += 1
      if nextID < 5 { world.plan(self, random.between(200, 1500)) }
    case .junk:
      for _ in 0..<1 + random.below(100) { socket.input.append(UInt8(random.below(256))) }
    }
  }

  /// More events at once than a subscriber's socket and the ring hold: it is told how many it has
  /// missed.
  private func storm(_ world: SimulatedWorld) {
    for _ in 0..<600 + random.below(800) { ask(.identify, world) }
    world.plan(self, random.between(5000, 60_000))
  }

  private func waitForWelcome(_ world: SimulatedWorld) {
    if world.us - connectedUs > 15_000_000 { return leave(world) }
    world.plan(self, random.between(1000, 5000))
  }

  private func connect(_ world: SimulatedWorld) {
    if let holder, holder.waitsForCode, world.card.code == nil {
      return world.plan(self, random.between(1000, 10_000))
    }
    guard let index = world.connect(self, from: address) else {
      return world.plan(self, random.between(500, 3000))
    }
    connection = index
    connectedUs = world.us
    connectedStarvedUs = world.starvedUs
    isServed = false
    nextID = 1
    turn += 1
    if let holder {
      shakeHands(holder, world)
      return world.plan(self, random.between(500, 5000))
    }
    switch kind {
    case .operator, .poller, .pipeliner, .admin:
      ask(.ping, world)
      world.plan(self, random.between(100, 5000))
    case .subscriber:
      ask(.subscribe, world)
      world.plan(self, random.between(1000, 20_000))
    case .slowReader:
      ask(.subscribe, world)
      // Large answers that it does not take: more than its socket holds.
      for _ in 0..<32 {
        ask(.logTail, world)
        ask(.metrics, world)
      }
      asked.removeAll()
    case .flood: return
    case .copier:
      if let hello = world.lastHello { socketOf(world)?.input += hello }
      // Some go on with what is no frame of theirs.
      if random.chance(30) { socketOf(world)?.input += random.bytes(1 + random.below(80)) }
    case .loris, .junk: world.plan(self, random.between(10, 200))
    }
  }

  private func socketOf(_ world: SimulatedWorld) -> Socket? {
    connection.flatMap { world.sockets[$0] }
  }

  /// What it may do at the device, as far as anybody knows; nil: that is not sure.
  func roleNow(_ world: SimulatedWorld) -> Role? {
    if let holder { return holder.standing == .sure ? holder.role : nil }
    return world.options.plain && address.isLoopback ? .admin : .anybody
  }

  private func converse(_ world: SimulatedWorld, _ socket: Socket) {
    // A handshake costs as much time as some hundred turns: who has a key stays longer.
    if random.chance(holder == nil ? 15 : 3) {
      // The end: mostly in order, sometimes a reset.
      if random.chance(30) { socket.isBroken = true } else { socket.clientEnded = true }
      forget()
      return
    }
    if kind == .operator {
      askSomething(world)
    } else if kind == .admin, !world.isQuiet, random.chance(80) {
      askOfKeys(world)
    } else {
      ask(random.chance(70) ? .health : .ping, world)
    }
    world.plan(self, random.between(500, 30_000))
  }

  private func askSomething(_ world: SimulatedWorld) {
    switch random.below(22) {
    case 0, 1, 2: ask(.ping, world)
    case 3: ask(.health, world)
    case 4: ask(.cameraList, world)
    case 5: ask(.streamList, world)
    case 6: ask(.metrics, world)
    case 7: ask(.logTail, world)
    case 8: ask(.mediaServer, world)
    case 9: ask(.alertList, world)
    case 10: ask(.serverInfo, world)
    case 11: ask(.recordingList, world)
    case 12: ask(.storageStatus, world)
    case 13, 14: ask(.snapshot, world)
    case 15: ask(.fileList, world)
    case 16, 17: ask(.recordingStart, world)
    case 20: ask(.sourceAdd, world)
    case 21: ask(random.chance(30) ? .sourceRemove : .sourceList, world)
    case 18: ask(random.chance(40) ? .recordingStop : .cameraStatus, world)
    default: ask(random.chance(30) ? .identify : .cameraRecovery, world)
    }
  }

  // MARK: Requests

  func ask(_ kind: Kind, _ world: SimulatedWorld) {
    let id = nextID
    nextID &+= 1
    var camera = Name()
    if kind == .sourceAdd || kind == .sourceRemove {
      camera = Text(of: "gate-\(random.below(4))")
    } else if !world.names.isEmpty {
      camera = Text(of: random.pick(world.names))
    }
    var frame = [UInt8](repeating: 0, count: Limits.headerSize + 256)
    let size = frame.withUnsafeMutableBytes { room in
      writeRequest(kind, id: id, camera, world, into: room)
    }
    let request = Asked(
      id: id, kind: kind, atUs: world.us, starvedUs: world.starvedUs, camera: camera)
    send(Array(frame[..<size]), request, world)
  }

  func send(_ frame: [UInt8], _ request: Asked, _ world: SimulatedWorld) {
    asked.append(request)
    asked[asked.count - 1].askersRole = roleNow(world)
    outbox += seal?.isOpen == true ? seal!.seal(frame) : frame
    pump(world)
  }

  private func writeRequest(
    _ kind: Kind, id: UInt32, _ camera: Name, _ world: SimulatedWorld,
    into room: UnsafeMutableRawBufferPointer
  ) -> Int {
    switch kind {
    case .ping:
      return withUnsafeBytes(of: Client.echo(id)) { Frame.ping(id: id, $0, into: room) }
    case .subscribe:
      return Frame.request(kind, id: id, SubscriptionRequest(topics: .all), into: room)
    case .logTail:
      return Frame.request(kind, id: id, LogRequest(source: .agent), into: room)
    case .identify:
      world.board.identifiesUntilUs = max(world.board.identifiesUntilUs, world.us + 20_000_000)
      return Frame.request(kind, id: id, IdentifyRequest(durationMs: 2000), into: room)
    case .cameraStatus, .cameraRecovery, .snapshot:
      return Frame.request(kind, id: id, CameraRequest(name: camera), into: room)
    case .recordingStart:
      let duration: UInt32 = random.chance(30) ? 30 + UInt32(random.below(600)) : 0
      return Frame.request(
        kind, id: id, RecordingRequest(camera: camera, durationS: duration), into: room)
    case .recordingStop:
      // From now on nobody can say whether it is asked for.
      world.wanted.removeAll { $0.camera == camera }
      let name = String(camera)
      world.mayStop.append(name)
      // Its answer may never come. Each request has its own time.
      world.surely(60_000) { world in world.mayNoLongerStop(name) }
      return Frame.request(kind, id: id, CameraRequest(name: camera), into: room)
    case .sourceAdd:
      let url = Text<160>("rtsp://192.168.1.20/stream")
      return Frame.request(kind, id: id, SourceRequest(name: camera, url: url), into: room)
    case .sourceRemove:
      // From now on nobody can say whether it is there.
      world.wantedSources.removeAll { $0.camera == camera }
      let name = String(camera)
      world.mayStop.append(name)
      world.surely(60_000) { world in world.mayNoLongerStop(name) }
      return Frame.request(kind, id: id, CameraRequest(name: camera), into: room)
    case .fileList: return Frame.request(kind, id: id, FileListRequest(), into: room)
    default: return Frame.request(kind, id: id, Empty(), into: room)
    }
  }

  /// What a ping with this number carries.
  static func echo(_ id: UInt32) -> UInt64 { UInt64(id) &* 0x0101_0101_0101_0101 }

  /// Bytes leave in pieces, as a network carries them.
  func pump(_ world: SimulatedWorld) {
    guard !isPumping, !outbox.isEmpty, let connection, let socket = world.sockets[connection],
      !socket.isBroken, !socket.clientEnded
    else { return }
    var count = min(outbox.count, Socket.capacity - socket.input.count)
    if count > 1 && random.chance(30) { count = 1 + random.below(count) }
    if count > 0 {
      socket.input += outbox[..<count]
      outbox.removeFirst(count)
    }
    guard !outbox.isEmpty else { return }
    isPumping = true
    world.surely(random.between(1, 150)) { world in
      self.isPumping = false
      self.pump(world)
    }
  }
}
