import CLinux

/// Writes the recording of one path, as MediaMTX's recorder does.
///
///     waiting ──key frame──> running ──failure, drift──> pausing ──2 s──> waiting
///
/// A frame is written when the next one has told its duration, so the last one of a stream is lost.
/// Nothing is on disk before the first part has closed. A file that cannot be written, a part that
/// grows too large, and a wall clock that leaves the media end the segment with a line in the log;
/// the stream takes no notice.
final class Recorder {
  /// A frame as it stands in the file.
  struct Frame {
    var data: [UInt8]
    var isKey: Bool
    var time: MediaTime
  }

  private enum State {
    /// For a picture that can be decoded by itself.
    case waiting
    /// `frame` waits for the next one, `origin` is where the segments of this run began.
    case running(frame: Frame, origin: MediaTime)
    case pausing(until: Nanoseconds)
  }

  private static let pause = 2 * second
  private static let driftTolerance = 5 * second

  private let path: String
  private let settings: Path.Settings
  private let description: String
  private var state = State.waiting
  private var segment: RecordingSegment?
  private var segmentCount = 0
  private var stream = Recorder.randomStream()

  /// `description` is what the log calls the tracks.
  init(path: String, settings: Path.Settings, description: String, log: Log) {
    self.path = path
    self.settings = settings
    self.description = description
    log(.info, label + "recording " + description)
  }

  private var label: String { "[path " + path + "] [recorder] " }

  private static func randomStream() -> [UInt8] {
    var bytes = MP4.zeros(16)
    bytes.withUnsafeMutableBytes { si_random($0.baseAddress!, 16) }
    return bytes
  }

  /// Takes the next frame of the stream; `format` is that of the file if this frame begins it.
  func take(_ next: Frame, format: VideoFormat, now: Nanoseconds, log: Log) {
    switch state {
    case .pausing(let until):
      if now < until { return }
      state = .waiting
      (stream, segmentCount) = (Recorder.randomStream(), 0)
      log(.info, label + "recording " + description)
      take(next, format: format, now: now, log: log)
    case .waiting:
      if next.isKey { state = .running(frame: next, origin: next.time) }
    case .running(let frame, let origin):
      var next = next
      // Time does not go back within a file.
      next.time.ticks = max(next.time.ticks, frame.time.ticks)
      state = .running(frame: next, origin: origin)
      do throws(Refusal) {
        try write(frame, next: next, origin: origin, format: format)
      } catch {
        log(.error, label + error.reason)
        close()
        state = .pausing(until: now + Recorder.pause)
      }
    }
  }

  private func write(
    _ frame: Frame, next: Frame, origin: MediaTime, format: VideoFormat
  ) throws(Refusal) {
    let media = MP4.nanoseconds(ticks: frame.time.ticks - origin.ticks)
    let drift = frame.time.real - origin.real - media
    if drift < -Recorder.driftTolerance || drift > Recorder.driftTolerance {
      throw Refusal("detected drift between recording duration and absolute time, resetting")
    }
    let segment = segment ?? newSegment(start: frame.time)
    try segment.append(frame, duration: next.time.ticks - frame.time.ticks, format: format)
    let length = MP4.nanoseconds(ticks: next.time.ticks - segment.start.ticks)
    if next.isKey, length >= settings.segmentDuration {
      self.segment = nil
      try segment.finish()
    }
  }

  private func newSegment(start: MediaTime) -> RecordingSegment {
    let name = RecordPath(settings.recordPath + settings.fileExtension)
      .name(path: path, start: start.real)
    let new = RecordingSegment(
      file: name, start: start, stream: stream, number: segmentCount,
      partDuration: settings.partDuration)
    segmentCount += 1
    segment = new
    return new
  }

  /// Ends the recording, with the part that is open.
  func finish(log: Log) {
    close()
    log(.info, label + "recording stopped")
  }

  /// MediaMTX says nothing of what goes wrong here.
  private func close() {
    do throws(Refusal) { try segment?.finish() } catch {}
    segment = nil
  }
}

/// One file of a recording, and its part that is still in memory.
final class RecordingSegment {
  private struct Part {
    var start: Int64
    var end: Int64
    var samples: [RecordedSample] = []
    var media: [UInt8] = []
  }

  /// A part may take so much memory. MediaMTX's `recordMaxPartSize` is 50 MB unless configured.
  static let maximumPart = 16 * 1024 * 1024

  let start: MediaTime
  private let name: String
  private let stream: [UInt8]
  private let number: Int
  private let partDuration: Nanoseconds
  /// Open from the first closed part on.
  private var file: OpaquePointer?
  private var part: Part?
  private var partCount = 0
  private var end: Int64
  private var format: VideoFormat?

  init(
    file: String, start: MediaTime, stream: [UInt8], number: Int, partDuration: Nanoseconds
  ) {
    name = file
    self.start = start
    self.stream = stream
    self.number = number
    self.partDuration = partDuration
    end = start.ticks
  }

  /// Adds a frame, and before it closes the part that has become long enough.
  func append(_ frame: Recorder.Frame, duration: Int64, format: VideoFormat) throws(Refusal) {
    self.format = format
    end = frame.time.ticks + duration
    if let part, MP4.nanoseconds(ticks: part.end - part.start) >= partDuration {
      try closePart()
    }
    if part == nil { part = Part(start: frame.time.ticks, end: frame.time.ticks) }
    if part!.media.count + frame.data.count > RecordingSegment.maximumPart {
      throw Refusal("reached maximum part size")
    }
    part!.end = end
    part!.samples.append(
      RecordedSample(duration: duration, size: frame.data.count, isKey: frame.isKey))
    part!.media += frame.data
  }

  /// Closes the file, with the open part and the overall duration.
  func finish() throws(Refusal) {
    defer {
      if let file { si_file_close(file) }
      file = nil
    }
    if part != nil { try closePart() }
    guard let file else { return }
    let duration = MP4.nanoseconds(ticks: end - start.ticks) / millisecond
    let bytes = MP4.number(Int(duration), 4)
    let result = bytes.withUnsafeBytes {
      si_file_write_at(file, RecordingFile.durationOffset, $0.baseAddress!, $0.count)
    }
    try check(result, "write")
  }

  private func closePart() throws(Refusal) {
    guard let part, let format else { return }
    self.part = nil
    var content: [UInt8] = []
    if file == nil {
      var error: Int32 = 0
      file = si_file_create(name, &error)
      try check(error, "open")
      content = RecordingFile.header(
        format, stream: stream, segment: number, start: (start.ticks, start.real))
    }
    content += RecordingFile.part(
      number: partCount, baseTime: part.start - start.ticks, samples: part.samples,
      media: part.media)
    partCount += 1
    guard let file else { return }
    try check(content.withUnsafeBytes { si_file_write(file, $0.baseAddress!, $0.count) }, "write")
  }

  private func check(_ result: Int32, _ call: String) throws(Refusal) {
    if result < 0 { throw Refusal(call + " " + name + ": " + FileError(code: -result).reason) }
  }
}
