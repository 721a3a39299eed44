import Appliance
import EventLoop
import Wire

/// A scripted world: connections are arrays, time stands still until the loop waits for it.
struct FakeSystem: ~Copyable, OperatingSystem {
  struct Peer {
    /// What it sends; each element is one reading.
    var chunks: [[UInt8]] = []
    /// It has ended its direction, behind the chunks.
    var ended = false
    var broken = false
    /// It is dead, which is noticed only when something is sent to it.
    var refusesSends = false
    /// Bytes that its end takes before sends block.
    var budget = Int.max
    /// What it has got.
    var received: [UInt8] = []
    var sends = 0
    /// We have ended our direction.
    var shutDown = false
    var closed = false
    var interest = Interest.nothing
    var slot = 0
    var generation: UInt32 = 0
  }

  var timeUs: UInt64 = 5_000_000
  var peers: [Int32: Peer] = [:]
  var backlog: [(Int32, IPv4)] = []
  var backlogWatched = true
  /// The machine has no descriptors.
  var exhausted = false
  var extraReady: [Ready] = []
  var inputs: [Input] = []
  /// How long it takes to learn of one.
  var inputUs: UInt64 = 0
  /// How long it takes to do what the machines ask for.
  var executeUs: UInt64 = 0
  /// How long it takes to hand bytes to a connection.
  var sendUs: UInt64 = 0
  /// What the machine as a whole does.
  var machine = Resources()
  var executed: [Effect] = []
  /// Where its random numbers stand; the same in each run.
  private var drawn: UInt64 = 1
  /// Bytes of memory given back.
  var discarded = 0
  var lines: [LogLine] = []
  var kept: [String] = []
  /// The picture of every camera; nil: there is none that is new enough.
  var picture: [UInt8]? = nil
  /// The worker cannot be asked.
  var picturesOff = false
  /// Pictures that were asked for and not closed since, by entry.
  var askedPictures: [Int: (notBeforeUs: UInt64, deadlineUs: UInt64)] = [:]
  /// Entries whose answer has not been told yet.
  var pictureAnswers: [Int] = []
  /// Jobs that run, by entry, with their requests; how many may run at once.
  var jobs: [Int: (kind: Kind, request: [UInt8])] = [:]
  var jobWorkers = 2
  /// Answers of jobs that have not been told yet, and the bytes of those that have.
  var jobAnswers: [JobAnswer] = []
  var jobBytes: [Int: [UInt8]] = [:]
  /// Entries whose worker was ended.
  var hungJobs: [Int] = []
  /// A keeper takes messages; what it was asked, and what it has not said yet.
  var hasKeeper = false
  var asked: [[UInt8]] = []
  var keeperNews: [FakeNews] = []
  enum FakeNews {
    case began, ended
    case said([UInt8])
  }
  private let said = UnsafeMutableRawBufferPointer.allocate(
    byteCount: KeeperMessage.size, alignment: 16)
  private var list: [Ready] = []
  private var nextDescriptor: Int32 = 10
  /// Largest number of bytes of one reading.
  var mostRead = Int.max

  /// A client that connects.
  mutating func connect(from address: IPv4 = IPv4(127, 0, 0, 1), _ chunks: [UInt8]...) -> Int32 {
    nextDescriptor += 1
    peers[nextDescriptor] = Peer(chunks: chunks)
    backlog.append((nextDescriptor, address))
    return nextDescriptor
  }

  mutating func nowUs() -> UInt64 { timeUs }

  mutating func wait(until deadline: Instant) -> Int {
    list = extraReady
    extraReady = []
    if backlogWatched && !backlog.isEmpty { list.append(.backlog) }
    for (_, peer) in peers.sorted(by: { $0.key < $1.key }) where !peer.closed && peer.slot >= 0 {
      if let readiness = readiness(of: peer) {
        list.append(.connection(slot: peer.slot, generation: peer.generation, readiness))
      }
    }
    if !inputs.isEmpty { list.append(.source(0)) }
    if !pictureAnswers.isEmpty { list.append(.pictures) }
    if !jobAnswers.isEmpty { list.append(.jobs) }
    if list.isEmpty && deadline != .never {
      timeUs = max(timeUs, deadline.ms * 1000)
    }
    return list.count
  }

  private func readiness(of peer: Peer) -> Readiness? {
    guard peer.generation > 0 else { return nil }
    if peer.broken { return .broken }
    switch peer.interest {
    case .nothing: return nil
    case .readable: return !peer.chunks.isEmpty || peer.ended ? .readable : nil
    case .writable: return peer.budget > 0 ? .writable : nil
    }
  }

  func ready(_ index: Int) -> Ready { list[index] }

  mutating func accept() -> Accepted {
    if exhausted { return .exhausted }
    guard !backlog.isEmpty else { return .none }
    let (descriptor, address) = backlog.removeFirst()
    return .connection(descriptor, address)
  }

  mutating func watchBacklog(_ watched: Bool) { backlogWatched = watched }

  mutating func watch(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest)
    -> Bool
  {
    peers[connection]!.slot = slot
    peers[connection]!.generation = generation
    peers[connection]!.interest = interest
    return true
  }

  mutating func change(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest) {
    precondition(!peers[connection]!.closed, "changed after its end")
    peers[connection]!.interest = interest
  }

  mutating func receive(_ connection: Int32, into buffer: UnsafeMutableRawBufferPointer)
    -> Transfer
  {
    var peer = peers[connection]!
    precondition(!peer.closed, "received after its end")
    guard let chunk = peer.chunks.first else { return peer.ended ? .end : .wouldBlock }
    let count = min(chunk.count, min(buffer.count, mostRead))
    buffer.copyBytes(from: chunk[..<count])
    peer.chunks.removeFirst()
    if count < chunk.count { peer.chunks.insert(Array(chunk[count...]), at: 0) }
    peers[connection] = peer
    return .moved(count)
  }

  mutating func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    precondition(!peers[connection]!.closed, "sent after its end")
    precondition(!peers[connection]!.shutDown, "sent after the end of our direction")
    if peers[connection]!.broken || peers[connection]!.refusesSends { return .broken }
    let count = min(bytes.count, peers[connection]!.budget)
    peers[connection]!.sends += 1
    timeUs += sendUs
    guard count > 0 else { return .wouldBlock }
    peers[connection]!.received += bytes[..<count]
    if peers[connection]!.budget != .max { peers[connection]!.budget -= count }
    return .moved(count)
  }

  mutating func shutdownWrite(_ connection: Int32) { peers[connection]!.shutDown = true }

  mutating func close(_ connection: Int32) {
    precondition(!peers[connection]!.closed, "closed twice")
    peers[connection]!.closed = true
  }

  mutating func nextInput(from source: Int, logs: inout LogRings) -> Input? {
    guard !inputs.isEmpty else { return nil }
    timeUs += inputUs
    return inputs.removeFirst()
  }

  mutating func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool {
    guard !picturesOff else { return false }
    precondition(askedPictures[entry] == nil, "asked before it was closed")
    askedPictures[entry] = (notBeforeUs, deadlineUs)
    return true
  }

  /// The worker has something to say of every picture that was asked for.
  mutating func answerPictures() { pictureAnswers = askedPictures.keys.sorted() }

  mutating func nextPicture() -> PictureAnswer? {
    guard !pictureAnswers.isEmpty else { return nil }
    let entry = pictureAnswers.removeFirst()
    guard let picture else { return PictureAnswer(entry: entry, facts: nil) }
    var facts = PictureFacts()
    facts.size = picture.count
    facts.width = 640
    facts.height = 480
    facts.frame = 77
    facts.capturedUs = timeUs - 5000
    return PictureAnswer(entry: entry, facts: facts)
  }

  mutating func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    precondition(askedPictures[entry] != nil, "read after it was closed")
    guard let picture, offset + buffer.count <= picture.count else { return false }
    buffer.copyBytes(from: picture[offset..<offset + buffer.count])
    return true
  }

  mutating func closePicture(_ entry: Int) {
    askedPictures[entry] = nil
    pictureAnswers.removeAll { $0 == entry }
  }

  mutating func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool {
    guard jobs.count < jobWorkers else { return false }
    precondition(jobs[entry] == nil, "begun twice")
    jobs[entry] = (kind, Array(request))
    return true
  }

  /// A running job is answered.
  mutating func answerJob(_ entry: Int, _ status: Status = .ok, _ bytes: [UInt8] = []) {
    precondition(jobs[entry] != nil, "no such job")
    jobs[entry] = nil
    jobBytes[entry] = bytes
    jobAnswers.append(
      JobAnswer(entry: entry, outcome: .answered(status, bytes: bytes.count)))
  }

  /// The worker of a running job dies.
  mutating func loseJob(_ entry: Int) {
    jobs[entry] = nil
    jobAnswers.append(JobAnswer(entry: entry, outcome: .lost))
  }

  mutating func nextJob() -> JobAnswer? { jobAnswers.isEmpty ? nil : jobAnswers.removeFirst() }

  mutating func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let bytes = jobBytes[entry], offset + buffer.count <= bytes.count else { return false }
    buffer.copyBytes(from: bytes[offset..<offset + buffer.count])
    return true
  }

  mutating func closeJob(_ entry: Int, hung: Bool) {
    if hung { hungJobs.append(entry) }
    jobs[entry] = nil
    jobBytes[entry] = nil
    jobAnswers.removeAll { $0.entry == entry }
  }

  mutating func execute(_ effect: Effect, for appliance: borrowing Appliance) {
    executed.append(effect)
    timeUs += executeUs
  }

  mutating func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool {
    guard hasKeeper else { return false }
    asked.append([UInt8](message))
    return true
  }

  mutating func nextKept() -> KeeperNews? {
    guard !keeperNews.isEmpty else { return nil }
    switch keeperNews.removeFirst() {
    case .began: return .began
    case .ended: return .ended
    case .said(let message):
      said.initializeMemory(as: UInt8.self, repeating: 0)
      said.copyBytes(from: message)
      return .said(UnsafeRawBufferPointer(rebasing: said[..<message.count]))
    }
  }

  mutating func random(into bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices {
      drawn = drawn &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[index] = UInt8(truncatingIfNeeded: drawn >> 56)
    }
  }

  mutating func discard(_ memory: UnsafeMutableRawBufferPointer) {
    discarded += memory.count
    memory.initializeMemory(as: UInt8.self, repeating: 0xDD)
  }

  mutating func nextLogLine() -> LogLine? { nil }

  mutating func showLog(_ line: LogLine) { lines.append(line) }
  mutating func keepLog(_ line: StampedLine) {
    kept.append(line.withBytes { String(decoding: $0, as: UTF8.self) })
  }

  mutating func resources() -> Resources { machine }
}
