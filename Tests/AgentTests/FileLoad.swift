import ControlClient
import Foundation
import Synchronization
import Testing
import Wire

/// What technicians and fleet tools do with files, mixed: lists, facts, ranges, checksums, removals
/// and new snapshots.
final class FileLoad: Sendable {
  enum Operation: CaseIterable {
    case list, info, read, verify, remove, save
  }

  /// Ten in a row. As many snapshots are kept as are removed: the device does not fill.
  static let mix: [Operation] = [
    .list, .read, .info, .save, .read, .list, .verify, .read, .info, .remove,
  ]
  /// Bytes of a range.
  static let range = 256 << 10

  private let client: ControlConnection
  private let cameras: [Name]
  /// A finished recording, and what lies in it.
  private struct Film: Sendable {
    let entry: FileEntry
    let bytes: Data
    let checksum: UInt32
  }
  private let files: [Film]
  /// What may be removed, the oldest first.
  private let snapshots = Mutex<[FileEntry]>([])

  /// Records each camera for a moment, so that there are files to read, and keeps some snapshots.
  init(_ recorder: Recorder) async throws {
    client = recorder.client
    cameras = recorder.station.names
    for camera in cameras { _ = try await client.startRecording(camera, seconds: 3) }
    try await recorder.wait("end of all") { try await recorder.client.recordings().isEmpty }
    files = try await recorder.files(.recording).map { file in
      let bytes = try Data(contentsOf: URL(filePath: recorder.path(of: file)))
      return Film(
        entry: file, bytes: bytes, checksum: bytes.withUnsafeBytes { CRC32C.of($0) })
    }
    try #require(files.count == cameras.count)
    for camera in cameras + cameras { try await keepSnapshot(of: camera) }
  }

  /// `perSecond` operations a second for so many seconds, at fixed times whatever becomes of those
  /// before: what each took, in milliseconds from the time it was meant to begin at.
  func run(perSecond: Int, seconds: Int) async throws -> [Double] {
    let start = ContinuousClock.now
    return try await withThrowingTaskGroup(of: Double.self) { group in
      for number in 0..<perSecond * seconds {
        let due = start + .seconds(1) * number / perSecond
        group.addTask {
          try await ContinuousClock().sleep(until: due)
          try await self.perform(number)
          return (ContinuousClock.now - due) / .milliseconds(1)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  /// So many clients, each of which asks again as soon as it has its answer: operations a second.
  func saturate(clients: Int, seconds: Double) async throws -> Double {
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    let count = try await withThrowingTaskGroup(of: Int.self) { group in
      for client in 0..<clients {
        group.addTask {
          var count = 0
          while ContinuousClock.now < end {
            try await self.perform(count + client * Self.mix.count / clients)
            count += 1
          }
          return count
        }
      }
      return try await group.reduce(0, +)
    }
    return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
  }

  /// Throws whatever the device refuses; a wrong answer is an issue of the test.
  private func perform(_ number: Int) async throws {
    let round = number / Self.mix.count
    let file = files[round % files.count]
    switch Self.mix[number % Self.mix.count] {
    case .list: #expect(try await client.files(FileListRequest()).files.count >= files.count)
    case .info: #expect(try await client.file(file.entry.request).bytes == file.entry.bytes)
    case .read: try await read(file)
    case .verify:
      let verdict = try await client.verify(file.entry.request)
      #expect(verdict.checksum == file.checksum && verdict.condition.known == .whole)
    case .save: try await keepSnapshot(of: cameras[round % cameras.count])
    case .remove:
      // Several at once may have removed them all.
      guard let old = snapshots.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
      try await client.removeFile(old.request)
    }
  }

  private func read(_ file: Film) async throws {
    let offset = Int.random(in: 0..<file.bytes.count)
    let expected = file.bytes[offset..<min(offset + Self.range, file.bytes.count)]
    let came = try await client.read(
      file.entry.request, from: UInt64(offset), length: Self.range)
    #expect(Data(came) == expected)
  }

  private func keepSnapshot(of camera: Name) async throws {
    let kept = try await client.saveSnapshot(of: camera)
    snapshots.withLock { $0.append(kept) }
  }
}
