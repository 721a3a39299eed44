/// What a configuration's text is known by: the first 16 bytes of its SHA-256 (FIPS 180-4).
public struct ConfigurationDigest: Equatable, Sendable {
  public var bytes: InlineArray<16, UInt8>

  public init(_ bytes: InlineArray<16, UInt8> = InlineArray(repeating: 0)) { self.bytes = bytes }

  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<16 where left.bytes[index] != right.bytes[index] { return false }
    return true
  }

  /// Reads 16 bytes.
  public init(from reader: inout ByteReader) {
    self.init()
    let source = reader.take(16)
    for index in 0..<16 { bytes[index] = source[index] }
  }

  /// Writes 16 bytes.
  public func encode(into writer: inout ByteWriter) {
    for index in 0..<16 { writer.write(bytes[index]) }
  }
}

/// One change of the configuration: who staged it, who decided about it, and what came of it.
///
/// Its three times are each told in milliseconds since the kernel started, the boot in which that
/// was, and Unix time in milliseconds (0: the clock was not trusted). All are 0 of what has not
/// come yet.
///
/// ```
/// offset size field
///      0    4 id                 from 1; never given twice
///      4    1 state              ChangeState
///      5    1 reason             ChangeReason
///      6    2 reserved
///      8    4 remainingS         seconds, rounded up, until it expires or is rolled back; 0: never
///     12    4 bytes              of its text, 1 … 8192
///     16   16 digest             the first 16 bytes of the text's SHA-256
///     32   32 version            text: letters, digits, `.`, `_` and `-`
///     64   32 ring               text, `[a-z0-9-]`: the devices that it is for
///     96   32 stager             text: name of the key that staged it
///    128   32 decider            text: name of the key that approved or rejected it
///    160    8 stagedMs           milliseconds since the kernel started, in its boot
///    168    8 stagedUnixMs       since 1970-01-01 UTC; 0: the clock was not trusted
///    176    8 decidedMs          approved or rejected
///    184    8 decidedUnixMs
///    192    8 endedMs
///    200    8 endedUnixMs
///    208    4 stagedBoot         the first four bytes of its boot's id, the first one lowest
///    212    4 decidedBoot
///    216    4 endedBoot
///    220    4 line               where its text is wrong, from 1; 0: it is not
///    224    4 column
///    228  120 message            text: one sentence with the way out
///    348    4 reserved
/// ```
public struct ChangeEntry: Payload, Equatable {
  public static let size = 352

  public var id: UInt32 = 0
  public var state = Code(ChangeState.checking)
  public var reason = Code(ChangeReason.none)
  public var remainingS: UInt32 = 0
  public var bytes: UInt32 = 0
  public var digest = ConfigurationDigest()
  public var version = Text<32>()
  public var ring = Name()
  public var stager = Text<32>()
  public var decider = Text<32>()
  public var stagedMs: UInt64 = 0
  public var stagedUnixMs: UInt64 = 0
  public var decidedMs: UInt64 = 0
  public var decidedUnixMs: UInt64 = 0
  public var endedMs: UInt64 = 0
  public var endedUnixMs: UInt64 = 0
  public var stagedBoot: UInt32 = 0
  public var decidedBoot: UInt32 = 0
  public var endedBoot: UInt32 = 0
  public var line: UInt32 = 0
  public var column: UInt32 = 0
  public var message = Text<120>()

  public init() {}

  public init(from reader: inout ByteReader) {
    id = reader.read()
    state = reader.read()
    reason = reader.read()
    reader.skip(2)
    remainingS = reader.read()
    bytes = reader.read()
    digest = ConfigurationDigest(from: &reader)
    version = reader.read()
    ring = reader.read()
    stager = reader.read()
    decider = reader.read()
    stagedMs = reader.read()
    stagedUnixMs = reader.read()
    decidedMs = reader.read()
    decidedUnixMs = reader.read()
    endedMs = reader.read()
    endedUnixMs = reader.read()
    stagedBoot = reader.read()
    decidedBoot = reader.read()
    endedBoot = reader.read()
    line = reader.read()
    column = reader.read()
    message = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(id)
    writer.write(state)
    writer.write(reason)
    writer.zero(2)
    writer.write(remainingS)
    writer.write(bytes)
    digest.encode(into: &writer)
    writer.write(version)
    writer.write(ring)
    writer.write(stager)
    writer.write(decider)
    writer.write(stagedMs)
    writer.write(stagedUnixMs)
    writer.write(decidedMs)
    writer.write(decidedUnixMs)
    writer.write(endedMs)
    writer.write(endedUnixMs)
    writer.write(stagedBoot)
    writer.write(decidedBoot)
    writer.write(endedBoot)
    writer.write(line)
    writer.write(column)
    writer.write(message)
    writer.zero(4)
  }
}

/// The head of a list of configuration changes: of those that have not ended in the order in which
/// they were staged, or of those that have in the order in which they ended. `count` entries
/// follow.
///
/// ```
/// offset size field
///      0    2 count              entries that follow, 0 … 32
///      2    6 reserved
///      8  352 entries            ChangeEntry, count times
/// ```
public struct ChangeListHead: ListHead, Equatable {
  public typealias Entry = ChangeEntry
  public static let size = 8
  public static let maximum = max(Limits.openChanges, Limits.endedChanges)

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
