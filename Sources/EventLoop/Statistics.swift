import Appliance
import Wire

/// How long answers take, by operation, in memory of fixed size.
///
/// A histogram has a bucket for each number of microseconds below 16 and eight for every power of
/// two above (as HDR histograms have), up to two minutes: a time is told as the middle of its
/// bucket, and that is at most 1/16 away from it. Percentiles are those of two windows, the present
/// one and the one before it; so they forget, and need no clock of their own.
public struct Statistics: ~Copyable {
  /// Kinds 0 (unknown operations) to 63.
  public static let kinds = 64
  static let buckets = 200
  static let windowMs: UInt64 = 30_000
  /// Counts of all histograms: two windows of each kind, and one of all answers of this second.
  public static let memory = (2 * kinds + 1) * buckets

  private let counts: Table<UInt32>
  private var largest = InlineArray<128, UInt32>(repeating: 0)
  private var longest = InlineArray<64, UInt32>(repeating: 0)
  private var errors = InlineArray<64, UInt64>(repeating: 0)
  /// 0 or 1: the window that is being filled, and when it began.
  private var window = 0
  private var windowAt: Instant

  /// - Parameter memory: `Statistics.memory` counts.
  init(_ memory: UnsafeMutableBufferPointer<UInt32>, now: Instant) {
    precondition(memory.count >= Statistics.memory, "too little memory for histograms")
    counts = Table(memory, repeating: 0)
    windowAt = now
  }

  /// `count` answers of a kind took this long.
  mutating func record(_ kind: Int, us: UInt64, count: UInt64) {
    let bucket = Statistics.bucket(of: us)
    let us = UInt32(clamping: us)
    add(count, to: histogram(kind, window) + bucket)
    add(count, to: secondly + bucket)
    let place = 2 * kind + window
    if us > largest[place] { largest[place] = us }
    if us > longest[kind] { longest[kind] = us }
  }

  mutating func recordError(_ kind: Int) { errors[kind] &+= 1 }

  /// The 95th percentile of all answers since the last call, in microseconds; nil: there were none.
  mutating func takeSecond() -> UInt32? {
    defer { for bucket in 0..<Statistics.buckets { counts[secondly + bucket] = 0 } }
    var total: UInt64 = 0
    for bucket in 0..<Statistics.buckets { total += UInt64(counts[secondly + bucket]) }
    guard total > 0 else { return nil }
    let rank = (total * 95 + 99) / 100
    var seen: UInt64 = 0
    for bucket in 0..<Statistics.buckets {
      seen += UInt64(counts[secondly + bucket])
      if seen >= rank { return UInt32(clamping: Statistics.middle(of: bucket)) }
    }
    return nil
  }

  /// Begins a new window when the present one is full.
  mutating func turnWindow(now: Instant) {
    guard now.since(windowAt) >= Statistics.windowMs else { return }
    // After a silence of two windows the other one is as old as the present one.
    let isStale = now.since(windowAt) >= 2 * Statistics.windowMs
    if isStale { clear(window) }
    window = 1 - window
    clear(window)
    windowAt = now
  }

  private mutating func clear(_ window: Int) {
    for kind in 0..<Statistics.kinds {
      let start = histogram(kind, window)
      for bucket in start..<start + Statistics.buckets { counts[bucket] = 0 }
      largest[2 * kind + window] = 0
    }
  }

  /// How one operation has fared.
  func summary(_ kind: Int) -> OperationStatistics {
    var summary = OperationStatistics()
    summary.errors = errors[kind]
    summary.largestUs = UInt64(max(largest[2 * kind], largest[2 * kind + 1]))
    summary.longestUs = UInt64(longest[kind])
    var total: UInt64 = 0
    for bucket in 0..<Statistics.buckets { total += both(kind, bucket) }
    guard total > 0 else { return summary }
    var seen: UInt64 = 0
    for bucket in 0..<Statistics.buckets {
      let before = seen
      seen += both(kind, bucket)
      // No answer took longer than the longest.
      let us = min(Statistics.middle(of: bucket), summary.largestUs)
      if crosses(before, seen, percent: 50, of: total) { summary.p50Us = us }
      if crosses(before, seen, percent: 95, of: total) { summary.p95Us = us }
      if crosses(before, seen, percent: 99, of: total) { summary.p99Us = us }
    }
    return summary
  }

  private func both(_ kind: Int, _ bucket: Int) -> UInt64 {
    UInt64(counts[histogram(kind, 0) + bucket]) + UInt64(counts[histogram(kind, 1) + bucket])
  }

  /// The value of this rank, counted from the smallest, lies between the two counts.
  private func crosses(_ before: UInt64, _ seen: UInt64, percent: UInt64, of total: UInt64)
    -> Bool
  {
    let rank = (total * percent + 99) / 100
    return before < rank && rank <= seen
  }

  // MARK: Places

  private func histogram(_ kind: Int, _ window: Int) -> Int {
    (2 * kind + window) * Statistics.buckets
  }

  private var secondly: Int { 2 * Statistics.kinds * Statistics.buckets }

  private func add(_ count: UInt64, to place: Int) {
    counts[place] = UInt32(clamping: UInt64(counts[place]) + count)
  }

  static func bucket(of us: UInt64) -> Int {
    let us = min(us, (1 << 27) - 1)
    guard us >= 16 else { return Int(us) }
    let exponent = 63 - us.leadingZeroBitCount
    return 16 + (exponent - 4) * 8 + Int(us >> UInt64(exponent - 3)) & 7
  }

  static func middle(of bucket: Int) -> UInt64 {
    guard bucket >= 16 else { return UInt64(bucket) }
    let shift = UInt64((bucket - 16) / 8 + 1)
    let lowest = UInt64(8 + (bucket - 16) % 8) << shift
    return lowest + (1 << shift) / 2
  }
}

extension EventLoop where System: ~Copyable {
  static var sampleMs: UInt64 { 1000 }

  /// All answers of this turn have been handed over: it took them so long.
  mutating func recordAnswers(us: UInt64) {
    var kinds = answered
    answered = 0
    while kinds != 0 {
      let kind = kinds.trailingZeroBitCount
      kinds &= kinds - 1
      let count = counters.requests(of: kind, since: &recorded[kind])
      if count > 0 { statistics.record(kind, us: us, count: count) }
    }
  }

  /// Looks at the second that has just ended, and tells the machines what it was like.
  mutating func takeSample() {
    let elapsed = max(now.since(sampledAt), 1)
    let before = resources
    let past = sampledCounters
    resources = system.resources()
    sampledCounters = Totals(counters, accepted: sessions.acceptedTotal)
    sampledAt = now
    statistics.turnWindow(now: now)
    giveBackMessages()
    let came = sampledCounters - past
    let busy = resources.busyMs &- before.busyMs
    let whole = resources.wholeMs &- before.wholeMs
    cpuPermille = UInt32(clamping: (resources.cpuMs &- before.cpuMs) * 1000 / elapsed)
    second = Sample()
    second.latencyUs = statistics.takeSecond()
    second.errors = Self.permille(came.failedHere, of: came.requests)
    second.cpu = Self.permille(busy, of: whole)
    second.memory = Self.permille(
      resources.deviceMemoryKiB - min(resources.deviceAvailableKiB, resources.deviceMemoryKiB),
      of: resources.deviceMemoryKiB)
    second.connections = Self.permille(came.connectionsFailed, of: came.connections)
    second.queue = UInt32((Buffers.pooled - buffers.free) * 1000 / Buffers.pooled)
    second.slots = UInt32(sessions.placed * 1000 / sessions.ordinary)
    second.throughput = UInt32(clamping: came.requests * 1000 / elapsed)
    acceptedPerSecond = came.accepted * 1000 / elapsed
    step(.sampled(second))
  }

  private static func permille(_ part: UInt64, of whole: UInt64) -> UInt32? {
    whole == 0 ? nil : UInt32(min(part, whole) * 1000 / whole)
  }

  /// The part of the answer to `metrics` that is about the last second, and about operations.
  func fillStatistics(_ values: inout MetricValues) {
    values[.networkReceivedBytes] = resources.networkReceivedBytes
    values[.networkSentBytes] = resources.networkSentBytes
    values[.diskReadBytes] = resources.diskReadBytes
    values[.diskWrittenBytes] = resources.diskWrittenBytes
    values[.deviceMemoryKiB] = resources.deviceMemoryKiB
    values[.deviceMemoryAvailableKiB] = resources.deviceAvailableKiB
    values[.cores] = UInt64(resources.cores)
    for core in 0..<Metric.coresTold { values[core: core] = resources.coreBusyMs[core] }
    values[.coresBusyPermille] = UInt64(second.cpu ?? 0)
    values[.buffersAwaited] = UInt64(buffers.waiting)
    values[.buffersLent] = UInt64(Buffers.pooled - buffers.free)
    values[.picturesPending] = UInt64(pictures.used)
    values[.jobsWaiting] = UInt64(jobs.waiting)
    values[.jobsRunning] = UInt64(jobs.running)
    values[.requestsPerSecond] = UInt64(second.throughput)
    values[.connectionsPerSecond] = acceptedPerSecond
    values[.answersP95Us] = UInt64(second.latencyUs ?? 0)
    for kind in 0..<Statistics.kinds {
      var summary = statistics.summary(kind)
      summary.requests = values.requests(of: kind)
      values[operation: kind] = summary
    }
  }
}

/// What the counters of a second are compared by.
struct Totals: Equatable {
  var requests: UInt64 = 0
  /// Requests that failed through no fault of the client.
  var failedHere: UInt64 = 0
  var accepted: UInt64 = 0
  /// Connections that came, and those of them that were refused, timed out or displaced.
  var connections: UInt64 = 0
  var connectionsFailed: UInt64 = 0

  init() {}

  init(_ counters: borrowing MetricValues, accepted: UInt64) {
    requests = counters[.requestsSucceeded] &+ counters[.requestsFailed]
    failedHere = counters[.requestsFailedHere]
    let refused =
      counters[.refusedBusy] &+ counters[.refusedPublic] &+ counters[.refusedAddress]
    self.accepted = accepted
    connections = accepted &+ refused
    connectionsFailed =
      refused &+ counters[.closedHandshake] &+ counters[.closedFrameTimeout]
      &+ counters[.closedWriteTimeout] &+ counters[.closedDisplaced]
  }

  static func - (left: Totals, right: Totals) -> Totals {
    var result = Totals()
    result.requests = left.requests &- right.requests
    result.failedHere = left.failedHere &- right.failedHere
    result.accepted = left.accepted &- right.accepted
    result.connections = left.connections &- right.connections
    result.connectionsFailed = left.connectionsFailed &- right.connectionsFailed
    return result
  }
}

extension Status {
  /// The device failed, or was too busy: nothing that the client has done wrong.
  var isOurs: Bool {
    switch self {
    case .busy, .internalError, .mediaServerDown, .storageLow, .storageCritical, .timeout: true
    default: false
    }
  }
}
