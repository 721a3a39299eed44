import Appliance
import EventLoop
import Noise
import Wire

/// One connection as the network has it: bytes on their way in both directions, and what has been
/// put behind them.
final class Line {
  enum End: Hashable { case open, finished, reset }

  let address: IPv4
  /// Bytes to the client beyond which the agent's sends block.
  let window: Int

  /// On their way to the agent, and then in its socket.
  var toAgent: [UInt8] = []
  var clientEnd = End.open
  var arrived: [UInt8] = []
  var agentSees = End.open
  /// On their way to the client.
  var toClient: [UInt8] = []
  var agentEnd = End.open
  var clientSees = End.open

  /// What the agent has made of it.
  var slot = -1
  var generation: UInt32 = 0
  var interest = Interest.nothing
  /// It was told why it ends, and our direction is shut.
  var wasTold = false
  var isClosed = false
  private var isOrphan = false
  /// It was closed without a word, while its client was there and took what was sent.
  private(set) var isDropped = false

  /// Frames of the client that the agent has not read to their end, and the other way round.
  private var outbox = Frames()
  private var inbox = Frames()
  private var unparsed: [UInt8] = []
  /// Tags of the frames that the last `deliver` has completed.
  private(set) var completed: [Int] = []

  init(from address: IPv4, window: Int) {
    self.address = address
    self.window = window
  }

  var hasNewsForAgent: Bool { !toAgent.isEmpty || clientEnd > agentSees }
  var hasNewsForClient: Bool { !toClient.isEmpty || agentEnd > clientSees }

  // MARK: The client's side

  /// Whole frames.
  func send(_ bytes: [UInt8]) {
    toAgent += bytes
    bytes.withUnsafeBytes { bytes in
      guard let frame = Frames.first(bytes) else { preconditionFailure("no whole frame") }
      outbox.add(frame.tag, size: frame.size)
    }
  }

  /// The first `count` bytes, and the end if nothing else is left, reach the agent's socket.
  func carryToAgent(_ count: Int) {
    if isClosed || isOrphan {
      // Nobody is there: the kernel answers with a reset.
      if count > 0 && agentEnd != .reset { agentEnd = .reset }
    } else {
      arrived += toAgent[..<count]
    }
    toAgent.removeFirst(count)
    if toAgent.isEmpty { agentSees = max(agentSees, clientEnd) }
  }

  /// The first `count` bytes on their way to the client.
  func deliver(_ count: Int) -> [UInt8] {
    let bytes = Array(toClient[..<count])
    toClient.removeFirst(count)
    completed = inbox.take(count)
    return bytes
  }

  /// The network has lost it: both ends learn of that, and nothing more arrives.
  func reset() {
    toAgent = []
    toClient = []
    arrived = []
    (clientEnd, agentEnd, agentSees) = (.reset, .reset, .reset)
  }

  // MARK: The agent's side

  func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
    precondition(!isClosed, "received after its end")
    if agentSees == .reset { return .broken }
    guard !arrived.isEmpty else { return agentSees == .finished ? .end : .wouldBlock }
    let count = min(arrived.count, buffer.count)
    buffer.copyBytes(from: arrived[..<count])
    arrived.removeFirst(count)
    _ = outbox.take(count)
    return .moved(count)
  }

  func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
    precondition(!isClosed, "sent after its end")
    precondition(!wasTold, "sent after the end of our direction")
    if agentSees == .reset { return .broken }
    let count = min(bytes.count, window - toClient.count)
    guard count > 0 else { return .wouldBlock }
    toClient += bytes[..<count]
    unparsed += bytes[..<count]
    while let frame = unparsed.withUnsafeBytes(Frames.first) {
      unparsed.removeFirst(frame.size)
      inbox.add(frame.tag, size: frame.size)
    }
    return .moved(count)
  }

  func shutdownWrite() {
    wasTold = true
    agentEnd = max(agentEnd, .finished)
  }

  func close() {
    precondition(!isClosed, "closed twice")
    isClosed = true
    if isOrphan { return }
    isDropped = agentSees == .open && !wasTold && toClient.count < window
    // A close with input unread is a reset.
    agentEnd = max(agentEnd, arrived.isEmpty ? .finished : .reset)
    arrived = []
  }

  /// The agent's life is over, and the kernel closes for it; what it has not accepted, too. The
  /// loop, which goes on in another session, finds nobody there.
  func endOfProcess() {
    guard !isClosed else { return }
    agentEnd = max(agentEnd, generation > 0 && arrived.isEmpty ? .finished : .reset)
    arrived = []
    agentSees = .reset
    isOrphan = true
  }

  var readiness: Readiness? {
    guard generation > 0, !isClosed else { return nil }
    if agentSees == .reset { return .broken }
    switch interest {
    case .nothing: return nil
    case .readable: return !arrived.isEmpty || agentSees == .finished ? .readable : nil
    case .writable: return toClient.count < window ? .writable : nil
    }
  }
}

/// Whole frames of one direction that have not been taken to their end.
struct Frames: Hashable {
  private struct Frame: Hashable {
    let tag: Int
    /// Where it ends, in bytes since the connection began.
    let end: Int
  }

  private var frames: [Frame] = []
  private var added = 0
  private var taken = 0

  mutating func add(_ tag: Int, size: Int) {
    added += size
    frames.append(Frame(tag: tag, end: added))
  }

  /// Tags of the frames that end within the next `count` bytes.
  mutating func take(_ count: Int) -> [Int] {
    taken += count
    var whole: [Int] = []
    while let first = frames.first, first.end <= taken { whole.append(frames.removeFirst().tag) }
    return whole
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(frames.count)
    for frame in frames {
      hasher.combine(frame.tag)
      hasher.combine(frame.end - taken)
    }
  }

  /// The frame at the front, with a tag that tells it from others: of a sealed one its size, which
  /// differs from answer to answer.
  static func first(_ bytes: UnsafeRawBufferPointer) -> (tag: Int, size: Int)? {
    guard bytes.count >= 8 else { return nil }
    if bytes.starts(with: "WPSE".utf8) {
      let length = bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
      let size = 8 + Int(UInt16(littleEndian: length))
      return bytes.count >= size ? (size, size) : nil
    }
    guard case .frame(let header, _, let size) = Header.next(in: bytes) else { return nil }
    let tag =
      Int(header.kind) << 48 | Int(header.status) << 32 | Int(header.requestID)
    return (tag, size)
  }

  /// The frame of this tag belongs to the answer to a `fileRead`: to that with this id, if it is
  /// plain.
  static func isPart(_ tag: Int, of id: Int) -> Bool {
    tag < 1 << 48
      ? tag > 1000 || tag == SealedFrame.overhead + Limits.headerSize + BulkPart.size + lastPart
      : tag == Int(Kind.fileRead.rawValue) << 48 | id
  }
  /// Bytes in the second part of each answer that has two.
  static let lastPart = 60
}

extension Line.End: Comparable {
  private var rank: Int {
    switch self {
    case .open: 0
    case .finished: 1
    case .reset: 2
    }
  }
  static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

extension Line: Hashable {
  static func == (left: Line, right: Line) -> Bool { left === right }

  /// Everything that what comes next depends on.
  func hash(into hasher: inout Hasher) {
    hasher.combine(toAgent.count)
    hasher.combine(clientEnd)
    hasher.combine(arrived.count)
    hasher.combine(agentSees)
    hasher.combine(toClient.count)
    hasher.combine(agentEnd)
    hasher.combine(clientSees)
    hasher.combine(wasTold)
    hasher.combine(isClosed)
    hasher.combine(interest)
    hasher.combine(unparsed.count)
    hasher.combine(outbox)
    hasher.combine(inbox)
  }
}
