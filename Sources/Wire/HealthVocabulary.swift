/// How the device is, in one word.
public enum HealthState: UInt8, Sendable {
  /// Not everything has been tried yet.
  case starting = 0
  /// The device does its job.
  case healthy = 1
  /// It does its job, but not all of it: see the reasons.
  case degraded = 2
  /// It does not do its job: see the reasons.
  case failed = 3
  /// It installs an update.
  case updating = 4
  /// It stops in order.
  case stopping = 5
}

/// Why the machine started last.
public enum ResetReason: UInt8, Sendable {
  /// Neither watchdog nor breadcrumb tells.
  case unknown = 0
  /// Power came.
  case powerOn = 1
  /// The watchdog was not petted.
  case watchdog = 2
  /// Somebody asked for it.
  case requested = 3
  /// The kernel gave up.
  case panic = 4
}

/// Why health is not plain `healthy`: a bit each. Clients ignore bits they do not know.
public struct HealthReasons: Flags {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The configuration file is wrong; the last good one is used.
  public static let configurationInvalid = bit(0)
  /// A configured LED cannot be driven.
  public static let ledsUnavailable = bit(1)
  /// There is no watchdog, or it cannot be opened.
  public static let watchdogUnavailable = bit(2)
  /// The last reset came from the watchdog.
  public static let watchdogReset = bit(3)
  /// After repeated watchdog resets only control port and LEDs run.
  public static let safeMode = bit(4)
  /// MediaMTX does not run.
  public static let mediaServerDown = bit(5)
  /// MediaMTX runs, but does not answer.
  public static let mediaServerUnresponsive = bit(6)
  /// MediaMTX listens on other sockets than the wanted ones.
  public static let mediaServerSockets = bit(7)
  /// A camera that is plugged in cannot be used.
  public static let cameraFailed = bit(8)
  /// A camera sends no pictures.
  public static let cameraStalled = bit(9)
  /// Another process holds a camera.
  public static let cameraBusy = bit(10)
  /// The USB bus has no bandwidth left for a camera.
  public static let cameraNoBandwidth = bit(11)
  /// There is no link or no address.
  public static let networkDown = bit(12)
  /// The wall clock is not known.
  public static let clockUntrusted = bit(13)
  /// There is no data partition.
  public static let dataMissing = bit(14)
  /// The data partition cannot be written.
  public static let dataReadOnly = bit(15)
  /// At least 90 % of the data partition is used.
  public static let storageLow = bit(16)
  /// At least 95 % of the data partition is used.
  public static let storageCritical = bit(17)
  /// The alert `slots`: most of the connection slots are used.
  public static let slotsNearlyFull = bit(18)
  /// A child process ignores SIGKILL.
  public static let childQuarantined = bit(19)
  /// Cameras cannot be noticed.
  public static let udevUnavailable = bit(20)
  /// More cameras are plugged in than there are slots.
  public static let noCameraSlot = bit(21)
  /// A camera's pictures come at less than 80 % of its rate.
  public static let cameraSlow = bit(22)
  /// The alert `latency`: answers take long.
  public static let latencyHigh = bit(23)
  /// The alert `errors`: many requests are answered with an error.
  public static let errorsMany = bit(24)
  /// The alert `cpu`: the processors are busy.
  public static let cpuBusy = bit(25)
  /// The alert `memory`: little memory is left.
  public static let memoryShort = bit(26)
  /// The alert `connections`: many connections are refused or time out.
  public static let connectionsFailing = bit(27)
  /// The alert `queue`: most of the large buffers are lent.
  public static let queueLong = bit(28)
  /// The alert `throughput`: fewer requests come than the configuration expects.
  public static let throughputLow = bit(29)
  /// The data partition fails when it is read or written.
  public static let dataFailing = bit(30)
  /// The data partition does not answer.
  public static let dataHanging = bit(31)
  /// At least 80 % of the data partition is used.
  public static let storageWarning = bit(32)
  /// A recording that is asked for is not written although its stream flows.
  public static let recordingStalled = bit(33)
  /// Recordings wait for room on the data partition, or for the partition itself.
  public static let recordingSuspended = bit(34)
  /// Reasons a person may ignore: they never change the state.
  public static let notes = watchdogReset | clockUntrusted | storageWarning
  /// Reasons with which the device does not do its job.
  public static let failures = safeMode | mediaServerDown | mediaServerUnresponsive
}

/// What the device watches of itself. Shares are told in thousandths.
public enum Alert: UInt8, Sendable {
  /// 95th percentile of the time that answers take, microseconds.
  case latency = 0
  /// Requests answered with an error that is the device's, of all requests.
  case errors = 1
  /// Time that all processors together were busy.
  case cpu = 2
  /// Memory in use.
  case memory = 3
  /// Connections refused or ended for a time-out, of all that came.
  case connections = 4
  /// Large buffers lent to clients that do not take their answers.
  case queue = 5
  /// Connection slots in use.
  case slots = 6
  /// Requests a second; this one is raised by too few.
  case throughput = 7

  public static let count = 8
}

/// How bad an alert is.
public enum AlertLevel: UInt8, Sendable {
  /// It is not raised.
  case none = 0
  /// Somebody should look at it.
  case warning = 1
  /// Clients suffer.
  case critical = 2
}
