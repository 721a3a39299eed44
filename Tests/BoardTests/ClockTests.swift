import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Clocks that nobody has set, and clocks that jump, while the board records.
  @Suite(.serialized) struct ClockTests {
    /// At 1970, ten years later, back again, and after a power cut at 1970 once more: nothing is
    /// removed for its age, nothing is overwritten, and the order is that of the recordings.
    @Test(.timeLimit(.minutes(6)))
    func jumpsRemoveNothingAndKeepTheOrder() async throws {
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      var configuration = BoardConfiguration.debugging
      configuration.clock = "1970-01-01T00:01:00"
      try await Bench.withBoard(configuration) { board in
        var technician = try await Technician.arrive(at: board)
        try await technician.mediaServerUp()
        try await board.plug(sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        try await technician.connection.setRetention(RetentionPolicy(maximumAgeS: 3600))
        for date in ["1970-01-01 00:02:00", "1980-01-01 00:02:00", "1970-01-01 00:01:00"] {
          try await technician.startRecording(name)
          try await technician.recording(name, "recording") { $0.state.known == .recording }
          // In the middle of a file, and then one that begins at this date.
          _ = try await board.shell("busybox date -s '\(date)'")
          try await Task.sleep(for: .seconds(3))
          try await stop(technician, name)
          try await technician.startRecording(name)
          try await technician.recording(name, "recording") { $0.state.known == .recording }
          try await stop(technician, name)
          _ = try await technician.connection.runRetention()
        }
        let before = try await technician.settledFiles(open: 0)
        try inOrder(before, recordings: 6)
        await board.powerCut()
        await technician.leave()
        let cut = board.console.count
        try await board.powerOn()
        try await board.waitForLine(containing: Bench.readyLine, from: cut)
        technician = try await Technician.arrive(at: board)
        let again = try await technician.streamingCamera()
        #expect(again == name)
        try await technician.startRecording(name)
        try await technician.recording(name, "recording") { $0.state.known == .recording }
        try await stop(technician, name)
        _ = try await technician.connection.runRetention()
        let after = try await technician.settledFiles(open: 0)
        try inOrder(after, recordings: 7)
        #expect(after.prefix(before.count).map { $0.name.string } == before.map { $0.name.string })
        for file in after {
          let verdict = try await technician.connection.verify(file.request)
          #expect(verdict.condition.known == .whole, "\(file.name.string)")
        }
        print("measured | files over four clocks: \(after.map { $0.name.string })")
        await technician.leave()
      }
    }

    private func stop(_ technician: Technician, _ name: Name) async throws {
      let from = await technician.events.count
      _ = try await technician.connection.stopRecording(name)
      _ = try await technician.events.first(.recordingStopped, from: from)
    }

    /// The list is in the order of the recordings, whatever the clock said, and none is missing. A
    /// jump may end a file.
    private func inOrder(_ files: [FileEntry], recordings: UInt32) throws {
      let names = files.map { $0.name.string }
      let numbers = files.map { $0.recording }
      #expect(numbers == numbers.sorted(), "\(names)")
      #expect(Set(numbers) == Set(1...recordings), "\(names)")
    }
  }
}
