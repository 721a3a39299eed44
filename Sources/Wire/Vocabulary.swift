// The numbers of the protocol that mean something. A number, once given, is never given again.

/// How a request ended.
public enum Status: UInt16, Error, Sendable {
  /// Done.
  case ok = 0
  /// A field has a value outside its range.
  case invalidArgument = 1
  /// This device does not know the operation.
  case unknownOperation = 2
  /// This device does not speak the frame's version of the protocol.
  case unsupportedVersion = 3
  /// The payload does not have the operation's layout, or the bytes are no frame at all.
  case malformed = 4
  /// A checksum does not match: the bytes were changed on their way.
  case checksum = 5
  /// There is no such thing on this device.
  case notFound = 6
  /// No camera has this name.
  case unknownCamera = 7
  /// The peer may not do this.
  case permission = 8
  /// The peer has not proved who it is.
  case authentication = 9
  /// Too many requests.
  case rateLimited = 10
  /// No connection slot, buffer or worker is free; `retryAfterMs` says when to come back.
  case busy = 11
  /// Not possible in the device's present state.
  case state = 12
  /// MediaMTX does not run, and without it this cannot be done.
  case mediaServerDown = 13
  /// Too little room for a new recording.
  case storageLow = 14
  /// Almost no room left on the data partition.
  case storageCritical = 15
  /// The camera is recording.
  case alreadyRecording = 16
  /// The camera is not recording.
  case notRecording = 17
  /// The camera or the device cannot do this.
  case notSupported = 18
  /// The frame is longer than `Limits.frameSize`.
  case tooLarge = 19
  /// A reserved bit or byte of the request is not zero.
  case reservedBits = 20
  /// The connection was silent, or its frame unfinished, for too long.
  case timeout = 21
  /// The device failed at it through no fault of the client.
  case internalError = 22
  /// No picture comes from the camera now.
  case cameraNotStreaming = 23
  /// A camera, a source, a key or a change has this name already.
  case alreadyExists = 24
  /// The partition that it is kept on is missing, read-only, failing or hanging.
  case storageUnavailable = 25
}

/// Event topics, a bit each in subscription masks.
public struct Topics: Flags {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Cameras come, go and change.
  public static let cameras = bit(0)
  /// Streams change.
  public static let streams = bit(1)
  /// MediaMTX starts, answers, ends.
  public static let mediaServer = bit(2)
  /// The health state or its reasons change.
  public static let health = bit(3)
  /// The device starts, stops, learns the time, changes its address.
  public static let system = bit(4)
  /// Recordings start, stop and fail.
  public static let recordings = bit(5)
  /// Snapshots are taken.
  public static let snapshots = bit(6)
  /// The data partition changes.
  public static let storage = bit(7)
  /// Messages that clients publish.
  public static let messages = bit(8)
  public static let all = Topics(rawValue: 0x1FF)
}

/// What an event tells. The high byte is the topic's bit number.
public enum EventCode: UInt16, Sendable {
  /// A camera was plugged in and has a name.
  case cameraConnected = 0x0001
  /// A camera was unplugged.
  case cameraDisconnected = 0x0002
  /// The camera's state or its reason changed.
  case cameraStatus = 0x0003
  /// Another unit answers in a known camera's place.
  case cameraReplaced = 0x0004
  /// Two cameras give the same serial number.
  case cameraSerialCollision = 0x0005
  /// Something was done to get a camera's pictures back.
  case cameraRecovery = 0x0006
  /// A stream's state changed.
  case streamStatus = 0x0101
  /// A process was started.
  case mediaServerStarted = 0x0201
  /// The control API answered for the first time in this life.
  case mediaServerReady = 0x0202
  /// The process ended.
  case mediaServerExited = 0x0203
  /// Its API no longer answers; it is ended and started again.
  case mediaServerUnresponsive = 0x0204
  /// It listens on other sockets than the wanted ones.
  case mediaServerSockets = 0x0205
  /// The health state or its reasons changed.
  case healthChanged = 0x0301
  /// An alert was raised, became worse or better, or was cleared.
  case alertChanged = 0x0302
  /// The agent has started.
  case systemStarted = 0x0401
  /// The agent stops in order.
  case systemStopping = 0x0402
  /// The wall clock is right from now on.
  case clockTrusted = 0x0403
  /// The address or the link changed.
  case networkChanged = 0x0404
  /// `identify` began or ended.
  case identify = 0x0405
  /// A recording's file grows for the first time.
  case recordingStarted = 0x0501
  /// A recording ended.
  case recordingStopped = 0x0502
  /// A recording does not record any longer.
  case recordingInterrupted = 0x0503
  /// A recording goes on after an interruption.
  case recordingResumed = 0x0504
  /// A file was cut to its whole parts, or set aside.
  case fileRepaired = 0x0505
  /// A snapshot was kept as a file.
  case snapshotSaved = 0x0601
  /// The data partition came, went or changed.
  case storageChanged = 0x0701
  /// A threshold of used space was passed.
  case storageLevel = 0x0702
  /// Retention removed files.
  case filesRemoved = 0x0703
  /// The index of files was lost or damaged, and was made anew from the files.
  case indexRebuilt = 0x0704

  public var topic: Topics { Topics(rawValue: 1 << UInt32(rawValue >> 8)) }
}

/// What a camera slot is doing.
public enum CameraState: UInt8, Sendable {
  /// Known by name, not plugged in.
  case absent = 0
  /// Its capabilities are being asked for.
  case probing = 1
  /// Plugged in and probed; no feed has been asked for.
  case ready = 2
  /// A feed is being started.
  case starting = 3
  /// Pictures arrive.
  case streaming = 4
  /// Plugged in, but no picture arrives.
  case stalled = 5
  /// Held by another process.
  case busy = 6
  /// The USB bus has no bandwidth left for it.
  case noBandwidth = 7
  /// It cannot be used: see the reason.
  case failed = 8
}

/// Why a camera is not streaming.
public enum CameraReason: UInt8, Sendable {
  /// Nothing is wrong.
  case none = 0
  /// The probe did not answer within its time-out.
  case probeTimeout = 1
  /// The probe's process ended without an answer.
  case probeCrashed = 2
  /// The device node could not be opened.
  case openFailed = 3
  /// Another process has the device open.
  case heldByOther = 4
  /// The device offers no capture format.
  case noFormats = 5
  /// All camera slots are taken.
  case noSlot = 6
  /// A child that ignores SIGKILL still holds the device.
  case quarantined = 7
  /// It is not plugged in.
  case unplugged = 8
  /// Its pictures stopped coming while it was plugged in.
  case stalled = 9
  /// The USB bus has no bandwidth left for it.
  case noBandwidth = 10
  /// Its feed ended without a reason of the camera's.
  case feedFailed = 11
  /// It has no mode such as the configuration names, or refuses the one it has told of.
  case modeRefused = 12
  /// Stopped by request.
  case stopped = 13
  /// Pictures are captured, but MediaMTX gets none.
  case notPublished = 14
  /// It sends only damaged or empty pictures.
  case noPictures = 15
}

/// Which rung of the identity ladder gave a camera its name.
public enum IdentityRung: UInt8, Sendable {
  /// It has no name yet.
  case none = 0
  /// Its serial number alone.
  case serial = 1
  /// Serial and port, because another camera gives the same serial.
  case serialAndPort = 2
  /// The USB port it hangs on.
  case port = 3
  /// The name of its bus.
  case bus = 4
}

/// What the MediaMTX child is doing.
public enum MediaServerState: UInt8, Sendable {
  /// Switched off in the configuration.
  case off = 0
  /// Spawned; its API has not answered yet.
  case starting = 1
  /// Its API answers.
  case up = 2
  /// Alive, but its API does not answer.
  case unresponsive = 3
  /// Being ended.
  case stopping = 4
  /// Ended; `nextAttemptMs` says when it is started again.
  case waiting = 5
  /// It ignores SIGKILL; never waited for.
  case quarantined = 6
}

/// What a stream is doing.
public enum StreamState: UInt8, Sendable {
  /// Wanted, but MediaMTX does not know the path yet.
  case pending = 0
  /// The path exists and waits for its publisher.
  case idle = 1
  /// A publisher is there, but no bytes have come.
  case opening = 2
  /// Bytes are growing without frames in error.
  case flowing = 3
  /// A publisher is there, but its bytes do not grow or its frames are in error.
  case stalled = 4
  /// MediaMTX is down.
  case down = 5
}

/// Where a stream's pictures come from.
public enum StreamSource: UInt8, Sendable {
  /// A camera of this device.
  case camera = 0
  /// An RTSP source on the network, pulled by MediaMTX.
  case external = 1
}

/// How a process ended.
public enum ExitKind: UInt8, Sendable {
  /// It has not ended yet.
  case none = 0
  /// By itself, with an exit code.
  case code = 1
  /// By a signal, with its number.
  case signal = 2
  /// It could not be started: an errno.
  case spawnFailed = 3
}

/// Which log `logTail` reads.
public enum LogSource: UInt8, Sendable {
  /// The agent's own lines.
  case agent = 0
  /// What MediaMTX prints.
  case mediaServer = 1
  /// The agent's last lines of the boot before this one.
  case agentBefore = 2
  /// MediaMTX's last lines of the boot before this one.
  case mediaServerBefore = 3
}
