/// The request of `logTail`.
///
/// ```
/// offset size field
///      0    1 source             LogSource
///      1    3 reserved           zero
///      4    4 maximum            text bytes wanted at most; 0 or more than 8,192: 8,192
///      8    8 cursor             where to go on; 0: the oldest kept; all ones: only the cursors
/// ```
public struct LogRequest: Payload, Equatable {
  public static let size = 16
  /// The cursor that asks for no text, only for where the log ends.
  public static let end = UInt64.max

  public var source: LogSource
  public var maximum: UInt32
  public var cursor: UInt64

  public init(
    source: LogSource, cursor: UInt64 = 0, maximum: UInt32 = UInt32(Limits.logChunkSize)
  ) {
    self.source = source
    self.maximum = maximum
    self.cursor = cursor
  }

  /// Text bytes that the answer may hold.
  public var bound: Int {
    maximum == 0 ? Limits.logChunkSize : min(Int(maximum), Limits.logChunkSize)
  }

  public init(from reader: inout ByteReader) throws(Status) {
    let number: UInt8 = reader.read()
    try reader.expectZero(3)
    maximum = reader.read()
    cursor = reader.read()
    guard let source = LogSource(rawValue: number) else { throw .invalidArgument }
    self.source = source
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(source.rawValue)
    writer.zero(3)
    writer.write(maximum)
    writer.write(cursor)
  }
}

/// The head of the answer to `logTail`; `count` bytes of UTF-8 text follow, lines ending in LF.
///
/// A cursor that the log does not hold – too old, or of an earlier life – is answered from the
/// oldest kept text on. A client that finds `oldestCursor` beyond its own cursor has missed the
/// difference.
///
/// ```
/// offset size field
///      0    8 nextCursor         where to go on
///      8    8 oldestCursor       of the oldest kept byte
///     16    4 count              text bytes that follow, 0 … 8,192
///     20    4 reserved
///     24      text               count bytes
/// ```
public struct LogHead: Payload, Equatable {
  public static let size = 24
  public var nextCursor: UInt64
  public var oldestCursor: UInt64
  public var count: UInt32

  public init(nextCursor: UInt64, oldestCursor: UInt64, count: UInt32) {
    self.nextCursor = nextCursor
    self.oldestCursor = oldestCursor
    self.count = count
  }

  public init(from reader: inout ByteReader) {
    nextCursor = reader.read()
    oldestCursor = reader.read()
    count = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(nextCursor)
    writer.write(oldestCursor)
    writer.write(count)
    writer.zero(4)
  }

  /// Splits an answer into its head and its text, which lies in `payload`.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, text: UnsafeRawBufferPointer)
  {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = Self(from: &reader)
    guard head.count <= UInt32(Limits.logChunkSize), reader.remaining == Int(head.count) else {
      throw .malformed
    }
    return (head, reader.take(Int(head.count)))
  }
}

/// The request of `identify`: how long the LEDs show which box this is.
///
/// ```
/// offset size field
///      0    4 durationMs         0 … 600,000; 0 ends it
///      4    4 reserved           zero
/// ```
public struct IdentifyRequest: Payload, Equatable {
  public static let size = 8
  public var durationMs: UInt32

  public init(durationMs: UInt32) { self.durationMs = durationMs }

  public init(from reader: inout ByteReader) throws(Status) {
    durationMs = reader.read()
    try reader.expectZero(4)
    guard durationMs <= Limits.identifyMs else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(durationMs)
    writer.zero(4)
  }
}

/// The payload of every answer whose status is not `ok`.
///
/// ```
/// offset size field
///      0    4 retryAfterMs       milliseconds after which another try makes sense; 0: not told
///      4    4 detail             the status's number, e.g. the version that the device speaks
///      8  120 message            text: one sentence with the way out
/// ```
public struct Refusal: Payload, Equatable {
  public static let size = 128

  public var retryAfterMs: UInt32
  public var detail: UInt32
  public var message: Text<120>

  public init(retryAfterMs: UInt32 = 0, detail: UInt32 = 0, message: Text<120>) {
    self.retryAfterMs = retryAfterMs
    self.detail = detail
    self.message = message
  }

  /// The refusal of a request of this kind with the status's sentence.
  public init(_ status: Status, to kind: Kind, retryAfterMs: UInt32 = 0, detail: UInt32 = 0) {
    self.init(
      retryAfterMs: retryAfterMs, detail: detail, message: Text(status.sentence(in: kind)))
  }

  /// The refusal with the status's own sentence.
  public init(_ status: Status, retryAfterMs: UInt32 = 0, detail: UInt32 = 0) {
    self.init(retryAfterMs: retryAfterMs, detail: detail, message: Text(status.sentence))
  }

  public init(from reader: inout ByteReader) {
    retryAfterMs = reader.read()
    detail = reader.read()
    message = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(retryAfterMs)
    writer.write(detail)
    writer.write(message)
  }
}

extension Status {
  /// What went wrong and the way out, in at most 120 bytes.
  public var sentence: StaticString {
    switch self {
    case .ok: "Done."
    case .invalidArgument: "A value is outside its range; see the specification for the limits."
    case .unknownOperation: "This device does not know the operation; update the device."
    case .unsupportedVersion: "This device speaks protocol version 1; use a client for version 1."
    case .malformed: "The payload does not have the operation's layout; check the client's version."
    case .checksum: "The bytes were changed on their way; check the network and send again."
    case .notFound: "There is no such thing on this device; list what there is."
    case .unknownCamera: "No camera has this name; list the cameras for the names there are."
    case .permission:
      "This takes a key with the role for it; pair with the device, or ask an admin."
    case .authentication: "Prove who you are first, then ask again."
    case .rateLimited: "Too many requests; slow down and ask again later."
    case .busy: "No connection slot is free; come back later or close other clients."
    case .state: "Not possible in the device's present state; look at its status."
    case .mediaServerDown: "The media server is down; it is being restarted, look at the status."
    case .storageLow: "Storage is low: no new recording starts; delete some or wait for clean-up."
    case .storageCritical: "Storage is almost full; delete recordings now."
    case .alreadyRecording: "This camera is recording already; stop it first."
    case .notRecording: "This camera is not recording; start it first."
    case .notSupported: "The camera or this device cannot do that; look at its capabilities."
    case .tooLarge: "The frame is longer than 16384 bytes; send smaller frames."
    case .reservedBits: "A reserved bit or byte is not zero; check the client's version."
    case .timeout: "The connection was silent or unfinished for too long; connect again."
    case .internalError: "The device failed to answer; read its log and report this."
    case .cameraNotStreaming: "The camera sends no pictures now; look at its status."
    case .alreadyExists: "This name is taken already; choose another one."
    case .storageUnavailable: "The data partition cannot be used now; look at the storage status."
    }
  }

  /// The same for a request of this kind, where a kind has its own way out.
  public func sentence(in kind: Kind) -> StaticString {
    switch (self, kind) {
    case (.notSupported, .snapshot), (.notSupported, .snapshotSave):
      "Such H.264 is not decoded here; set an MJPG mode in cameras.modes, or read the stream."
    case (.notFound, .sourceRemove):
      "No source has this name; list the sources for the names there are."
    case (.notFound, .fileInfo), (.notFound, .fileRead), (.notFound, .fileRemove),
      (.notFound, .fileVerify):
      "There is no such file; list the files for the names there are."
    case (.busy, .fileList), (.busy, .fileInfo), (.busy, .fileRead), (.busy, .fileRemove),
      (.busy, .fileVerify), (.busy, .snapshot), (.busy, .snapshotSave), (.busy, .retentionRun):
      "The device has too much to do with files and pictures; ask again a little later."
    case (.timeout, _): "It took longer than 10 s; look at the storage status and ask again."
    default: accessSentence(in: kind) ?? sentence
    }
  }
}
