import Appliance
import Wire

/// What clients read, and how they check it.
extension Client {
  /// Takes what has come.
  func take(_ world: SimulatedWorld) {
    guard let connection, let socket = world.sockets[connection] else { return }
    if socket.isListening { inbox += socket.output }
    socket.output.removeAll(keepingCapacity: true)
    read(world)
    // The agent has ended its direction: so do we.
    if socket.agentEnded { socket.clientEnded = true }
  }

  /// Looks at all whole frames in the inbox.
  func read(_ world: SimulatedWorld) {
    var at = 0
    while at < inbox.count {
      if let seal, seal.isOpen {
        guard let size = open(seal, at, world) else { break }
        at += size
        continue
      }
      let taken: Int? = inbox[at...].withUnsafeBytes { rest in
        switch Header.next(in: rest, ignoringReserved: true) {
        case .incomplete: return nil
        case .refused(let error, _, _):
          if isHonest { world.broke(OneAnswer.self, "an answer is no frame: \(error)") }
          return rest.count
        case .frame(let header, let payload, let size):
          took(header, payload, world)
          return size
        }
      }
      guard let taken else { break }
      at += taken
    }
    inbox.removeFirst(min(at, inbox.count))
  }

  /// Opens the sealed frame at the front and takes it; its size, nil: it is not whole.
  private func open(_ seal: SealedEnd, _ at: Int, _ world: SimulatedWorld) -> Int? {
    // What it says may lead to the end of the connection, and of the inbox.
    var rest = Array(inbox[at...])
    return rest.withUnsafeMutableBytes { rest in
      switch seal.next(in: rest) {
      case .incomplete: return nil
      case .refused(let error, _, _):
        world.broke(OneAnswer.self, "a sealed answer cannot be opened: \(error)")
        return rest.count
      case .opened(let header, let payload, let size):
        took(header, UnsafeRawBufferPointer(payload), world)
        return size
      }
    }
  }

  private func took(
    _ header: Header, _ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld
  ) {
    guard isHonest else { return }
    if header.kind == Kind.event.rawValue { return tookEvent(payload, world) }
    if header.kind == Kind.message.rawValue { return }
    world.coverage.note(.answer(Kind(rawValue: header.kind), header.status))
    guard header.kind != Kind.connection.rawValue else {
      if kind == .operator && header.status == Status.busy.rawValue && !isServed {
        world.broke(OperatorServed.self, "an operator is told BUSY")
      }
      return
    }
    isServed = true
    guard let place = asked.firstIndex(where: { $0.id == header.requestID }) else {
      return world.broke(
        OneAnswer.self, "answer \(header.requestID) of kind \(header.kind) to no open request")
    }
    guard asked[place].kind.rawValue == header.kind else {
      return world.broke(
        OneAnswer.self, "request \(asked[place].kind) is answered as kind \(header.kind)")
    }
    let request = asked[place]
    let isWhole = header.status != Status.ok.rawValue || isLast(place, payload, world)
    if isWhole {
      // A pipeliner has asked for a hundred things, and their order does not matter.
      asked.swapAt(place, asked.count - 1)
      asked.removeLast()
    }
    if header.status == Status.ok.rawValue, let before = request.askersRole,
      let now = roleNow(world), max(before, now) < request.kind.leastRole
    {
      world.broke(KeysHold.self, "\(request.kind) is done for one who is \(now)")
    }
    if request.kind == .handshake { return welcomed(request, header.status, payload, world) }
    if holder != nil { answeredOfKeys(request, header.status, payload, world) }
    if header.status == Status.ok.rawValue { answered(request, payload, world) }
  }

  /// Whether this completes an answer; parts must come in order.
  private func isLast(
    _ place: Int, _ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld
  ) -> Bool {
    let (offset, count, total): (UInt32, UInt32, UInt32)
    switch asked[place].kind {
    case .snapshot:
      guard let part = try? SnapshotPart.open(payload) else { return true }
      (offset, count, total) = (part.0.offset, part.0.count, part.0.total)
    case .fileList:
      guard let part = try? BulkPart.open(payload) else { return true }
      (offset, count, total) = (part.0.offset, part.0.count, part.0.total)
    default: return true
    }
    if offset != asked[place].offset {
      world.broke(OneAnswer.self, "a part begins at \(offset), not \(asked[place].offset)")
    }
    asked[place].offset = offset + count
    return offset + count == total
  }

  private func answered(
    _ request: Asked, _ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld
  ) {
    var reader = ByteReader(payload)
    switch request.kind {
    case .ping:
      guard payload.count == 8, reader.read(UInt64.self) == Client.echo(request.id) else {
        return world.broke(OneAnswer.self, "a ping comes back changed")
      }
    case .subscribe:
      let reply = SubscriptionReply(from: &reader)
      topics = reply.topics
      firstSequence = reply.nextSequence
      lastSequence = reply.nextSequence - 1
      received = 0
      missed = 0
    case .identify:
      // Asked long ago, where the request had to wait for a large buffer.
      world.board.identifiesUntilUs = max(world.board.identifiesUntilUs, world.us + 2_100_000)
    case .subscriptionStatistics: count(SubscriptionStatistics(from: &reader), world)
    case .recordingStart:
      let entry = RecordingEntry(from: &reader)
      guard entry.durationS == 0, !world.mayStop.contains(String(entry.camera)) else { return }
      world.wanted.removeAll { $0.camera == entry.camera }
      world.wanted.append(Wanted(camera: entry.camera, sinceUs: world.us))
    case .sourceAdd:
      guard !world.mayStop.contains(String(request.camera)) else { return }
      world.wantedSources.removeAll { $0.camera == request.camera }
      world.wantedSources.append(Wanted(camera: request.camera, sinceUs: world.us))
    default: return
    }
  }

  // MARK: Events

  private func tookEvent(_ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld) {
    guard !topics.isEmpty, payload.count == EventMessage.size else { return }
    var reader = ByteReader(payload)
    let event = EventMessage(from: &reader)
    let expected = lastSequence + 1 + UInt64(event.missed)
    if event.sequence != expected {
      world.broke(
        EventsCounted.self,
        "event \(event.sequence) after \(lastSequence), \(event.missed) told as missed")
    }
    lastSequence = event.sequence
    received += 1
    missed += UInt64(event.missed)
  }

  private func count(_ told: SubscriptionStatistics, _ world: SimulatedWorld) {
    guard !topics.isEmpty else { return }
    if told.delivered != received {
      world.broke(EventsCounted.self, "\(told.delivered) told as delivered, \(received) came")
    }
    let published = told.nextSequence - firstSequence
    if told.delivered + told.missed + UInt64(told.queued) != published {
      world.broke(
        EventsCounted.self,
        "\(told.delivered) + \(told.missed) + \(told.queued) of \(published) events")
    }
  }
}

/// A recording or a source that somebody has asked for, until it is stopped or removed.
struct Wanted {
  var camera: Name
  var sinceUs: UInt64
  /// It must have reached the card.
  var isKept = false

  mutating func look(_ us: UInt64, _ troubledUs: UInt64) {
    if us - max(sinceUs, troubledUs) >= RecordingsKept.keptUs { isKept = true }
  }
}
