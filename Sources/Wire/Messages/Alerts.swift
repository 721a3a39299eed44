/// One thing that the device watches: an entry of `alertList`.
///
/// ```
/// offset size field
///      0    1 alert              Alert
///      1    1 level              AlertLevel
///      2    2 reserved
///      4    4 value              as of the last second, in the alert's unit
///      8    4 warning            raised as a warning from here on; 0: never
///     12    4 critical           raised as critical from here on; 0: never
///     16    8 levelForMs         milliseconds in this level
///     24    4 raised             times it was raised in this life of the agent
///     28    4 reserved
/// ```
public struct AlertEntry: Payload, Equatable {
  public static let size = 32

  public var alert = Code(Alert.latency)
  public var level = Code(AlertLevel.none)
  public var value: UInt32 = 0
  public var warning: UInt32 = 0
  public var critical: UInt32 = 0
  public var levelForMs: UInt64 = 0
  public var raised: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    alert = reader.read()
    level = reader.read()
    reader.skip(2)
    value = reader.read()
    warning = reader.read()
    critical = reader.read()
    levelForMs = reader.read()
    raised = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(alert)
    writer.write(level)
    writer.zero(2)
    writer.write(value)
    writer.write(warning)
    writer.write(critical)
    writer.write(levelForMs)
    writer.write(raised)
    writer.zero(4)
  }
}

/// The head of the answer to `alertList`; `count` entries follow, one for each alert.
///
/// ```
/// offset size field
///      0    2 count
///      2    6 reserved
///      8   32 entries            AlertEntry, count times
/// ```
public struct AlertListHead: ListHead, Equatable {
  public typealias Entry = AlertEntry
  public static let size = 8
  /// Room for alerts of later versions.
  public static let maximum = 64

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
