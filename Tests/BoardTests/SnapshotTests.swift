import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Pictures on request: never old, and the camera's own bytes.
  @Suite(.serialized) struct SnapshotTests {
    /// The camera has the host's clock, and so has the client: what the picture says of its moment
    /// can be compared directly with when it was asked for.
    @Test(.timeLimit(.minutes(4)))
    func aSnapshotIsFreshAndTheCamerasOwn() async throws {
      let footage = try Footage()
      let pictures = try footage.pictures()
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(sources: [.mjpeg: pictures])
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        let interval = 1000.0 / 30
        var generator = SplitMix.forThisRun("snapshots")
        var ages: [Double] = []
        var times: [Double] = []
        for _ in 0..<60 {
          let pause = Int.random(in: 0..<150, using: &generator)
          try await Task.sleep(for: .milliseconds(pause))
          let asked = StampedPictures.now()
          let snapshot = try await technician.connection.snapshot(of: name)
          times.append(Double(StampedPictures.now() - asked) / 1e6)
          let stamp = try #require(StampedPictures.Stamp(snapshot.bytes), "no stamp")
          ages.append(Double(asked - stamp.realtime) / 1e6)
          #expect(snapshot.bytes == pictures.sent[stamp.number], "picture \(stamp.number)")
          #expect((snapshot.head.width, snapshot.head.height) == (1280, 720))
          #expect(!snapshot.head.transcoded && !snapshot.head.completed)
        }
        report(ages, "age of a snapshot's picture when it was asked for (negative: taken after)")
        report(times, "time of a snapshot on the board")
        #expect(try #require(ages.max()) <= interval)
        await technician.leave()
      }
    }

    private func report(_ samples: [Double], _ what: String) {
      let sorted = samples.sorted()
      print(
        String(
          format: "measured | %@: least %.1f, median %.1f, 95th percentile %.1f, most %.1f ms (%d)",
          what, sorted[0], sorted[sorted.count / 2], sorted[sorted.count * 95 / 100],
          sorted[sorted.count - 1], sorted.count))
    }

    /// A camera that gives nothing now gives an error, never its last picture.
    @Test(.timeLimit(.minutes(4)))
    func anAbsentCameraHasNoPicture() async throws {
      let footage = try Footage()
      let pictures = try footage.pictures()
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(sources: [.mjpeg: pictures])
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        _ = try await technician.connection.snapshot(of: name)
        await board.unplug(.usb0)
        let asked = StampedPictures.now()
        do {
          // It may be asked for before the agent knows that the camera is gone.
          let last = try await technician.connection.snapshot(of: name)
          let stamp = try #require(StampedPictures.Stamp(last.bytes))
          #expect(Double(asked - stamp.realtime) / 1e6 <= 1000.0 / 30)
        } catch let error as ControlError {
          #expect(error.status == .cameraNotStreaming, "\(error)")
        }
        _ = try await technician.events.first(.cameraDisconnected)
        #expect(
          try await technician.refusal { try await technician.connection.snapshot(of: name) }
            == .cameraNotStreaming)
        #expect(
          try await technician.refusal {
            try await technician.connection.snapshot(of: Name("nobody"))
          } == .unknownCamera)
        await technician.leave()
      }
    }

    @Test(.timeLimit(.minutes(4)))
    func anH264CameraGivesItsNewestKeyFrame() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.h264.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(StreamingKind.h264.model(), sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        var times: [Double] = []
        for _ in 0..<20 {
          let asked = StampedPictures.now()
          let snapshot = try await technician.connection.snapshot(of: name)
          times.append(Double(StampedPictures.now() - asked) / 1e6)
          #expect((snapshot.head.width, snapshot.head.height) == (1280, 720))
          #expect(snapshot.head.transcoded && snapshot.head.ageUs < 2_000_000)
          #expect(snapshot.bytes.starts(with: [0xFF, 0xD8]))
          #expect(Array(snapshot.bytes.suffix(2)) == [0xFF, 0xD9])
        }
        report(times, "time of a snapshot of H.264 on the board")
        await technician.leave()
      }
    }
  }
}

extension SplitMix {
  /// The generator of this run: seeded by `WATCHPOST_SEED`, 1 without it; says so.
  static func forThisRun(_ what: String) -> SplitMix {
    let seed = ProcessInfo.processInfo.environment["WATCHPOST_SEED"].flatMap { UInt64($0) } ?? 1
    print("seed | \(what): WATCHPOST_SEED=\(seed)")
    return SplitMix(seed: seed)
  }
}
