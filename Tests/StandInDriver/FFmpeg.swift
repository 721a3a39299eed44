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
  public convenience init(_ arguments: [String]) throws {
    try self.init(
      Self.program, ["-nostdin", "-hide_banner", "-v", "error", "-progress", "pipe:1"] + arguments)
  }

  private init(_ program: String, _ arguments: [String]) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "ffmpeg-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardOutput = try file("output")
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
    let counts = text("output").split(separator: "\n").filter { $0.hasPrefix("frame=") }
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

  /// What ffprobe finds in a file's video.
  public struct Finding {
    public let codec: String
    /// Frames that it has decoded.
    public let frames: Int
    /// Seconds.
    public let duration: Double
    public let complaints: String
  }

  /// Decodes a whole file; nil if ffprobe fails, or takes more than 30 s.
  public static func probe(_ file: URL) throws -> Finding? {
    let probe = try FFmpeg(
      "/usr/bin/ffprobe",
      [
        "-hide_banner", "-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "default",
        "-show_entries", "stream=codec_name,nb_read_frames:format=duration", file.path,
      ])
    guard probe.exit(within: .seconds(30)) == 0 else { return nil }
    func value(_ name: String) -> String {
      let line = probe.text("output").split(separator: "\n").last { $0.hasPrefix(name + "=") }
      return String(line?.dropFirst(name.count + 1) ?? "")
    }
    return Finding(
      codec: value("codec_name"), frames: Int(value("nb_read_frames")) ?? 0,
      duration: Double(value("duration")) ?? 0, complaints: probe.complaints)
  }

  /// A hash of every picture of a file; nil if it cannot be decoded within 30 s without complaints.
  public static func pictures(_ file: URL) throws -> [String]? {
    let decoder = try FFmpeg(["-i", file.path, "-fps_mode", "passthrough", "-f", "framemd5", "-"])
    guard decoder.exit(within: .seconds(30)) == 0, decoder.complaints.isEmpty else { return nil }
    // Lines of "0, dts, pts, duration, size, hash" among the comments and those of the progress.
    return decoder.text("output").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ",")
      return line.hasPrefix("0,") && fields.count == 6
        ? fields[5].trimmingCharacters(in: .whitespaces) : nil
    }
  }
}
