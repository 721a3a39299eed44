import ControlClient
import Foundation
import Wire

/// What is asked of a device, and waited for.
struct Recorder {
  let station: PictureTests.Station
  var client: ControlConnection { station.client }

  /// A device whose cameras play these films; `kept` is a folder that stays.
  init(_ films: [URL], in kept: URL? = nil) async throws {
    station = try await PictureTests.Station(films, in: kept)
  }

  /// The debug build has other tests beside it.
  func wait(
    _ what: String, within seconds: Double = AgentProcess.isShipped ? 15 : 60,
    _ isDone: () async throws -> Bool
  ) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while try await !isDone() {
      guard ContinuousClock.now < end else { throw TestError("no \(what) in \(seconds) s") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  func entry(_ camera: Name) async throws -> RecordingEntry? {
    try await client.recordings().first { $0.camera == camera }
  }

  func isRecording(_ camera: Name) async throws -> Bool {
    try await entry(camera)?.state.known == .recording
  }

  /// All files, the oldest first.
  func files(_ kind: FileKind? = nil) async throws -> [FileEntry] {
    var request = FileListRequest()
    request.kind = kind
    request.oldestFirst = true
    request.limit = UInt16(Limits.files)
    return try await client.files(request).files
  }

  func bytes(of file: FileEntry, piece: Int = 1 << 20) async throws -> Data {
    var whole = Data()
    while whole.count < Int(file.bytes) {
      let next = try await client.read(
        file.request, from: UInt64(whole.count), length: piece)
      if next.isEmpty { break }
      whole += next
    }
    return whole
  }

  func path(of file: FileEntry) -> String {
    let folder = file.kind == .recording ? "recordings" : "snapshots"
    return station.agent.folder.path + "/data/\(folder)/\(file.camera.string)/\(file.name.string)"
  }
}

extension FileEntry {
  /// The same file, asked for.
  var request: FileRequest {
    FileRequest(kind: kind.known ?? .recording, camera: camera, name: name)
  }
}

/// The least sample that is no less than this share, above 0, of them.
func quantile(_ share: Double, of samples: [Double]) -> Double {
  samples.sorted()[Int((Double(samples.count) * share).rounded(.up)) - 1]
}
