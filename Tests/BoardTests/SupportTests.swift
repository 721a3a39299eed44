import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// What a board that came back can tell of what was before.
  @Suite(.serialized) struct SupportTests {
    /// A reset by the watchdog, then a power cut: each time the next boot has the last lines of the
    /// one before and the reason of its end, alone and in the file for whoever helps.
    @Test(.timeLimit(.minutes(5)))
    func theLinesBeforeAResetAreKept() async throws {
      try await Bench.withBoard(.debugging) { board in
        var technician = try await Technician.arrive(at: board)
        try await technician.health("told of earlier boots") { $0.bootCount > 0 }
        try await technician.mediaServerUp()
        try await board.plug()
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        // Longer than what is written may wait for the disk.
        try await Task.sleep(for: .seconds(7))
        await technician.leave()

        let events = board.machineEvents.count
        var lines = board.console.count
        _ = try await board.shell("kill -STOP \(board.agent())")
        _ = try await board.machineEvents.first("reset", from: events, within: .seconds(90)) {
          $0.name == "RESET"
        }
        try await board.waitForLine(containing: Bench.readyLine, from: lines)
        technician = try await Technician.arrive(at: board)
        try await technician.health("told of the reset") { $0.resetReason.known == .watchdog }
        // Before it was probed, the device cannot tell what the camera can do.
        _ = try await technician.streamingCamera()
        try await expectLines(of: name, technician.connection)
        try await Task.sleep(for: .seconds(7))
        await technician.leave()
        lines = board.console.count
        await board.powerCut()
        try await board.powerOn()
        try await board.waitForLine(containing: Bench.readyLine, from: lines)
        technician = try await Technician.arrive(at: board)
        try await technician.health("told of the cut") { $0.bootCount == 3 }
        _ = try await technician.streamingCamera()
        try await expectLines(of: name, technician.connection)
        await technician.leave()
      }
    }

    private func expectLines(of camera: Name, _ device: ControlConnection) async throws {
      let name = camera.string
      let agent = String(decoding: try await device.log(.agentBefore, from: 0).text, as: UTF8.self)
      #expect(agent.contains(name), "\(agent)")
      let media = try await device.log(.mediaServerBefore, from: 0).text
      #expect(String(decoding: media, as: UTF8.self).contains(name))
      let bundle = await SupportBundle.collect(device)
      #expect(bundle.manifest.failed.isEmpty, "\(bundle.manifest.failed)")
      let whole = String(decoding: try bundle.bytes(), as: UTF8.self)
      #expect(whole.contains("logs/agent-previous-boot.log") && whole.contains(agent.suffix(200)))
      let reset = try await device.health().resetReason.name
      #expect(whole.contains("\"\(reset)\""), "the reason of the last reset, \(reset)")
    }
  }
}
