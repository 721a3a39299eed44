import Foundation
import Glibc

/// A running ffmpeg, as installed by `board/setup`: somebody else's publisher, reader and encoder.
public final class FFmpeg {
  private let process = Process()
  private let folder: URL

  public static var isInstalled: Bool {
    FileManager.default.isExecutableFile(atPath: program)
  }

  private static let program = "/usr/bin/ffmpeg"

  /// Starts it, with nothing but errors on its standard error.
  public init(_ arguments: [String]) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "ffmpeg-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    process.executableURL = URL(filePath: Self.program)
    process.arguments =
      ["-nostdin", "-hide_banner", "-v", "error", "-progress", "pipe:1"] + arguments
    process.standardOutput = try file("progress")
    process.standardError = try file("complaints")
    try process.run()
  }

  deinit {
    end()
    try? FileManager.default.removeItem(at: folder)
  }

  private func file(_ name: String) throws -> FileHandle {
    let path = folder.appending(path: name)
    FileManager.default.createFile(atPath: path.path, contents: nil)
    return try FileHandle(forWritingTo: path)
  }

  private func text(_ name: String) -> String {
    (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
  }

  /// Its errors, decoding errors among them.
  public var complaints: String { text("complaints") }

  /// Pictures that have gone through it.
  public var frames: Int {
    let counts = text("progress").split(separator: "\n").filter { $0.hasPrefix("frame=") }
    return counts.last.flatMap { Int($0.dropFirst("frame=".count)) } ?? 0
  }

  /// Its exit code; nil if it still runs after the time, or ended by a signal.
  public func exit(within limit: Duration) -> Int32? {
    guard waitUntil(within: limit, { !self.process.isRunning }) else { return nil }
    return process.terminationReason == .exit ? process.terminationStatus : nil
  }

  public func end() {
    guard process.isRunning else { return }
    // Threads of the tests block SIGTERM, and their children inherit that.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
