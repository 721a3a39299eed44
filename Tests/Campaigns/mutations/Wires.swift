import Appliance
import EventLoop
import Wire

/// The world that the loop sees: connections are arrays, time stands where it is put, and whatever
/// is asked of the machine is kept.
struct Wires: ~Copyable, OperatingSystem {
  final class Wire {
    /// What the client has sent and the device has not read.
    private var input: [UInt8] = []
    private var offset = 0
    /// Where in it each reading ends.
    private var ends: [Int] = []
    private var reading = 0
    /// The client has ended its direction, behind all that.
    var ended = false
    /// What the client has got and not looked at.
    var received: [UInt8] = []
    var shutDown = false
    var closed = false
    var interest = Interest.nothing
    var slot = 0
    var generation: UInt32 = 0

    var hasInput: Bool { reading < ends.count || ended }

    func append(_ piece: [UInt8]) {
      input += piece
      ends.append(input.count)
    }

    /// The next reading, as far as `room` goes.
    func read(into room: UnsafeMutableRawBufferPointer) -> Int {
      guard reading < ends.count else { return 0 }
      let count = min(ends[reading] - offset, room.count)
      room.copyBytes(from: input[offset..<offset + count])
      offset += count
      if offset == ends[reading] { reading += 1 }
      if reading == ends.count {
        input.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        (offset, reading) = (0, 0)
      }
      return count
    }
  }

  var timeUs: UInt64 = 5_000_000
  var wires: [Int32: Wire] = [:]
  private var backlog: [(Int32, IPv4)] = []
  private var backlogWatched = true
  /// Effects that reach beyond the loop.
  var effects: [Effect] = []
  private var random: SplitMix
  private var list: [Ready] = []
  private var nextDescriptor: Int32 = 10

  init(seed: UInt64) { random = SplitMix(seed: seed, stream: 1) }

  mutating func connect(from address: IPv4) -> Int32 {
    nextDescriptor += 1
    wires[nextDescriptor] = Wire()
    backlog.append((nextDescriptor, address))
    return nextDescriptor
  }

  /// Whether nothing is left to be done without time passing.
  var isIdle: Bool {
    guard backlog.isEmpty else { return false }
    return wires.values.allSatisfy { readiness(of: $0) == nil }
  }

  mutating func nowUs() -> UInt64 { timeUs }

  mutating func wait(until deadline: Instant) -> Int {
    list.removeAll(keepingCapacity: true)
    if backlogWatched && !backlog.isEmpty { list.append(.backlog) }
    for descriptor in wires.keys.sorted() {
      guard let wire = wires[descriptor], let readiness = readiness(of: wire) else { continue }
      list.append(.connection(slot: wire.slot, generation: wire.generation, readiness))
    }
    if list.isEmpty && deadline != .never { timeUs = max(timeUs, deadline.ms * 1000) }
    return list.count
  }

  private func readiness(of wire: Wire) -> Readiness? {
    guard wire.generation > 0, !wire.closed else { return nil }
    return switch wire.interest {
    case .nothing: nil
    case .readable: wire.hasInput ? .readable : nil
    case .writable: .writable
    }
  }

  func ready(_ index: Int) -> Ready { list[index] }

  mutating func accept() -> Accepted {
    guard !backlog.isEmpty else { return .none }
    let (descriptor, address) = backlog.removeFirst()
    return .connection(descriptor, address)
  }

  mutating func watchBacklog(_ watched: Bool) { backlogWatched = watched }

  mutating func watch(
    _ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest
  ) -> Bool {
    wires[connection]!.slot = slot
    wires[connection]!.generation = generation
    wires[connection]!.interest = interest
    return true
  }

  mutating func change(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest) {
    precondition(!wires[connection]!.closed, "changed after its end")
    wires[connection]!.interest = interest
  }

  mutating func receive(
    _ connection: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> Transfer {
    let wire = wires[connection]!
    precondition(!wire.closed, "received after its end")
    let count = wire.read(into: buffer)
    if count > 0 { return .moved(count) }
    return wire.ended ? .end : .wouldBlock
  }

  mutating func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    precondition(!wires[connection]!.closed, "sent after its end")
    precondition(!wires[connection]!.shutDown, "sent after the end of our direction")
    wires[connection]!.received += bytes
    return .moved(bytes.count)
  }

  mutating func shutdownWrite(_ connection: Int32) { wires[connection]!.shutDown = true }

  mutating func close(_ connection: Int32) {
    precondition(!wires[connection]!.closed, "closed twice")
    wires[connection]!.closed = true
  }

  mutating func execute(_ effect: Effect, for appliance: borrowing Appliance) {
    effects.append(effect)
  }

  mutating func random(into bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next() >> 32) }
  }

  // What nobody here asks for.

  func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool { false }
  func nextKept() -> KeeperNews? { nil }

  mutating func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool { false }
  mutating func nextPicture() -> PictureAnswer? { nil }
  mutating func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool { false }
  mutating func closePicture(_ entry: Int) {}
  mutating func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool { false }
  mutating func nextJob() -> JobAnswer? { nil }
  mutating func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool { false }
  mutating func closeJob(_ entry: Int, hung: Bool) {}
  mutating func nextInput(from source: Int, logs: inout LogRings) -> Input? { nil }
  mutating func discard(_ memory: UnsafeMutableRawBufferPointer) {}
  mutating func nextLogLine() -> LogLine? { nil }
  mutating func showLog(_ line: LogLine) {}
  mutating func keepLog(_ line: StampedLine) {}
  mutating func resources() -> Resources { Resources() }
}
