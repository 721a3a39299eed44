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
        var generator = SeededGenerator.forThisRun("snapshots")
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
    func anH264CameraSaysThatItHasNone() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.h264.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(StreamingKind.h264.model(), sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        #expect(
          try await technician.refusal { try await technician.connection.snapshot(of: name) }
            == .notSupported)
        await technician.leave()
      }
    }
  }
}

/// Random numbers that a run can repeat (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// The generator of this run: seeded by `WATCHPOST_SEED`, 1 without it; says so.
  static func forThisRun(_ what: String) -> SeededGenerator {
    let seed = ProcessInfo.processInfo.environment["WATCHPOST_SEED"].flatMap { UInt64($0) } ?? 1
    print("seed | \(what): WATCHPOST_SEED=\(seed)")
    return SeededGenerator(seed: seed)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
