import Archive
import Foundation
import Glibc
import MadeFilms
import Wire

@testable import Linux

/// A data partition in a temporary folder.
final class StorageFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "storage-\(UUID())")

  init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func camera(_ camera: String, _ kind: FileKind = .recording) throws -> URL {
    let folder = url.appending(path: kind == .recording ? "recordings" : "snapshots")
      .appending(path: camera)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// A file that is there at once.
  @discardableResult
  func put(_ bytes: [UInt8], _ camera: String, _ name: String) throws -> URL {
    let kind: FileKind = name.hasSuffix(".jpg") ? .snapshot : .recording
    let file = try self.camera(camera, kind).appending(path: name)
    try Data(bytes).write(to: file)
    return file
  }

  func size(_ file: URL) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? -1
  }

  /// The name of a segment that began so long ago, in the boot whose id is full of `boot`.
  static func name(
    boot: UInt8 = 1, life: UInt32 = 1, ago seconds: Double = 1, _ kind: FileKind = .recording
  ) -> String {
    let wallMs = UInt64((Date().timeIntervalSince1970 - seconds) * 1000)
    return SegmentName(wallMs: wallMs, boot: UInt32(boot) * 0x0101_0101, life: life)
      .text(kind).string
  }
}

/// A segment that MediaMTX writes: the file stays open.
final class WrittenSegment {
  let url: URL
  let made: MadeFilm
  private var descriptor: Int32
  private var parts = 0

  init(_ folder: StorageFolder, _ camera: String, name: String, seconds: Int = 5) throws {
    url = try folder.camera(camera).appending(path: name)
    made = MadeFilm.seconds(seconds)
    descriptor = open(url.path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw StorageWorker.Failure(text: "cannot create \(url)") }
    write(made.bytes[..<made.ends[0]])
  }

  /// Writes the next part, or the beginning of it.
  func part(bytes: Int = .max) {
    let part = made.bytes[made.ends[parts]..<made.ends[parts + 1]]
    write(part.prefix(bytes))
    parts += 1
  }

  private func write(_ bytes: ArraySlice<UInt8>) {
    _ = Array(bytes).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress!, $0.count) }
  }

  func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  deinit { close() }
}
