import Wire

// One feed: the child that captures from a camera and publishes its pictures.
//
//             wanted                report                 silence, stall: SIGKILL
//   resting ─────────▶ starting ─────────────▶ watching ─────────────────────────┐
//    ▲  ▲                 │ no report in 5 s     │ exit                            ▼
//    │  │                 ├──────────────────────│──────────────────────▶ ending(.restart)
//    │  │                 │ exit                 ▼                                 │ exit
//    │  │                 └───────────────▶ waiting(until) ◀───────────────────────┘
//    │  │ no longer wanted                       │   │ due
//    │  └────────────────────────────────────────┘   └──────▶ starting
//    └──── exit ──── ending(.rest) ◀── no longer wanted: SIGTERM, or SIGKILL ── (any life)
//
// Beside it goes an order: a feed is told to publish once MediaMTX lists its path, and to be silent
// when MediaMTX is down; a fresh one is silent. The fault of a life stays in view until pictures
// come, so that a camera that is tried again and again does not look as if it was about to stream.

/// The numbers of a feed's supervision that are not configuration keys.
public enum FeedTiming {
  /// Silence that is forgiven while a device is opened, in time-outs: uvcvideo alone may wait five
  /// seconds for an answer of the camera.
  public static let openingTimeouts: UInt64 = 5
  /// From stream-on to the first picture; cameras measure their exposure first.
  public static let firstPictureMs: UInt64 = 5000
  /// Frame intervals without a frame that are no stall yet: slow cameras are slow.
  public static let stallIntervals: UInt64 = 4
  /// Delays of a camera that is held by another process, or has no bandwidth.
  public static let occupiedDelayMs: UInt64 = 2000
  public static let occupiedDelayCapMs: UInt64 = 30_000
  /// Lives in a row that fail before the camera counts as failed.
  public static let failedAttempts: UInt32 = 3
  /// How long MediaMTX is asked often whether a fresh publisher's bytes arrive.
  public static let publishWatchMs: UInt64 = 10_000
  /// A rate below so many percent of the granted one, for so long, is slow …
  public static let slowPercent: UInt64 = 80
  public static let slowMs: UInt64 = 5000
  /// … until it is above so many.
  public static let recoveredPercent: UInt64 = 90
}

extension ChildPolicy {
  /// A feed runs once for each start; its machine decides when to start the next one.
  public static let feed = ChildPolicy(
    restarts: false, firstDelayMs: 250, delayGrowth: 2, delayCapMs: 10_000, goodRunMs: 250,
    terminateMs: 1000, killMs: 5000)
}

/// Why the last life of a feed gave no picture.
public enum FeedFault: Equatable, Sendable {
  case none
  /// Pictures stopped coming, or never came.
  case stalled
  /// Only damaged or empty pictures came.
  case noPictures
  case busy(holder: Int32, name: Text<16>)
  case noBandwidth
  case modeRefused
  case openFailed
  /// The process said nothing for too long, or the device reported an error.
  case failed
  /// The process ended by itself, or fell silent after pictures had come.
  case crashed
}

/// The feed of one camera slot.
public struct Feed: Sendable {
  /// What is seen of a life that reports.
  struct Watch: Equatable {
    var stage: FeedStage
    var heardAt: Instant
    /// When good pictures grew last, or the stage began.
    var grewAt: Instant
    /// Good pictures so far.
    var good: UInt64 = 0
    /// Pictures of any kind came since good ones grew.
    var damagedSince = false
    /// When the first good picture came.
    var workedAt: Instant?
    /// When bytes were first sent to the present MediaMTX.
    var sentAt: Instant?
  }

  enum State: Equatable {
    case resting
    case starting(until: Instant)
    case watching(Watch)
    case ending(Child.Afterwards)
    case waiting(until: Instant)
  }

  /// The appliance's order to the present life.
  enum Order: Equatable {
    case silent
    case publish(since: Instant)
  }

  private(set) var state = State.resting
  public private(set) var child = Child(.feed)
  private(set) var order = Order.silent
  /// What is wrong; stays until good pictures come.
  public private(set) var fault = FeedFault.none
  /// Lives in a row that failed.
  public private(set) var attempts: UInt32 = 0
  /// The last report of this life.
  public private(set) var report = FeedReport()
  /// When the rate began to be too low; nil: it is not.
  private var slowSince: Instant?
  public private(set) var isSlow = false
  /// Counters over all lives in this slot, the present one aside.
  public private(set) var stalls: UInt64 = 0
  private var publishedBefore: UInt64 = 0
  private var damagedBefore: UInt64 = 0

  public init() {}

  public var published: UInt64 { publishedBefore &+ report.published }
  public var damaged: UInt64 { damagedBefore &+ report.damaged }

  // MARK: Wishes

  /// Starts it if it rests or its time has come.
  mutating func want(timeoutMs: UInt64, now: Instant) -> ChildAction {
    switch state {
    case .resting: return spawn(timeoutMs, now)
    case .waiting(let until): return now >= until ? spawn(timeoutMs, now) : .none
    case .starting, .watching, .ending: return .none
    }
  }

  /// Ends it; everything that was wrong is forgotten. `keepingAttempts`: the device is about to
  /// come back.
  mutating func unwant(
    with signal: Signal, keepingAttempts: Bool = false, now: Instant
  ) -> ChildAction {
    fault = .none
    if !keepingAttempts { attempts = 0 }
    switch state {
    case .resting: return .none
    case .waiting:
      state = .resting
      return .none
    case .starting, .watching: return end(signal, .rest, now: now)
    case .ending(.rest) where signal == .terminate: return .none
    case .ending:
      state = .ending(.rest)
      return child.step(.end(.kill, .rest), now: now)
    }
  }

  /// The next try is due at once: somebody asks for it.
  mutating func tryNow(_ now: Instant) {
    guard case .waiting(let until) = state, until != .never else { return }
    attempts = 0
    state = .waiting(until: now)
  }

  /// The next life waits until `release`: its recovery has other things to try.
  mutating func hold() {
    if case .waiting = state { state = .waiting(until: .never) }
  }

  mutating func release(now: Instant) {
    if state == .waiting(until: .never) { state = .waiting(until: now) }
  }

  private mutating func spawn(_ timeoutMs: UInt64, _ now: Instant) -> ChildAction {
    clearLife()
    state = .starting(until: now + timeoutMs * FeedTiming.openingTimeouts)
    return child.step(.start, now: now)
  }

  private mutating func end(_ signal: Signal, _ next: Child.Afterwards, now: Instant)
    -> ChildAction
  {
    state = .ending(next)
    return child.step(.end(signal, .rest), now: now)
  }

  /// What a life has said holds no longer.
  private mutating func clearLife() {
    publishedBefore = published
    damagedBefore = damaged
    report = FeedReport()
    order = .silent
    slowSince = nil
    isSlow = false
  }

  // MARK: What happens to its process

  mutating func started(pid: Int32, now: Instant) -> ChildAction {
    child.step(.started(pid: pid), now: now)
  }

  mutating func ended(_ exit: ChildExit, now: Instant) {
    let action = child.step(.ended(exit), now: now)
    precondition(action == .none, "a feed's child does not restart by itself")
    switch state {
    case .resting, .waiting: return
    case .ending(.rest):
      clearLife()
      state = .resting
    case .starting:
      if fault == .none { fault = .crashed }
      fail(now: now)
    case .ending(.restart):
      if fault == .none { fault = .failed }
      fail(now: now)
    case .watching(let watch):
      if let workedAt = watch.workedAt, now.since(workedAt) >= child.policy.goodRunMs {
        attempts = 0
      }
      // The camera did its job until then: what failed is the process.
      if report.stage != .failed, watch.workedAt != nil || fault == .none { fault = .crashed }
      fail(now: now)
    }
  }

  private mutating func fail(now: Instant) {
    let delay = delayMs
    attempts = attempts == .max ? .max : attempts + 1
    clearLife()
    state = .waiting(until: now + delay)
  }

  private var delayMs: UInt64 {
    switch fault {
    case .busy, .noBandwidth, .modeRefused:
      min(
        FeedTiming.occupiedDelayMs << UInt64(min(attempts, 8)), FeedTiming.occupiedDelayCapMs)
    case .none, .stalled, .noPictures, .openFailed, .failed, .crashed:
      child.policy.delayMs(failures: attempts)
    }
  }

  // MARK: What it says

  mutating func reported(_ report: FeedReport, now: Instant) {
    var watch: Watch
    switch state {
    case .resting, .waiting, .ending: return
    case .starting: watch = Watch(stage: report.stage, heardAt: now, grewAt: now)
    case .watching(let known): watch = known
    }
    watch.heardAt = now
    if watch.stage != report.stage, watch.workedAt == nil { watch.grewAt = now }
    watch.stage = report.stage
    let good = report.frames - min(report.damaged, report.frames)
    if good > watch.good {
      watch.good = good
      watch.grewAt = now
      watch.damagedSince = false
      watch.workedAt = watch.workedAt ?? now
      fault = .none
    } else if report.frames > self.report.frames {
      watch.damagedSince = true
    }
    if let workedAt = watch.workedAt, now.since(workedAt) >= child.policy.goodRunMs { attempts = 0 }
    if watch.sentAt == nil, case .publish = order, report.publish == .recording,
      report.published > self.report.published
    {
      watch.sentAt = now
    }
    self.report = report
    if report.stage == .failed { fault = FeedFault(report) }
    judgeRate(now)
    state = .watching(watch)
  }

  private mutating func judgeRate(_ now: Instant) {
    let granted = UInt64(report.granted.rateMilli)
    guard report.stage == .capturing, granted > 0, report.measuredRateMilli > 0 else {
      slowSince = nil
      isSlow = false
      return
    }
    let percent = UInt64(report.measuredRateMilli) * 100 / granted
    if percent >= FeedTiming.recoveredPercent {
      slowSince = nil
      isSlow = false
    } else if percent < FeedTiming.slowPercent {
      let since = slowSince ?? now
      slowSince = since
      if now.since(since) >= FeedTiming.slowMs { isSlow = true }
    }
  }

  // MARK: Time

  mutating func tick(timeoutMs: UInt64, stallMs: UInt64, now: Instant) -> ChildAction {
    switch state {
    case .resting, .waiting, .ending: return child.step(.tick, now: now)
    case .starting(let until):
      guard now >= until else { return .none }
      if fault == .none { fault = .failed }
      return end(.kill, .restart, now: now)
    case .watching(let watch):
      if now >= silentAt(watch, timeoutMs) {
        if report.stage != .failed { fault = watch.workedAt == nil ? .failed : .crashed }
        return end(.kill, .restart, now: now)
      }
      guard now >= stalledAt(watch, stallMs) else { return .none }
      fault = watch.damagedSince ? .noPictures : .stalled
      stalls += 1
      return end(.kill, .restart, now: now)
    }
  }

  @inline(__always)
  private func silentAt(_ watch: Watch, _ timeoutMs: UInt64) -> Instant {
    watch.heardAt + (watch.stage == .opening ? FeedTiming.openingTimeouts : 1) * timeoutMs
  }

  @inline(__always)
  private func stalledAt(_ watch: Watch, _ stallMs: UInt64) -> Instant {
    switch watch.stage {
    case .opening, .failed: return .never
    case .capturing where watch.good > 0:
      let rate = UInt64(report.granted.rateMilli)
      let patience = rate > 0 ? FeedTiming.stallIntervals * 1_000_000 / rate : 0
      return watch.grewAt + max(stallMs, patience)
    case .waiting, .capturing: return watch.grewAt + max(stallMs, FeedTiming.firstPictureMs)
    }
  }

  @inline(__always)
  func nextDeadline(timeoutMs: UInt64, stallMs: UInt64) -> Instant {
    switch state {
    case .resting: .never
    case .waiting(let until): until
    case .ending: child.nextDeadline
    case .starting(let until): until
    case .watching(let watch): min(silentAt(watch, timeoutMs), stalledAt(watch, stallMs))
    }
  }

  // MARK: Publishing

  enum Direction: Equatable { case none, publish, silence }

  /// Looks whether the present life has to be told where to publish, or to be silent.
  mutating func direct(_ stream: StreamState?, now: Instant) -> Direction {
    guard child.phase == .running else { return .none }
    switch (order, stream) {
    case (.silent, .idle), (.silent, .opening), (.silent, .flowing), (.silent, .stalled):
      order = .publish(since: now)
      return .publish
    case (.publish, .down), (.publish, nil):
      order = .silent
      if case .watching(var watch) = state {
        watch.sentAt = nil
        state = .watching(watch)
      }
      return .silence
    case (.silent, .pending), (.silent, .down), (.silent, nil), (.publish, .pending),
      (.publish, .idle), (.publish, .opening), (.publish, .flowing), (.publish, .stalled):
      return .none
    }
  }

  /// A stream that flows forgives what went before.
  mutating func follow(_ flow: StreamFlow?) {
    if attempts > 0, isFlowing(flow) { attempts = 0 }
  }

  /// Until when MediaMTX's list is to be asked often: this life's bytes are expected there.
  @inline(__always)
  func expectsBytes(_ flow: StreamFlow?) -> Instant? {
    guard case .watching(let watch) = state, let workedAt = watch.workedAt,
      case .publish(let since) = order, !isFlowing(flow)
    else { return nil }
    return max(workedAt, since) + FeedTiming.publishWatchMs
  }

  /// Whether MediaMTX has seen bytes of this very life grow.
  @inline(__always)
  func isFlowing(_ flow: StreamFlow?) -> Bool {
    guard case .watching(let watch) = state, let sentAt = watch.sentAt, let flow else {
      return false
    }
    return flow.state == .flowing && flow.grewAt >= sentAt
  }
}

extension FeedFault {
  /// What a feed's last words tell.
  fileprivate init(_ report: FeedReport) {
    switch report.failure {
    case .openFailed, .unreadable: self = .openFailed
    case .busy: self = .busy(holder: report.holder, name: report.holderName)
    case .noBandwidth: self = .noBandwidth
    case .modeRefused: self = .modeRefused
    case .none, .gone, .deviceError: self = .failed
    }
  }
}
