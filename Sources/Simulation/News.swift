import Appliance
import EventLoop
import Wire

/// Where things to be told come from, as epoll would name them.
enum NewsSource: Int, CaseIterable {
  /// What effects have led to at once: told first, in order.
  case results = 0
  case children, udev, storage, media, feeds, mailbox
}

/// Something to be told, with everything that it points to.
enum News {
  case plain(Input)
  /// Apart: it is larger than all others, which are far more.
  indirect case probe(slot: Int, life: UInt32, ProbeReport)
  case media(MediaAnswer, [MediaPath])
  case cameras([KnownCamera])
  case sources([KnownSource])
  case recordings([KnownRecording], lastNumber: UInt32)
  case mediaOutput(String)
}

/// First in, first out.
struct Queue {
  private var items: [News] = []
  private var head = 0

  var isEmpty: Bool { head == items.count }

  mutating func append(_ item: News) { items.append(item) }

  mutating func next() -> News? {
    guard head < items.count else { return nil }
    defer {
      head += 1
      if head == items.count { removeAll() }
    }
    return items[head]
  }

  /// An answer that has come, and is not wanted any more.
  mutating func removeMediaAnswers() {
    items.removeSubrange(..<head)
    head = 0
    items.removeAll { if case .media = $0 { true } else { false } }
  }

  mutating func removeAll() {
    items.removeAll(keepingCapacity: true)
    head = 0
  }
}

/// Memory that inputs point into, valid until the next one.
final class InputMemory {
  let report = UnsafeMutablePointer<ProbeReport>.allocate(capacity: 1)
  let paths = UnsafeMutableBufferPointer<MediaPath>.allocate(capacity: 256)
  let cameras = UnsafeMutableBufferPointer<KnownCamera>.allocate(capacity: 128)
  let sources = UnsafeMutableBufferPointer<KnownSource>.allocate(capacity: 64)
  let recordings = UnsafeMutableBufferPointer<KnownRecording>.allocate(capacity: 64)

  init() {
    report.initialize(to: ProbeReport())
    paths.initialize(repeating: MediaPath())
    cameras.initialize(repeating: KnownCamera())
    sources.initialize(repeating: KnownSource())
    recordings.initialize(repeating: KnownRecording())
  }

  private let message = UnsafeMutableRawBufferPointer.allocate(
    byteCount: 2 * KeeperMessage.size, alignment: 16)

  /// A message of the keeper's.
  func keep(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    precondition(bytes.count <= message.count, "a message that is too long")
    message.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(rebasing: message[..<bytes.count])
  }

  deinit {
    message.deallocate()
    report.deallocate()
    paths.deallocate()
    cameras.deallocate()
    sources.deallocate()
    recordings.deallocate()
  }

  func fill<Value>(_ memory: UnsafeMutableBufferPointer<Value>, _ values: [Value])
    -> UnsafeBufferPointer<Value>
  {
    precondition(values.count <= memory.count, "more values than an input can point to")
    for index in values.indices { memory[index] = values[index] }
    return UnsafeBufferPointer(rebasing: memory[..<values.count])
  }
}

extension SimulatedWorld {
  func post(_ source: NewsSource, _ input: Input) {
    post(source, .plain(input))
  }

  func post(_ source: NewsSource, _ item: News) {
    if isAlive { news[source.rawValue].append(item) }
  }

  public func nextInput(from source: Int, logs: inout LogRings) -> Input? {
    guard let item = news[source].next() else { return nil }
    fold(UInt64(source) &+ 0x100)
    switch item {
    case .plain(let input):
      note(input)
      if case .historyLoaded = input { board.historyRead = true }
      return input
    case .probe(let slot, let life, let report):
      coverage.note("probeAnswered \(report.outcome)")
      pointers.report.pointee = report
      return .probeAnswered(slot: slot, life: life, pointers.report)
    case .media(let answer, let paths):
      return .mediaAnswered(answer, paths: pointers.fill(pointers.paths, paths))
    case .cameras(let cameras):
      return .identitiesLoaded(pointers.fill(pointers.cameras, cameras))
    case .sources(let sources):
      return .sourcesLoaded(pointers.fill(pointers.sources, sources))
    case .recordings(let recordings, let lastNumber):
      disk.recordingsToldIn = epoch
      return .recordingsLoaded(
        pointers.fill(pointers.recordings, recordings), lastNumber: lastNumber)
    case .mediaOutput(let text):
      var text = text
      text.withUTF8 { logs.mediaServer.append(UnsafeRawBufferPointer($0)) }
      return nil
    }
  }

  /// Tells of inputs that are rare enough to be read.
  private func note(_ input: Input) {
    switch input {
    case .feedReported: return
    case .childExited(let kind, let life, let status):
      say("told: \(kind) life \(life) ended, \(status)")
      coverage.note("childExited \(kind.word)")
    case .deviceAdded(let device):
      say("told: device \(String(device.node)) added")
      coverage.note("deviceAdded")
    case .deviceRemoved(let node):
      say("told: device \(String(node)) removed")
      coverage.note("deviceRemoved")
    case .storageChanged(let facts):
      say("told: data partition \(facts.state), \(facts.freeBytes >> 20) MiB free")
      coverage.note("storageChanged \(facts.state)")
    case .networkChanged(_, let linkUp): say("told: link \(linkUp ? "up" : "down")")
    case .clockTrusted: coverage.note("clockTrusted")
    case .historyLoaded(let history):
      say("told: history, \(history.recentWatchdogResets) watchdog resets in a row")
      coverage.note("historyLoaded")
    case .childSpawnFailed(let kind, _, _): coverage.note("childSpawnFailed \(kind.word)")
    case .segment(let news): coverage.note(.segment(news.what))
    default: return
    }
  }
}

extension SimulatedWorld {
  /// Notes in which states the machines are, once a second.
  func noteStates(_ loop: borrowing EventLoop<SimulatedWorld>) {
    coverage.note(.health(loop.appliance.health.state))
    coverage.note(.mediaServer(loop.appliance.mediaServer.wireState))
    if loop.appliance.isSafeMode { coverage.note("state safe mode") }
    if loop.buffers.waiting > 0 { coverage.note("clients wait for a large buffer") }
    if loop.buffers.free < 2 { coverage.note("large buffers used up") }
    for index in loop.appliance.cameras.slots.prefix(8)
    where loop.appliance.cameras[index].isAnnounced {
      coverage.note(.camera(loop.appliance.cameras[index].wireState))
      let rung = loop.appliance.cameras[index].recovery.rung
      if rung != .none { coverage.note(.recovery(rung)) }
    }
  }
}

extension ChildKind {
  /// Without its number.
  var word: String {
    switch self {
    case .mediaServer: "mediaServer"
    case .probe: "probe"
    case .feed: "feed"
    case .recovery: "recovery"
    }
  }
}

extension String {
  init<let capacity: Int>(_ text: Text<capacity>) {
    self = text.withBytes { String(decoding: $0, as: UTF8.self) }
  }
}

extension Text {
  init(of string: String) {
    self.init()
    for byte in string.utf8 { append(byte) }
  }
}
