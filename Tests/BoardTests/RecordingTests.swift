import ControlClient
import EmulatedBoard
import Foundation
import StandInDriver
import Testing
import Wire

extension OnTheBoard {
  /// Recordings: asked for, confirmed, stopped, fetched and decoded.
  @Suite(.serialized) struct RecordingTests {
    /// Two cameras, one of each kind, that stream.
    private func cameras(
      _ board: EmulatedBoard, _ technician: Technician, _ footage: Footage
    ) async throws -> [Name] {
      var names: [Name] = []
      for (index, kind) in StreamingKind.allCases.enumerated() {
        let from = await technician.events.count
        try await board.plug(
          kind.model(serial: "RECORD0\(index)"), into: USBPort.allCases[index],
          sources: try kind.sources(footage))
        names.append(try await technician.events.first(.cameraConnected, from: from).subject)
      }
      for name in names { try await technician.streaming(name) }
      return names
    }

    /// Started and stopped again and again: the answers, the confirmation, the end.
    @Test(.timeLimit(.minutes(6)))
    func startsAndStopsInTime() async throws {
      let footage = try Footage()
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let names = try await cameras(board, technician, footage)
        for (kind, name) in zip(StreamingKind.allCases, names) {
          var accepted: [Double] = []
          var confirmed: [Double] = []
          var stopped: [Double] = []
          for _ in 0..<10 {
            let from = await technician.events.count
            let before = try await technician.connection.health().uptimeMs
            let start = ContinuousClock.now
            _ = try await technician.connection.startRecording(name)
            accepted.append((ContinuousClock.now - start).milliseconds)
            let begun = try await technician.events.first(.recordingStarted, from: from)
            confirmed.append(Double(begun.uptimeMs) - Double(before))
            let asked = try await technician.connection.health().uptimeMs
            _ = try await technician.connection.stopRecording(name)
            let ended = try await technician.events.first(.recordingStopped, from: from)
            stopped.append(Double(ended.uptimeMs) - Double(asked))
          }
          expectMedian(accepted, atMostMs: 200, "recording accepted, \(kind)")
          // A part, the distance of two key frames, and 500 ms.
          expectMedian(confirmed, atMostMs: 2500, "recording confirmed by bytes, \(kind)")
          expectMedian(stopped, atMostMs: 200, "recording stopped and its file closed, \(kind)")
        }
        await technician.leave()
      }
    }

    /// A minute of both at once: every picture that was published is in the files.
    @Test(.timeLimit(.minutes(8)))
    func aMinuteOfBothDecodes() async throws {
      let footage = try Footage()
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let names = try await cameras(board, technician, footage)
        var published: [UInt64] = []
        for name in names {
          published.append(try await technician.connection.camera(name).frames)
          _ = try await technician.connection.startRecording(name, seconds: 60)
        }
        for (index, name) in names.enumerated() {
          _ = try await technician.events.first(.recordingStopped, within: .seconds(90)) {
            $0.subject == name
          }
          published[index] = try await technician.connection.camera(name).frames - published[index]
        }
        for (index, name) in names.enumerated() {
          let frames = try await decode(name, technician.connection)
          let rate = try await technician.connection.camera(name).measuredRateMilli / 1000
          print(
            "measured | \(StreamingKind.allCases[index]): \(frames) pictures in the files of 60 s, "
              + "\(published[index]) published from start to stop at \(rate)/s")
          // Behind the first key frame and before the last part: two seconds at most. What was
          // published is told once a second.
          let missing = Int(published[index]) - frames
          #expect((-Int(rate)...Int(2 * rate) + 2).contains(missing), "\(missing) are missing")
        }
        await technician.leave()
      }
    }

    /// Fetches all files of a camera; the pictures in them, decoded without a complaint.
    private func decode(_ name: Name, _ device: ControlConnection) async throws -> Int {
      var request = FileListRequest()
      request.camera = name
      let files = try await device.files(request).files
      #expect(!files.isEmpty)
      var frames = 0
      for file in files {
        #expect(file.state.known == .complete && file.recording > 0, "\(file)")
        let asked = FileRequest(kind: .recording, camera: file.camera, name: file.name)
        var film = Data()
        while film.count < Int(file.bytes) {
          film += try await device.read(asked, from: UInt64(film.count), length: 1 << 20)
        }
        let verdict = try await device.verify(asked)
        #expect(verdict.condition.known == .whole && Int(verdict.bytes) == film.count)
        #expect(verdict.checksum == film.withUnsafeBytes { CRC32C.of($0) })
        let copy = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).mp4")
        defer { try? FileManager.default.removeItem(at: copy) }
        try film.write(to: copy)
        frames += try #require(try FFmpeg.pictures(copy), "ffmpeg complains").count
      }
      return frames
    }
  }
}
