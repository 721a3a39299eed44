/// The request of `sourceAdd`: an RTSP stream on the network, pulled by MediaMTX.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`, 1 … 32 bytes, zeros behind it
///     32  160 url                text: `rtsp://` or `rtsps://`, zeros behind it
/// ```
public struct SourceRequest: Payload, Equatable {
  public static let size = 192
  public var name: Name
  public var url: Text<160>

  public init(name: Name, url: Text<160>) {
    self.name = name
    self.url = url
  }

  public init(from reader: inout ByteReader) throws(Status) {
    name = try reader.readStrictly()
    url = try reader.readStrictly()
    guard name.isName, SourceURL(url) != nil else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(url)
  }
}

/// One external source: an entry of `sourceList`.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`
///     32  160 url                text; the password is replaced by `***`
///    192    1 state              StreamState
///    193    1 ready              1: MediaMTX is connected to it
///    194    6 reserved
/// ```
public struct SourceEntry: Payload, Equatable {
  public static let size = 200

  public var name = Name()
  public var url = Text<160>()
  public var state = Code(StreamState.pending)
  public var ready = false

  public init() {}

  public init(from reader: inout ByteReader) {
    name = reader.read()
    url = reader.read()
    state = reader.read()
    ready = reader.readFlag()
    reader.skip(6)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(url)
    writer.write(state)
    writer.write(ready)
    writer.zero(6)
  }
}

/// The head of the answer to `sourceList`; `count` entries follow.
///
/// ```
/// offset size field
///      0    2 count              entries that follow, 0 … 32
///      2    2 capacity           sources that this device takes
///      4    4 reserved
///      8  200 entries            SourceEntry, count times
/// ```
public struct SourceListHead: Payload, ListHead, Equatable {
  public typealias Entry = SourceEntry
  public static let size = 8
  public static let maximum = Limits.sources

  public var count: UInt16
  public var capacity: UInt16

  public init(count: UInt16, capacity: UInt16 = UInt16(Limits.sources)) {
    self.count = count
    self.capacity = capacity
  }

  public init(from reader: inout ByteReader) {
    count = reader.read()
    capacity = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.write(capacity)
    writer.zero(4)
  }
}
