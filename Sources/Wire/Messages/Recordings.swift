/// The request of `recordingStart`.
///
/// ```
/// offset size field
///      0   32 camera             text
///     32    4 durationS          seconds, 1 … 86,400; 0: until it is stopped
///     36    4 reserved           zero
/// ```
public struct RecordingRequest: Payload, Equatable {
  public static let size = 40
  public var camera: Name
  public var durationS: UInt32

  public init(camera: Name, durationS: UInt32 = 0) {
    self.camera = camera
    self.durationS = durationS
  }

  public init(from reader: inout ByteReader) throws(Status) {
    camera = try reader.readStrictly()
    durationS = reader.read()
    try reader.expectZero(4)
    guard camera.isName, durationS <= Limits.recordingS else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(durationS)
    writer.zero(4)
  }
}

/// A recording that is asked for: the answer to `recordingStart` and `recordingStop`, and an entry
/// of `recordingList`.
///
/// ```
/// offset size field
///      0   32 camera             text
///     32    4 recording          its number; each of the device's recordings has another one
///     36    1 state              RecordingState
///     37    1 reason             RecordingReason
///     38    2 reserved
///     40    4 durationS          asked for, seconds; 0: until it is stopped
///     44    4 remainingS         of it, rounded up; time in which the device is off does not count
///     48    8 forMs              milliseconds since it was asked for, or the agent started
///     56    8 bytes              written since then
///     64    4 segments           files begun since then
///     68    4 gaps               times that it was interrupted since then
///     72    4 quietMs            milliseconds since a file grew; 0: none has grown yet
///     76    4 reserved
/// ```
public struct RecordingEntry: Payload, Equatable {
  public static let size = 80

  public var camera = Name()
  public var recording: UInt32 = 0
  public var state = Code(RecordingState.arming)
  public var reason = Code(RecordingReason.none)
  public var durationS: UInt32 = 0
  public var remainingS: UInt32 = 0
  public var forMs: UInt64 = 0
  public var bytes: UInt64 = 0
  public var segments: UInt32 = 0
  public var gaps: UInt32 = 0
  public var quietMs: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    camera = reader.read()
    recording = reader.read()
    state = reader.read()
    reason = reader.read()
    reader.skip(2)
    durationS = reader.read()
    remainingS = reader.read()
    forMs = reader.read()
    bytes = reader.read()
    segments = reader.read()
    gaps = reader.read()
    quietMs = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(recording)
    writer.write(state)
    writer.write(reason)
    writer.zero(2)
    writer.write(durationS)
    writer.write(remainingS)
    writer.write(forMs)
    writer.write(bytes)
    writer.write(segments)
    writer.write(gaps)
    writer.write(quietMs)
    writer.zero(4)
  }
}

/// The head of the answer to `recordingList`; `count` entries follow.
///
/// ```
/// offset size field
///      0    2 count              recordings that are asked for, 0 … 32
///      2    6 reserved
///      8   80 entries            RecordingEntry, count times
/// ```
public struct RecordingListHead: ListHead, Equatable {
  public typealias Entry = RecordingEntry
  public static let size = 8
  public static let maximum = Limits.cameras

  public var count: UInt16

  public init(count: UInt16) { self.count = count }

  public init(from reader: inout ByteReader) {
    count = reader.read()
    reader.skip(6)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.zero(6)
  }
}
