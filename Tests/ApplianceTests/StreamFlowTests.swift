import Testing
import Wire

@testable import Appliance

/// When the media of a path are media, to the millisecond.
@Suite struct StreamFlowTests {
  private static var ready: MediaPath {
    var path = MediaPath()
    path.ready = true
    return path
  }

  /// Five seconds for the first byte, three for each further one.
  @Test(
    arguments: [
      (false, 4999, .opening), (false, 5000, .stalled), (true, 2999, .flowing),
      (true, 3000, .stalled),
    ] as [(Bool, UInt64, StreamState)])
  func bytesThatStandStillAreAStall(hasFlowed: Bool, ms: UInt64, state: StreamState) {
    var path = Self.ready
    var flow = StreamFlow(path, now: Instant(ms: 1000))
    if hasFlowed {
      path.inboundBytes = 1
      flow.update(path, now: Instant(ms: 1000))
    }
    flow.update(path, now: Instant(ms: 1000 + ms))
    #expect(flow.state == state)
  }

  /// The second error within a minute asks for a second without any, each further one for twice as
  /// long, up to half a minute.
  @Test(
    arguments: [
      (1, 1000, 1), (2, 1000, 1000), (3, 1000, 2000), (4, 1000, 4000), (6, 1000, 16_000),
      (7, 1000, 30_000), (9, 1000, 30_000), (2, 59_999, 1000), (2, 60_000, 1), (9, 60_000, 1),
    ] as [(Int, UInt64, UInt64)])
  func errorsAskForATimeWithout(errors: Int, apart: UInt64, asked: UInt64) {
    var path = Self.ready
    var now = Instant(ms: 100_000)
    var flow = StreamFlow(path, now: now)
    for _ in 0..<errors {
      now = now + apart
      path.inboundBytes += 1
      path.inboundFramesInError += 1
      flow.update(path, now: now)
    }
    #expect(flow.state == .stalled)
    var ms: UInt64 = 0
    while flow.state == .stalled, ms < 40_000 {
      ms += 1
      path.inboundBytes += 1
      flow.update(path, now: now + ms)
    }
    #expect(ms == asked)
  }
}
