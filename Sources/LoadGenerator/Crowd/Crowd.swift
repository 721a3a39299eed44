import CEpoll
import DequeModule
import Glibc
import HeapModule
import Synchronization

/// Users that come, ask, think and leave: as many as one thread can be.
///
/// One thread and one epoll. Latency counts from the moment at which a request was to be sent, so
/// that a device (or crowd) that stalls is charged for all that came due meanwhile – there is no
/// coordinated omission. In the open model a request that finds no user free waits for one.
///
/// ```swift
/// let crowd = try Crowd(labels: 2, seed: 1) { number in Newcomer(…) }
/// let result = try crowd.run(CrowdStage(users: 100, ramp: 10, seconds: 60))
/// print(result.tallies[0].latency.quantile(0.99))
/// ```
public final class Crowd {
  /// How long a user that failed stays away.
  static let absenceNs: UInt64 = 1_000_000_000
  /// How often deadlines are looked at.
  private static let sweepNs: UInt64 = 20_000_000
  private static let secondNs: UInt64 = 1_000_000_000
  /// Turns that come later by more than this have been held up.
  private static let stallNs: UInt64 = 1_000_000
  static let inputSize = 256 * 1024
  static let outputSize = 256 * 1024

  /// When a user goes on.
  struct Appointment: Comparable {
    var time: UInt64
    var user: Int
    static func < (left: Self, right: Self) -> Bool {
      (left.time, left.user) < (right.time, right.user)
    }
    static func == (left: Self, right: Self) -> Bool {
      left.time == right.time && left.user == right.user
    }
  }

  private let makeNewcomer: (Int) -> Newcomer
  /// How long an answer may take.
  let timeoutNs: UInt64
  private let onSecond: (CrowdSecond) -> Void
  private let stop: StopSign

  let poller: Poller
  let input: UnsafeMutableRawBufferPointer
  let output: UnsafeMutableRawBufferPointer
  var users: [User] = []
  var agenda = Heap<Appointment>()
  /// Users that can be given a request (open model).
  var line = Deque<Int>()
  var random: SplitMix

  // The present stage.
  var result: CrowdResult
  var second = CrowdSecond()
  var present = 0
  /// Requests under way, and connections that are being made.
  var underWay = 0
  /// No more requests are begun.
  var isOver = true
  /// A request is sent when it is due, not when a user can.
  var isOpen = false
  /// When the crowd itself was held up last: nothing was sent, whoever was free.
  private var stall: Range<UInt64> = 0..<0

  /// Makes a crowd without users. `newcomer` makes them when they come first, by number; `labels`
  /// are all places that they and their conducts count under.
  ///
  /// `onSecond` is called by the thread that runs a stage, once a second.
  public init(
    labels: Int, timeout: Double = 10, seed: UInt64, stop: StopSign = StopSign(),
    onSecond: @escaping (CrowdSecond) -> Void = { _ in }, newcomer: @escaping (Int) -> Newcomer
  ) throws(LoadError) {
    poller = try Poller()
    makeNewcomer = newcomer
    timeoutNs = UInt64(timeout * 1e9)
    self.onSecond = onSecond
    self.stop = stop
    random = SplitMix(seed)
    result = CrowdResult(labels: labels)
    input = .allocate(byteCount: Crowd.inputSize, alignment: 64)
    output = .allocate(byteCount: Crowd.outputSize, alignment: 64)
  }

  deinit {
    input.deallocate()
    output.deallocate()
  }

  /// Runs a stage: its users come (those who are there stay) and ask until its time is over. What
  /// was begun ends, within the time that an answer may take. The users stay connected.
  public func run(_ stage: CrowdStage) throws(LoadError) -> CrowdResult {
    try raiseDescriptorLimit(to: stage.users + 64)
    ce_exact_timers()
    result = CrowdResult(labels: result.tallies.count)
    let ownCPU = threadCPUNs()
    let start = monotonicNs()
    let end = start + UInt64(stage.seconds * 1e9)
    (second.begin, second.end) = (start, start + Crowd.secondNs)
    isOver = false
    isOpen = stage.rate != nil
    var arrivals = Arrivals(stage, start: start, present: wantedCount)
    resume(stage.users, now: start)
    var timetable = Timetable(rate: stage.rate, start: start, end: end)
    var sweep = start + Crowd.sweepNs
    var (now, wake) = (start, start)
    while true {
      now = monotonicNs()
      if now > wake + Crowd.stallNs {
        // One that follows before the crowd has caught up with the last goes on with it.
        let isBehind = timetable.next.map { stall.contains($0) } ?? false
        let isNear = wake < stall.upperBound + 2 * UInt64(stall.count)
        stall = (isBehind && isNear ? stall.lowerBound : wake)..<now
      }
      if now >= end || stop.isSet { isOver = true }
      if isOver && (stop.isSet || now >= end + timeoutNs || isQuiet(timetable, now)) { break }
      if !isOver { try admit(&arrivals, now: now) }
      try keepAppointments(now: now)
      sendDue(&timetable, now: now)
      if now >= sweep {
        expire(now: now)
        sweep = now + Crowd.sweepNs
      }
      if now >= second.end { handOver() }
      let pause = pause(arrivals, timetable, sweep, end, now: now)
      wake = now + pause
      try serve(within: pause)
    }
    giveUp(&timetable, now: now)
    handOver(at: now)
    result.seconds = Double(now - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs() - ownCPU) / 1e9
    return result
  }

  /// All users leave.
  public func dismiss() {
    for user in users {
      user.isWanted = false
      user.hangUp()
    }
    users.removeAll()
    agenda = Heap()
    line.removeAll()
    (present, underWay) = (0, 0)
  }

  // MARK: Time

  private var wantedCount: Int { users.lazy.filter(\.isWanted).count }

  private func isQuiet(_ timetable: Timetable, _ now: UInt64) -> Bool {
    underWay == 0 && (timetable.isDone || present == 0)
  }

  /// Nanoseconds until there is something to do.
  private func pause(
    _ arrivals: Arrivals, _ timetable: Timetable, _ sweep: UInt64, _ end: UInt64, now: UInt64
  ) -> UInt64 {
    var time = min(sweep, second.end)
    if !isOver { time = min(time, end) }
    if let next = agenda.min { time = min(time, next.time) }
    if !isOver, let next = arrivals.next { time = min(time, next) }
    if !line.isEmpty, let next = timetable.next { time = min(time, next) }
    return time > now ? time - now : 0
  }

  private func handOver(at now: UInt64? = nil) {
    if let now { second.end = now }
    second.present = present
    onSecond(second)
    second.tally.reset()
    second.busy = 0
    (second.begin, second.end) = (second.end, second.end + Crowd.secondNs)
  }

  /// Requests that are due are given to users in turn.
  private func sendDue(_ timetable: inout Timetable, now: UInt64) {
    while let due = timetable.next, due <= now {
      guard let index = line.popFirst() else {
        // Nobody is free, and hardly anybody will be before it is too late for this one.
        guard now - due > timeoutNs else { return }
        timetable.advance()
        result.dropped += 1
        continue
      }
      let user = users[index]
      user.isInLine = false
      guard user.isWanted, user.hasRoom else { continue }
      let since = max(due, user.freeSince)
      var filled = 0
      guard act(index, due: due, now: now, filled: &filled) else { continue }
      // Those who were free have had the first of what came due in a stall; the rest had to wait
      // for them because of it.
      let held = stall.contains(due) ? stall.upperBound - due : 0
      result.lateness.record(max(now > since ? now - since : 0, held))
      timetable.advance()
      flush(index, filled: filled)
      stand(index)
    }
  }

  /// What has not ended by now has failed – unless it was not given its time, because all are to
  /// stop.
  private func giveUp(_ timetable: inout Timetable, now: UInt64) {
    while let due = timetable.next, !stop.isSet || now > due && now - due > timeoutNs {
      result.dropped += 1
      timetable.advance()
    }
    guard !stop.isSet else { return leaveOff() }
    for index in users.indices where users[index].isBusy { lose(index, .timeout, now: now) }
  }

  /// Connections on which something is under way end; nobody has failed.
  private func leaveOff() {
    for index in users.indices where users[index].isBusy { part(index) }
  }

  // MARK: Users

  /// Makes the user with this number where there is none yet.
  func user(_ index: Int) -> User {
    while users.count <= index { users.append(User(makeNewcomer(users.count))) }
    return users[index]
  }
}

/// Says to all threads that they are to stop.
public final class StopSign: Sendable {
  private let sign = Atomic(false)

  public init() {}

  public var isSet: Bool { sign.load(ordering: .relaxed) }
  public func set() { sign.store(true, ordering: .relaxed) }
}

/// When requests of the open model are due: number `k` at `start + k / rate`.
struct Timetable {
  private let start: UInt64
  private let periodNs: Double
  private let total: Int
  private var number = 0

  init(rate: Double?, start: UInt64, end: UInt64) {
    self.start = start
    periodNs = rate.map { 1e9 / $0 } ?? 0
    total = rate == nil ? 0 : Int((Double(end - start) / periodNs).rounded(.up))
  }

  var isDone: Bool { number >= total }
  var next: UInt64? { isDone ? nil : start + UInt64(Double(number) * periodNs) }
  mutating func advance() { number += 1 }
}

/// When users come and go.
struct Arrivals {
  private let start: UInt64
  private let wanted: Int
  private let periodNs: Double
  private var there: Int
  private var number = 0

  init(_ stage: CrowdStage, start: UInt64, present: Int) {
    self.start = start
    wanted = stage.users
    periodNs = stage.ramp.map { 1e9 / $0 } ?? 0
    there = present
  }

  /// When the next one comes or goes; nil: all are as they should be.
  var next: UInt64? {
    there == wanted ? nil : start + UInt64(Double(number) * periodNs)
  }

  /// The place of the user that comes (true) or goes.
  mutating func take() -> (place: Int, comes: Bool) {
    number += 1
    if there < wanted {
      there += 1
      return (there - 1, true)
    }
    there -= 1
    return (there, false)
  }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014).
public struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(_ seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
