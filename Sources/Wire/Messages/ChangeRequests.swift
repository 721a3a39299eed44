/// The request of all operations with one change of the configuration: `changeApprove`,
/// `changeReject`, `changeApply`, `changeConfirm` and `configurationText`.
///
/// ```
/// offset size field
///      0    4 id                 the change's; `configurationText` takes 0, too: what is in force
///      4    4 reserved           zero
/// ```
public struct ChangeRequest: Payload, Equatable {
  public static let size = 8
  public var id: UInt32

  public init(id: UInt32) { self.id = id }

  public init(from reader: inout ByteReader) throws(Status) {
    id = reader.read()
    try reader.expectZero(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(id)
    writer.zero(4)
  }
}

/// The head of the request of `configurationStage`; the text follows, 1 … 8192 bytes.
///
/// ```
/// offset size field
///      0   32 version            text: letters, digits, `.`, `_` and `-`
///     32   32 ring               text, `[a-z0-9-]`: the devices that it is for
/// ```
public struct StageRequest: Payload, Equatable {
  public static let size = 64
  public var version: Text<32>
  public var ring: Name

  public init(version: Text<32>, ring: Name) {
    self.version = version
    self.ring = ring
  }

  public init(from reader: inout ByteReader) throws(Status) {
    version = try reader.readStrictly()
    ring = try reader.readStrictly()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(version)
    writer.write(ring)
  }

  /// Splits a request into its head and the text, which lies in `payload`.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, text: UnsafeRawBufferPointer)
  {
    guard payload.count > size else { throw .malformed }
    guard payload.count <= size + Limits.configurationSize else { throw .tooLarge }
    var reader = ByteReader(payload)
    let head = try Self(from: &reader)
    return (head, reader.take(reader.remaining))
  }
}

/// The answer to `configurationCheck`: whether a text is a right configuration for this device.
///
/// ```
/// offset size field
///      0    4 line               where it is wrong, from 1; 0: it is right
///      4    4 column             from 1
///      8  120 message            text: one sentence with the way out
/// ```
public struct ConfigurationProof: Payload, Equatable {
  public static let size = 128
  public var line: UInt32 = 0
  public var column: UInt32 = 0
  public var message = Text<120>()

  public init() {}

  public init(from reader: inout ByteReader) {
    line = reader.read()
    column = reader.read()
    message = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(line)
    writer.write(column)
    writer.write(message)
  }
}
