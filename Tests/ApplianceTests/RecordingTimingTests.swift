import Testing
import Wire

@testable import Appliance

/// When a recording gives something up, to the millisecond.
@Suite struct RecordingTimingTests {
  private let flowing = RecordingSurroundings(
    isWritable: true, isCritical: false, serverIsUp: true, streamFlows: true)
  private let dark = RecordingSurroundings(
    isWritable: true, isCritical: false, serverIsUp: true, streamFlows: false)

  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  /// One that is asked for at second 1; with bytes, its first file has grown at second 2.
  private func recording(for durationS: UInt32 = 0, hasBytes: Bool = true) -> Recording {
    var known = KnownRecording()
    (known.durationS, known.remainingS) = (durationS, durationS)
    var recording = Recording()
    recording.start(known, now: at(1000))
    guard hasBytes else { return recording }
    var news = SegmentNews()
    (news.what, news.bytes) = (.began, 1000)
    #expect(recording.took(news, goesOn: true, now: at(2000)) == .started)
    return recording
  }

  /// A part of a second, five seconds more, and four for a key frame where a file is to begin.
  @Test func theFirstBytesHaveTenSeconds() {
    var recording = recording(hasBytes: false)
    #expect(recording.nextDeadline == at(11_000))
    #expect(recording.tick(flowing, now: at(10_999)) == .none)
    #expect(recording.tick(flowing, now: at(11_000)) == .interrupted(.notGrowing))
    #expect(recording.nextDeadline == at(16_000))
    _ = recording.tick(flowing, now: at(15_999))
    #expect(recording.isStalled)
    _ = recording.tick(flowing, now: at(16_000))
    #expect(!recording.isStalled)
  }

  /// The README says so.
  @Test func sixSecondsWithoutGrowthAreNoRecording() {
    var recording = recording()
    #expect(recording.nextDeadline == at(8000))
    #expect(recording.tick(flowing, now: at(7999)) == .none)
    #expect(recording.tick(flowing, now: at(8000)) == .interrupted(.notGrowing))
  }

  @Test func aStreamMayBeAwayForTwoSeconds() {
    var recording = recording()
    #expect(recording.tick(dark, now: at(3999)) == .none)
    #expect(recording.nextDeadline == at(4000))
    #expect(recording.tick(dark, now: at(4000)) == .interrupted(.cameraNotStreaming))
  }

  @Test(arguments: [false, true]) func aFileMayTakeFiveSecondsToClose(begins: Bool) {
    var recording = recording()
    recording.stop(.requested, now: at(3000))
    var news = SegmentNews()
    news.what = .closed
    if begins {
      #expect(recording.took(news, goesOn: true, now: at(3500)) == .none)
      #expect(recording.nextDeadline == at(3650), "or another one begins within 150 ms")
      news.what = .began
      #expect(recording.took(news, goesOn: false, now: at(3600)) == .none)
    }
    let end: UInt64 = begins ? 8600 : 8000
    #expect(recording.nextDeadline == at(end))
    #expect(recording.tick(flowing, now: at(end - 1)) == .none)
    #expect(recording.tick(flowing, now: at(end)) == .ended(.requested))
  }

  /// The first bytes are a part old, and so is the recording then; its rest is kept every minute.
  @Test func timeCountsFromTheFirstPicture() {
    var recording = recording(for: 600)
    #expect(recording.endsAt == at(2000 + 599_000))
    let kept = [60_999, 61_000, 120_999, 121_000].map { recording.keep(now: at($0)) }
    #expect(kept == [false, true, false, true] && recording.known.remainingS == 480)
  }
}
