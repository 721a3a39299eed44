import Testing
import Wire

@testable import Appliance

/// How long a feed may be silent or dark, to the millisecond, with the default time-outs.
@Suite struct FeedTimingTests {
  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  private func tick(_ feed: inout Feed, _ ms: UInt64) -> ChildAction {
    feed.tick(timeoutMs: 1000, stallMs: 2000, now: at(ms))
  }

  /// A process that has begun at second 1 and says this.
  private func feed(_ stage: FeedStage?, frames: UInt64 = 0, rate: UInt32 = 30) -> Feed {
    var feed = Feed()
    #expect(feed.want(timeoutMs: 1000, now: at(1000)) == .spawn(life: 1))
    _ = feed.started(pid: 9, now: at(1000))
    if let stage { feed.reported(report(stage, frames: frames, rate: rate), now: at(1000)) }
    return feed
  }

  private func report(
    _ stage: FeedStage, frames: UInt64, rate: UInt32 = 30, measured: UInt32 = 0
  ) -> FeedReport {
    var report = FeedReport()
    (report.stage, report.frames, report.measuredRateMilli) = (stage, frames, measured)
    (report.granted.intervalNumerator, report.granted.intervalDenominator) = (1, rate)
    return report
  }

  private func repeated(_ feed: inout Feed, _ report: FeedReport, until ms: UInt64) {
    for now in stride(from: 1100, to: ms, by: 100) { feed.reported(report, now: at(now)) }
    feed.reported(report, now: at(ms))
  }

  /// Five time-outs before the first word and while the device is opened, one later.
  @Test(
    arguments: [(nil, 5000), (.opening, 5000), (.waiting, 1000), (.capturing, 1000)]
      as [(FeedStage?, UInt64)])
  func silenceIsAFault(stage: FeedStage?, ms: UInt64) {
    var feed = feed(stage)
    #expect(feed.nextDeadline(timeoutMs: 1000, stallMs: 2000) == at(1000 + ms))
    #expect(tick(&feed, 1000 + ms - 1) == .none)
    #expect(tick(&feed, 1000 + ms) == .signal(life: 1, .kill))
  }

  /// Five seconds for the first picture, two for each further one, and four intervals of a camera
  /// that is slow.
  @Test(arguments: [(0, 30, 5000), (7, 30, 2000), (7, 1, 4000)] as [(UInt64, UInt32, UInt64)])
  func darknessIsAStall(frames: UInt64, rate: UInt32, ms: UInt64) {
    var feed = feed(.capturing, frames: frames, rate: rate)
    let same = report(.capturing, frames: frames, rate: rate)
    repeated(&feed, same, until: 1000 + ms - 1)
    #expect(tick(&feed, 1000 + ms - 1) == .none)
    feed.reported(same, now: at(1000 + ms))
    #expect(tick(&feed, 1000 + ms) == .signal(life: 1, .kill))
    #expect(feed.fault == .stalled && feed.stalls == 1)
  }

  /// Less than 80 % of the rate for five seconds is slow, until it is 90 %.
  @Test func fourFifthsOfTheRateAreSlow() {
    var feed = feed(.capturing, frames: 1)
    var frames: UInt64 = 1
    func look(_ measured: UInt32, _ ms: UInt64) -> Bool {
      frames += 1
      feed.reported(report(.capturing, frames: frames, measured: measured), now: at(ms))
      return feed.isSlow
    }
    #expect(look(24_000, 2000) == false && look(24_000, 9000) == false, "80 % are none")
    #expect(look(23_999, 10_000) == false && look(23_999, 14_999) == false)
    #expect(look(23_999, 15_000) == true && look(26_999, 16_000) == true)
    #expect(look(27_000, 17_000) == false)
  }

  /// A camera that others hold is asked after 2 s, then ever more seldom, to every half minute.
  @Test func anOccupiedCameraIsAskedSeldom() {
    var feed = Feed()
    var now: UInt64 = 1000
    var pauses: [UInt64] = []
    for _ in 0..<7 {
      _ = feed.want(timeoutMs: 1000, now: at(now))
      _ = feed.started(pid: 9, now: at(now))
      var busy = FeedReport()
      (busy.stage, busy.failure) = (.failed, .busy)
      feed.reported(busy, now: at(now))
      feed.ended(.exited(.code(1)), now: at(now))
      pauses.append(feed.nextAttempt.ms - now)
      now = feed.nextAttempt.ms
    }
    #expect(pauses == [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  }

  /// The third life in a row that fails makes a failed camera.
  @Test func threeLivesMakeAFailure() {
    var feed = Feed()
    var now: UInt64 = 1000
    for attempt in 1...4 {
      _ = feed.want(timeoutMs: 1000, now: at(now))
      _ = feed.started(pid: 9, now: at(now))
      feed.ended(.exited(.code(1)), now: at(now))
      let told = feed.condition(nil, stream: .idle)
      #expect(told.0 == (attempt < 3 ? .starting : .failed) && told.1 == .feedFailed)
      now = feed.nextAttempt.ms
    }
  }

  /// Before its first report and between two lives a feed captures nothing.
  @Test func whoSaysNothingCapturesNothing() {
    #expect(!Feed().isCapturing)
    var feed = feed(nil)
    #expect(!feed.isCapturing)
    #expect(feed.condition(nil, stream: .idle) == (.starting, .none))
    feed.reported(report(.capturing, frames: 1), now: at(1100))
    #expect(feed.isCapturing)
    feed.ended(.exited(.code(0)), now: at(20_000))
    #expect(!feed.isCapturing && feed.isWaiting)
  }

  /// MediaMTX is asked often for ten seconds from a publisher's first picture on.
  @Test func freshBytesAreExpectedForTenSeconds() {
    var feed = feed(.capturing, frames: 1)
    #expect(feed.expectsBytes(nil) == nil)
    #expect(feed.direct(.idle, now: at(3000)) == .publish)
    #expect(feed.expectsBytes(nil) == at(13_000))
  }
}
