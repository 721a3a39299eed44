import Appliance
import Wire

// Requests that take longer than a turn of the loop: files, and pictures that must be worked on.
//
//   free ── request ──▶ waiting ── a worker is free ──▶ running ── answer ──▶ sending(offset)
//                         │ too long                      │ too long, or       ▲ │ one part, when
//                         ▼                               ▼ its worker died    └─┘ the connection
//                      refused ◀──────────────────────────┘                        is free
//                         └── told ──▶ free                 sending ── last part ──▶ free
//
// The queue is bounded, and so is each job's time: a card that hangs costs those who asked for it a
// typed answer, and nobody else anything. An answer lies with the system; each part of it is read
// when it is sent.

/// What came of a job.
public enum JobOutcome: Equatable, Sendable {
  /// The worker's answer: a status, and with `ok` so many bytes.
  case answered(Status, bytes: Int)
  /// Its worker is gone.
  case lost
}

public struct JobAnswer: Equatable, Sendable {
  public var entry: Int
  public var outcome: JobOutcome

  public init(entry: Int, outcome: JobOutcome) {
    self.entry = entry
    self.outcome = outcome
  }
}

/// The table of jobs.
struct Jobs {
  /// Jobs at once, waiting ones included; one more is told BUSY.
  static let capacity = 100
  /// How long a job may wait for its worker, and then how long it may take.
  static let waitMs: UInt64 = 10_000
  static let runMs: UInt64 = 10_000
  /// What a refused client is told to wait.
  static let retryAfterMs: UInt32 = 1000
  /// Bytes of the largest request.
  static let requestSize = FileReadRequest.size

  enum State: Equatable {
    case free
    case waiting(since: Instant)
    case running(until: Instant)
    case refused(Status)
    case sending(bytes: Int, offset: Int)
  }

  struct Entry {
    var state = State.free
    var slot = 0
    var generation: UInt32 = 0
    /// The request's.
    var header = Header(kind: 0, requestID: 0)
    var request = InlineArray<112, UInt8>(repeating: 0)
    var requestSize = 0
    /// Whose failures count together; empty: nobody's.
    var camera = Name()
    /// The order in which jobs were asked for.
    var number: UInt64 = 0
    /// When it was asked for.
    var askedUs: UInt64 = 0
    /// The connection had something unsent: once that is gone, it may say something first.
    var yields = false
    /// What all parts of a picture say, from its answer on.
    var picture = SnapshotPart()
  }

  let table: Table<Entry>
  /// Entries in use.
  private(set) var used = 0
  private(set) var waiting = 0
  private(set) var running = 0
  private var asked: UInt64 = 0

  init(_ memory: UnsafeMutableBufferPointer<Entry>) {
    precondition(memory.count >= Jobs.capacity, "too little memory for jobs")
    table = Table(memory, repeating: Entry())
  }

  /// Changes an entry's state: the one place where entries are counted.
  mutating func set(_ entry: Int, _ state: State) {
    count(table[entry].state, -1)
    table[entry].state = state
    count(state, 1)
  }

  private mutating func count(_ state: State, _ change: Int) {
    switch state {
    case .free: return
    case .waiting: waiting += change
    case .running: running += change
    case .refused, .sending: break
    }
    used += change
  }

  /// Takes a request into the queue; nil when it is full.
  mutating func add(_ entry: Entry, now: Instant) -> Int? {
    guard let index = free else { return nil }
    table[index] = entry
    table[index].state = .free
    asked &+= 1
    table[index].number = asked
    set(index, .waiting(since: now))
    return index
  }

  private var free: Int? {
    guard used < Jobs.capacity else { return nil }
    for index in table.indices where table[index].state == .free { return index }
    return nil
  }

  /// The waiting job that was asked for first, of those asked for after `number`.
  func next(after number: UInt64) -> Int? {
    var first: Int?
    for index in table.indices {
      guard case .waiting = table[index].state, table[index].number > number else { continue }
      if let known = first, table[known].number < table[index].number { continue }
      first = index
    }
    return first
  }

  /// When the first of them has taken too long.
  var nextDeadline: Instant {
    guard waiting + running > 0 else { return .never }
    var deadline = Instant.never
    for index in table.indices {
      switch table[index].state {
      case .free, .refused, .sending: continue
      case .waiting(let since): deadline = min(deadline, since + Jobs.waitMs)
      case .running(let until): deadline = min(deadline, until)
      }
    }
    return deadline
  }
}

extension EventLoop where System: ~Copyable {
  /// Takes a request that is answered later. `.storageUnavailable`, `.storageCritical`; `.busy`:
  /// the queue is full, or the jobs of the camera have failed too often of late.
  mutating func beginJob(
    _ index: Int, _ header: Header, _ request: UnsafeRawBufferPointer, camera: Name
  ) throws(Status) {
    try appliance.admitJob(Kind(rawValue: header.kind) ?? .connection)
    guard breakers.isClosed(for: camera, now: now) else {
      counters[.jobsBroken] &+= 1
      throw .busy
    }
    var entry = Jobs.Entry()
    entry.slot = index
    entry.generation = sessions.slots[index].generation
    entry.header = header
    entry.requestSize = request.count
    for place in 0..<request.count { entry.request[place] = request[place] }
    entry.camera = camera
    entry.askedUs = system.nowUs()
    guard jobs.add(entry, now: now) != nil else {
      counters[.jobsRefused] &+= 1
      throw .busy
    }
    // Its time is told when its answer has been sent.
    recorded[Int(header.kind & 63)] &+= 1
  }

  /// Takes what the system has to say of running jobs.
  mutating func takeJobs() {
    for _ in 0..<Jobs.capacity {
      guard let answer = system.nextJob() else { return }
      guard case .running = jobs.table[answer.entry].state else {
        preconditionFailure("an answer to a job that does not run")
      }
      let camera = jobs.table[answer.entry].camera
      switch answer.outcome {
      case .answered(.ok, let bytes):
        counters[.jobsDone] &+= 1
        guard
          jobs.table[answer.entry].header.kind != Kind.snapshot.rawValue
            || openPicture(answer.entry, bytes: bytes)
        else {
          jobs.set(answer.entry, .refused(.internalError))
          continue
        }
        breakers.worked(camera)
        jobs.set(answer.entry, .sending(bytes: bytes, offset: 0))
      case .answered(let status, _):
        counters[.jobsDone] &+= 1
        breakers.worked(camera)
        jobs.set(answer.entry, .refused(status))
      case .lost: failJob(answer.entry, .internalError)
      }
    }
  }

  private mutating func failJob(_ entry: Int, _ status: Status) {
    counters[.jobsFailed] &+= 1
    breakers.failed(jobs.table[entry].camera, now: now)
    system.closeJob(entry, hung: status == .timeout)
    jobs.set(entry, .refused(status))
  }

  /// Hands waiting jobs to free workers, and sends what is there. Once a turn, after everybody has
  /// been served. Returns when to come back at the latest.
  mutating func serveJobs() -> Instant {
    guard jobs.used > 0 else { return .never }
    expireJobs()
    startJobs()
    var wake = jobs.nextDeadline
    for entry in 0..<Jobs.capacity {
      switch jobs.table[entry].state {
      case .free, .waiting, .running: continue
      case .refused, .sending: wake = min(wake, sendJob(entry))
      }
    }
    return wake
  }

  private mutating func expireJobs() {
    guard jobs.nextDeadline <= now else { return }
    for entry in 0..<Jobs.capacity {
      switch jobs.table[entry].state {
      case .waiting(let since) where now >= since + Jobs.waitMs: jobs.set(entry, .refused(.busy))
      case .running(let until) where now >= until: failJob(entry, .timeout)
      case .free, .waiting, .running, .refused, .sending: continue
      }
    }
  }

  private mutating func startJobs() {
    var number: UInt64 = 0
    // Another kind of worker may be free where the first one's is not.
    while let entry = jobs.next(after: number) {
      number = jobs.table[entry].number
      guard case .waiting(let since) = jobs.table[entry].state else { return }
      switch begin(entry) {
      case .later: continue
      case .begun:
        counters[.jobWaitMs] = now.since(since)
        counters[.jobWaitLongestMs] = max(counters[.jobWaitLongestMs], now.since(since))
        jobs.set(entry, .running(until: now + Jobs.runMs))
      case .refused(let status): jobs.set(entry, .refused(status))
      }
    }
  }

  private enum Beginning {
    case begun
    /// No worker is free.
    case later
    case refused(Status)
  }

  private mutating func begin(_ entry: Int) -> Beginning {
    let job = jobs.table[entry]
    guard let kind = Kind(rawValue: job.header.kind) else { return .refused(.internalError) }
    var source: PictureSource?
    if kind == .snapshotSave || kind == .snapshot {
      do throws(Status) { source = try appliance.pictureSource(of: job.camera) } catch {
        return .refused(error)
      }
    }
    let began = job.request.span.withUnsafeBytes { bytes in
      system.beginJob(
        entry, kind, UnsafeRawBufferPointer(rebasing: bytes[..<job.requestSize]), of: source)
    }
    return began ? .begun : .later
  }

  /// Forgets the jobs of a connection that ends. What runs already runs on.
  mutating func dropJobs(of index: Int) {
    guard jobs.used > 0 else { return }
    for entry in 0..<Jobs.capacity
    where jobs.table[entry].state != .free && jobs.table[entry].slot == index {
      dropJob(entry)
    }
  }

  mutating func dropJob(_ entry: Int) {
    system.closeJob(entry, hung: false)
    jobs.set(entry, .free)
  }
}
