import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Cameras pulled out and plugged in while they are recorded.
  @Suite(.serialized) struct ReplugTests {
    /// `WATCHPOST_REPLUGS` of them (6), two cameras at once: each comes back under its name and is
    /// recorded again, and nothing is left behind. `Tests/campaign replug` makes a hundred.
    @Test(.timeLimit(.minutes(120)))
    func recordingsComeBack() async throws {
      let campaign = CampaignRun("WATCHPOST_REPLUGS", sample: 6)
      let footage = try Footage()
      var generator = SplitMix.forThisRun("replugs")
      let ports = USBPort.allCases
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        func plug(_ index: Int) async throws {
          try await board.plug(
            StreamingKind.motionJPEG.model(serial: "REPLUG0\(index)"), into: ports[index],
            sources: try StreamingKind.motionJPEG.sources(footage))
        }
        var names: [Name] = []
        for index in ports.indices {
          let from = await technician.events.count
          try await plug(index)
          names.append(try await technician.events.first(.cameraConnected, from: from).subject)
        }
        for name in names {
          try await technician.streaming(name)
          try await technician.startRecording(name)
          try await technician.recording(name, "recording") { $0.state.known == .recording }
        }
        // The card of the board is small: the oldest files go.
        try await technician.connection.setRetention(RetentionPolicy(maximumBytes: 60 << 20))
        try await Task.sleep(for: .seconds(3))
        let before = try await Inventory.lasting(of: board)
        var samples: [Double] = []
        for round in 0..<campaign.count {
          let index = Int.random(in: 0..<2, using: &generator)
          let isBoth = Int.random(in: 0..<4, using: &generator) == 0
          let absentMs = Int.random(in: 0..<3000, using: &generator)
          let pauseMs = Int.random(in: 0..<2000, using: &generator)
          guard round >= campaign.done else { continue }
          let pulled = isBoth ? [0, 1] : [index]
          for index in pulled { await board.unplug(ports[index]) }
          try await Task.sleep(for: .milliseconds(absentMs))
          let start = ContinuousClock.now
          for index in pulled { try await plug(index) }
          for index in pulled {
            try await technician.streaming(names[index], publisherSince: start)
            try await technician.recording(names[index], "recording again") {
              $0.state.known == .recording && $0.quietMs < 1500
            }
          }
          let time = (ContinuousClock.now - start).milliseconds
          samples.append(time)
          #expect(time <= 15_000, "case \(round): \(time) ms")
          try campaign.note(
            round, [isBoth ? "both" : "one", "\(absentMs)", "\(Int(time))"],
            isRight: time <= 15_000)
          try await Task.sleep(for: .milliseconds(pauseMs))
        }
        let list = samples.map { String(format: "%.0f", $0) }.joined(separator: ", ")
        print("measured | plugged to recorded again: [\(list)] ms")
        try await Task.sleep(for: .seconds(3))
        let after = try await Inventory.lasting(of: board)
        print("measured | before the replugs: \(before)\nmeasured | after: \(after)")
        #expect(after.processes == before.processes && after.zombies == 0)
        #expect(after.descriptors == before.descriptors)
        #expect(after.residentKiB <= before.residentKiB + 64)
        let oops = try await board.shell("dmesg | grep -A 20 'Internal error'").output
        #expect(oops.isEmpty, "the kernel has stumbled over a device that went")
        for name in names {
          let entry = try await technician.recording(name, "there") { _ in true }
          #expect(entry.recording <= 2 && entry.segments >= 1)
        }
        await technician.leave()
      }
    }
  }
}
