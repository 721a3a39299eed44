import Appliance
import Noise
import Wire

// Requests that change what is kept: answered when the card has it, so that no power cut takes back
// what somebody was told.
//
//   free ── request ──▶ waiting ── kept, answered ──▶ ready ── sent ──▶ free
//                          │ refused, or too long       ▲
//                          └── refused(status) ─────────┘

/// The table of requests that wait for the keeper.
struct Decisions {
  /// At once; one more is told BUSY.
  static let capacity = 128
  /// What a card may take for an answer.
  static let waitMs: UInt64 = 8000
  static let retryAfterMs: UInt32 = 500
  /// Before whoever found no place for a change, or for its request, asks again: a few changes are
  /// decided meanwhile.
  static let busyMs: UInt32 = 200
  /// How long they keep the agent from beginning anew with another configuration.
  static let reloadMs: UInt64 = 2000

  /// What an entry waits for.
  enum State: Equatable {
    case free
    /// Until this revision of the image is kept.
    case clients(UInt32)
    case changes(UInt32)
    /// Until the keeper has answered this request.
    case asked(UInt32)
    /// Until the one place for a text is free.
    case queued
    case ready
    case refused(Status)
  }

  struct Entry {
    var state = State.free
    var slot = 0
    var generation: UInt32 = 0
    /// The request's.
    var header = Header(kind: 0, requestID: 0)
    /// Whose key it is about.
    var key: KeyHandle?
    /// Which change it is about.
    var change: UInt32 = 0
    var proof = ConfigurationError()
    var askedUs: UInt64 = 0
    var until = Instant.never
    /// As in `Jobs`.
    var yields = false
  }

  let table: Table<Entry>
  private(set) var used = 0
  /// The entry that the text in `Keeping.text` belongs to.
  var textOwner: Int?

  init(_ memory: UnsafeMutableBufferPointer<Entry>) {
    precondition(memory.count >= Decisions.capacity, "too little memory for decisions")
    table = Table(memory, repeating: Entry())
  }

  /// nil: there is no room.
  mutating func add(_ entry: Entry) -> Int? {
    guard used < Decisions.capacity else { return nil }
    for index in table.indices where table[index].state == .free {
      table[index] = entry
      used += 1
      return index
    }
    return nil
  }

  mutating func remove(_ index: Int) {
    precondition(table[index].state != .free, "removed twice")
    table[index] = Entry()
    used -= 1
    if textOwner == index { textOwner = nil }
  }
}

extension EventLoop where System: ~Copyable {
  /// Keeps a request until `state` lets it be answered. `.busy`: too many wait.
  mutating func wait(
    _ index: Int, _ header: Header, for state: Decisions.State, key: KeyHandle? = nil,
    change: UInt32 = 0
  ) throws(Status) {
    var entry = Decisions.Entry()
    entry.state = state
    entry.slot = index
    entry.generation = sessions.slots[index].generation
    entry.header = header
    entry.key = key
    entry.change = change
    entry.askedUs = system.nowUs()
    entry.until = now + Decisions.waitMs
    guard decisions.add(entry) != nil else { throw .busy }
    recorded[Int(header.kind & 63)] &+= 1
    accessWake = now
  }

  /// The keeper has answered a request that somebody waits for.
  mutating func decisionDone(_ done: KeeperDone) {
    for index in decisions.table.indices where decisions.table[index].state == .asked(done.number) {
      switch done.outcome {
      case .done, .already: decisions.table[index].state = .ready
      case .wrong:
        decisions.table[index].proof = done.error
        decisions.table[index].state = .ready
      case .unknown: decisions.table[index].state = .refused(.notFound)
      case .tooLarge: decisions.table[index].state = .refused(.tooLarge)
      default: decisions.table[index].state = .refused(.storageUnavailable)
      }
      return
    }
  }

  /// The text that somebody has asked for; its end is told apart.
  mutating func hearText(_ reader: inout ByteReader) {
    guard reader.remaining >= 4 else { return }
    let number = reader.read(UInt32.self)
    guard let owner = decisions.textOwner, decisions.table[owner].state == .asked(number),
      reader.remaining <= keeping.text.count
    else { return }
    let text = reader.take(reader.remaining)
    keeping.text.copyMemory(from: text)
    keeping.textSize = text.count
  }

  /// The keeper that was asked is gone.
  mutating func loseDecisions() {
    for index in decisions.table.indices {
      if case .asked = decisions.table[index].state {
        decisions.table[index].state = .refused(.storageUnavailable)
      }
    }
  }

  /// Forgets what a connection that ends has asked for; what it has decided holds.
  mutating func dropDecisions(of index: Int) {
    guard decisions.used > 0 else { return }
    for entry in decisions.table.indices
    where decisions.table[entry].state != .free && decisions.table[entry].slot == index {
      decisions.remove(entry)
    }
  }

  /// Sends what can be answered. Once a turn. Returns when to come back at the latest.
  mutating func serveDecisions() -> Instant {
    guard decisions.used > 0 else { return .never }
    var wake = Instant.never
    for entry in decisions.table.indices where decisions.table[entry].state != .free {
      settle(entry)
      switch decisions.table[entry].state {
      case .free: continue
      case .ready, .refused: wake = min(wake, sendDecision(entry))
      default: wake = min(wake, decisions.table[entry].until)
      }
    }
    return wake
  }

  private mutating func settle(_ entry: Int) {
    switch decisions.table[entry].state {
    case .free, .ready, .refused: return
    case .clients(let revision): settle(entry, keeping.clients, revision)
    case .changes(let revision): settle(entry, keeping.changes, revision)
    case .queued where decisions.textOwner == nil: askForText(entry)
    case .queued, .asked: break
    }
    if case .ready = decisions.table[entry].state { return }
    if decisions.table[entry].until <= now { decisions.table[entry].state = .refused(.timeout) }
  }

  private mutating func settle(_ entry: Int, _ image: KeptImage, _ revision: UInt32) {
    if image.isKept(revision) {
      decisions.table[entry].state = .ready
    } else if image.hasFailed(revision) {
      decisions.table[entry].state = .refused(.storageUnavailable)
    }
  }

  private mutating func askForText(_ entry: Int) {
    keeping.textSize = 0
    let id = decisions.table[entry].change
    let number = ask(.text) { $0.write(id) }
    guard number != 0 else {
      decisions.table[entry].state = .refused(.storageUnavailable)
      return
    }
    decisions.textOwner = entry
    decisions.table[entry].state = .asked(number)
  }

  // MARK: Answers

  private mutating func sendDecision(_ entry: Int) -> Instant {
    let slot = decisions.table[entry].slot
    guard let index = sessions.find(slot, generation: decisions.table[entry].generation),
      sessions.slots[index].phase == .open
    else {
      decisions.remove(entry)
      return .never
    }
    var yields = decisions.table[entry].yields
    if let later = takesFrame(index, yields: &yields) {
      decisions.table[entry].yields = yields
      return later
    }
    _ = sendFrame(index) { loop in loop.writeDecision(entry) }
    // Another one may have waited for its place.
    return decisions.used > 0 ? now : .never
  }

  /// Writes the answer of an entry to the output, and frees the entry.
  private mutating func writeDecision(_ entry: Int) -> Int {
    let header = decisions.table[entry].header
    let slot = decisions.table[entry].slot
    let askedUs = decisions.table[entry].askedUs
    defer {
      statistics.record(Int(header.kind & 63), us: system.nowUs() - askedUs, count: 1)
      decisions.remove(entry)
    }
    if case .refused(let status) = decisions.table[entry].state {
      countFailure(slot, header, status)
      if let key = decisions.table[entry].key { takeBack(key, slot) }
      return Frame.refusal(
        to: header, status,
        retryAfterMs: status == .storageUnavailable ? Decisions.retryAfterMs : 0,
        into: buffers.output)
    }
    var writer = FrameWriter(buffers.output)
    do throws(Status) {
      try writeDecision(entry, into: &writer.payload)
      counters[.requestsSucceeded] &+= 1
      return writer.seal(header.reply())
    } catch {
      countFailure(slot, header, error)
      return Frame.refusal(to: header, error, into: buffers.output)
    }
  }

  private func writeDecision(_ entry: Int, into payload: inout ByteWriter) throws(Status) {
    switch Kind(rawValue: decisions.table[entry].header.kind) {
    case .keyAdd, .keyRotate:
      guard let key = decisions.table[entry].key else { throw .internalError }
      deviceKey.publicKey.withBytes { payload.write($0) }
      let written: Void? = access.keys.withSecret(of: key) { payload.write($0) }
      // Somebody has removed it meanwhile.
      guard written != nil else { throw .notFound }
    case .configurationText:
      payload.write(UnsafeRawBufferPointer(rebasing: keeping.text[..<keeping.textSize]))
    case .configurationCheck:
      var proof = ConfigurationProof()
      proof.line = decisions.table[entry].proof.line
      proof.column = decisions.table[entry].proof.column
      proof.message = decisions.table[entry].proof.message
      proof.encode(into: &payload)
    case .configurationStage, .changeApprove, .changeReject, .changeApply, .changeConfirm:
      let id = decisions.table[entry].change
      guard let change = access.changes.entry(of: id, now: now) else { throw .notFound }
      change.encode(into: &payload)
    // They have nothing to say but that it is so.
    default: return
    }
  }
}
