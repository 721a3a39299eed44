/// The request of `fileInfo`, `fileRemove` and `fileVerify`: which file. A file is known by its
/// camera, its kind and its name, never by a path.
///
/// ```
/// offset size field
///      0    1 kind               FileKind
///      1    7 reserved           zero
///      8   32 camera             text
///     40   56 name               text
/// ```
public struct FileRequest: Payload, Equatable {
  public static let size = 96
  public var kind: FileKind
  public var camera: Name
  public var name: Text<56>

  public init(kind: FileKind, camera: Name, name: Text<56>) {
    self.kind = kind
    self.camera = camera
    self.name = name
  }

  public init(from reader: inout ByteReader) throws(Status) {
    let number: UInt8 = reader.read()
    try reader.expectZero(7)
    camera = try reader.readStrictly()
    name = try reader.readStrictly()
    guard let kind = FileKind(rawValue: number), camera.isName, name.isFileName else {
      throw .invalidArgument
    }
    self.kind = kind
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(kind.rawValue)
    writer.zero(7)
    writer.write(camera)
    writer.write(name)
  }
}

extension Text {
  /// Letters, digits, `.`, `_` and `-`, not beginning with a dot: no folder, no way out of one.
  public var isFileName: Bool {
    guard !isEmpty, self[0] != UInt8(ascii: ".") else { return false }
    for index in 0..<count {
      switch self[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        continue
      default: return false
      }
    }
    return true
  }
}

/// The request of `fileRead`.
///
/// ```
/// offset size field
///      0   96 file               FileRequest
///     96    8 offset             first byte wanted
///    104    4 length             bytes wanted, 1 … 1,048,576
///    108    4 reserved           zero
/// ```
public struct FileReadRequest: Payload, Equatable {
  public static let size = 112
  public var file: FileRequest
  public var offset: UInt64
  public var length: UInt32

  public init(file: FileRequest, offset: UInt64, length: UInt32) {
    self.file = file
    self.offset = offset
    self.length = length
  }

  public init(from reader: inout ByteReader) throws(Status) {
    file = try FileRequest(from: &reader)
    offset = reader.read()
    length = reader.read()
    try reader.expectZero(4)
    guard (1...UInt32(Limits.bulkSize)).contains(length), offset <= UInt64(Int64.max) else {
      throw .invalidArgument
    }
  }

  public func encode(into writer: inout ByteWriter) {
    file.encode(into: &writer)
    writer.write(offset)
    writer.write(length)
    writer.zero(4)
  }
}

/// One part of an answer that may be longer than a frame (`fileList`, `fileRead`); `count` bytes of
/// it follow.
///
/// The answer comes in one frame or more, all with the request's id and in order of their offsets;
/// answers to other requests may lie between them. The last one is where `offset + count == total`.
/// A frame with another status ends the answer early: what came before it is worth nothing.
///
/// ```
/// offset size field
///      0    4 total              bytes of the whole answer, 0 … 1,048,576
///      4    4 offset             of this part's bytes in the answer
///      8    4 count              bytes that follow; 0 only where total is 0
///     12    4 reserved
///     16      bytes              count bytes of the answer
/// ```
public struct BulkPart: Payload, Equatable {
  public static let size = 16
  /// Bytes of an answer that fit into one frame.
  public static let capacity = Limits.payloadSize - size

  public var total: UInt32
  public var offset: UInt32
  public var count: UInt32

  public init(total: UInt32, offset: UInt32, count: UInt32) {
    self.total = total
    self.offset = offset
    self.count = count
  }

  public init(from reader: inout ByteReader) {
    total = reader.read()
    offset = reader.read()
    count = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(total)
    writer.write(offset)
    writer.write(count)
    writer.zero(4)
  }

  /// True for the part that completes the answer.
  public var isLast: Bool { UInt64(offset) + UInt64(count) == UInt64(total) }

  /// Splits an answer into its head and its bytes, which lie in `payload`. `.malformed` if they do
  /// not fit each other, or the bounds.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, bytes: UnsafeRawBufferPointer)
  {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = Self(from: &reader)
    guard head.total <= UInt32(Limits.bulkSize), head.count > 0 || head.total == 0,
      UInt64(head.offset) + UInt64(head.count) <= UInt64(head.total),
      reader.remaining == Int(head.count)
    else { throw .malformed }
    return (head, reader.take(Int(head.count)))
  }
}

/// The request of `fileList`.
///
/// ```
/// offset size field
///      0    1 kind               FileKind; 255: all
///      1    1 oldestFirst        1: the oldest first; 0: the newest
///      2    2 limit              entries wanted, 1 … 1000; 0: 50
///      4    4 reserved           zero
///      8    8 cursor             0: from the beginning; else nextCursor of the page before
///     16    8 fromUnixMs         files that began then or later; 0: no bound
///     24    8 untilUnixMs        files that began before; 0: no bound
///     32   32 camera             text; empty: all
/// ```
public struct FileListRequest: Payload, Equatable {
  public static let size = 64
  /// The number that stands for all kinds.
  public static let allKinds: UInt8 = 255

  /// nil: all.
  public var kind: FileKind?
  public var oldestFirst = false
  public var limit: UInt16 = 0
  public var cursor: UInt64 = 0
  public var fromUnixMs: UInt64 = 0
  public var untilUnixMs: UInt64 = 0
  public var camera = Name()

  public init() {}

  /// Entries that the answer may hold.
  public var bound: Int { limit == 0 ? Limits.filesByDefault : Int(limit) }

  public init(from reader: inout ByteReader) throws(Status) {
    let number: UInt8 = reader.read()
    let order: UInt8 = reader.read()
    limit = reader.read()
    try reader.expectZero(4)
    cursor = reader.read()
    fromUnixMs = reader.read()
    untilUnixMs = reader.read()
    camera = try reader.readStrictly()
    kind = FileKind(rawValue: number)
    oldestFirst = order == 1
    guard kind != nil || number == Self.allKinds, order <= 1, limit <= UInt16(Limits.files),
      camera.isEmpty || camera.isName
    else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(kind?.rawValue ?? Self.allKinds)
    writer.write(oldestFirst)
    writer.write(limit)
    writer.zero(4)
    writer.write(cursor)
    writer.write(fromUnixMs)
    writer.write(untilUnixMs)
    writer.write(camera)
  }
}

/// The head of the answer to `fileList`, which comes in parts (`BulkPart`); `count` entries follow.
///
/// ```
/// offset size field
///      0    8 nextCursor         where to go on; 0: this was the last page
///      8    4 known              files of the device in all, whatever was asked for
///     12    2 count              entries that follow, 0 … 1000
///     14    2 reserved
///     16  144 entries            FileEntry, count times
/// ```
public struct FileListHead: ListHead, Equatable {
  public typealias Entry = FileEntry
  public static let size = 16
  public static let maximum = Limits.files

  public var nextCursor: UInt64
  public var known: UInt32
  public var count: UInt16

  public init(nextCursor: UInt64, known: UInt32, count: UInt16) {
    self.nextCursor = nextCursor
    self.known = known
    self.count = count
  }

  public init(from reader: inout ByteReader) {
    nextCursor = reader.read()
    known = reader.read()
    count = reader.read()
    reader.skip(2)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(nextCursor)
    writer.write(known)
    writer.write(count)
    writer.zero(2)
  }
}

/// One file: the answer to `fileInfo` and `snapshotSave`, and an entry of `fileList`.
///
/// ```
/// offset size field
///      0    8 id                 its place in the order of all files; never given twice
///      8    1 kind               FileKind
///      9    1 state              FileState
///     10    1 afterGap           1: pictures are missing between it and the segment before it
///     11    1 reserved
///     12    4 recording          number of its recording; 0: of none
///     16    8 bytes              of the file
///     24    8 unixMs             when it began, since 1970-01-01 UTC; 0: the clock was not trusted
///     32    8 startedMs          the same in milliseconds since the kernel started, in its boot
///     40    4 durationMs         0: not known (yet)
///     44    4 boot               the first four bytes of its boot's id, the first one lowest
///     48   32 camera             text
///     80   56 name               text
///    136    8 reserved
/// ```
public struct FileEntry: Payload, Equatable, Sendable {
  public static let size = 144

  public var id: UInt64 = 0
  public var kind = Code(FileKind.recording)
  public var state = Code(FileState.open)
  public var afterGap = false
  public var recording: UInt32 = 0
  public var bytes: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var startedMs: UInt64 = 0
  public var durationMs: UInt32 = 0
  public var boot: UInt32 = 0
  public var camera = Name()
  public var name = Text<56>()

  public init() {}

  public init(from reader: inout ByteReader) {
    id = reader.read()
    kind = reader.read()
    state = reader.read()
    afterGap = reader.readFlag()
    reader.skip(1)
    recording = reader.read()
    bytes = reader.read()
    unixMs = reader.read()
    startedMs = reader.read()
    durationMs = reader.read()
    boot = reader.read()
    camera = reader.read()
    name = reader.read()
    reader.skip(8)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(id)
    writer.write(kind)
    writer.write(state)
    writer.write(afterGap)
    writer.zero(1)
    writer.write(recording)
    writer.write(bytes)
    writer.write(unixMs)
    writer.write(startedMs)
    writer.write(durationMs)
    writer.write(boot)
    writer.write(camera)
    writer.write(name)
    writer.zero(8)
  }
}

/// The answer to `fileVerify`: what the device finds when it reads the whole file.
///
/// ```
/// offset size field
///      0    8 bytes              of the file; what is written later is not looked at
///      8    4 checksum           CRC-32C of all of them
///     12    4 durationMs         of a recording's whole parts; 0: none, or a snapshot
///     16    4 parts              whole parts of a recording
///     20    1 condition          FileCondition
///     21    3 reserved
/// ```
public struct FileVerdict: Payload, Equatable {
  public static let size = 24

  public var bytes: UInt64 = 0
  public var checksum: UInt32 = 0
  public var durationMs: UInt32 = 0
  public var parts: UInt32 = 0
  public var condition = Code(FileCondition.whole)

  public init() {}

  public init(from reader: inout ByteReader) {
    bytes = reader.read()
    checksum = reader.read()
    durationMs = reader.read()
    parts = reader.read()
    condition = reader.read()
    reader.skip(3)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(bytes)
    writer.write(checksum)
    writer.write(durationMs)
    writer.write(parts)
    writer.write(condition)
    writer.zero(3)
  }
}
