import Appliance
import Wire

// Snapshots on their way to clients.
//
//   free ── request ──▶ asked ── picture ──▶ sending(offset) ── last part ──▶ free
//                         │ none, in time or at all     ▲ │ one part, when the connection
//                         ▼                             └─┘ has nothing unsent
//                      refused ── told ──▶ free
//
// A picture never lies in our memory: it stays with the system, and each part is read when it is
// sent. A connection gets its next part only after a whole wait in which it could be read from, so
// that a ping does not wait behind a picture.

/// What the system says of a picture that it has.
public struct PictureFacts: Equatable, Sendable {
  /// Bytes of the whole JPEG, 1 … `Limits.pictureSize`.
  public var size = 0
  public var width: UInt16 = 0
  public var height: UInt16 = 0
  /// The number of the picture in its feed's life.
  public var frame: UInt64 = 0
  /// The earliest moment at which it can have been taken, on the loop's clock.
  public var capturedUs: UInt64 = 0
  /// Huffman tables that the camera leaves out were inserted.
  public var completed = false

  public init() {}
}

/// What came of asking for a picture.
public struct PictureAnswer: Equatable, Sendable {
  public var entry: Int
  /// nil: there is none that is new enough.
  public var facts: PictureFacts?

  public init(entry: Int, facts: PictureFacts?) {
    self.entry = entry
    self.facts = facts
  }
}

/// The table of pictures on their way.
struct Pictures {
  /// Pictures at once; one more is told BUSY.
  static let capacity = 16
  /// How long a picture may take to be had.
  static let askMs: UInt64 = 2000
  enum State: Equatable {
    case free
    case asked(until: Instant)
    case refused(Status)
    case sending(PictureFacts, ageUs: UInt32, offset: Int)
  }

  struct Entry {
    var state = State.free
    var slot = 0
    var generation: UInt32 = 0
    /// The request's.
    var header = Header(kind: 0, requestID: 0)
    var transcoded = false
    /// When it was asked for.
    var askedUs: UInt64 = 0
    /// The connection had something unsent: once that is gone, it may say something first.
    var yields = false
  }

  private var entries = InlineArray<16, Entry>(repeating: Entry())
  /// Entries in use.
  private(set) var used = 0

  subscript(index: Int) -> Entry {
    get { entries[index] }
    set {
      switch (entries[index].state == .free, newValue.state == .free) {
      case (true, false): used += 1
      case (false, true): used -= 1
      case (true, true), (false, false): break
      }
      entries[index] = newValue
    }
  }

  var free: Int? {
    for index in entries.indices where entries[index].state == .free { return index }
    return nil
  }

  /// When the first of the asked ones has taken too long.
  var nextDeadline: Instant {
    guard used > 0 else { return .never }
    var deadline = Instant.never
    for index in entries.indices {
      if case .asked(let until) = entries[index].state { deadline = min(deadline, until) }
    }
    return deadline
  }
}

extension EventLoop where System: ~Copyable {
  /// Takes a `snapshot` request, which is answered later: a picture that has to be decoded is a
  /// job, any other one is asked for.
  mutating func beginSnapshot(
    _ index: Int, _ header: Header, _ request: UnsafeRawBufferPointer, of name: Name
  ) throws(Status) {
    let source = try appliance.pictureSource(of: name)
    if source.isKeyFrame {
      try beginJob(index, header, request, camera: name)
    } else {
      try beginPicture(index, header, source)
      // Its time is told when its last part has been sent.
      recorded[Int(header.kind & 63)] &+= 1
    }
  }

  private mutating func beginPicture(
    _ index: Int, _ header: Header, _ source: PictureSource
  ) throws(Status) {
    guard let entry = pictures.free else { throw .busy }
    let nowUs = system.nowUs()
    // Whatever is newer than one interval is the newest there is.
    let notBeforeUs = nowUs - min(nowUs, UInt64(source.intervalUs))
    let asked = system.askPicture(
      entry, of: source, notBeforeUs: notBeforeUs, deadlineUs: nowUs + Pictures.askMs * 1000)
    guard asked else { throw .busy }
    pictures[entry] = Pictures.Entry(
      state: .asked(until: now + Pictures.askMs), slot: index,
      generation: sessions.slots[index].generation, header: header,
      transcoded: source.transcoded, askedUs: nowUs)
  }

  /// Takes what the system has to say of pictures that were asked for.
  mutating func takePictures() {
    for _ in 0..<Pictures.capacity {
      guard let answer = system.nextPicture() else { return }
      guard case .asked = pictures[answer.entry].state else {
        preconditionFailure("a picture that nobody has asked for")
      }
      guard let facts = answer.facts else {
        pictures[answer.entry].state = .refused(.cameraNotStreaming)
        continue
      }
      let age = system.nowUs() - min(system.nowUs(), facts.capturedUs)
      pictures[answer.entry].state = .sending(facts, ageUs: UInt32(clamping: age), offset: 0)
    }
  }

  /// Sends one part of each picture whose connection takes it, and refusals. Once a turn, after
  /// everybody has been served. Returns when to come back at the latest.
  mutating func sendPictures() -> Instant {
    guard pictures.used > 0 else { return .never }
    var wake = pictures.nextDeadline
    for entry in 0..<Pictures.capacity where pictures[entry].state != .free {
      wake = min(wake, sendPicture(entry))
    }
    return wake
  }

  private mutating func sendPicture(_ entry: Int) -> Instant {
    let picture = pictures[entry]
    guard let index = sessions.find(picture.slot, generation: picture.generation),
      sessions.slots[index].phase == .open
    else {
      dropPicture(entry)
      return .never
    }
    if case .asked(let until) = picture.state {
      guard now >= until else { return .never }
      system.closePicture(entry)
      pictures[entry].state = .refused(.cameraNotStreaming)
    }
    var yields = picture.yields
    if let later = takesFrame(index, yields: &yields) {
      pictures[entry].yields = yields
      return later
    }
    guard let unsent = sendFrame(index, { loop in loop.writePicturePart(entry) }) else {
      return .never
    }
    guard pictures[entry].state != .free else { return .never }
    pictures[entry].yields = unsent > 0
    return unsent > 0 ? .never : now
  }

  /// Writes the next frame of an entry to the output, and frees the entry behind its last one.
  private mutating func writePicturePart(_ entry: Int) -> Int {
    let picture = pictures[entry]
    switch picture.state {
    case .free, .asked: preconditionFailure("there is nothing to send")
    case .refused(let status):
      countFailure(picture.slot, picture.header, status)
      recordPicture(picture)
      dropPicture(entry)
      return Frame.refusal(to: picture.header, status, into: buffers.output)
    case .sending(let facts, let ageUs, let offset):
      var part = SnapshotPart()
      part.total = UInt32(facts.size)
      part.offset = UInt32(offset)
      part.count = UInt32(min(facts.size - offset, Limits.payloadSize - SnapshotPart.size))
      part.width = facts.width
      part.height = facts.height
      part.frame = facts.frame
      part.capturedUs = facts.capturedUs
      part.unixMs = appliance.clock.unixMs(at: Instant(ms: facts.capturedUs / 1000))
      part.ageUs = ageUs
      part.completed = facts.completed
      part.transcoded = picture.transcoded
      return writePart(part, entry)
    }
  }

  private mutating func writePart(_ part: SnapshotPart, _ entry: Int) -> Int {
    let picture = pictures[entry]
    let bytes = Int(part.count)
    let start = Limits.headerSize + SnapshotPart.size
    let room = UnsafeMutableRawBufferPointer(rebasing: buffers.output[start..<start + bytes])
    guard system.readPicture(entry, at: Int(part.offset), into: room) else {
      countFailure(picture.slot, picture.header, .internalError)
      recordPicture(picture)
      dropPicture(entry)
      return Frame.refusal(to: picture.header, .internalError, into: buffers.output)
    }
    let frame = UnsafeMutableRawBufferPointer(rebasing: buffers.output[..<(start + bytes)])
    var head = ByteWriter(
      UnsafeMutableRawBufferPointer(rebasing: frame[Limits.headerSize..<start]))
    part.encode(into: &head)
    let end = Int(part.offset) + bytes
    if end == Int(part.total) {
      counters[.requestsSucceeded] &+= 1
      counters[.snapshotsSent] &+= 1
      recordPicture(picture)
      dropPicture(entry)
    } else if case .sending(let facts, let ageUs, _) = picture.state {
      pictures[entry].state = .sending(facts, ageUs: ageUs, offset: end)
    }
    return picture.header.reply().seal(frame, payloadSize: SnapshotPart.size + bytes)
  }

  /// A picture's answer is complete only now, long after the turn of its request.
  private mutating func recordPicture(_ picture: Pictures.Entry) {
    statistics.record(
      Int(picture.header.kind & 63), us: system.nowUs() - picture.askedUs, count: 1)
  }

  /// Forgets the pictures of a connection that ends.
  mutating func dropPictures(of index: Int) {
    guard pictures.used > 0 else { return }
    for entry in 0..<Pictures.capacity
    where pictures[entry].state != .free && pictures[entry].slot == index {
      dropPicture(entry)
    }
  }

  private mutating func dropPicture(_ entry: Int) {
    system.closePicture(entry)
    pictures[entry] = Pictures.Entry()
  }
}
