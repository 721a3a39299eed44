import Wire

/// Everything the appliance can ask of the world. One funnel executes them, in order; what comes of
/// them returns as an `Input`.
public enum Effect: Equatable, Sendable {
  /// Writes the configuration file of this life with all wanted paths, then spawns MediaMTX.
  case spawnMediaServer(life: UInt32)
  case spawnProbe(slot: Int, life: UInt32, node: Text<16>)
  /// Spawns a feed for `Appliance.feedOrder(slot)`.
  case spawnFeed(slot: Int, life: UInt32)
  /// Tells a feed where to publish: MediaMTX's port, the path (the camera's name), and the
  /// credentials of this life of MediaMTX.
  case publishFeed(slot: Int, life: UInt32)
  /// Tells a feed that MediaMTX is down: it goes on capturing.
  case silenceFeed(slot: Int, life: UInt32)
  /// Takes the USB device at a port path from its driver and gives it back.
  case reauthorise(slot: Int, life: UInt32, port: Text<32>)
  /// Switches the USB port off and on.
  case cyclePower(slot: Int, life: UInt32, port: Text<32>)
  case signal(ChildKind, life: UInt32, Signal)
  /// Sends the next call to MediaMTX's API; never while one is outstanding.
  case media(MediaRequest)
  /// Drops the outstanding call: its time is over.
  case cancelMedia
  case checkMediaSockets(life: UInt32)

  case light(LED, on: Bool)
  /// Somebody at the device has pressed its button.
  case press(Button.Press)
  case petWatchdog

  /// Queues an event for its topic's subscribers.
  case publish(Event)
  /// Hands the known cameras to the storage worker.
  case rememberIdentities
  /// Hands the external sources to the storage worker.
  case rememberSources
  /// Hands the recordings that are asked for to the storage worker.
  case rememberRecordings
  /// The segments of a camera that begin from now on belong to this recording.
  case tagRecording(Name, number: UInt32)
  /// Tells the storage worker when files may go; `keep`: also after a reboot.
  case setRetention(RetentionPolicy, keep: Bool)
  /// Has init check and mount the data partition anew; nothing where no init of ours runs.
  case remountData
  /// Tells the storage worker the wall clock.
  case tellClock
  case log(LogLine)
  /// Leaves a mark that the next life finds in its `BootFacts`.
  case breadcrumb(Breadcrumb)
  /// Ends the process in order; as PID 1's child, with what init shall do next.
  case stop(PowerAction)
}

/// What a life leaves behind for the next one.
public enum Breadcrumb: UInt8, Equatable, Sendable {
  /// This boot has lived for ten minutes: `recentWatchdogResets` starts again from 0.
  case longLived
  /// The end that follows is wanted: the next reset was requested, no matter how it comes about.
  case orderlyStop
}

public enum Signal: Equatable, Sendable { case terminate, kill }

public enum PowerAction: UInt8, Equatable, Sendable {
  case none, reboot, powerOff
  /// Everything but the kernel begins anew, with the configuration as it is then.
  case reload
}

public enum LED: Int, Equatable, Sendable {
  case power = 0
  case camera = 1
  case link = 2
}

/// A call to MediaMTX's control API. One at a time.
public enum MediaRequest: Equatable, Sendable {
  /// `GET /v3/info` (from 1.16 on; older ones answer 404).
  case info(life: UInt32)
  /// `GET /v3/paths/list`: the probe every version answers.
  case listPaths(life: UInt32, page: UInt16)
  case addPath(life: UInt32, Name)
  case removePath(life: UInt32, Name)
  /// Switches the recording of a path on or off; nothing else of it changes, so that its publisher
  /// stays.
  case recordPath(life: UInt32, Name, on: Bool)
}

/// What became of a call.
public struct MediaAnswer: Equatable, Sendable {
  public var request: MediaRequest
  public var outcome: Outcome

  public init(request: MediaRequest, outcome: Outcome) {
    self.request = request
    self.outcome = outcome
  }

  public enum Outcome: Equatable, Sendable {
    /// The version text, e.g. `v1.20.1`.
    case info(version: Text<24>)
    /// One page of a list of `pages` came with the answer.
    case paths(pages: UInt16)
    case done
    /// An answer with another status than 200.
    case rejected(status: UInt16)
    /// Refused, reset, malformed or oversized: no answer that can be used.
    case failed(MediaFailure)
  }
}

public enum MediaFailure: UInt8, Equatable, Sendable {
  case refused, closed, malformed, tooLarge
}

/// What MediaMTX says of one path.
public struct MediaPath: Equatable, Sendable {
  public var name = Name()
  public var ready = false
  public var inboundBytes: UInt64 = 0
  public var inboundFramesInError: UInt64 = 0
  public var readers: UInt32 = 0

  public init() {}
}

/// An event, before it is numbered.
public struct Event: Equatable, Sendable {
  public var code: EventCode
  /// The code's detail: a state, a reason, an exit code; see the specification.
  public var value: UInt32
  public var subject: Name
  public var detail: Text<88>

  public init(
    _ code: EventCode, value: UInt32 = 0, subject: Name = .empty, detail: Text<88> = .empty
  ) {
    self.code = code
    self.value = value
    self.subject = subject
    self.detail = detail
  }
}

/// One line of the agent's own log.
public struct LogLine: Equatable, Sendable {
  public enum Level: UInt8, Sendable { case error, warning, info }
  public var level: Level
  public var text: Text<160>

  public init(_ level: Level, _ text: Text<160>) {
    self.level = level
    self.text = text
  }
}

/// The effects of one step, in order. Fixed capacity: a step that overflows it is a bug of ours.
public struct Effects: ~Copyable {
  public static let capacity = 256
  private let base: UnsafeMutablePointer<Effect>
  public private(set) var count = 0

  /// A queue over memory for `capacity` effects.
  public init(_ memory: UnsafeMutableBufferPointer<Effect>) {
    precondition(memory.count >= Effects.capacity, "too little memory for effects")
    base = memory.baseAddress!
    memory.initialize(repeating: .petWatchdog)
  }

  public subscript(index: Int) -> Effect {
    precondition(index < count, "effect index out of range")
    return base[index]
  }

  public mutating func append(_ effect: Effect) {
    precondition(count < Effects.capacity, "too many effects in one step")
    base[count] = effect
    count += 1
  }

  public mutating func removeAll() { count = 0 }
}
