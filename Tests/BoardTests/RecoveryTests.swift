import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Cameras that need more than a new feed.
  @Suite(.serialized) struct RecoveryTests {
    /// Nothing helps it but that its configuration is set anew.
    @Test(.timeLimit(.minutes(4)))
    func aWedgedCameraIsReauthorised() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        var model = CameraModel()
        model.fault = .wedges(afterFrames: 150)
        let camera = try await board.plug(model, sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        // Bytes reach MediaMTX before the feed's report that says so reaches the agent.
        let streaming = try await technician.camera(name, "streaming") {
          $0.state.known == .streaming
        }
        let port = streaming.port.string
        let wedged = try await camera.events.first("wedge", within: .seconds(30)) {
          $0 == .faulty
        }
        let seen = await technician.events.count
        let configured = camera.events.entries().count { $0.value == .configured }
        let step = try await technician.events.first(.cameraRecovery, within: .seconds(60))
        #expect(step.subject == name && step.value == UInt32(RecoveryRung.reauthorise.rawValue))
        let untilStep = (ContinuousClock.now - wedged.at).milliseconds
        // While it is examined it has no name yet, as after any plug.
        _ = try await technician.events.first(.cameraConnected, from: seen, within: .seconds(20))
        try await technician.camera(name, "streaming again", within: .seconds(30)) {
          $0.state.known == .streaming
        }
        let untilPictures = (ContinuousClock.now - wedged.at).milliseconds
        print(
          String(
            format: "measured | wedged to re-authorised: %.0f ms, to streaming: %.0f ms",
            untilStep, untilPictures))
        _ = try await Viewer(of: name, on: board).pictures(10, within: .seconds(10))
        // The camera itself has seen it, and nobody has pulled it.
        #expect(camera.events.entries().count { $0.value == .configured } > configured)
        #expect(camera.events.entries().count { $0.value == .attached } == 1)
        let authorized = try await board.shell("cat /sys/bus/usb/devices/\(port)/authorized")
        #expect(authorized.output.contains("1"), "\(authorized.output)")
        try await Self.showsItsLadder(name, technician)
        await technician.leave()
      }
    }

    private static func showsItsLadder(_ name: Name, _ technician: Technician) async throws {
      let recovery = try await technician.connection.recovery(of: name)
      let rungs = recovery.steps.compactMap(\.rung.known)
      #expect(rungs == [.reopen, .restart, .restart, .restart, .reauthorise])
      #expect(recovery.steps.last?.outcome.known == .worked)
      #expect(recovery.steps.dropLast().allSatisfy { $0.outcome.known == .failed })
      #expect(recovery.steps.allSatisfy { $0.cause.known == .stalled })
      #expect(recovery.head.reauthorisations == 1 && recovery.head.powerCycles == 0)
      // Pictures for ten seconds, and it counts as cured.
      try await Task.sleep(for: .seconds(11))
      let after = try await technician.connection.recovery(of: name).head
      #expect(after.rung.known == RecoveryRung.none && after.recoveries == 1)
      #expect(after.attempts == 0 && after.nextInMs == 0)
    }

    /// The emulated controller's ports have no switch of their own: the role says so, and does
    /// nothing to the camera. Nor does it take anything for a port that is none.
    @Test(.timeLimit(.minutes(3)))
    func whatCannotBeSwitchedIsLeftAlone() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        let camera = try await board.plug()
        let name = try await technician.events.first(.cameraConnected).subject
        // Bytes reach MediaMTX before the feed's report that says so reaches the agent.
        let streaming = try await technician.camera(name, "streaming") {
          $0.state.known == .streaming
        }
        let port = streaming.port.string
        func exit(_ arguments: String) async throws -> String {
          try await board.shell("/bin/watchpost usb \(arguments); echo EXIT $?").output
        }
        #expect(try await exit("power \(port)").contains("EXIT 4"))
        #expect(try await exit("power 1-99").contains("EXIT 3"))
        #expect(try await exit("reauthorise 1-99").contains("EXIT 3"))
        #expect(try await exit("reauthorise ../../../../data").contains("EXIT 2"))
        #expect(try await exit("paint \(port)").contains("EXIT 2"))
        #expect(camera.events.entries().count { $0.value == .configured } == 1)
        #expect(try await technician.connection.camera(name).state.known == .streaming)
        await technician.leave()
      }
    }
  }
}
