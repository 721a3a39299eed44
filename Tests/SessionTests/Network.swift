import Appliance
import EventLoop
import Wire

/// What is between clients and agent, and the rest of the agent's world: time stands still until it
/// is told to pass.
final class Network {
  /// Something that a network, or a system, does not do.
  enum Flaw: CaseIterable {
    case none
    /// Two answers on their way get each other's id.
    case swapsAnswers
    case losesEvent
    /// BUSY does not arrive.
    case losesRefusal
    /// The agent is not told that a client is gone.
    case hidesEnds
    /// The client is not told that its connection is gone.
    case keepsClientWaiting
  }

  var flaw = Flaw.none
  var timeUs: UInt64 = 5_000_000
  private(set) var lines: [Line] = []
  private var backlog: [Int] = []
  fileprivate var backlogWatched = true
  /// Requests that a worker has, by entry, and answers that have not been told or read to the end.
  private(set) var jobs: [Int: [UInt8]] = [:]
  fileprivate var answered: [JobAnswer] = []
  fileprivate var answers: [Int: [UInt8]] = [:]
  fileprivate var list: [Ready] = []
  fileprivate var drawn: UInt64 = 1

  /// Workers for jobs.
  static let workers = 1
  static let firstDescriptor = 10

  func connect(_ line: Line) {
    backlog.append(lines.count)
    lines.append(line)
  }

  func clear() {
    lines = []
    backlog = []
  }

  fileprivate subscript(descriptor: Int32) -> Line { lines[Int(descriptor) - Self.firstDescriptor] }

  fileprivate func accept() -> Accepted {
    guard !backlog.isEmpty else { return .none }
    let index = backlog.removeFirst()
    return .connection(Int32(index + Self.firstDescriptor), lines[index].address)
  }

  fileprivate func wait() {
    list = backlogWatched && !backlog.isEmpty ? [.backlog] : []
    for line in lines {
      guard var readiness = line.readiness else { continue }
      if flaw == .hidesEnds {
        guard readiness != .broken, readiness == .writable || !line.arrived.isEmpty else {
          continue
        }
        readiness = line.interest == .writable ? .writable : .readable
      }
      list.append(.connection(slot: line.slot, generation: line.generation, readiness))
    }
    if !answered.isEmpty { list.append(.jobs) }
  }

  /// Something was ready when the agent looked last.
  var hadNews: Bool { !list.isEmpty }

  // MARK: Jobs

  fileprivate func begin(_ entry: Int, _ request: [UInt8]) -> Bool {
    guard jobs.count < Self.workers else { return false }
    precondition(jobs[entry] == nil, "begun twice")
    jobs[entry] = request
    return true
  }

  /// A worker is done with what it has.
  func answerJob() {
    guard let (entry, request) = jobs.first else { return }
    jobs[entry] = nil
    answers[entry] = Self.answer(to: request)
    answered.append(JobAnswer(entry: entry, outcome: .answered(.ok, bytes: Self.answerSize)))
  }

  /// More than one frame, and none of another request.
  static func answer(to request: [UInt8]) -> [UInt8] {
    [UInt8](repeating: request[FileRequest.size], count: answerSize)
  }
  static let answerSize = BulkPart.capacity + Frames.lastPart

  fileprivate func forget(_ entry: Int) {
    jobs[entry] = nil
    answers[entry] = nil
    answered.removeAll { $0.entry == entry }
  }

  // MARK: Flaws

  /// What arrives at a client of whole frames in plain text, if the network has a flaw.
  func spoil(_ bytes: [UInt8]) -> [UInt8] {
    var frames: [(header: Header, bytes: [UInt8])] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let frame: (Header, Int)? = rest.withUnsafeBytes { bytes in
        guard case .frame(let header, _, let size) = Header.next(in: bytes) else { return nil }
        return (header, size)
      }
      guard let (header, size) = frame else { return bytes }
      frames.append((header, Array(rest.prefix(size))))
      rest = rest.dropFirst(size)
    }
    switch flaw {
    case .none, .hidesEnds, .keepsClientWaiting: return bytes
    case .losesEvent: frames.removeAll { $0.header.kind == Kind.event.rawValue }
    case .losesRefusal: frames.removeAll { $0.header.kind == Kind.connection.rawValue }
    case .swapsAnswers:
      let pings = frames.indices.filter { frames[$0].header.kind == Kind.ping.rawValue }
      guard pings.count == 2 else { return bytes }
      let ids = pings.map { frames[$0].header.requestID }
      for (index, id) in zip(pings, ids.reversed()) {
        let size = frames[index].bytes.count - Limits.headerSize
        frames[index].bytes.withUnsafeMutableBytes {
          _ = Header(kind: Kind.ping.rawValue, requestID: id).reply().seal($0, payloadSize: size)
        }
      }
    }
    return Array(frames.map(\.bytes).joined())
  }

  // MARK: Looking

  /// Something the agent holds of this world that nobody asked for.
  var leaks: [String] {
    var found: [String] = []
    if !jobs.isEmpty || !answers.isEmpty || !answered.isEmpty { found.append("a job is left") }
    if !backlog.isEmpty { found.append("the backlog waits") }
    for line in lines where line.generation > 0 && !line.isClosed {
      found.append("the connection in slot \(line.slot) is open")
    }
    return found
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(backlog)
    hasher.combine(backlogWatched)
    for line in lines { hasher.combine(line) }
    hasher.combine(jobs.count)
    for (_, request) in jobs { hasher.combine(request[FileRequest.size]) }
    hasher.combine(answered.count)
    hasher.combine(answers.count)
  }
}

/// The agent's end of it.
struct NetworkSystem: ~Copyable, OperatingSystem {
  let network: Network

  mutating func nowUs() -> UInt64 { network.timeUs }
  mutating func wait(until deadline: Instant) -> Int {
    network.wait()
    return network.list.count
  }
  func ready(_ index: Int) -> Ready { network.list[index] }

  mutating func accept() -> Accepted { network.accept() }
  mutating func watchBacklog(_ watched: Bool) { network.backlogWatched = watched }
  mutating func watch(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest)
    -> Bool
  {
    let line = network[connection]
    (line.slot, line.generation, line.interest) = (slot, generation, interest)
    return true
  }
  mutating func change(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest) {
    precondition(!network[connection].isClosed, "changed after its end")
    network[connection].interest = interest
  }
  mutating func receive(_ connection: Int32, into buffer: UnsafeMutableRawBufferPointer)
    -> Transfer
  {
    network[connection].receive(into: buffer)
  }
  mutating func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    network[connection].send(bytes)
  }
  mutating func shutdownWrite(_ connection: Int32) { network[connection].shutdownWrite() }
  mutating func close(_ connection: Int32) { network[connection].close() }

  mutating func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool {
    network.begin(entry, Array(request))
  }
  mutating func nextJob() -> JobAnswer? {
    network.answered.isEmpty ? nil : network.answered.removeFirst()
  }
  mutating func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let bytes = network.answers[entry], offset + buffer.count <= bytes.count else {
      return false
    }
    buffer.copyBytes(from: bytes[offset..<offset + buffer.count])
    return true
  }
  mutating func closeJob(_ entry: Int, hung: Bool) { network.forget(entry) }

  mutating func random(into bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices {
      network.drawn = network.drawn &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[index] = UInt8(truncatingIfNeeded: network.drawn >> 56)
    }
  }

  // What no session asks for.

  mutating func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool { false }
  mutating func nextPicture() -> PictureAnswer? { nil }
  mutating func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool { false }
  mutating func closePicture(_ entry: Int) {}
  mutating func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool { false }
  mutating func nextKept() -> KeeperNews? { nil }
  mutating func discard(_ memory: UnsafeMutableRawBufferPointer) {}
  mutating func nextInput(from source: Int, logs: inout LogRings) -> Input? { nil }
  mutating func execute(_ effect: Effect, for appliance: borrowing Appliance) {}
  mutating func nextLogLine() -> LogLine? { nil }
  mutating func showLog(_ line: LogLine) {}
  mutating func keepLog(_ line: StampedLine) {}
  mutating func resources() -> Resources { Resources() }
}
