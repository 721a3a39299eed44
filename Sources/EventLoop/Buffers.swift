import Appliance
import Wire

/// Where the bytes of connections lie: one scratch for the whole loop, a small buffer per slot, and
/// a bounded pool of large ones to borrow.
///
/// A slot keeps bytes only between turns: an incomplete frame (or whole ones that wait for a large
/// buffer) at the front of its buffer, the unsent rest of its answers at the end.
public struct Buffers: ~Copyable {
  /// Bytes of a slot's own buffer. With its state and lists a slot stays below 2 KiB.
  public static let slotSize = 1536
  /// Large buffers: each holds any frame, or as many bytes of answers.
  public static let pooled = 64
  /// One scratch: the first part receives, the second collects answers.
  public static let scratchSize = 64 * 1024
  static let outputOffset = 32 * 1024

  private let own: UnsafeMutableRawPointer
  private let pool: UnsafeMutableRawPointer
  private let scratch: UnsafeMutableRawPointer
  private var freeList = InlineArray<64, UInt8>(repeating: 0)
  /// Large buffers that nobody has borrowed.
  public private(set) var free: Int

  /// Slots that wait for a large buffer, oldest first: a ring with room for every slot.
  private let queue: Table<UInt16>
  private var queueStart = 0
  public private(set) var waiting = 0

  init(
    own: UnsafeMutableBufferPointer<UInt8>, pool: UnsafeMutableBufferPointer<UInt8>,
    scratch: UnsafeMutableBufferPointer<UInt8>, queue: UnsafeMutableBufferPointer<UInt16>
  ) {
    self.own = UnsafeMutableRawPointer(own.baseAddress!)
    self.pool = UnsafeMutableRawPointer(pool.baseAddress!)
    self.scratch = UnsafeMutableRawPointer(scratch.baseAddress!)
    self.queue = Table(queue, repeating: 0)
    free = Buffers.pooled
    for index in 0..<Buffers.pooled { freeList[index] = UInt8(index) }
  }

  // MARK: Scratch

  /// Room for one turn's input: the bytes a slot held, then what is received.
  var input: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: scratch, count: Limits.frameSize)
  }

  /// Room for answers: what has been collected never exceeds one frame's size, and one frame fits
  /// behind it.
  var output: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: scratch + Buffers.outputOffset, count: Buffers.scratchSize - Buffers.outputOffset)
  }

  /// All of the scratch, for input that is thrown away.
  var waste: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: scratch, count: Buffers.scratchSize)
  }

  // MARK: Between turns

  /// True when a slot could keep that many bytes of input and of answers right now.
  @inline(__always)
  func fits(input: Int, output: Int) -> Bool {
    if input + output <= Buffers.slotSize { return true }
    guard input <= Limits.frameSize, output <= Limits.frameSize else { return false }
    return free >= (min(input, output) <= Buffers.slotSize ? 1 : 2)
  }

  /// How much input a slot that holds `held` bytes may take in this turn.
  ///
  /// With less than two large buffers left a slot takes only what its own buffer holds – a ping
  /// needs no more – unless it is in the middle of a larger frame. Otherwise slots could each hold
  /// one large buffer and wait for a second.
  func room(held: Int) -> Int {
    free >= 2 || (free == 1 && held >= Buffers.slotSize) ? Limits.frameSize : Buffers.slotSize
  }

  /// Copies what `session` holds to the front of the input and gives a borrowed buffer back.
  mutating func restore(_ index: Int, _ sessions: borrowing SessionTable) -> Int {
    let held = Int(sessions.slots[index].held)
    guard held > 0 else { return 0 }
    let place = sessions.slots[index].heldPlace
    scratch.copyMemory(from: address(index, place), byteCount: held)
    giveBack(place)
    sessions.slots[index].heldPlace = .own
    return held
  }

  /// Keeps `bytes` of the input as held, and `rest` of the output as unsent. Returns where the rest
  /// starts in its buffer.
  mutating func keep(
    _ index: Int, held bytes: UnsafeRawBufferPointer, rest: UnsafeRawBufferPointer,
    _ sessions: borrowing SessionTable
  ) -> Int {
    precondition(fits(input: bytes.count, output: rest.count), "no room was reserved")
    let together = bytes.count + rest.count <= Buffers.slotSize
    // The smaller one stays in the slot's own buffer.
    let lend = !together && bytes.count > rest.count
    let heldPlace = lend || bytes.count > Buffers.slotSize ? borrow() : .own
    let restBorrows = rest.count > Buffers.slotSize || (!together && heldPlace == .own)
    let restPlace = restBorrows ? borrow() : .own
    sessions.slots[index].heldPlace = heldPlace
    sessions.slots[index].restPlace = restPlace
    if let start = bytes.baseAddress {
      address(index, heldPlace).copyMemory(from: start, byteCount: bytes.count)
    }
    let restStart = restPlace == .own ? Buffers.slotSize - rest.count : 0
    if let start = rest.baseAddress {
      (address(index, restPlace) + restStart).copyMemory(from: start, byteCount: rest.count)
    }
    return restStart
  }

  /// Keeps `rest` beside what the slot holds, which leaves room for it. Returns where it starts.
  func keepBeside(_ index: Int, rest: UnsafeRawBufferPointer) -> Int {
    let start = Buffers.slotSize - rest.count
    (address(index, .own) + start).copyMemory(from: rest.baseAddress!, byteCount: rest.count)
    return start
  }

  /// Moves a slot's unsent `rest` from elsewhere to a large buffer; false where there is none to
  /// spare.
  mutating func lendForRest(
    _ index: Int, _ rest: UnsafeRawBufferPointer, _ sessions: borrowing SessionTable
  ) -> Bool {
    guard free > Buffers.pooled / 2, let start = rest.baseAddress else { return false }
    let place = borrow()
    address(index, place).copyMemory(from: start, byteCount: rest.count)
    sessions.moveRest(index, to: place)
    return true
  }

  /// The unsent bytes of a slot.
  func rest(_ index: Int, _ sessions: borrowing SessionTable) -> UnsafeRawBufferPointer {
    let session = sessions.slots[index]
    return UnsafeRawBufferPointer(
      start: address(index, session.restPlace) + Int(session.restStart), count: Int(session.rest))
  }

  mutating func giveBackRest(_ index: Int, _ sessions: borrowing SessionTable) {
    giveBack(sessions.slots[index].restPlace)
    sessions.slots[index].restPlace = .own
  }

  mutating func giveBackHeld(_ index: Int, _ sessions: borrowing SessionTable) {
    giveBack(sessions.slots[index].heldPlace)
    sessions.slots[index].heldPlace = .own
  }

  // MARK: Waiting for a large buffer

  mutating func enqueue(_ index: Int) {
    queue[(queueStart + waiting) % queue.count] = UInt16(index)
    waiting += 1
  }

  /// The slot that has waited longest. It may have been freed meanwhile; the caller looks.
  mutating func dequeue() -> Int {
    precondition(waiting > 0, "nobody waits")
    let index = Int(queue[queueStart])
    queueStart = (queueStart + 1) % queue.count
    waiting -= 1
    return index
  }

  /// Takes a slot out of the queue, when it is freed.
  mutating func forget(_ index: Int) {
    var kept = 0
    for offset in 0..<waiting {
      let slot = queue[(queueStart + offset) % queue.count]
      guard slot != UInt16(index) else { continue }
      queue[(queueStart + kept) % queue.count] = slot
      kept += 1
    }
    waiting = kept
  }

  // MARK: Places

  private func address(_ index: Int, _ place: Session.Place) -> UnsafeMutableRawPointer {
    guard let buffer = place.borrowed else { return own + index * Buffers.slotSize }
    return pool + Int(buffer) * Limits.frameSize
  }

  private mutating func borrow() -> Session.Place {
    precondition(free > 0, "no large buffer was reserved")
    free -= 1
    return .borrowed(freeList[free])
  }

  private mutating func giveBack(_ place: Session.Place) {
    guard let buffer = place.borrowed else { return }
    freeList[free] = buffer
    free += 1
  }
}
