import ControlClient
import EmulatedBoard
import Foundation
import StandInDriver
import Testing
import Wire

extension OnTheBoard {
  /// Cameras of every kind of JPEG, and cameras whose pictures are bad now and then or always:
  /// each streams or says why, and a camera beside it never notices.
  @Suite(.serialized) struct PictureKindTests {
    /// How pictures of a kind reach a reader.
    private static func delivery(_ kind: PictureKind) -> (Delivery, DeliveryReason) {
      switch kind {
      case .yuv420, .yuv422, .noHuffmanTables: (.passThrough, .none)
      case .yuv444: (.transcoded, .sampling)
      case .restart: (.transcoded, .restartInterval)
      case .threeTables: (.transcoded, .quantizationTables)
      }
    }

    @Test(.timeLimit(.minutes(6)))
    func everyKindStreamsAndSaysHow() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let neighbour = try await Neighbour(technician, board)
        for kind in PictureKind.allCases {
          let from = await technician.events.count
          let start = ContinuousClock.now
          try await board.plug(sources: [.mjpeg: TestPattern(kind)])
          let name = try await technician.events.first(.cameraConnected, from: from).subject
          try await technician.streaming(name, publisherSince: start)
          let camera = try await technician.camera(name, "streaming") {
            $0.state.known == .streaming && $0.measuredRateMilli > 0
          }
          let wanted = Self.delivery(kind)
          #expect(camera.delivery.known == wanted.0, "\(kind)")
          #expect(camera.deliveryReason.known == wanted.1, "\(kind)")
          let frames = try await board.watch(name, seconds: 3)
          print("measured | \(kind.rawValue): \(frames) pictures decoded in 3 s")
          #expect(frames > 0, "\(kind)")
          let snapshot = try await technician.connection.snapshot(of: name)
          #expect(snapshot.head.transcoded == false, "\(kind)")
          #expect(snapshot.head.completed == (kind == .noHuffmanTables), "\(kind)")
          try expectOnePicture(snapshot.bytes, "\(kind)")
          await board.unplug(.usb0)
          _ = try await technician.events.first(.cameraDisconnected, from: from)
        }
        try await neighbour.expectUntouched()
        await technician.leave()
      }
    }

    /// Every tenth frame is bad: the others stream on, and what is bad reaches nobody.
    @Test(.timeLimit(.minutes(6)))
    func badFramesAreLeftOut() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let neighbour = try await Neighbour(technician, board)
        for kind in FaultyFrames.Kind.allCases {
          let from = await technician.events.count
          var model = CameraModel()
          model.faultyFrames = FaultyFrames(kind, every: 10)
          let start = ContinuousClock.now
          try await board.plug(model)
          let name = try await technician.events.first(.cameraConnected, from: from).subject
          try await technician.streaming(name, publisherSince: start)
          // A decoder cannot know what colours were meant: damage inside a scan passes it.
          if kind == .corrupt {
            _ = try await Viewer(of: name, on: board).pictures(60, within: .seconds(10))
          } else {
            let frames = try await board.watch(name, seconds: 3)
            print("measured | \(kind.rawValue) every tenth frame: \(frames) decoded in 3 s")
            #expect(frames > 30, "\(kind)")
          }
          let stream = try await technician.streaming(name)
          #expect(stream.inboundFramesInError == 0, "\(kind)")
          for _ in 0..<5 {
            let snapshot = try await technician.connection.snapshot(of: name)
            if kind != .corrupt { try expectOnePicture(snapshot.bytes, "\(kind)") }
          }
          await board.unplug(.usb0)
          _ = try await technician.events.first(.cameraDisconnected, from: from)
        }
        try await neighbour.expectUntouched()
        await technician.leave()
      }
    }

    /// No good frame at all.
    @Test(.timeLimit(.minutes(6)), arguments: [FaultyFrames.Kind.truncated, .empty, .oversized])
    func onlyBadFramesAreToldAsSuch(_ kind: FaultyFrames.Kind) async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let neighbour = try await Neighbour(technician, board)
        let from = await technician.events.count
        var model = CameraModel()
        model.faultyFrames = FaultyFrames(kind, every: 1)
        try await board.plug(model)
        let name = try await technician.events.first(.cameraConnected, from: from).subject
        let camera = try await technician.camera(name, "stalled") { $0.state.known == .stalled }
        // The kernel keeps empty and oversized frames to itself: that looks as if none came.
        #expect(camera.reason.known == (kind == .truncated ? .noPictures : .stalled))
        #expect(
          try await technician.refusal { try await technician.connection.snapshot(of: name) }
            == .cameraNotStreaming)
        try await neighbour.expectUntouched()
        await technician.leave()
      }
    }

    /// Damaged slices of H.264 are passed on as they are: a decoder hides them, and nobody else is
    /// touched.
    @Test(.timeLimit(.minutes(6)))
    func damagedSlicesStreamOn() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.h264.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let neighbour = try await Neighbour(technician, board)
        for kind in FaultyFrames.Kind.allCases {
          let from = await technician.events.count
          var model = StreamingKind.h264.model()
          model.faultyFrames = FaultyFrames(kind, every: 10)
          let start = ContinuousClock.now
          try await board.plug(model, sources: sources)
          let name = try await technician.events.first(.cameraConnected, from: from).subject
          try await technician.streaming(name, publisherSince: start)
          _ = try await Viewer(of: name, on: board).pictures(60, within: .seconds(10))
          let stream = try await technician.streaming(name)
          #expect(stream.inboundFramesInError == 0, "\(kind)")
          await board.unplug(.usb0)
          _ = try await technician.events.first(.cameraDisconnected, from: from)
        }
        try await neighbour.expectUntouched()
        await technician.leave()
      }
    }

    /// A JPEG that ffmpeg decodes without a complaint.
    private func expectOnePicture(_ bytes: [UInt8], _ what: String) throws {
      let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jpg")
      try Data(bytes).write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      let decoder = try FFmpeg(["-i", file.path, "-f", "null", "-"])
      #expect(decoder.exit(within: .seconds(10)) == 0, "\(what)")
      #expect(decoder.complaints == "", "\(what)")
      #expect(decoder.frames == 1, "\(what)")
    }
  }
}

/// A healthy camera in the board's other port, whose stream must not be disturbed.
private struct Neighbour {
  private let technician: Technician
  private let name: Name
  private let before: StreamEntry
  private let since: ContinuousClock.Instant

  init(_ technician: Technician, _ board: EmulatedBoard) async throws {
    self.technician = technician
    let model = CameraModel(name: "Neighbour", serial: "N-1")
    try await board.plug(model, into: .usb1)
    name = try await technician.events.first(.cameraConnected).subject
    before = try await technician.streaming(name)
    since = .now
  }

  /// The same publisher as before, with bytes, at its rate and without an error.
  func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let after = try await technician.streaming(name)
    let passed = (ContinuousClock.now - since).milliseconds
    #expect(
      Double(after.readyForMs) >= Double(before.readyForMs) + passed - 1000,
      sourceLocation: sourceLocation)
    #expect(after.inboundBytes > before.inboundBytes, sourceLocation: sourceLocation)
    #expect(after.inboundFramesInError == 0, sourceLocation: sourceLocation)
    // The rate is that of two seconds, in which a host with other work may have been away.
    _ = try await technician.camera(name, "at its rate") {
      $0.state.known == .streaming && $0.measuredRateMilli > 24_000
    }
  }
}
