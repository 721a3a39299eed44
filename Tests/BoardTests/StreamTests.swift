import ControlClient
import EmulatedBoard
import Foundation
import StandInDriver
import Testing
import Wire

extension OnTheBoard {
  /// From the plug to a reader on the network.
  @Suite(.serialized) struct StreamTests {
    /// Plugged five times, in both ports: bytes at MediaMTX in time, the same address each time.
    @Test(.timeLimit(.minutes(5)), arguments: StreamingKind.allCases)
    func aPluggedCameraStreams(_ kind: StreamingKind) async throws {
      let footage = try Footage()
      let sources = try kind.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.mediaServerUp()
        var samples: [Double] = []
        var names: Set<String> = []
        for round in 0..<5 {
          let port: USBPort = round % 2 == 0 ? .usb0 : .usb1
          let from = await technician.events.count
          let start = ContinuousClock.now
          try await board.plug(kind.model(), into: port, sources: sources)
          let arrival = try await technician.events.first(.cameraConnected, from: from)
          let name = arrival.subject
          try await technician.streaming(name, publisherSince: start)
          samples.append((ContinuousClock.now - start).milliseconds)
          names.insert(name.string)
          let camera = try await technician.camera(name, "streaming") {
            $0.state.known == .streaming
          }
          #expect(camera.delivery.known == .passThrough)
          #expect(formatName(camera.format) == (kind == .h264 ? "H264" : "MJPG"))
          #expect((camera.width, camera.height) == (1280, 720))
          await board.unplug(port)
          _ = try await technician.events.first(.cameraDisconnected, from: from)
        }
        #expect(names.count == 1, "\(names)")
        expectMedian(samples, atMostMs: 4000, "plug to bytes at MediaMTX, \(kind)")
        await technician.leave()
      }
    }

    /// Two cameras at once, one of each kind, read by ffmpeg: no picture is damaged.
    @Test(.timeLimit(.minutes(4)))
    func twoCamerasAreReadAtOnce() async throws {
      let footage = try Footage()
      let kinds = StreamingKind.allCases
      let sources = try kinds.map { try $0.sources(footage) }
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        var names: [Name] = []
        for (index, kind) in kinds.enumerated() {
          let from = await technician.events.count
          let port = USBPort.allCases[index]
          let model = kind.model(serial: "PAIR000\(index)")
          try await board.plug(model, into: port, sources: sources[index])
          names.append(try await technician.events.first(.cameraConnected, from: from).subject)
        }
        for name in names { try await technician.streaming(name) }
        let (first, second) = (names[0], names[1])
        async let watched = board.watch(first, seconds: 5)
        async let other = board.watch(second, seconds: 5)
        let frames = try await [watched, other]
        for (kind, count) in zip(kinds, frames) {
          print("measured | \(kind): \(count) pictures decoded in 5 s beside another camera")
          #expect(count > 0)
        }
        for name in names {
          let camera = try await technician.connection.camera(name)
          let rates = (camera.rateMilli / 1000, camera.measuredRateMilli / 1000)
          print("measured | granted \(rates.0)/s, measured \(rates.1)/s on the board")
        }
        for stream in try await technician.connection.streams().streams {
          #expect(stream.inboundFramesInError == 0)
        }
        await technician.leave()
      }
    }

    /// Somebody on the network who publishes to a camera's address, with and without a password.
    @Test(.timeLimit(.minutes(4)))
    func aStrangerCannotReplaceThePicture() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        let before = try await technician.streaming(name)
        let address = try await board.address(of: name)
        for target in [address, address.replacing("rtsp://", with: "rtsp://feed:guess@")] {
          let stranger = try FFmpeg([
            "-re", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=30", "-c:v", "mjpeg", "-pix_fmt",
            "yuvj420p", "-huffman", "default", "-t", "15", "-f", "rtsp", "-rtsp_transport", "tcp",
            target,
          ])
          let deadline = ContinuousClock.now + .seconds(12)
          while stranger.exit(within: .zero) == nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
          }
          let status = try #require(stranger.exit(within: .zero), "the stranger still publishes")
          #expect(status != 0)
          #expect(stranger.complaints.contains("401"), Comment(rawValue: stranger.complaints))
        }
        let after = try await technician.streaming(name)
        #expect(after.readyForMs > before.readyForMs)
        #expect(after.inboundBytes > before.inboundBytes)
        #expect(try await board.watch(name, seconds: 2) > 0)
        await technician.leave()
      }
    }

    /// Stopped by request, its stream is gone and stays gone over a replug, until it is started.
    @Test(.timeLimit(.minutes(4)))
    func aStoppedStreamStaysStopped() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug(sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        try await technician.connection.stopStream(name)
        try await technician.camera(name, "stopped") {
          $0.state.known == .ready && $0.reason.known == .stopped && !$0.enabled
        }
        #expect(
          try await technician.refusal { try await technician.connection.snapshot(of: name) }
            == .cameraNotStreaming)
        let from = await technician.events.count
        await board.unplug(.usb0)
        try await board.plug(sources: sources)
        _ = try await technician.events.first(.cameraConnected, from: from)
        try await Task.sleep(for: .seconds(3))
        #expect(try await technician.connection.camera(name).state.known == .ready)
        let start = ContinuousClock.now
        try await technician.connection.startStream(name)
        try await technician.streaming(name, publisherSince: start)
        await technician.leave()
      }
    }
  }
}
