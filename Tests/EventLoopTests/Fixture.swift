import Appliance
import Testing
import Wire

@testable import EventLoop

/// A loop over a fake world, with its memory: behind each claim lies a fence that nobody may touch.
struct Fixture: ~Copyable {
  var loop: EventLoop<FakeSystem>
  private let memory: UnsafeMutableRawBufferPointer
  private var fences: [Range<Int>] = []
  private static let fence = 8 * Arena.alignment
  private static let untouched: UInt8 = 0xFE
  private let tables: UnsafeMutableRawBufferPointer
  private let messages: UnsafeMutableRawBufferPointer

  init(
    slots: Int = 8, facts: BootFacts = BootFacts(), startMs: UInt64 = 5000,
    _ change: (inout Configuration) -> Void = { _ in }
  ) {
    var configuration = Configuration()
    configuration.control.slots = slots
    configuration.control.plain = true
    configuration.mediaServer.path = .empty
    configuration.cameras.enabled = false
    configuration.watchdog.device = .empty
    configuration.network.mode = .off
    (configuration.alerts.raiseS, configuration.alerts.clearS) = (3, 10)
    change(&configuration)
    var plan = Arena(gap: Self.fence)
    messages = .allocate(byteCount: MessageRing.memory, alignment: 64)
    _ = LoopMemory(configuration, from: &plan, messages: messages)
    memory = .allocate(byteCount: plan.claimed, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    var at = 0
    for index in 0..<plan.itemCount {
      at += plan.item(index).bytes + Self.fence
      fences.append(at - Self.fence..<at)
      for place in at - Self.fence..<at { memory[place] = Self.untouched }
    }
    tables = .allocate(byteCount: ApplianceMemory.tableBytes, alignment: 64)
    var arena = Arena(memory, gap: Self.fence)
    let claimed = LoopMemory(configuration, from: &arena, messages: messages)
    var system = FakeSystem()
    system.timeUs = startMs * 1000
    loop = EventLoop(
      system: system,
      appliance: Appliance(configuration, tables: ApplianceMemory.Tables(tables)),
      configuration: configuration, memory: claimed, startUs: startMs * 1000)
    loop.start(facts)
  }

  deinit {
    for fence in fences where !memory[fence].allSatisfy({ $0 == Self.untouched }) {
      Issue.record("something was written behind its memory, at \(fence.lowerBound)")
    }
    memory.deallocate()
    tables.deallocate()
    messages.deallocate()
  }

  /// Turns in which no time passes.
  mutating func turns(_ count: Int) {
    for _ in 0..<count { loop.turn(noLaterThan: Instant(ms: loop.system.timeUs / 1000)) }
  }

  /// Lets `ms` pass without anything happening, turn by turn.
  mutating func pass(ms: UInt64) {
    let end = loop.system.timeUs + ms * 1000
    while loop.system.timeUs < end {
      let before = loop.system.timeUs
      loop.turn(noLaterThan: Instant(ms: end / 1000))
      if loop.system.timeUs == before && loop.sweep == nil { loop.system.timeUs += 1000 }
    }
  }
}

/// A whole frame of a request.
func request(_ kind: Kind, id: UInt32 = 7, _ payload: [UInt8] = []) -> [UInt8] {
  var frame = [UInt8](repeating: 0, count: Limits.headerSize + payload.count)
  frame.replaceSubrange(Limits.headerSize..., with: payload)
  frame.withUnsafeMutableBytes {
    _ = Header(kind: kind.rawValue, requestID: id).seal($0, payloadSize: payload.count)
  }
  return frame
}

func ping(id: UInt32, _ text: [UInt8] = []) -> [UInt8] { request(.ping, id: id, text) }

func subscribe(_ topics: Topics) -> [UInt8] {
  request(.subscribe, id: 1, bytes(of: topics.rawValue) + [0, 0, 0, 0])
}

/// Asks for 8 KiB of the agent's log.
func logTail(id: UInt32) -> [UInt8] {
  request(.logTail, id: id, [UInt8](repeating: 0, count: 16))
}

private func bytes(of value: UInt32) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A frame that the agent has sent.
struct Reply: Equatable {
  var kind: UInt16
  var id: UInt32
  var status: UInt16
  var payload: [UInt8]
}

/// All frames in `bytes`, which must end with one and have right checksums.
func replies(_ bytes: [UInt8]) -> [Reply]? {
  var result: [Reply] = []
  var at = 0
  while at < bytes.count {
    let taken: Int? = bytes[at...].withUnsafeBytes { rest in
      guard case .frame(let header, let payload, let size) = Header.next(in: rest) else {
        return nil
      }
      result.append(
        Reply(
          kind: header.kind, id: header.requestID, status: header.status, payload: Array(payload)))
      return size
    }
    guard let taken else { return nil }
    at += taken
  }
  return result
}

extension Fixture {
  /// Lets a camera of this name stream pictures 30 times a second.
  mutating func stream(_ name: Name, format: UInt32 = PixelFormat.mjpeg) {
    var device = DeviceFacts()
    device.node = Text("video0")
    device.port = Text("1-1")
    device.serial = Text("SN-0042")
    var known = KnownCamera()
    known.name = name
    known.rung = .serial
    known.serial = device.serial
    known.port = device.port
    withUnsafePointer(to: known) {
      loop.step(.identitiesLoaded(UnsafeBufferPointer(start: $0, count: 1)))
    }
    loop.step(.deviceAdded(device))
    loop.step(.childStarted(.probe(slot: 0), life: 1, pid: 500))
    var report = ProbeReport()
    report.outcome = .capture
    report.modeCount = 1
    report.modes[0].format = format
    (report.modes[0].width, report.modes[0].height) = (640, 480)
    (report.modes[0].intervalNumerator, report.modes[0].intervalDenominator) = (1, 30)
    withUnsafePointer(to: report) { loop.step(.probeAnswered(slot: 0, life: 1, $0)) }
    loop.step(.childExited(.probe(slot: 0), life: 1, .code(0)))
    loop.step(.childStarted(.feed(slot: 0), life: 1, pid: 501))
    var feed = FeedReport()
    feed.stage = .capturing
    feed.granted = report.modes[0]
    feed.delivery = .passThrough
    feed.frames = 1
    feed.hasPicture = true
    loop.step(.feedReported(slot: 0, life: 1, feed))
  }
}
