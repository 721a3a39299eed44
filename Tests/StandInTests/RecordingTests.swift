import Foundation
import Glibc
import StandInDriver
import Testing

@testable import StandIn

/// Recordings as files that other programs can play.
@Suite(.serialized, .enabled(if: FFmpeg.isInstalled, "no ffmpeg: run board/setup first"))
struct RecordingTests {
  /// Frames of the film. Of the last one the duration is unknown: MediaMTX does not write it.
  private static let frames = 120
  private static let rate = 30

  private func started(segment: String = "60s") throws -> StandInProcess {
    let standIn = try StandInProcess {
      StandInProcess.configuration($0, $1, paths: "  cam:\n    record: yes")
        .replacing("recordSegmentDuration: 2s", with: "recordSegmentDuration: \(segment)")
    }
    #expect(standIn.waitUntilUp(), Comment(rawValue: standIn.log))
    return standIn
  }

  /// Makes a film of which every frame differs, with a key frame a second.
  private func film(_ codec: FFmpegTests.Codec, for standIn: StandInProcess) throws -> URL {
    let file = standIn.folder.appending(path: "film.nut")
    let encoder = try FFmpeg(
      ["-f", "lavfi", "-i", "testsrc2=s=640x368:r=\(Self.rate)"] + codec.options
        + ["-frames:v", "\(Self.frames)", file.path])
    #expect(encoder.exit(within: .seconds(60)) == 0, Comment(rawValue: encoder.complaints))
    return file
  }

  private func publisher(of film: URL, to standIn: StandInProcess) throws -> FFmpeg {
    try FFmpeg(
      ["-re", "-i", film.path, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp"]
        + ["rtsp://127.0.0.1:\(standIn.ports.rtsp)/cam"])
  }

  private func recordings(_ standIn: StandInProcess) -> [URL] {
    let folder = standIn.folder.appending(path: "recordings/cam")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map { folder.appending(path: $0) }
  }

  /// Records a film from its beginning to its end.
  private func record(_ film: URL, on standIn: StandInProcess) throws -> [URL] {
    let publisher = try publisher(of: film, to: standIn)
    defer { publisher.end() }
    #expect(publisher.exit(within: .seconds(30)) == 0, Comment(rawValue: publisher.complaints))
    #expect(waitUntil { standIn.log.contains("recording stopped") })
    return recordings(standIn)
  }

  /// Milliseconds of the file by its header; nil as long as that is not written.
  private func headerDuration(_ file: URL) throws -> Int? {
    let bytes = [UInt8](try Data(contentsOf: file))
    return MP4.number(bytes[...], at: Int(RecordingFile.durationOffset))
  }

  /// Where the boxes of a file begin, and of what type they are.
  private func boxes(_ bytes: [UInt8]) -> [(type: String, content: ArraySlice<UInt8>)] {
    MP4.boxes(bytes[...])
  }

  @Test(.timeLimit(.minutes(5)), arguments: FFmpegTests.Codec.allCases)
  func everyPictureIsInTheFile(_ codec: FFmpegTests.Codec) throws {
    let standIn = try started()
    let film = try film(codec, for: standIn)
    let files = try record(film, on: standIn)
    let file = try #require(files.first)
    #expect(files.count == 1)
    let finding = try #require(try FFmpeg.probe(file))
    #expect(finding.codec == (codec == .h264 ? "h264" : "mjpeg"))
    #expect(finding.frames == Self.frames - 1)
    #expect(finding.complaints == "")
    let milliseconds = 1000 * (Self.frames - 1) / Self.rate
    #expect(Int(finding.duration * 1000) == milliseconds)
    #expect(try headerDuration(file) == milliseconds)
    let published = try #require(try FFmpeg.pictures(film))
    #expect(Set(published).count == Self.frames)
    #expect(try FFmpeg.pictures(file) == published.dropLast())
    // Parts of a second, of which the last one was closed by the end of the stream.
    let types = boxes([UInt8](try Data(contentsOf: file))).map(\.type)
    #expect(
      types == ["ftyp", "moov"] + [[String]](repeating: ["moof", "mdat"], count: 4).joined())
  }

  /// A power cut may end the file anywhere within its last part.
  @Test(.timeLimit(.minutes(5)), arguments: FFmpegTests.Codec.allCases)
  func aCutFileHasItsWholeParts(_ codec: FFmpegTests.Codec) throws {
    let standIn = try started()
    let film = try film(codec, for: standIn)
    let file = try #require(try record(film, on: standIn).first)
    let pictures = try #require(try FFmpeg.pictures(film))
    let bytes = [UInt8](try Data(contentsOf: file))
    let fragment = try #require(boxes(bytes).last { $0.type == "moof" }).content
    let media = try #require(boxes(bytes).last).content
    let cut = standIn.folder.appending(path: "cut.mp4")
    for end in [fragment.startIndex - 8, fragment.startIndex + 20] {
      try Data(bytes[..<end]).write(to: cut)
      let whole = try #require(try FFmpeg.probe(cut))
      #expect(whole.frames == 3 * Self.rate)
      #expect(RecordingFile.duration(of: cut.path) == 3 * second)
      #expect(try FFmpeg.pictures(cut) == Array(pictures.prefix(3 * Self.rate)))
    }
    // Within the media, a player may show some of the part, but no less than the whole ones.
    try Data(bytes[..<(media.startIndex + media.count / 2)]).write(to: cut)
    #expect(try #require(try FFmpeg.probe(cut)).frames >= 3 * Self.rate)
    #expect(RecordingFile.duration(of: cut.path) == 3 * second)
  }

  @Test(.timeLimit(.minutes(5)), arguments: FFmpegTests.Codec.allCases)
  func segmentsFollowEachOtherWithoutLoss(_ codec: FFmpegTests.Codec) throws {
    // No multiple of the key frames' interval: of H.264, a segment goes on to the next key frame.
    let standIn = try started(segment: "1500ms")
    let film = try film(codec, for: standIn)
    let files = try record(film, on: standIn)
    var pictures: [String] = []
    var durations: [Int?] = []
    for file in files {
      pictures += try #require(try FFmpeg.pictures(file))
      durations.append(try headerDuration(file))
    }
    #expect(durations == (codec == .h264 ? [2000, 1966] : [1500, 1500, 966]))
    #expect(pictures == (try #require(try FFmpeg.pictures(film))).dropLast())
  }

  @Test(.timeLimit(.minutes(5))) func aKilledServerLosesTheOpenPart() throws {
    let standIn = try started()
    let film = try film(.h264, for: standIn)
    let publisher = try publisher(of: film, to: standIn)
    defer { publisher.end() }
    #expect(waitUntil { !recordings(standIn).isEmpty })
    Thread.sleep(forTimeInterval: 1.5)
    standIn.send(signal: SIGKILL)
    #expect(standIn.exit() == -SIGKILL)
    let file = try #require(recordings(standIn).first)
    #expect(try headerDuration(file) == 0)
    let pictures = try #require(try FFmpeg.pictures(file))
    #expect(pictures.count == 2 * Self.rate)
    #expect(RecordingFile.duration(of: file.path) == 2 * second)
  }

  // MARK: Where the media need not be real

  private func madeUp(_ standIn: StandInProcess) throws -> RTSPPublisher {
    let publisher = try RTSPPublisher(
      port: standIn.ports.rtsp, path: "cam", media: .h264(packetizationMode: 1))
    #expect(try publisher.announce() == 200)
    publisher.start()
    return publisher
  }

  private func isReady(_ standIn: StandInProcess) -> Bool {
    let list = (try? standIn.api("GET", "/v3/paths/list"))?.body ?? []
    return (try? JSONParser.parse(list))?["items"]?.list.first?["ready"]?.flag == true
  }

  private func starts(_ standIn: StandInProcess) -> Int {
    standIn.log.components(separatedBy: "[recorder] recording 1 track").count - 1
  }

  @Test func switchingOffClosesTheFileAtOnce() throws {
    let standIn = try started()
    let publisher = try madeUp(standIn)
    defer { publisher.stop() }
    #expect(waitUntil { recordings(standIn).first.flatMap { try? headerDuration($0) } == 0 })
    let file = try #require(recordings(standIn).first)
    Thread.sleep(forTimeInterval: 0.4)
    let patch = "/v3/config/paths/patch/cam"
    #expect(try standIn.api("PATCH", patch, body: "{\"record\":false}").status == 200)
    #expect(waitUntil { standIn.log.contains("recording stopped") })
    #expect(waitUntil { (try? headerDuration(file)) ?? 0 != 0 })
    // More than the part that made the file appear: the open one was written as well.
    let duration = try #require(RecordingFile.duration(of: file.path))
    #expect(duration > 1200 * millisecond)
    #expect(try headerDuration(file) == Int(duration / millisecond))
  }

  /// A clock that is set costs a pause of 2 s, and a new file has the new time.
  @Test(arguments: [60, -60]) func aClockThatIsSetCostsAGap(seconds: Int) throws {
    let standIn = try started()
    let publisher = try madeUp(standIn)
    defer { publisher.stop() }
    #expect(waitUntil { recordings(standIn).count == 1 })
    let old = try #require(recordings(standIn).first)
    #expect(try standIn.api("POST", "/standin/fault/clock-offset/\(seconds * 1000)").status == 200)
    #expect(waitUntil { standIn.log.contains("[path cam] [recorder] detected drift between") })
    let drift = ContinuousClock.now
    #expect(waitUntil { (try? headerDuration(old)) ?? 0 != 0 })
    #expect(waitUntil { starts(standIn) == 2 })
    #expect(ContinuousClock.now - drift > .milliseconds(1900))
    #expect(waitUntil { recordings(standIn).count == 2 })
    #expect(isReady(standIn))
    let new = try #require(recordings(standIn).first { $0 != old })
    let pattern = RecordPath("\(standIn.folder.path)/recordings/%path/%Y-%m-%d_%H-%M-%S-%f.mp4")
    let times = [old, new].compactMap { pattern.parse($0.path)?.start }
    try #require(times.count == 2)
    // Between the two: the first file's second, the pause, and at most a second to a key frame.
    let step = times[1] - times[0] - Int64(seconds) * second
    #expect((3 * second..<8 * second).contains(step))
  }

  /// Whatever keeps the file from being written: the stream goes on, and it is tried again.
  @Test func whatCannotBeWrittenIsTriedAgain() throws {
    let standIn = try started()
    let folder = standIn.folder.appending(path: "recordings")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let obstacle = folder.appending(path: "cam")
    try Data("not a folder".utf8).write(to: obstacle)
    let publisher = try madeUp(standIn)
    defer { publisher.stop() }
    #expect(waitUntil { standIn.log.contains("not a directory") })
    let failure = ContinuousClock.now
    #expect(isReady(standIn))
    try FileManager.default.removeItem(at: obstacle)
    #expect(waitUntil { starts(standIn) == 2 })
    #expect(ContinuousClock.now - failure > .milliseconds(1900))
    #expect(waitUntil { recordings(standIn).count == 1 })
    #expect(isReady(standIn))
  }
}
