import Testing
import Wire

@testable import Appliance

/// When MediaMTX is asked for what again, to the millisecond.
@Suite final class StreamTimingTests {
  private let memory = UnsafeMutableBufferPointer<Stream>.allocate(capacity: 4)
  private let room = UnsafeMutableBufferPointer<Effect>.allocate(capacity: Effects.capacity)

  deinit {
    memory.deallocate()
    room.deallocate()
  }

  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  /// A table that has seen a list with these paths.
  private func streams(_ names: Name...) -> Streams {
    var streams = Streams(Table(memory, repeating: Stream()))
    var effects = Effects(room)
    for name in names { streams.want(name) }
    let paths = names.map { name in
      var path = MediaPath()
      path.name = name
      return path
    }
    paths.withUnsafeBufferPointer {
      streams.listed(page: 0, of: 1, $0, now: at(0), &effects)
    }
    return streams
  }

  /// A path that does not come is asked for again after 2 s, twice as long each time, 5 min at
  /// most; the list is looked at every 50 ms for the first two seconds of each time.
  @Test func aPathIsAskedForAgain() {
    var streams = streams()
    streams.want("front")
    var now: UInt64 = 10_000
    for pause in [2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000] {
      #expect(streams.nextChange(now: at(now)) == .add("front"))
      #expect(streams.listInterval(1000, now: at(now + 1999)) == 50)
      #expect(streams.listInterval(1000, now: at(now + 2000)) == 1000)
      now += UInt64(pause)
      #expect(streams.nextDeadline == at(now))
      #expect(streams.nextChange(now: at(now - 1)) == nil)
    }
  }

  /// So is one that does not go, and one whose source is another one now.
  @Test(arguments: [false, true]) func aPathThatStaysIsRemovedAgain(isReplaced: Bool) {
    var streams = streams("front")
    streams.unwant("front")
    if isReplaced { streams.want("front", url: "rtsp://h/x") }
    for now in [10_000, 12_000] as [UInt64] {
      #expect(streams.nextChange(now: at(now)) == .remove("front"))
      #expect(streams.listInterval(1000, now: at(now + 1999)) == 50)
      #expect(streams.listInterval(1000, now: at(now + 2000)) == 1000)
      #expect(streams.nextChange(now: at(now + 1999)) == nil)
    }
    #expect(streams.nextDeadline == at(16_000))
  }

  /// While a publisher's bytes are expected the list is looked at four times a second.
  @Test func aPublisherIsWatched() {
    var streams = streams("front")
    streams.watchOften(until: at(20_000))
    #expect(streams.listInterval(1000, now: at(19_999)) == 250)
    #expect(streams.listInterval(100, now: at(19_999)) == 100)
    #expect(streams.listInterval(1000, now: at(20_000)) == 1000)
  }

  /// Without an answer a change of a path's recording is asked for again after 2 s, when it was
  /// refused after half a second; the next one waits for a quarter.
  @Test func recordingsAreSwitchedOneAfterTheOther() {
    var streams = streams("front")
    streams.record("front", true)
    #expect(streams.nextChange(now: at(1000)) == .record("front", on: true))
    #expect(streams.nextChange(now: at(2999)) == nil)
    #expect(streams.nextChange(now: at(3000)) == .record("front", on: true))
    streams.recordingTold("front", on: true, taken: false, now: at(4000))
    #expect(streams.nextChange(now: at(4499)) == nil)
    #expect(streams.nextChange(now: at(4500)) == .record("front", on: true))
    streams.recordingTold("front", on: true, taken: true, now: at(5000))
    #expect(streams.nextChange(now: at(9000)) == nil)
    streams.recordingTold("front", on: true, taken: true, now: at(9000))
    streams.record("front", false)
    #expect(streams.nextChange(now: at(9249)) == nil)
    #expect(streams.nextChange(now: at(9250)) == .record("front", on: false))
  }

  /// What a file says against what MediaMTX was told counts after 2 s.
  @Test func aFileThatGrowsAllTheSameIsSwitchedOffAgain() {
    var streams = streams("front")
    streams.recordingTold("front", on: false, taken: true, now: at(1000))
    streams.fileGrew("front", now: at(3249))
    #expect(streams.nextChange(now: at(3249)) == nil)
    streams.fileGrew("front", now: at(3250))
    #expect(streams.nextChange(now: at(3250)) == .record("front", on: false))
  }

  /// The file that a server reads at its start says what is recorded: nothing is asked for then.
  @Test(arguments: [false, true]) func aServerThatStartsReadsWhatIsRecorded(isRecorded: Bool) {
    var streams = streams("front")
    streams.record("front", true)
    streams.recordingTold("front", on: true, taken: true, now: at(1000))
    streams.record("front", isRecorded)
    streams.serverStarts()
    #expect(streams[0].recordsTold == isRecorded)
    #expect(streams.nextChange(now: at(9000)) == nil)
    #expect(streams.nextDeadline == .never)
  }
}
