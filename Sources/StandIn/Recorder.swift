import CLinux

/// Writes what stands in for the recording of one path.
///
/// The files appear, grow and end when MediaMTX's would: nothing is on disk before the first part
/// has closed, and a segment of the same name is truncated. Their content is not video: one ISO box
/// `free` per part, which says its duration and is as long as the part's media.
final class Recorder {
  private let path: String
  private let settings: Path.Settings
  /// Open from the first closed part of the segment on.
  private var file: Int32 = -1
  private var segmentStart: (monotonic: Nanoseconds, real: Nanoseconds)?
  private var partStart: Nanoseconds = 0
  private var partBytes = 0

  init(path: String, settings: Path.Settings) {
    self.path = path
    self.settings = settings
  }

  /// Takes one complete frame.
  func frame(bytes: Int, isKey: Bool, now: Nanoseconds, log: Log) {
    if let segmentStart {
      if isKey, now - segmentStart.monotonic >= settings.segmentDuration {
        finish(now: now, log: log)
      } else if now - partStart >= settings.partDuration {
        closePart(now: now, log: log)
      }
    }
    if segmentStart == nil {
      // A segment begins with a picture that can be decoded by itself.
      guard isKey else { return }
      segmentStart = (now, si_realtime_ns())
      partStart = now
    }
    partBytes += bytes
  }

  /// Ends the segment, with the part that is open.
  func finish(now: Nanoseconds, log: Log) {
    if segmentStart != nil, partBytes > 0 { closePart(now: now, log: log) }
    if file >= 0 { si_close(file) }
    file = -1
    segmentStart = nil
  }

  private func closePart(now: Nanoseconds, log: Log) {
    guard let segmentStart else { return }
    var content: [UInt8] = []
    if file < 0 {
      let name = RecordPath(settings.recordPath + settings.fileExtension)
        .name(path: path, start: segmentStart.real)
      file = si_create(name)
      content = RecordingFile.header
    }
    content += RecordingFile.part(duration: now - partStart, mediaBytes: partBytes)
    partStart = now
    partBytes = 0
    let result =
      file < 0 ? file : content.withUnsafeBytes { si_write(file, $0.baseAddress!, $0.count) }
    // The stream goes on: only this line tells.
    if result < 0 {
      log(.error, "[path \(path)] [recorder] " + FileError(code: -result).reason)
    }
  }
}

/// The stand-in's recording files.
enum RecordingFile {
  static let header: [UInt8] = [0, 0, 0, 16] + Array("ftypisom".utf8) + [0, 0, 2, 0]

  /// A part claims at most this much of the disk, and of memory while it is written.
  private static let maximumPart = 4 * 1024 * 1024
  private static let mark = Array("mediamtx-standin: not a recording; ns=".utf8)

  static func part(duration: Nanoseconds, mediaBytes: Int) -> [UInt8] {
    let text = mark + Array("\(duration)\n".utf8)
    let size = min(max(8 + text.count, mediaBytes), maximumPart)
    var box = [UInt8](repeating: 0, count: size)
    for index in 0..<4 { box[index] = UInt8(truncatingIfNeeded: size >> (24 - 8 * index)) }
    box.replaceSubrange(4..<8 + text.count, with: Array("free".utf8) + text)
    return box
  }

  /// The sum of the durations that a file's parts claim; nil if it is not such a file.
  static func duration(of file: String) -> Nanoseconds? {
    guard read(file, at: 0).starts(with: header) else { return nil }
    var total: Nanoseconds = 0
    var position = header.count
    while true {
      let box = read(file, at: position)
      guard box.count > 8 + mark.count else { return total }
      let digits = box[(8 + mark.count)...].prefix { isDigit($0) }
      total += Int64(String(decoding: digits, as: UTF8.self)) ?? 0
      let size = box[..<4].reduce(0) { $0 << 8 | Int($1) }
      position += max(size, box.count)
    }
  }

  /// The start of a box.
  private static func read(_ file: String, at position: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 8 + mark.count + 20)
    let count = bytes.withUnsafeMutableBytes {
      si_read_at(file, Int64(position), $0.baseAddress!, $0.count)
    }
    return Array(bytes[..<max(0, Int(count))])
  }
}
