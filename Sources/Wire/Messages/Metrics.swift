/// The numbers of the answer to `metrics`, by place. Append only: a place, once given, keeps its
/// meaning, and a client ignores places that it does not know.
///
/// Counters count from the start of the agent and never fall; gauges say so.
public enum Metric: UInt16, Sendable {
  /// Milliseconds since the kernel started.
  case uptimeMs = 0
  /// Milliseconds since the agent started.
  case agentUptimeMs = 1
  /// Requests answered with `ok`.
  case requestsSucceeded = 2
  /// Requests answered with another status.
  case requestsFailed = 3
  /// Frames with a wrong magic, checksum, version or length, or with reserved bits.
  case framesRefused = 4
  /// Gauge.
  case connectionsOpen = 5
  /// The most open at once.
  case connectionsPeak = 6
  /// Connections that got a slot.
  case connectionsAccepted = 7
  /// No slot was free: told BUSY.
  case refusedBusy = 8
  /// The address, which is not trusted, has too many connections: told BUSY.
  case refusedAddress = 9
  /// Counted elsewhere too: not even a place to say BUSY was free, so it was closed at once.
  case refusedSilently = 10
  /// The client closed.
  case closedByPeer = 11
  /// Silent for too long without a subscription.
  case closedIdle = 12
  /// A frame was not finished in time.
  case closedFrameTimeout = 13
  /// The client did not take its answers or events in time.
  case closedWriteTimeout = 14
  /// The byte stream was no longer to be trusted.
  case closedProtocolError = 15
  /// Gauge: connections with at least one topic.
  case subscribers = 16
  /// Events of the device.
  case eventsPublished = 17
  /// Events sent, counted per subscriber.
  case eventsDelivered = 18
  /// Events dropped for a slow subscriber, counted per subscriber.
  case eventsMissed = 19
  /// On the control port.
  case bytesReceived = 20
  /// On the control port.
  case bytesSent = 21
  /// Turns of the event loop.
  case loopTurns = 22
  /// Microseconds, of this life.
  case longestTurnUs = 23
  /// Starts of MediaMTX.
  case mediaServerStarts = 24
  /// Ends of MediaMTX.
  case mediaServerExits = 25
  /// API probes without a usable answer in time.
  case mediaServerProbesFailed = 26
  /// Cameras plugged in.
  case cameraConnects = 27
  /// Cameras unplugged.
  case cameraDisconnects = 28
  /// Probes without a usable answer.
  case cameraProbesFailed = 29
  /// Gauge: resident memory of the agent, KiB.
  case memoryKiB = 30
  /// The most resident memory of the agent, KiB.
  case memoryPeakKiB = 31
  /// Processor time used by the agent, milliseconds.
  case cpuMs = 32
  /// Requests refused because the peer may not do this.
  case permissionDenied = 33
  /// Lines of the agent's own log.
  case logLines = 34
  /// Starts of feeds.
  case feedStarts = 35
  /// Feeds ended because their camera or they themselves had stalled.
  case feedStalls = 36
  /// Pictures sent to MediaMTX by all feeds.
  case framesPublished = 37
  /// Damaged or empty pictures that cameras have sent.
  case framesDamaged = 38
  /// Pictures sent in whole as answers to `snapshot`.
  case snapshotsSent = 39
  /// Addresses that are not trusted have all connections they get in all: told BUSY.
  case refusedPublic = 40
  /// Not trusted, and without a whole request in time.
  case closedHandshake = 41
  /// Not trusted, and without a whole request when another stranger needed the place.
  case closedDisplaced = 42
  /// Requests beyond the rate of their address.
  case requestsRateLimited = 43
  /// Messages of clients to subscribers.
  case messagesPublished = 44
  /// Messages handed over in whole, counted per subscriber.
  case messagesDelivered = 45
  /// Messages that a slow subscriber has lost, counted per subscriber.
  case messagesMissed = 46
  /// Bytes received on all network interfaces but the loopback, since the kernel started.
  case networkReceivedBytes = 47
  /// Bytes sent, likewise.
  case networkSentBytes = 48
  /// Bytes read from all disks, since the kernel started.
  case diskReadBytes = 49
  /// Bytes written, likewise.
  case diskWrittenBytes = 50
  /// Gauge: memory of the device, KiB.
  case deviceMemoryKiB = 51
  /// Gauge: memory that programs could still have, KiB.
  case deviceMemoryAvailableKiB = 52
  /// Gauge: processor cores.
  case cores = 53
  /// Gauge: thousandths of the last second in which the cores were busy, on average.
  case coresBusyPermille = 54
  /// Gauge: connections that wait for a large buffer.
  case buffersAwaited = 55
  /// Gauge: large buffers lent, of 64.
  case buffersLent = 56
  /// Gauge: pictures on their way to clients, of 16.
  case picturesPending = 57
  /// Gauge: requests answered in the last second.
  case requestsPerSecond = 58
  /// Gauge: connections that got a slot in the last second.
  case connectionsPerSecond = 59
  /// Gauge: 95th percentile of the time that answers took of late, microseconds.
  case answersP95Us = 60
  /// Requests answered with an error that is the device's, not the client's.
  case requestsFailedHere = 61
  /// Gauge: jobs that wait for a worker, of 100.
  case jobsWaiting = 62
  /// Gauge: jobs that a worker is at.
  case jobsRunning = 63
  /// From here on, requests by operation: the place is 64 plus the kind's number, up to kind 31;
  /// place 64 counts unknown operations. Those of later kinds are told by `OperationStatistics`.
  case requestsUnknown = 64
  case requestsPing = 65
  case requestsHealth = 66
  case requestsServerInfo = 67
  case requestsCameraList = 68
  case requestsCameraStatus = 69
  case requestsCameraCapabilities = 70
  case requestsStreamList = 71
  case requestsSubscribe = 72
  case requestsUnsubscribe = 73
  case requestsSubscriptionStatistics = 74
  case requestsMetrics = 75
  case requestsLogTail = 76
  case requestsIdentify = 77
  case requestsReboot = 78
  case requestsShutdown = 79
  case requestsMediaServer = 80
  case requestsSnapshot = 81
  case requestsStreamStart = 82
  case requestsStreamStop = 83
  case requestsSourceAdd = 84
  case requestsSourceRemove = 85
  case requestsSourceList = 86
  case requestsPublish = 87
  case requestsAlertList = 88
  case requestsRecordingStart = 89
  case requestsRecordingStop = 90
  case requestsRecordingList = 91
  case requestsFileList = 92
  case requestsFileInfo = 93
  case requestsFileRead = 94
  case requestsFileRemove = 95
  /// Milliseconds in which this core was busy, since the kernel started. Places 96 to 103, one for
  /// each of the first eight cores.
  case core0BusyMs = 96
  case core1BusyMs = 97
  case core2BusyMs = 98
  case core3BusyMs = 99
  case core4BusyMs = 100
  case core5BusyMs = 101
  case core6BusyMs = 102
  case core7BusyMs = 103
  /// Jobs that a worker has answered.
  case jobsDone = 104
  /// Jobs that took longer than they may, or whose worker died.
  case jobsFailed = 105
  /// Requests refused because the queue of jobs was full.
  case jobsRefused = 106
  /// Requests refused because jobs of the camera had failed too often.
  case jobsBroken = 107
  /// Gauge: milliseconds that the last job waited for its worker.
  case jobWaitMs = 108
  /// The longest that a job of this life has waited for its worker, milliseconds.
  case jobWaitLongestMs = 109
  /// Bytes of files that clients have read.
  case fileBytesRead = 110

  /// Cores that are told of.
  public static let coresTold = 8
  /// Places of this version of the protocol: the last ones are those of `OperationStatistics`.
  public static let count = 640

}

/// How one operation has fared: eight places of the answer to `metrics`, from place 128 plus eight
/// times the kind's number on. Times are microseconds from the moment at which the device noticed
/// the request until its answer was handed to the kernel; percentiles are those of the last 30 to
/// 60 seconds, and at most 1/16 away from the true ones.
///
/// ```
/// offset size field
///      0    8 errors             requests answered with another status than `ok`
///      8    8 p50Us
///     16    8 p95Us
///     24    8 p99Us
///     32    8 largestUs          of the last 30 to 60 seconds
///     40    8 longestUs          of this life of the agent
///     48    8 requests           answered, in whatever way
///     56    8 reserved
/// ```
public struct OperationStatistics: Payload, Equatable {
  public static let size = 64
  /// The place of kind 0.
  static let firstPlace = 128
  static let places = 8

  public var errors: UInt64 = 0
  public var p50Us: UInt64 = 0
  public var p95Us: UInt64 = 0
  public var p99Us: UInt64 = 0
  public var largestUs: UInt64 = 0
  public var longestUs: UInt64 = 0
  public var requests: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    errors = reader.read()
    p50Us = reader.read()
    p95Us = reader.read()
    p99Us = reader.read()
    largestUs = reader.read()
    longestUs = reader.read()
    requests = reader.read()
    reader.skip(8)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(errors)
    writer.write(p50Us)
    writer.write(p95Us)
    writer.write(p99Us)
    writer.write(largestUs)
    writer.write(longestUs)
    writer.write(requests)
    writer.zero(8)
  }
}

/// The answer to `metrics`.
///
/// ```
/// offset size field
///      0    2 count              values that follow; later versions append
///      2    6 reserved
///      8    8 values             one per place, count times
/// ```
public struct MetricValues: Payload, Equatable {
  public static let size = 8 + 8 * Metric.count

  private var values = InlineArray<640, UInt64>(repeating: 0)

  public init() {}

  public subscript(metric: Metric) -> UInt64 {
    get { values[Int(metric.rawValue)] }
    set { values[Int(metric.rawValue)] = newValue }
  }

  /// Requests of the kind with this number, 0 … 63.
  public func requests(of number: Int) -> UInt64 { values[MetricValues.requestPlace(number)] }

  /// How many requests of a kind came since `told`, which is brought up to date. `mutating` only
  /// so that it reads in place: in every turn, a copy of all values would be made.
  public mutating func requests(of number: Int, since told: inout UInt64) -> UInt64 {
    let total = values[MetricValues.requestPlace(number)]
    defer { told = total }
    return total &- told
  }

  /// Kinds beyond 31 are counted beside their statistics alone.
  @inline(__always)
  private static func requestPlace(_ number: Int) -> Int {
    number < 32
      ? Int(Metric.requestsUnknown.rawValue) + number
      : OperationStatistics.firstPlace + OperationStatistics.places * number + 6
  }

  /// How the operation has fared whose kind has this number, 0 … 63; 0: unknown ones.
  public subscript(operation number: Int) -> OperationStatistics {
    get {
      let place = OperationStatistics.firstPlace + OperationStatistics.places * number
      var statistics = OperationStatistics()
      statistics.errors = values[place]
      statistics.p50Us = values[place + 1]
      statistics.p95Us = values[place + 2]
      statistics.p99Us = values[place + 3]
      statistics.largestUs = values[place + 4]
      statistics.longestUs = values[place + 5]
      statistics.requests = values[place + 6]
      return statistics
    }
    set {
      let place = OperationStatistics.firstPlace + OperationStatistics.places * number
      values[place] = newValue.errors
      values[place + 1] = newValue.p50Us
      values[place + 2] = newValue.p95Us
      values[place + 3] = newValue.p99Us
      values[place + 4] = newValue.largestUs
      values[place + 5] = newValue.longestUs
      values[place + 6] = newValue.requests
    }
  }

  /// The milliseconds in which a core was busy; `core` is below `Metric.coresTold`.
  public subscript(core core: Int) -> UInt64 {
    get { values[Int(Metric.core0BusyMs.rawValue) + core] }
    set { values[Int(Metric.core0BusyMs.rawValue) + core] = newValue }
  }

  /// Counts one more request of a kind, which is known.
  @inline(__always)
  public mutating func count(requestOf kind: UInt16) {
    values[MetricValues.requestPlace(Int(kind & 63))] &+= 1
  }

  public init(from reader: inout ByteReader) {
    reader.skip(8)
    for index in values.indices { values[index] = reader.read() }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(UInt16(Metric.count))
    writer.zero(6)
    // Without the span each of them would be taken from a copy of all.
    let values = values.span
    for index in values.indices { writer.write(values[index]) }
  }

  /// Reads an answer of any version: places that this build does not know are left out, places
  /// that the device does not know are zero.
  public static func decode(_ payload: UnsafeRawBufferPointer) throws(Status) -> Self {
    guard payload.count >= 8 else { throw .malformed }
    var reader = ByteReader(payload)
    let count = Int(reader.read(UInt16.self))
    reader.skip(6)
    guard reader.remaining == 8 * count else { throw .malformed }
    var result = Self()
    for index in 0..<min(count, Metric.count) { result.values[index] = reader.read() }
    return result
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in left.values.indices where left.values[index] != right.values[index] {
      return false
    }
    return true
  }
}
