import Wire

/// Everything that can happen to the appliance, decoded. The executor turns kernel events into
/// inputs; nothing else reaches a machine. Client requests take the shorter way of `answer`.
public enum Input {
  /// The first input of a life: what the executor found when it started.
  case started(BootFacts)
  /// What earlier boots have left on the data partition, read some time after the start: the card
  /// must not hold up the control port. May come again; the same once more changes nothing.
  case historyLoaded(BootHistory)
  /// A deadline that `nextDeadline` named may have come; also sent after every turn of the loop.
  case tick
  /// One turn of the loop is complete and these vitals have checked in.
  case turnCompleted(Vitals)
  /// What the second that has just ended was like.
  case sampled(Sample)

  /// udev told of a V4L2 node, or enumeration found it.
  case deviceAdded(DeviceFacts)
  case deviceRemoved(node: Text<16>)
  /// An enumeration begins; what it does not tell until `devicesEnumerated` is gone. Sent at the
  /// start, and again when the udev socket has overflowed.
  case devicesEnumerating
  /// Every node that is there has been told.
  case devicesEnumerated

  case childStarted(ChildKind, life: UInt32, pid: Int32)
  case childSpawnFailed(ChildKind, life: UInt32, errno: Int32)
  case childExited(ChildKind, life: UInt32, ExitStatus)
  /// A probe's whole answer; the report is valid during the call.
  case probeAnswered(slot: Int, life: UInt32, UnsafePointer<ProbeReport>)

  /// What a feed says of itself.
  case feedReported(slot: Int, life: UInt32, FeedReport)

  /// What became of the outstanding call; `paths` holds one page of a list and is valid during the
  /// call, empty for everything else.
  case mediaAnswered(MediaAnswer, paths: UnsafeBufferPointer<MediaPath>)
  /// Listening sockets of the MediaMTX process were compared with the wanted ones.
  case mediaSocketsChecked(life: UInt32, asWanted: Bool)

  case networkChanged(address: IPv4, linkUp: Bool)
  /// Wall-clock time as `unixMs` at this instant; from then on the clock is trusted.
  case clockTrusted(unixMs: UInt64)
  /// A storage worker has begun, and knows nothing yet.
  case storageStarted
  case storageChanged(StorageFacts)
  /// When files may go, as it was kept.
  case retentionLoaded(RetentionPolicy)
  case archiveChanged(ArchiveTotals)
  case segment(SegmentNews)
  /// Recordings that earlier lives were asked for, read some time after the start, and the number
  /// that was given last; valid during the call.
  case recordingsLoaded(UnsafeBufferPointer<KnownRecording>, lastNumber: UInt32)
  /// Something that clients may want to hear of, and that changes nothing here.
  case noticed(Event)
  /// Remembered camera identities, read from the data partition some time after the start; valid
  /// during the call. Empty where there is no file yet. Until then nothing is remembered.
  case identitiesLoaded(UnsafeBufferPointer<KnownCamera>)
  /// Remembered external sources, read some time after the start; valid during the call. Empty
  /// where there is no file yet.
  case sourcesLoaded(UnsafeBufferPointer<KnownSource>)
  case ledFailed(LED, errno: Int32)
  /// Connection slots in use have changed.
  case connectionsChanged(used: Int)
  /// The line of the button at the device has changed.
  case button(isDown: Bool)
  /// Somebody has opened the door to pairing, or it has closed.
  case pairing(isOpen: Bool)
  /// init or a service manager asks for an orderly stop (SIGTERM).
  case stopRequested
}

/// What the executor knows at the start of a life.
public struct BootFacts: Equatable, Sendable {
  public var reset = ResetReason.unknown
  /// Lives of the agent in this boot, this one included.
  public var agentStarts: UInt32 = 1
  public var bootCount: UInt32 = 0
  /// The agent's version and the board's name, as built in.
  public var version = Text<24>()
  public var board = Text<32>()
  public var bootID = InlineArray<16, UInt8>(repeating: 0)
  /// The button was down when its line was opened.
  public var buttonIsDown = false
  /// Watchdog resets in a row, each of a boot that lived less than ten minutes. No clock survives a
  /// reset, so resets are counted instead of timed.
  public var recentWatchdogResets: UInt32 = 0
  public var watchdogAvailable = false
  public var ledAvailable = InlineArray<3, Bool>(repeating: false)
  public var udevAvailable = false
  /// Where the configuration was wrong; line 0: it was right.
  public var configurationError = ConfigurationError()

  public init() {}

  public static func == (left: Self, right: Self) -> Bool {
    for index in left.bootID.indices where left.bootID[index] != right.bootID[index] {
      return false
    }
    for index in left.ledAvailable.indices
    where left.ledAvailable[index] != right.ledAvailable[index] { return false }
    return left.reset == right.reset && left.agentStarts == right.agentStarts
      && left.bootCount == right.bootCount && left.version == right.version
      && left.board == right.board
      && left.recentWatchdogResets == right.recentWatchdogResets
      && left.watchdogAvailable == right.watchdogAvailable
      && left.udevAvailable == right.udevAvailable
      && left.configurationError == right.configurationError
  }
}

/// What earlier boots have left on the data partition, and what it says of this one.
public struct BootHistory: Equatable, Sendable {
  /// Why this boot began, `.unknown` if there is no trace of the one before.
  public var reset: ResetReason
  /// Boots of this device, this one included; 0: not known.
  public var bootCount: UInt32
  /// As in `BootFacts`.
  public var recentWatchdogResets: UInt32

  public init(
    reset: ResetReason = .unknown, bootCount: UInt32 = 0, recentWatchdogResets: UInt32 = 0
  ) {
    self.reset = reset
    self.bootCount = bootCount
    self.recentWatchdogResets = recentWatchdogResets
  }
}

extension BootFacts {
  /// Adds what earlier boots have left. The watchdog's own word on the reset counts more.
  public mutating func add(_ history: BootHistory) {
    bootCount = history.bootCount
    recentWatchdogResets = history.recentWatchdogResets
    if reset == .unknown { reset = history.reset }
  }
}

public struct ConfigurationError: Error, Equatable, Sendable {
  /// 1-based; 0: no error.
  public var line: UInt32 = 0
  public var column: UInt32 = 0
  /// One sentence with the way out.
  public var message = Text<120>()

  public init(line: UInt32 = 0, column: UInt32 = 0, message: Text<120> = .empty) {
    self.line = line
    self.column = column
    self.message = message
  }
}

/// What udev says of a V4L2 node.
public struct DeviceFacts: Equatable, Sendable {
  /// The node's name in /dev, e.g. `video0`.
  public var node = Text<16>()
  /// USB: the port path, e.g. `1-1.2`; otherwise empty.
  public var port = Text<32>()
  /// For devices without a port: the driver's name of the node and of its parent
  /// (`vivid-000-vid-cap@vivid.0`).
  public var bus = Text<32>()
  public var serial = Text<32>()
  public var product = Text<48>()
  public var vendorID: UInt16 = 0
  public var productID: UInt16 = 0
  /// V4L2 index of the node within its device: 0 is the first.
  public var index: UInt16 = 0

  public init() {}
}

/// A child process of the agent, by its job.
public enum ChildKind: Equatable, Sendable {
  case mediaServer
  case probe(slot: Int)
  case feed(slot: Int)
  /// A step at the USB for a camera's sake.
  case recovery(slot: Int)
}

public enum ExitStatus: Equatable, Sendable {
  case code(UInt8)
  case signal(UInt8)
}

/// A capture mode, as the driver enumerates it.
public struct CaptureMode: Equatable, Sendable {
  /// V4L2 fourcc, first character in the low byte.
  public var format: UInt32 = 0
  public var width: UInt16 = 0
  public var height: UInt16 = 0
  /// Seconds per frame as a fraction; 0/0 where the driver does not say.
  public var intervalNumerator: UInt32 = 0
  public var intervalDenominator: UInt32 = 0

  public init() {}
}

/// What a probe reports of a node.
public struct ProbeReport: Sendable {
  public enum Outcome: UInt8, Sendable {
    case capture
    /// A metadata, output or memory-to-memory node: not a camera.
    case notCapture
    case openFailed
    case busy
  }
  public var outcome = Outcome.notCapture
  public var errno: Int32 = 0
  public var card = Text<32>()
  public var driver = Text<16>()
  /// The process that holds a busy device, 0 if unknown, and its name.
  public var holder: Int32 = 0
  public var holderName = Text<16>()
  public var modeCount = 0
  /// The driver has more modes than fit.
  public var truncated = false
  public var modes = InlineArray<128, CaptureMode>(repeating: CaptureMode())

  public init() {}
}

/// A camera's identity as remembered on the data partition.
public struct KnownCamera: Equatable, Sendable {
  public var name = Name()
  public var rung = IdentityRung.none
  public var vendorID: UInt16 = 0
  public var productID: UInt16 = 0
  public var product = Text<48>()
  public var serial = Text<32>()
  /// USB port path or bus name where it was seen last.
  public var port = Text<32>()
  /// The serial is known to be shared by several units.
  public var collided = false
  /// Its stream was stopped by request.
  public var stopped = false

  public init() {}
}

public struct StorageFacts: Equatable, Sendable {
  public enum State: UInt8, Sendable { case unknown, missing, readOnly, writable, failing, hanging }
  public var state = State.unknown
  public var totalBytes: UInt64 = 0
  public var freeBytes: UInt64 = 0

  public init() {}
}

/// The parts of the loop without which the watchdog must not be petted.
public struct Vitals: Flags {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let turn = bit(0)
  public static let deadlines = bit(1)
  public static let effects = bit(2)
  public static let accept = bit(3)
  public static let all = turn | deadlines | effects | accept
}

/// What the storage worker has seen of a camera's segments.
public struct SegmentNews: Equatable, Sendable {
  public enum What: UInt8, Sendable {
    /// A file was begun, and has bytes.
    case began
    case grew
    /// It was closed.
    case closed
  }
  public var camera = Name()
  public var what = What.began
  /// MediaMTX's life, as its name tells; 0: it does not.
  public var life: UInt32 = 0
  /// Its size.
  public var bytes: UInt64 = 0

  public init() {}
}

/// All recordings and snapshots on the data partition together.
public struct ArchiveTotals: Equatable, Sendable {
  public var recordingBytes: UInt64 = 0
  public var snapshotBytes: UInt64 = 0
  public var recordingFiles: UInt32 = 0
  public var snapshotFiles: UInt32 = 0
  /// In the folders of cameras, but none of ours.
  public var foreignFiles: UInt32 = 0
  /// Repaired or set aside in this life of the storage worker.
  public var repairedFiles: UInt32 = 0
  /// Removed by retention, likewise.
  public var removedFiles: UInt32 = 0
  public var removedBytes: UInt64 = 0

  public init() {}
}
