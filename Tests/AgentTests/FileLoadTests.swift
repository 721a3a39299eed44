import ControlClient
import Foundation
import Testing
import Wire

/// Work with files beside recordings: nobody who watches may notice.
@Suite(.serialized, .oneDevice, .timeLimit(.minutes(10))) struct FileLoadTests {
  @Test func viewersDoNotNoticeWorkWithFiles() async throws {
    let films = [Films.conforming, Films.small, Films.h264, Films.delimited]
    let recorder = try await Recorder(films)
    let client = recorder.client
    let load = try await FileLoad(recorder)
    for camera in recorder.station.names { _ = try await client.startRecording(camera) }
    try await recorder.wait("four recordings") {
      try await client.recordings().count { $0.state.known == .recording } == films.count
    }
    let port = UInt16(try await client.streams().rtspPort)
    let viewers = recorder.station.names.map { Viewer($0.string, port: port) }
    defer { for viewer in viewers { viewer.leave() } }
    try await recorder.wait("pictures") { try viewers.allSatisfy { try $0.pictures().count > 1 } }

    var visit = try await Visit(viewers, load)
    // Once more: something else on the machine may have been the reason.
    if visit.isNoticed, AgentProcess.isShipped { visit = try await Visit(viewers, load) }
    if AgentProcess.isShipped {
      // Not the whole visit, of which a failure would print each sample.
      let isNoticed = visit.isNoticed
      #expect(!isNoticed, "without: \(visit.without); beside files: \(visit.beside)")
      #expect(quantile(0.95, of: visit.took) <= 1000)
    }
    let rate = try await load.saturate(clients: 4, seconds: Double(Visit.seconds) / 4)
    print("measured | file operations beside four recordings, four clients: \(Int(rate))/s")
    if AgentProcess.isShipped { #expect(rate >= 20) }

    // Nor has the device noticed anything.
    for recording in try await client.recordings() {
      #expect(recording.state.known == .recording && recording.gaps == 0, "\(recording)")
    }
    let flowing = try await client.streams().streams
    #expect(flowing.count == films.count)
    #expect(flowing.allSatisfy { $0.state.known == .flowing && $0.inboundFramesInError == 0 })
    let metrics = try await client.metrics()
    for count in [Metric.framesDamaged, .feedStalls, .jobsFailed, .jobsRefused, .jobsBroken] {
      #expect(metrics[count] == 0, "\(count)")
    }
  }

  /// As long without work with files as beside it.
  private struct Visit {
    /// The debug build has other tests beside it: it shows that everything is answered, not when.
    static let seconds = AgentProcess.isShipped ? 20 : 4
    static let perSecond = 20

    let without: Punctuality
    let beside: Punctuality
    /// What the operations took, in milliseconds.
    let took: [Double]

    init(_ viewers: [Viewer], _ load: FileLoad) async throws {
      var start = ContinuousClock.now
      try await Task.sleep(for: .seconds(Self.seconds))
      without = try Punctuality(viewers, since: start, rate: Films.rate)
      start = .now
      took = try await load.run(perSecond: Self.perSecond, seconds: Self.seconds)
      beside = try Punctuality(viewers, since: start, rate: Films.rate)
      print("measured | four recordings for \(Self.seconds) s: \(without)")
      print("measured | the same beside \(Self.perSecond) file operations/s: \(beside)")
      print(
        String(
          format: "measured | %d file operations, %d/s beside four recordings: "
            + "p50 %.2f ms, p95 %.2f ms, p99 %.2f ms, most %.2f ms",
          took.count, Self.perSecond, quantile(0.5, of: took), quantile(0.95, of: took),
          quantile(0.99, of: took), quantile(1, of: took)))
      #expect(took.count == Self.perSecond * Self.seconds)
    }

    /// One fault is too many, but on a machine whose pictures are late by themselves.
    var isNoticed: Bool { beside.faults > 2 * without.faults }
  }
}
