/// One stream: an entry of `streamList`. Its address is `rtsp://HOST:PORT/NAME` for good, HOST
/// being the one that the client has reached and PORT the head's `rtspPort`.
///
/// ```
/// offset size field
///      0   32 name                    text, `[a-z0-9-]`
///     32    1 state                   StreamState
///     33    1 source                  StreamSource
///     34    1 ready                   1: MediaMTX has a publisher for it
///     35    1 reserved
///     36    4 readers
///     40    8 inboundBytes
///     48    8 inboundFramesInError
///     56    8 readyForMs              milliseconds since it became ready; 0: it is not
///     64   32 reserved
/// ```
public struct StreamEntry: Payload, Equatable {
  public static let size = 96

  public var name = Name()
  public var state = Code(StreamState.pending)
  public var source = Code(StreamSource.camera)
  public var ready = false
  public var readers: UInt32 = 0
  public var inboundBytes: UInt64 = 0
  public var inboundFramesInError: UInt64 = 0
  public var readyForMs: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    name = reader.read()
    state = reader.read()
    source = reader.read()
    ready = reader.readFlag()
    reader.skip(1)
    readers = reader.read()
    inboundBytes = reader.read()
    inboundFramesInError = reader.read()
    readyForMs = reader.read()
    reader.skip(32)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(state)
    writer.write(source)
    writer.write(ready)
    writer.zero(1)
    writer.write(readers)
    writer.write(inboundBytes)
    writer.write(inboundFramesInError)
    writer.write(readyForMs)
    writer.zero(32)
  }
}

/// The head of the answer to `streamList`; `count` entries follow.
///
/// ```
/// offset size field
///      0    2 count              entries that follow, 0 … 64
///      2    2 rtspPort           0: no media server
///      4    4 reserved
///      8   96 entries            StreamEntry, count times
/// ```
public struct StreamListHead: Payload, ListHead, Equatable {
  public typealias Entry = StreamEntry
  public static let size = 8
  public static let maximum = Limits.streams

  public var count: UInt16
  public var rtspPort: UInt16

  public init(count: UInt16, rtspPort: UInt16) {
    self.count = count
    self.rtspPort = rtspPort
  }

  public init(from reader: inout ByteReader) {
    count = reader.read()
    rtspPort = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.write(rtspPort)
    writer.zero(4)
  }
}

/// The answer to `mediaServer`: MediaMTX as its supervisor sees it.
///
/// ```
/// offset size field
///      0    1 state              MediaServerState
///      1    1 lastExitKind       ExitKind
///      2    1 lastExitValue      exit code, signal number or errno
///      3    1 reserved
///      4    4 pid                0: not running
///      8    4 life               counts starts in this life of the agent, from 1
///     12    4 restarts           starts after the first
///     16    8 stateForMs         milliseconds in this state
///     24    8 lastAnswerAgeMs    milliseconds since its API answered; all ones: never
///     32    4 nextAttemptInMs    milliseconds to the next start; 0: none planned
///     36    4 attempts           starts in a row that failed
///     40   24 version            text, e.g. `v1.20.1`; empty: not told
///     64  120 lastExitLine       text: the last line it printed before it ended
///    184   72 reserved
/// ```
public struct MediaServerReport: Payload, Equatable {
  public static let size = 256

  public var state = Code(MediaServerState.off)
  public var lastExit = LastExit()
  public var pid: UInt32 = 0
  public var life: UInt32 = 0
  public var restarts: UInt32 = 0
  public var stateForMs: UInt64 = 0
  public var lastAnswerAgeMs = UInt64.max
  public var nextAttemptInMs: UInt32 = 0
  public var attempts: UInt32 = 0
  public var version = Text<24>()
  public var lastExitLine = Text<120>()

  public init() {}

  public init(from reader: inout ByteReader) {
    state = reader.read()
    lastExit = LastExit(from: &reader)
    reader.skip(1)
    pid = reader.read()
    life = reader.read()
    restarts = reader.read()
    stateForMs = reader.read()
    lastAnswerAgeMs = reader.read()
    nextAttemptInMs = reader.read()
    attempts = reader.read()
    version = reader.read()
    lastExitLine = reader.read()
    reader.skip(72)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(state)
    lastExit.encode(into: &writer)
    writer.zero(1)
    writer.write(pid)
    writer.write(life)
    writer.write(restarts)
    writer.write(stateForMs)
    writer.write(lastAnswerAgeMs)
    writer.write(nextAttemptInMs)
    writer.write(attempts)
    writer.write(version)
    writer.write(lastExitLine)
    writer.zero(72)
  }
}
