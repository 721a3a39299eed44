import Appliance
import Wire

/// The last bytes of a log, addressed by a cursor that counts all bytes ever written.
///
/// Lines end in LF. A line is kept as it came, but for control bytes, which become spaces: what a
/// child prints must not drive a technician's terminal.
public struct LogRing: ~Copyable {
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  /// The cursor behind the newest byte. Starts at 1: cursor 0 means "the oldest".
  public private(set) var end: UInt64 = 1
  /// Complete lines ever written.
  public private(set) var lines: UInt64 = 0
  private var lineLength = 0
  /// A longer line is broken: a child that never ends its line must not hide the others.
  public static let lineLimit = 1024

  public init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
    precondition(memory.count.nonzeroBitCount == 1, "a ring's size is a power of two")
    bytes = memory
  }

  /// The cursor of the oldest byte kept.
  public var oldest: UInt64 {
    end > UInt64(bytes.count) ? end - UInt64(bytes.count) : 1
  }

  /// Appends what a child printed; lines may come in pieces.
  public mutating func append(_ text: UnsafeRawBufferPointer) {
    for byte in text { append(byte) }
  }

  public mutating func append<let capacity: Int>(_ text: Text<capacity>) {
    text.withBytes { append($0) }
  }

  public mutating func append(_ byte: UInt8) {
    if byte == UInt8(ascii: "\n") {
      put(byte)
      lines += 1
      lineLength = 0
      return
    }
    if lineLength == LogRing.lineLimit { append(UInt8(ascii: "\n")) }
    put(byte < 0x20 || byte == 0x7F ? UInt8(ascii: " ") : byte)
    lineLength += 1
  }

  /// Ends a line that its writer left open.
  public mutating func endLine() {
    if lineLength > 0 { append(UInt8(ascii: "\n")) }
  }

  private mutating func put(_ byte: UInt8) {
    bytes[Int(end) & (bytes.count - 1)] = byte
    end += 1
  }

  /// The text from `cursor` on, at most `bound` bytes, ending with a line where there is one. A
  /// cursor that the log does not hold means the oldest text.
  public func range(from cursor: UInt64, bound: Int) -> Range<UInt64> {
    var start = cursor < oldest || cursor > end ? oldest : cursor
    // The oldest bytes are mostly the tail of a line that is half overwritten.
    if start == oldest && start > 1 { start = afterLine(start) }
    let limit = min(end, start + UInt64(bound))
    var stop = limit
    if stop < end {
      while stop > start && byte(stop - 1) != UInt8(ascii: "\n") { stop -= 1 }
      if stop == start { stop = limit }
    }
    return start..<stop
  }

  public func write(_ range: Range<UInt64>, into writer: inout ByteWriter) {
    var at = range.lowerBound
    while at < range.upperBound {
      writer.write(byte(at))
      at += 1
    }
  }

  /// The last complete line, cut to `capacity`.
  public func lastLine<let capacity: Int>(_: Text<capacity>.Type = Text<capacity>.self)
    -> Text<capacity>
  {
    var stop = end
    while stop > oldest && byte(stop - 1) != UInt8(ascii: "\n") { stop -= 1 }
    guard stop > oldest else { return .empty }
    var start = stop - 1
    while start > oldest && byte(start - 1) != UInt8(ascii: "\n") { start -= 1 }
    var line = Text<capacity>()
    for at in start..<(stop - 1) { line.append(byte(at)) }
    return line
  }

  private func byte(_ cursor: UInt64) -> UInt8 { bytes[Int(cursor) & (bytes.count - 1)] }

  private func afterLine(_ cursor: UInt64) -> UInt64 {
    var at = cursor
    while at < end {
      at += 1
      if byte(at - 1) == UInt8(ascii: "\n") { return at }
    }
    return cursor
  }
}

/// The logs that can be read remotely.
public struct LogRings: ~Copyable {
  /// Bytes kept of each log.
  public static let size = 128 * 1024
  public var agent: LogRing
  public var mediaServer: LogRing

  public init(
    agent: UnsafeMutableBufferPointer<UInt8>, mediaServer: UnsafeMutableBufferPointer<UInt8>
  ) {
    self.agent = LogRing(agent)
    self.mediaServer = LogRing(mediaServer)
  }
}
