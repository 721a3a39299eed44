/// The answer to `serverInfo`: what does not change while the agent lives.
///
/// ```
/// offset size field
///      0    1 protocolVersion
///      1    1 reserved
///      2    2 controlPort
///      4    2 rtspPort                  0: no media server
///      6    2 reserved
///      8    4 frameSize                 bytes of the largest frame
///     12    4 slots                     connection slots
///     16    2 cameras                   camera slots
///     18    2 streams                   most streams at once
///     20    4 configurationErrorLine    1-based; 0: the configuration is right
///     24    4 configurationErrorColumn
///     28    4 address                   IPv4, four bytes as spoken; 0.0.0.0: none
///     32   16 bootID
///     48   32 name                      text
///     80   24 version                   text
///    104   32 board                     text
///    136  120 configurationError        text: one sentence with the way out
///    256    4 idleTimeoutMs             a silent connection without subscriptions is ended
///    260    4 frameTimeoutMs            an unfinished frame must be complete within
///    264    4 writeTimeoutMs            a client must take what is sent to it within
///    268   52 reserved
/// ```
public struct ServerInfo: Payload, Equatable {
  public static let size = 320

  public var protocolVersion = Header.version
  public var controlPort: UInt16 = 0
  public var rtspPort: UInt16 = 0
  public var frameSize = UInt32(Limits.frameSize)
  public var slots: UInt32 = 0
  public var cameras = UInt16(Limits.cameras)
  public var streams = UInt16(Limits.streams)
  public var configurationErrorLine: UInt32 = 0
  public var configurationErrorColumn: UInt32 = 0
  /// Most significant byte first: 10.0.0.1 is 0x0A00_0001.
  public var address: UInt32 = 0
  public var bootID = BootID()
  public var name = Text<32>()
  public var version = Text<24>()
  public var board = Text<32>()
  public var configurationError = Text<120>()
  public var idleTimeoutMs: UInt32 = 0
  public var frameTimeoutMs: UInt32 = 0
  public var writeTimeoutMs: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    protocolVersion = reader.read()
    reader.skip(1)
    controlPort = reader.read()
    rtspPort = reader.read()
    reader.skip(2)
    frameSize = reader.read()
    slots = reader.read()
    cameras = reader.read()
    streams = reader.read()
    configurationErrorLine = reader.read()
    configurationErrorColumn = reader.read()
    address = reader.readAddress()
    bootID = BootID(from: &reader)
    name = reader.read()
    version = reader.read()
    board = reader.read()
    configurationError = reader.read()
    idleTimeoutMs = reader.read()
    frameTimeoutMs = reader.read()
    writeTimeoutMs = reader.read()
    reader.skip(52)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(protocolVersion)
    writer.zero(1)
    writer.write(controlPort)
    writer.write(rtspPort)
    writer.zero(2)
    writer.write(frameSize)
    writer.write(slots)
    writer.write(cameras)
    writer.write(streams)
    writer.write(configurationErrorLine)
    writer.write(configurationErrorColumn)
    writer.write(address: address)
    bootID.encode(into: &writer)
    writer.write(name)
    writer.write(version)
    writer.write(board)
    writer.write(configurationError)
    writer.write(idleTimeoutMs)
    writer.write(frameTimeoutMs)
    writer.write(writeTimeoutMs)
    writer.zero(52)
  }
}
