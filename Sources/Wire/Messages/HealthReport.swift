/// The answer to `health`: 256 bytes that never move, so that a fleet tool needs no library.
///
/// ```
/// offset size field
///      0    1 state                     HealthState
///      1    1 resetReason               ResetReason
///      2    1 safeMode                  1: only control port and LEDs run
///      3    1 clockTrusted              1: unixMs is right
///      4    4 reserved
///      8    8 reasons                   HealthReasons
///     16    8 uptimeMs                  milliseconds since the kernel started
///     24    8 agentUptimeMs             milliseconds since the agent started
///     32    8 unixMs                    milliseconds since 1970-01-01 UTC; 0: not trusted
///     40    4 bootCount                 boots of this device; 0: not known
///     44    4 agentStarts               starts of the agent in this boot, this one included
///     48    4 recentWatchdogResets      watchdog resets in a row
///     52    1 mediaState                MediaServerState
///     53    1 mediaLastExitKind         ExitKind
///     54    1 mediaLastExitValue        exit code, signal number or errno
///     55    1 camerasKnown              cameras that have a name, plugged in or not
///     56    1 camerasPresent            of these, plugged in
///     57    1 camerasStreaming
///     58    1 camerasFailed             plugged in, but no picture can come
///     59    1 reserved
///     60    4 mediaRestarts             starts of MediaMTX after the first
///     64    4 mediaPid                  0: not running
///     68    4 slotsTotal                connection slots
///     72    4 slotsUsed                 this connection included; more where all have keys
///     76    4 slotsPeak                 most in use at once in this life
///     80    8 refused                   connections told BUSY in this life
///     88    8 requests                  requests answered in this life
///     96    4 memoryKiB                 resident memory of the agent
///    100    4 cpuPermille               thousandths of one core used by the agent of late
///    104    8 dataTotalBytes            data partition; 0: not there
///    112    8 dataFreeBytes
///    120    4 configurationErrorLine    1-based; 0: the configuration is right
///    124    4 configurationErrorColumn
///    128   16 bootID
///    144   32 name                      text
///    176   24 version                   text
///    200    4 address                   IPv4, four bytes as spoken; 0.0.0.0: none
///    204   52 reserved
/// ```
public struct HealthReport: Payload, Equatable {
  public static let size = Limits.healthSize

  public var state = Code(HealthState.starting)
  public var resetReason = Code(ResetReason.unknown)
  public var safeMode = false
  public var clockTrusted = false
  public var reasons = HealthReasons.none
  public var uptimeMs: UInt64 = 0
  public var agentUptimeMs: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var bootCount: UInt32 = 0
  public var agentStarts: UInt32 = 0
  public var recentWatchdogResets: UInt32 = 0
  public var mediaState = Code(MediaServerState.off)
  public var mediaLastExit = LastExit()
  public var camerasKnown: UInt8 = 0
  public var camerasPresent: UInt8 = 0
  public var camerasStreaming: UInt8 = 0
  public var camerasFailed: UInt8 = 0
  public var mediaRestarts: UInt32 = 0
  public var mediaPid: UInt32 = 0
  public var slotsTotal: UInt32 = 0
  public var slotsUsed: UInt32 = 0
  public var slotsPeak: UInt32 = 0
  public var refused: UInt64 = 0
  public var requests: UInt64 = 0
  public var memoryKiB: UInt32 = 0
  public var cpuPermille: UInt32 = 0
  public var dataTotalBytes: UInt64 = 0
  public var dataFreeBytes: UInt64 = 0
  public var configurationErrorLine: UInt32 = 0
  public var configurationErrorColumn: UInt32 = 0
  public var bootID = BootID()
  public var name = Text<32>()
  public var version = Text<24>()
  /// Most significant byte first: 10.0.0.1 is 0x0A00_0001.
  public var address: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    state = reader.read()
    resetReason = reader.read()
    safeMode = reader.readFlag()
    clockTrusted = reader.readFlag()
    reader.skip(4)
    reasons = reader.read()
    uptimeMs = reader.read()
    agentUptimeMs = reader.read()
    unixMs = reader.read()
    bootCount = reader.read()
    agentStarts = reader.read()
    recentWatchdogResets = reader.read()
    mediaState = reader.read()
    mediaLastExit = LastExit(from: &reader)
    camerasKnown = reader.read()
    camerasPresent = reader.read()
    camerasStreaming = reader.read()
    camerasFailed = reader.read()
    reader.skip(1)
    mediaRestarts = reader.read()
    mediaPid = reader.read()
    slotsTotal = reader.read()
    slotsUsed = reader.read()
    slotsPeak = reader.read()
    refused = reader.read()
    requests = reader.read()
    memoryKiB = reader.read()
    cpuPermille = reader.read()
    dataTotalBytes = reader.read()
    dataFreeBytes = reader.read()
    configurationErrorLine = reader.read()
    configurationErrorColumn = reader.read()
    bootID = BootID(from: &reader)
    name = reader.read()
    version = reader.read()
    address = reader.readAddress()
    reader.skip(52)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(state)
    writer.write(resetReason)
    writer.write(safeMode)
    writer.write(clockTrusted)
    writer.zero(4)
    writer.write(reasons)
    writer.write(uptimeMs)
    writer.write(agentUptimeMs)
    writer.write(unixMs)
    writer.write(bootCount)
    writer.write(agentStarts)
    writer.write(recentWatchdogResets)
    writer.write(mediaState)
    mediaLastExit.encode(into: &writer)
    writer.write(camerasKnown)
    writer.write(camerasPresent)
    writer.write(camerasStreaming)
    writer.write(camerasFailed)
    writer.zero(1)
    writer.write(mediaRestarts)
    writer.write(mediaPid)
    writer.write(slotsTotal)
    writer.write(slotsUsed)
    writer.write(slotsPeak)
    writer.write(refused)
    writer.write(requests)
    writer.write(memoryKiB)
    writer.write(cpuPermille)
    writer.write(dataTotalBytes)
    writer.write(dataFreeBytes)
    writer.write(configurationErrorLine)
    writer.write(configurationErrorColumn)
    bootID.encode(into: &writer)
    writer.write(name)
    writer.write(version)
    writer.write(address: address)
    writer.zero(52)
  }
}

/// How a process ended last: two bytes.
public struct LastExit: Equatable, Sendable {
  public var kind = Code(ExitKind.none)
  /// Exit code, signal number or errno; 0 with `none`.
  public var value: UInt8 = 0

  public init(_ kind: ExitKind = .none, _ value: UInt8 = 0) {
    self.kind = Code(kind)
    self.value = value
  }

  init(from reader: inout ByteReader) {
    kind = reader.read()
    value = reader.read()
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(kind)
    writer.write(value)
  }
}
