import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// A data partition that is full, read-only or hanging: streams and the control port go on,
  /// health and the power LED say which it is, and all is well when the cause goes.
  @Suite(.serialized) struct StorageFaultTests {
    /// A board with a camera that is recorded.
    private func withRecordingBoard(
      _ configuration: BoardConfiguration = .debugging,
      _ body: (EmulatedBoard, Technician, Name) async throws -> Void
    ) async throws {
      let footage = try Footage()
      let sources = try StreamingKind.motionJPEG.sources(footage)
      try await Bench.withBoard(configuration) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.mediaServerUp()
        try await board.plug(sources: sources)
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        try await technician.startRecording(name)
        try await technician.recording(name, "recording") { $0.state.known == .recording }
        try await body(board, technician, name)
        await technician.leave()
      }
    }

    private func streamsOn(_ board: EmulatedBoard, _ name: Name) async throws {
      _ = try await Viewer(of: name, on: board).pictures(10, within: .seconds(10))
    }

    @Test(.timeLimit(.minutes(5)))
    func aFullDiskStopsNothingElse() async throws {
      try await withRecordingBoard { board, technician, name in
        let start = ContinuousClock.now
        _ = try await board.shell(
          "dd if=/dev/zero of=/data/filling bs=1M; sync", within: .seconds(90))
        try await technician.health("told of the full disk") {
          $0.reasons.contains(.storageCritical) && $0.reasons.contains(.recordingSuspended)
        }
        let told = (ContinuousClock.now - start).milliseconds
        print("measured | full disk told \(told) ms after dd began")
        try await streamsOn(board, name)
        try await see(.storageFull, on: board)
        #expect(
          try await technician.refusal {
            try await technician.connection.saveSnapshot(of: name)
          } == .storageCritical)
        #expect(try await technician.files().count >= 1)
        let freed = ContinuousClock.now
        _ = try await board.shell("rm /data/filling; sync")
        try await technician.recording(name, "recording again") {
          $0.state.known == .recording && $0.gaps >= 1
        }
        let resumed = (ContinuousClock.now - freed).milliseconds
        print("measured | recording \(resumed) ms after there was room")
        try await technician.health("well again") {
          !$0.reasons.intersects(.storageLow | .storageCritical | .recordingSuspended)
        }
      }
    }

    @Test(.timeLimit(.minutes(5)))
    func aReadOnlyPartitionIsToldAndComesBack() async throws {
      try await withRecordingBoard { board, technician, name in
        // As after an error: whoever has files open for writing is not asked.
        _ = try await board.shell("echo u > /proc/sysrq-trigger")
        try await technician.health("told of the read-only partition") {
          $0.reasons.contains(.dataReadOnly) && $0.reasons.contains(.recordingSuspended)
        }
        try await streamsOn(board, name)
        try await see(.dataUnavailable, on: board)
        #expect(
          try await technician.refusal {
            try await technician.connection.saveSnapshot(of: name)
          } == .storageUnavailable)
        let files = try await technician.files()
        #expect(!files.isEmpty, "what is there can be read")
        // Nobody does anything: it is checked and mounted anew.
        try await wellAgain(technician, name)
      }
    }

    /// Nothing can be written any longer, and later all can be again.
    @Test(.timeLimit(.minutes(5)))
    func aFailingCardIsUsedAgain() async throws {
      try await withRecordingBoard { board, technician, name in
        _ = try await technician.connection.stopRecording(name)
        let complete = try await technician.settledFiles(open: 0)
        try await technician.startRecording(name)
        try await technician.recording(name, "recording") { $0.state.known == .recording }
        try await board.setCardFaults([.errors(.write, sector: nil)])
        let report = try await technician.health(
          within: .seconds(60), "told of the failing card"
        ) {
          $0.reasons.intersects(.dataFailing | .dataReadOnly)
            && $0.reasons.contains(.recordingSuspended)
        }
        print("measured | a card that fails is told as \(report.reasons.words)")
        try await streamsOn(board, name)
        try await see(.dataUnavailable, on: board)
        try await Task.sleep(for: .seconds(20))
        #expect(try await technician.connection.health().agentStarts == 1)
        try await board.setCardFaults([])
        try await wellAgain(technician, name)
        for file in complete {
          let verdict = try await technician.connection.verify(file.request)
          #expect(verdict.condition.known == .whole, "\(file.name.string)")
        }
      }
    }

    /// The card fails for a moment while a film is written. The kernel says so once, and takes what
    /// it still has in memory for written: a power cut shows whether it is.
    @Test(.timeLimit(.minutes(5)))
    func whatACardHasNotTakenIsWrittenAgain() async throws {
      try await withRecordingBoard { board, technician, name in
        try await Task.sleep(for: .seconds(7))
        try await board.setCardFaults([.errors(.write, sector: nil)])
        try await technician.health(within: .seconds(60), "told of the failing card") {
          $0.reasons.contains(.dataFailing)
        }
        try await board.setCardFaults([])
        try await technician.health(within: .seconds(60), "well again") {
          !$0.reasons.intersects(.dataReadOnly | .dataFailing | .recordingSuspended)
        }
        _ = try await technician.connection.stopRecording(name)
        let told = try await technician.settledFiles(open: 0, within: .seconds(90))
          .filter { [.complete, .repaired].contains($0.state.known) }
        #expect(told.contains { $0.bytes > 500_000 }, "there is too little that could be lost")
        await technician.leave()

        await board.powerCut()
        let cut = board.console.count
        try await board.powerOn()
        try await board.waitForLine(containing: Bench.readyLine, from: cut)
        let after = try await Technician.arrive(at: board)
        try await poll(within: .seconds(30)) {
          let refusal = try await after.refusal { try await after.files() }
          return refusal.map { .failure(BoardError("no files: \($0)")) } ?? .success(())
        }
        let there = try await after.settledFiles(among: told)
        for file in told {
          let same = try #require(there.first { $0.name == file.name }, "\(file.name.string)")
          let verdict = try await after.connection.verify(file.request)
          print("measured | \(file.state.name), \(file.bytes) bytes: \(verdict.condition.name)")
          #expect(verdict.condition.known == .whole, "\(file.name.string)")
          #expect(same.bytes == file.bytes, "\(file.name.string)")
        }
        await after.leave()
      }
    }

    /// The partition cannot be mounted when the board starts, and later it can.
    @Test(.timeLimit(.minutes(5)))
    func aMissingPartitionIsUsedWhenItAppears() async throws {
      // The superblock lies 1 KiB behind the partition's beginning, at 33 MiB (image/layout).
      var configuration = BoardConfiguration.normal
      configuration.cardFaults = [.errors(.read, sector: (33 << 11) + 2)]
      try await Bench.withBoard(configuration) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("told of the missing partition") {
          $0.reasons.contains(.dataMissing)
        }
        try await technician.mediaServerUp()
        try await board.plug()
        let name = try await technician.events.first(.cameraConnected).subject
        try await technician.streaming(name)
        #expect(
          try await technician.refusal {
            _ = try await technician.connection.startRecording(name)
          } == .storageUnavailable)
        try await streamsOn(board, name)
        try await see(.dataUnavailable, on: board)
        try await board.setCardFaults([])
        let start = ContinuousClock.now
        try await technician.health(within: .seconds(90), "told of the partition") {
          !$0.reasons.contains(.dataMissing)
        }
        let used = (ContinuousClock.now - start).milliseconds
        print(
          "measured | a partition that appears is used after \(used) ms, tried every 15 s, 30 s…")
        try await technician.startRecording(name)
        try await technician.recording(name, "recording") { $0.state.known == .recording }
        await technician.leave()
      }
    }

    private func wellAgain(_ technician: Technician, _ name: Name) async throws {
      let start = ContinuousClock.now
      try await technician.recording(name, "recording again", within: .seconds(120)) {
        $0.state.known == .recording && $0.gaps >= 1
      }
      try await technician.health("well again") {
        !$0.reasons.intersects(.dataReadOnly | .dataFailing | .recordingSuspended)
      }
      let took = (ContinuousClock.now - start).milliseconds
      print("measured | recording again, with nobody's help, after \(took) ms")
    }

    /// Nothing that is asked of the card is answered any longer.
    @Test(.timeLimit(.minutes(5)))
    func aHangingCardHoldsUpNobody() async throws {
      try await withRecordingBoard(.cardHangs(afterBytes: 40 << 20)) { board, technician, name in
        let report = try await technician.health(within: .seconds(90), "told of the hanging card") {
          $0.reasons.contains(.dataHanging)
        }
        #expect(report.reasons.contains(.recordingSuspended))
        try await streamsOn(board, name)
        try await see(.dataUnavailable, on: board)
        let start = ContinuousClock.now
        #expect(
          try await technician.refusal { try await technician.files() } == .storageUnavailable)
        #expect((ContinuousClock.now - start).milliseconds < 500)
        _ = try await technician.connection.snapshot(of: name)
        // Not even the watchdog minds.
        try await Task.sleep(for: .seconds(20))
        #expect(try await technician.connection.health().agentStarts == 1)
      }
    }
  }
}
