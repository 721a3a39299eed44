import Foundation

/// Files to play as cameras, made by ffmpeg, which board/setup installs. Each is made once a run.
enum Films {
  static let rate = 30
  static let frames = 150

  /// Motion pictures of `frames` frames at 1280x720, other sizes where said.
  static let conforming = film("420.mjpeg", mjpeg("yuvj420p"))
  static let coarse = film("444.mjpeg", mjpeg("yuvj444p"))
  static let ownTables = film("huffman.mjpeg", mjpeg("yuvj420p", huffman: "optimal"))
  static let small = film("small.mjpeg", mjpeg("yuvj420p"), size: "640x480")
  static let odd = film("odd.mjpeg", mjpeg("yuvj420p"), size: "644x484")
  static let h264 = film(
    "film.h264",
    [
      "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "30", "-bf", "0",
      "-pix_fmt", "yuv420p", "-f", "h264",
    ])
  static let delimited = film(
    "delimited.h264",
    [
      "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-x264-params", "aud=1",
      "-pix_fmt", "yuv420p", "-f", "h264",
    ])

  private static func mjpeg(_ pixels: String, huffman: String = "default") -> [String] {
    [
      "-c:v", "mjpeg", "-pix_fmt", pixels, "-q:v", "5", "-huffman", huffman, "-f", "mjpeg",
    ]
  }

  private static let folder: URL = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "films-\(getpid())")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    removeAtEnd(folder)
    return folder
  }()

  private static func removeAtEnd(_ folder: URL) {
    leftover = folder.path
    atexit { try? FileManager.default.removeItem(atPath: Films.leftover) }
  }
  nonisolated(unsafe) private static var leftover = ""

  private static func film(_ name: String, _ coding: [String], size: String = "1280x720") -> URL {
    let file = folder.appending(path: name)
    let source = "testsrc2=s=\(size):r=\(rate)"
    let made = try? ffmpeg(
      ["-f", "lavfi", "-i", source, "-frames:v", "\(frames)"] + coding + [file.path]
    ).finish()
    precondition(made?.code == 0, "ffmpeg made no film: \(made?.errors ?? "it is not installed")")
    return file
  }
}

/// A running ffmpeg. It writes to files: a pipe's end would live on in every process that is
/// started beside it, and never end.
final class FFmpeg {
  private let process = Process()
  private let files: [URL]

  init(_ arguments: [String]) throws {
    let folder = FileManager.default.temporaryDirectory
    files = ["out", "err"].map { folder.appending(path: "ffmpeg-\(UUID()).\($0)") }
    for file in files { try Data().write(to: file) }
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["ffmpeg", "-nostdin", "-v", "warning", "-y"] + arguments
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
  }

  deinit {
    end()
    for file in files { try? FileManager.default.removeItem(at: file) }
  }

  /// Waits for its end, which comes within `seconds`: exit code, what it said, what it complained
  /// of.
  func finish(within seconds: Double = 60) throws
    -> (code: Int32, output: String, errors: String)
  {
    let end = ContinuousClock.now + .seconds(seconds)
    while process.isRunning {
      guard ContinuousClock.now < end else {
        self.end()
        throw TestError("ffmpeg has not ended within \(seconds) s")
      }
      usleep(10_000)
    }
    let texts = try files.map { try String(contentsOf: $0, encoding: .utf8) }
    return (process.terminationStatus, texts[0], texts[1])
  }

  /// Ends it without asking: one that listens for a publisher does not take a hint.
  func end() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}

func ffmpeg(_ arguments: [String]) throws -> FFmpeg { try FFmpeg(arguments) }
