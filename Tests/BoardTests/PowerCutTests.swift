import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// What is done when the power goes.
private enum Business: String, CaseIterable {
  case recording, stopping, removing, saving, retaining
}

/// What the card loses of what it was not told to flush.
private struct Loss {
  /// Bytes that it takes before it is cut off.
  var after: Int
  var seed: UInt64

  init(using generator: inout SplitMix) {
    // From the first sector of what is written at a time to a few seconds of pictures.
    after = 512 << Int.random(in: 0...13, using: &generator)
    seed = generator.next()
  }
}

extension OnTheBoard {
  /// The power goes while the board records, removes, and writes down what it knows; in every
  /// second case the card loses what it was not told to flush.
  @Suite(.serialized) struct PowerCutTests {
    /// `WATCHPOST_POWER_CUTS` of them (10): the board comes up, what was complete is there and
    /// whole, and the end that is missing is within the declared bound.
    /// `Tests/campaign power-cuts` makes two hundred.
    @Test(.timeLimit(.minutes(240)))
    func whatWasCompleteStays() async throws {
      let campaign = CampaignRun("WATCHPOST_POWER_CUTS", sample: 10)
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      var generator = SplitMix.forThisRun("power cuts")
      var losses: [Double] = []
      try await Bench.withBoard(.losingWrites) { board in
        let first = try await Technician.arrive(at: board)
        try await first.mediaServerUp()
        await first.leave()
        try await board.plug(sources: sources)
        for round in 0..<campaign.count {
          let business = Business.allCases.randomElement(using: &generator) ?? .recording
          let pause = Int.random(in: 0..<7000, using: &generator)
          let loss = Bool.random(using: &generator) ? Loss(using: &generator) : nil
          guard round >= campaign.done else { continue }
          let lost = try await cut(board, during: business, afterMs: pause, loss)
          losses.append(lost)
          // What is written is put onto the disk every 5 s; beside it, the part being written and
          // the time that this takes.
          #expect(lost <= 7500, "case \(round): \(business.rawValue), \(lost) ms")
          try campaign.note(
            round,
            [business.rawValue, "\(pause)", "\(Int(lost))", loss == nil ? "kept" : "lost"],
            isRight: lost <= 7500)
        }
      }
      let list = losses.map { String(format: "%.0f", $0) }.joined(separator: ", ")
      print("measured | lost at the end by a power cut, bar 7500 ms: [\(list)] ms")
    }

    /// Lets a recording run, cuts the power, and compares. Milliseconds of the last file that are
    /// missing.
    private func cut(
      _ board: EmulatedBoard, during business: Business, afterMs pause: Int, _ loss: Loss?
    ) async throws -> Double {
      let technician = try await Technician.arrive(at: board)
      let device = technician.connection
      let name = try await technician.streamingCamera()
      try await makeRoom(device)
      if try await device.recordings().isEmpty { try await technician.startRecording(name) }
      let begun = try await technician.recording(name, "recording") {
        $0.state.known == .recording
      }
      // A complete file, so that there is something that must stay.
      _ = try await device.stopRecording(name)
      try await idle(device)
      try await technician.startRecording(name)
      try await technician.recording(name, "recording") { $0.state.known == .recording }
      let started = ContinuousClock.now
      // What a cut has left of a file that had just begun is listed as damaged.
      let complete = try await technician.files().filter {
        $0.state.known == .complete || $0.state.known == .repaired
      }
      try await Task.sleep(for: .milliseconds(pause))
      var removed: FileEntry?
      switch business {
      case .recording: break
      case .stopping: _ = try await device.stopRecording(name)
      case .removing:
        removed = complete.first
        if let removed { try await device.removeFile(removed.request) }
      case .saving: _ = try await device.saveSnapshot(of: name)
      case .retaining:
        let half = complete.reduce(0) { $0 + $1.bytes } / 2
        try await device.setRetention(
          RetentionPolicy(maximumBytes: max(half, Limits.retentionBytes)))
      }
      let listed = try await technician.files()
      let before = listed.last { $0.state.known == .open }
      // The card is cut off first, in the middle of a write.
      if let loss { try await board.hangCard(afterWriting: loss.after, within: .seconds(6)) }
      let ran = (ContinuousClock.now - started).milliseconds
      if let loss {
        print(try await board.powerCut(losing: loss.seed))
      } else {
        await board.powerCut()
      }
      await technician.leave()
      let cut = board.console.count
      try await board.powerOn()
      try await board.waitForLine(containing: Bench.readyLine, from: cut)
      let after = try await Technician.arrive(at: board)
      _ = try await after.health("told of the data partition") {
        !$0.reasons.contains(.dataMissing) && $0.bootCount > 0
      }
      // What was asked for goes on after the cut; so it does not reach what is compared.
      try await after.connection.setRetention(RetentionPolicy())
      // What is recorded now is of no interest.
      let files = try await after.settledFiles(among: listed)
      for file in complete where file.id != removed?.id {
        let found = files.first { $0.id == file.id }
        // The oldest first, and nothing else.
        if found == nil, business == .retaining, file.id < files[0].id { continue }
        #expect(found?.bytes == file.bytes && found?.name == file.name, "\(file.name.string)")
        let verdict = try await after.connection.verify(file.request)
        #expect(verdict.condition.known == .whole, "\(file.name.string)")
      }
      #expect(files.dropFirst().indices.allSatisfy { files[$0].id > files[$0 - 1].id })
      if let removed, let found = files.first(where: { $0.id == removed.id }) {
        // Told as done, it must not come back.
        Issue.record("\(found.name.string) was removed")
      }
      defer { Task { await after.leave() } }
      guard let before, business != .stopping, begun.segments > 0 else { return 0 }
      let kept = files.first { $0.name == before.name }
      // The file began a part before its first bytes were seen.
      return max(0, ran - Double(kept?.durationMs ?? 0))
    }

    /// Nothing is removed from now on, and half of the partition is free.
    private func makeRoom(_ device: ControlConnection) async throws {
      let storage = try await device.storage()
      if storage.freeBytes < storage.totalBytes / 2 {
        let most = storage.recordingBytes / 4
        try await device.setRetention(RetentionPolicy(maximumBytes: most))
        try await poll(within: .seconds(20)) {
          let bytes = try await device.storage().recordingBytes
          // The file being written stays.
          return bytes < storage.recordingBytes / 2
            ? .success(()) : .failure(BoardError("\(bytes) bytes of recordings are still there"))
        }
      }
      try await device.setRetention(RetentionPolicy())
    }

    private func idle(_ device: ControlConnection) async throws {
      try await poll(within: .seconds(10)) {
        try await device.recordings().isEmpty
          ? .success(()) : .failure(BoardError("the recording does not end"))
      }
    }
  }
}
