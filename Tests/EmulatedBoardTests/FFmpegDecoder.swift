import Foundation

@testable import EmulatedBoard

/// ffmpeg, as installed by `board/setup`, as a judge of pictures.
enum FFmpegDecoder {
  static let path = "/usr/bin/ffmpeg"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

  struct Result {
    var output: [UInt8]
    /// Errors and warnings.
    var complaints: String
    var status: Int32
  }

  /// Decodes a stream to raw pictures in the pixel format that it is coded in.
  /// - Parameter format: ffmpeg's name of the stream's form, `mjpeg` or `h264`.
  static func decode(_ stream: [UInt8], _ format: String) throws -> Result {
    try withFolder { folder in
      let input = folder.appending(path: "stream")
      try Data(stream).write(to: input)
      return try run(
        ["-v", "warning", "-f", format, "-i", input.path, "-fps_mode", "passthrough"]
          + ["-f", "rawvideo"], in: folder)
    }
  }

  /// Runs ffmpeg with these arguments and a file for its output.
  static func run(_ arguments: [String], in folder: URL) throws -> Result {
    let (output, log) = (folder.appending(path: "output"), folder.appending(path: "log"))
    try Data().write(to: log)
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = ["-nostdin", "-hide_banner", "-y"] + arguments + [output.path]
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    process.waitUntilExit()
    return Result(
      output: [UInt8]((try? Data(contentsOf: output)) ?? Data()),
      complaints: try String(contentsOf: log, encoding: .utf8), status: process.terminationStatus)
  }

  static func withFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ffmpeg-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}

/// A raw picture with planes, as ffmpeg writes it.
struct RawPicture {
  /// Pixels of a picture, and pixels per chroma sample.
  struct Layout {
    let width: Int
    let height: Int
    let chroma: (across: Int, down: Int)

    var chromaWidth: Int { width / chroma.across }
    var chromaBytes: Int { chromaWidth * (height / chroma.down) }
    var bytes: Int { width * height + 2 * chromaBytes }
  }

  let layout: Layout
  let bytes: ArraySlice<UInt8>

  /// The colour of one pixel.
  func colour(_ x: Int, _ y: Int) -> MosaicColour {
    let luma = bytes.startIndex + y * layout.width + x
    let planes = bytes.startIndex + layout.width * layout.height
    let cb = planes + y / layout.chroma.down * layout.chromaWidth + x / layout.chroma.across
    return MosaicColour(y: bytes[luma], cb: bytes[cb], cr: bytes[cb + layout.chromaBytes])
  }
}
