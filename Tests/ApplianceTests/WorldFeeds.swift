import Wire

@testable import Appliance

/// A feed process in the fake world.
struct FakeFeed {
  /// How a feed behaves.
  enum Plan: Equatable {
    /// Opens, captures 30 frames/s, publishes when told to.
    case works
    /// Never says a word.
    case mute
    /// Streaming is on, and no picture comes.
    case dark
    /// Every picture is damaged.
    case damaged
    /// MediaMTX drops all it sends: errors instead of bytes.
    case broken
    /// Ends with a reason.
    case fails(FeedFailure)
    /// Ends without one.
    case crashes
    /// Cannot be started.
    case absent
  }

  var life: UInt32
  var plan: Plan
  var name: String
  /// SIGSTOP: alive, but does nothing.
  var isStopped = false
  var isFrozen = false
  var publishes = false
  var rateMilli: UInt32 = 30_000
  var report = FeedReport()
}

extension World {
  static let h264 = PixelFormat.h264
  static let mjpeg = PixelFormat.mjpeg

  func spawnFeed(_ slot: Int, _ life: UInt32) {
    let order = read { $0.feedOrder(slot) }
    var feed = FakeFeed(
      life: life, plan: feedPlans[String(order.node)] ?? feedPlan, name: String(order.camera))
    feed.report.granted = order.mode
    precondition(feeds[slot] == nil, "two feeds of one camera")
    precondition(probeAlive(slot) == false, "a feed beside a probe")
    if feed.plan == .absent {
      return later(1) { $0.send(.childSpawnFailed(.feed(slot: slot), life: life, errno: 11)) }
    }
    feeds[slot] = feed
    later(1) { $0.send(.childStarted(.feed(slot: slot), life: life, pid: 800 + Int32(slot))) }
    if feed.plan == .crashes { return later(5) { $0.endFeed(slot, life, .signal(11)) } }
    if feed.plan == .mute { return }
    later(10) { $0.say(slot, life) { $0.stage = .opening } }
    if case .fails(let failure) = feed.plan {
      later(15) {
        $0.say(slot, life) {
          $0.stage = .failed
          $0.failure = failure
          $0.holder = 77
          $0.holderName = "motion"
        }
      }
      return later(20) { $0.endFeed(slot, life, .code(1)) }
    }
    later(40) { $0.say(slot, life) { $0.stage = .waiting } }
    later(80) { $0.beat(slot, life) }
  }

  private func say(_ slot: Int, _ life: UInt32, _ change: (inout FeedReport) -> Void) {
    guard var feed = feeds[slot], feed.life == life, !feed.isStopped else { return }
    change(&feed.report)
    feeds[slot] = feed
    send(.feedReported(slot: slot, life: life, feed.report))
  }

  /// A report every 250 ms, with the frames since the last one.
  private func beat(_ slot: Int, _ life: UInt32) {
    guard let feed = feeds[slot], feed.life == life else { return }
    later(250) { $0.beat(slot, life) }
    say(slot, life) { report in
      if feed.isFrozen || feed.plan == .dark { return }
      report.stage = .capturing
      report.frames += 8
      report.measuredRateMilli = feed.rateMilli
      if feed.plan == .damaged { report.damaged += 8 } else { report.hasPicture = true }
      report.publish = feed.publishes ? .recording : .silent
      if feed.publishes, feed.plan != .damaged { report.published += 8 }
      report.delivery = .passThrough
    }
  }

  func directFeed(_ slot: Int, _ life: UInt32, publishes: Bool) {
    guard feeds[slot]?.life == life else { return }
    feeds[slot]?.publishes = publishes
    if publishes { precondition(serverPaths[feeds[slot]!.name] != nil, "no such path") }
  }

  /// What MediaMTX has got from the feeds.
  func countBytes() {
    for name in serverPaths.keys {
      guard let feed = feeds.values.first(where: { $0.name == name && $0.publishes }) else {
        if feeds.values.contains(where: { $0.name == name }) { serverPaths[name]?.ready = false }
        continue
      }
      guard feed.report.published > 0 else { continue }
      serverPaths[name]?.ready = true
      if feed.plan == .broken {
        serverPaths[name]?.inboundFramesInError = feed.report.published
      } else {
        serverPaths[name]?.inboundBytes = feed.report.published * 1000
      }
    }
  }

  func endFeed(_ slot: Int, _ life: UInt32, _ status: ChildStatus) {
    guard let feed = feeds[slot], feed.life == life else { return }
    feeds[slot] = nil
    serverPaths[feed.name]?.ready = false
    send(.childExited(.feed(slot: slot), life: life, status))
  }

  func slot(of name: String) -> Int { read { $0.cameras.index(of: Text(name))! } }

  /// Kills the feed of a camera, as somebody else would.
  func killFeed(of name: String) {
    let slot = slot(of: name)
    if let feed = feeds[slot] { endFeed(slot, feed.life, .signal(9)) }
  }

  func feedSpawns(_ slot: Int) -> [UInt64] {
    log.filter { if case .spawnFeed(slot, _) = $0.effect { true } else { false } }.map(\.ms)
  }
}
