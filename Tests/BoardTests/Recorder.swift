import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// Asks until there is what is waited for; throws the last failure when the time is over.
@discardableResult
func poll<Answer>(
  within limit: Duration, _ ask: () async throws -> Result<Answer, BoardError>
) async throws -> Answer {
  let deadline = ContinuousClock.now + limit
  while true {
    switch try await ask() {
    case .success(let answer): return answer
    case .failure(let failure):
      guard ContinuousClock.now < deadline else { throw failure }
    }
    try await Task.sleep(for: .milliseconds(30))
  }
}

/// What a technician does with recordings and files.
extension Technician {
  /// Waits until the recording of a camera satisfies `condition`.
  @discardableResult
  func recording(
    _ camera: Name, _ what: String, within limit: Duration = .seconds(30),
    until condition: (RecordingEntry) -> Bool
  ) async throws -> RecordingEntry {
    try await poll(within: limit) {
      let entry = try await connection.recordings().first { $0.camera == camera }
      if let entry, condition(entry) { return .success(entry) }
      let told = entry.map { "\($0.state.name), \($0.reason.name)" } ?? "none"
      return .failure(
        BoardError("recording of \(camera.string) is not \(what) within \(limit): \(told)"))
    }
  }

  /// Starts a recording, once the board has its data partition and knows what it has recorded
  /// before.
  func startRecording(_ camera: Name) async throws {
    try await poll(within: .seconds(20)) {
      let refusal = try await refusal { try await connection.startRecording(camera) }
      guard let refusal else { return .success(()) }
      let failure = BoardError("no recording can be started: \(refusal)")
      // Every other refusal stays what it is.
      guard refusal == .state || refusal == .storageUnavailable else { throw failure }
      return .failure(failure)
    }
  }

  /// The one camera, once it streams.
  func streamingCamera() async throws -> Name {
    try await poll(within: .seconds(40)) {
      let cameras = try await connection.cameras().cameras
      let camera = cameras.first { $0.state.known == .streaming }
      return camera.map { .success($0.name) } ?? .failure(BoardError("no camera streams"))
    }
  }

  /// All files, the oldest first.
  func files() async throws -> [FileEntry] {
    var request = FileListRequest()
    request.oldestFirst = true
    request.limit = 1000
    return try await connection.files(request).files
  }

  /// Waits until no file is left whose end has not been looked at, but for those being written.
  func settledFiles(open: Int, within limit: Duration = .seconds(30)) async throws -> [FileEntry] {
    try await poll(within: limit) {
      let files = try await files()
      guard files.count(where: { !$0.isSettled }) > open else { return .success(files) }
      return .failure(BoardError("more than \(open) files are unsettled after \(limit)"))
    }
  }

  /// Waits until the end of each of these files, as far as they are there, has been looked at.
  func settledFiles(
    among known: [FileEntry], within limit: Duration = .seconds(30)
  ) async throws -> [FileEntry] {
    try await poll(within: limit) {
      let files = try await files()
      let open = files.first { file in
        !file.isSettled && known.contains { $0.name == file.name }
      }
      guard let open else { return .success(files) }
      return .failure(BoardError("\(open.name.string) is unsettled after \(limit)"))
    }
  }
}

extension FileEntry {
  /// Nobody writes it, and its end has been looked at.
  var isSettled: Bool { state.known != .open && state.known != .unchecked }

  /// The same file, asked for.
  var request: FileRequest {
    FileRequest(kind: kind.known ?? .recording, camera: camera, name: name)
  }
}
