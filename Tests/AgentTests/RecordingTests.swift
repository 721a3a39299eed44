import ControlClient
import Foundation
import Glibc
import Testing
import Wire

/// Recordings and files through the agent, its workers and the stand-in for MediaMTX.
@Suite(.serialized, .oneDevice, .timeLimit(.minutes(10))) struct RecordingTests {
  @Test func filesHoldWhatWasRecorded() async throws {
    let recorder = try await Recorder([Films.conforming, Films.h264])
    let client = recorder.client
    for camera in recorder.station.names {
      let start = ContinuousClock.now
      #expect(try await client.startRecording(camera, seconds: 4).state.known == .arming)
      let accepted = (ContinuousClock.now - start) / .milliseconds(1)
      // A test that is held up for four seconds finds it over.
      try await recorder.wait("bytes") {
        let entry = try await recorder.entry(camera)
        return entry == nil || entry?.state.known == .recording
      }
      let confirmed = (ContinuousClock.now - start) / .milliseconds(1)
      print("\(camera.string): accepted after \(accepted) ms, confirmed after \(confirmed) ms")
      // A part and a key frame's distance of one second each, and 500 ms.
      if AgentProcess.isShipped { #expect(accepted <= 200 && confirmed <= 2500) }
    }
    try await recorder.wait("end of all") { try await client.recordings().isEmpty }
    let files = try await recorder.files()
    #expect(files.count == 2)
    for file in files {
      #expect(file.state.known == .complete && file.kind.known == .recording)
      // Four seconds, give or take a part.
      #expect((3000...5000).contains(file.durationMs), "\(file.durationMs) ms")
      let film = try await recorder.bytes(of: file, piece: 300_000)
      let verdict = try await client.verify(file.request)
      #expect(verdict.condition.known == .whole && verdict.bytes == UInt64(film.count))
      #expect(verdict.checksum == film.withUnsafeBytes { CRC32C.of($0) })
      #expect(verdict.durationMs == file.durationMs && verdict.parts >= 3)
      #expect(try Data(contentsOf: URL(filePath: recorder.path(of: file))) == film)
      let copy = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).mp4")
      defer { try? FileManager.default.removeItem(at: copy) }
      try film.write(to: copy)
      let decoded = try ffmpeg(["-v", "error", "-i", copy.path, "-f", "framemd5", "-"]).finish()
      #expect(decoded.code == 0 && decoded.errors.isEmpty)
      let frames = decoded.output.split(separator: "\n").count { !$0.hasPrefix("#") }
      let expected = Int(file.durationMs) * Films.rate / 1000
      #expect((expected - 1...expected + 2).contains(frames), "\(frames) of \(expected)")
    }
  }

  /// The answers; what follows them is the board's to show.
  @Test func startsAndStopsAreAnsweredAtOnce() async throws {
    let recorder = try await Recorder([Films.conforming, Films.h264])
    let client = recorder.client
    let cameras = recorder.station.names
    var starts: [Double] = []
    var stops: [Double] = []
    for _ in 0..<(AgentProcess.isShipped ? 10 : 2) {
      for camera in cameras {
        let start = ContinuousClock.now
        _ = try await client.startRecording(camera)
        starts.append((ContinuousClock.now - start) / .milliseconds(1))
      }
      for camera in cameras {
        try await recorder.wait("bytes") { try await recorder.isRecording(camera) }
      }
      for camera in cameras {
        let start = ContinuousClock.now
        _ = try await client.stopRecording(camera)
        stops.append((ContinuousClock.now - start) / .milliseconds(1))
      }
      try await recorder.wait("end of all") { try await client.recordings().isEmpty }
    }
    let worst = max(quantile(0.95, of: starts), quantile(0.95, of: stops))
    let median = max(quantile(0.5, of: starts), quantile(0.5, of: stops))
    print(
      String(
        format: "measured | recording started and stopped, answers: p50 %.2f ms, p95 %.2f ms",
        median, worst))
    if AgentProcess.isShipped { #expect(worst <= 200) }
  }

  @Test func aRecordingOutlivesWhateverEnds() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kept-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    var camera = Name()
    do {
      let recorder = try await Recorder([Films.conforming], in: folder)
      camera = recorder.station.names[0]
      _ = try await recorder.client.startRecording(camera)
      try await recorder.wait("bytes") { try await recorder.isRecording(camera) }
      // MediaMTX.
      Glibc.kill(try #require(try recorder.station.children(".yml").first), SIGKILL)
      try await recorder.wait("second file") { try await recorder.entry(camera)?.segments == 2 }
      // The feed: the same file or another one, but it goes on.
      Glibc.kill(try #require(try recorder.station.children("feed").first), SIGKILL)
      let before = try #require(try await recorder.entry(camera)).bytes
      try await recorder.wait("growth") { try await recorder.entry(camera)!.bytes > before }
      // The storage worker learns everything anew.
      let worker = try recorder.station.agent.children().first { pid in
        let line = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        return line?.split(separator: "\0").contains("storage") ?? false
      }
      Glibc.kill(try #require(worker), SIGKILL)
      try await Task.sleep(for: .seconds(8))
      try await recorder.wait("growth") { try await recorder.isRecording(camera) }
      recorder.station.agent.kill()
    }
    let recorder = try await Recorder([Films.conforming], in: folder)
    try await recorder.wait("bytes") { try await recorder.isRecording(camera) }
    let entry = try #require(try await recorder.entry(camera))
    #expect(entry.recording == 1 && entry.gaps >= 1)
    _ = try await recorder.client.stopRecording(camera)
    try await recorder.wait("end") { try await recorder.client.recordings().isEmpty }
    let files = try await recorder.files()
    #expect(files.count >= 3)
    for file in files {
      #expect(file.recording == 1, "\(file.name.string)")
      let verdict = try await recorder.client.verify(file.request)
      // What was ended before its first part was whole has nothing that could be played.
      let isEmpty = file.state.known == .damaged && verdict.parts == 0
      #expect(
        isEmpty
          || [.complete, .repaired].contains(file.state.known)
            && verdict.condition.known == .whole,
        "\(file.name.string)")
    }
    #expect(files.dropFirst().allSatisfy { $0.id > files[0].id })
  }

  @Test func snapshotsAreKept() async throws {
    let recorder = try await Recorder([Films.conforming])
    let camera = recorder.station.names[0]
    let film = try Data(contentsOf: Films.conforming)
    var names: Set<String> = []
    for _ in 0..<5 {
      let saved = try await recorder.client.saveSnapshot(of: camera)
      #expect(saved.kind.known == .snapshot && saved.camera == camera)
      names.insert(saved.name.string)
      let bytes = try await recorder.bytes(of: saved)
      #expect(film.range(of: bytes) != nil && bytes.count == Int(saved.bytes))
    }
    #expect(names.count == 5)
    try await recorder.wait("list") { try await recorder.files(.snapshot).count == 5 }
    for file in try await recorder.files() {
      try await recorder.client.removeFile(file.request)
      #expect(!FileManager.default.fileExists(atPath: recorder.path(of: file)))
    }
    #expect(try await recorder.files().isEmpty)
  }

  /// Decoded by one worker, written by another.
  @Test func snapshotsOfH264AreKept() async throws {
    let recorder = try await Recorder([Films.h264])
    let client = recorder.client
    let camera = recorder.station.names[0]
    let mode = try await client.camera(camera)
    var saved: [FileEntry] = []
    for _ in 0..<3 {
      let file = try await client.saveSnapshot(of: camera)
      #expect(file.kind.known == .snapshot && file.camera == camera && file.bytes > 0)
      #expect(file.state.known == .complete && file.name.string.hasSuffix(".jpg"))
      let picture = try await recorder.bytes(of: file)
      let verdict = try await client.verify(file.request)
      #expect(verdict.condition.known == .whole && verdict.bytes == file.bytes)
      #expect(verdict.checksum == picture.withUnsafeBytes { CRC32C.of($0) })
      #expect(try Data(contentsOf: URL(filePath: recorder.path(of: file))) == picture)
      let size = try decodedSize(of: picture)
      #expect(size == "\(mode.width)x\(mode.height)" && size == "1280x720")
      saved.append(file)
    }
    #expect(Set(saved.map { $0.name.string }).count == 3)
    try await recorder.wait("list") { try await recorder.files(.snapshot).count == 3 }
    let listed = try await recorder.files()
    #expect(listed.map { $0.name } == saved.map { $0.name })
    #expect(listed.map { $0.bytes } == saved.map { $0.bytes })
    #expect(listed.allSatisfy { $0.kind.known == .snapshot && $0.state.known == .complete })
    // Its last key frame is still there, but it would be a picture of the past.
    try await client.stopStream(camera)
    try await recorder.wait("end of the feed") { try recorder.station.children("feed").isEmpty }
    do {
      let file = try await client.saveSnapshot(of: camera)
      Issue.record("\(file.name.string) is a picture of a camera that does not stream")
    } catch { #expect((error as? ControlError)?.status == .cameraNotStreaming) }
    #expect(try await recorder.files().count == 3)
    try await client.startStream(camera)
    try await recorder.station.streaming(1)
    try await recorder.wait("picture") {
      (try? await client.saveSnapshot(of: camera)) != nil
    }
  }

  /// Width and height of a picture that ffmpeg decodes without a complaint.
  private func decodedSize(of picture: Data) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jpg")
    defer { try? FileManager.default.removeItem(at: file) }
    try picture.write(to: file)
    let decoded = try ffmpeg(["-i", file.path, "-f", "framecrc", "-"]).finish()
    #expect(decoded.code == 0 && decoded.errors.isEmpty, "\(decoded.errors)")
    let lines = decoded.output.split(separator: "\n")
    #expect(lines.count { !$0.hasPrefix("#") } == 1)
    let dimensions = lines.first { $0.hasPrefix("#dimensions 0: ") } ?? ""
    return String(dimensions.dropFirst("#dimensions 0: ".count))
  }

  @Test func thirtyJobsAtOnceDisturbNobody() async throws {
    let recorder = try await Recorder([Films.conforming])
    let camera = recorder.station.names[0]
    let saved = try await recorder.client.saveSnapshot(of: camera)
    let other = try await ControlConnection.open(
      DeviceAddress(host: "127.0.0.1", port: Int(recorder.station.agent.port)))
    let pings = Task {
      var worst = Duration.zero
      while !Task.isCancelled {
        let start = ContinuousClock.now
        _ = try await other.health()
        worst = max(worst, ContinuousClock.now - start)
      }
      return worst
    }
    let client = recorder.client
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<30 {
        group.addTask {
          switch number % 3 {
          case 0: _ = try await client.saveSnapshot(of: camera)
          case 1: _ = try await client.verify(saved.request)
          default: _ = try await client.read(saved.request, from: 0, length: 1 << 20)
          }
        }
      }
      try await group.waitForAll()
    }
    pings.cancel()
    let worst = try await pings.value / .milliseconds(1)
    let metrics = try await recorder.client.metrics()
    print("30 jobs at once: health within \(worst) ms, waited \(metrics[.jobWaitLongestMs]) ms")
    #expect(metrics[.jobsDone] >= 31 && metrics[.jobsFailed] == 0 && metrics[.jobsWaiting] == 0)
    if AgentProcess.isShipped { #expect(worst <= 50) }
  }

  @Test func mistakesAreTold() async throws {
    let recorder = try await Recorder([Films.conforming])
    let camera = recorder.station.names[0]
    func status(_ body: () async throws -> Void) async -> Status? {
      do {
        try await body()
        return nil
      } catch { return (error as? ControlError)?.status }
    }
    let client = recorder.client
    let nobody = Name(Text<160>("nobody"))
    let name = Text<56>("2026-01-01_00-00-00-000000_00000000-1.mp4")
    let file = FileRequest(kind: .recording, camera: camera, name: name)
    #expect(await status { _ = try await client.stopRecording(camera) } == .notRecording)
    #expect(await status { _ = try await client.startRecording(nobody) } == .unknownCamera)
    #expect(await status { _ = try await client.file(file) } == .notFound)
    #expect(await status { _ = try await client.verify(file) } == .notFound)
    #expect(await status { try await client.removeFile(file) } == .notFound)
    #expect(await status { _ = try await client.read(file, from: 0, length: 9) } == .notFound)
    #expect(await status { _ = try await client.saveSnapshot(of: nobody) } == .unknownCamera)
    // A link is no file, wherever it leads to.
    let folder = recorder.station.agent.folder.appending(path: "data/recordings/\(camera.string)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // MediaMTX's, like those that it makes itself.
    let whose = try FileManager.default.attributesOfItem(
      atPath: folder.deletingLastPathComponent().path)
    try FileManager.default.setAttributes(
      whose.filter { $0.key == .ownerAccountID || $0.key == .groupOwnerAccountID },
      ofItemAtPath: folder.path)
    try FileManager.default.createSymbolicLink(
      at: folder.appending(path: name.string), withDestinationURL: URL(filePath: "/etc/passwd"))
    #expect(await status { _ = try await client.read(file, from: 0, length: 9) } == .notFound)
    #expect(await status { _ = try await client.verify(file) } == .notFound)
    // What is being written stays.
    _ = try await client.startRecording(camera)
    try await recorder.wait("bytes") { try await recorder.isRecording(camera) }
    #expect(await status { _ = try await client.startRecording(camera) } == .alreadyRecording)
    let open = try #require(try await recorder.files(.recording).last)
    #expect(await status { try await client.removeFile(open.request) } == .state)
  }
}
