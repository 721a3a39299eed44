// The numbers of the protocol that mean something. A number, once given, is never given again.

/// What a frame asks for, answers or tells.
public enum Kind: UInt16, Sendable {
  /// About the connection itself: only in replies that belong to no request (`busy`, a frame error).
  case connection = 0
  case ping = 1
  case health = 2
  case serverInfo = 3
  case cameraList = 4
  case cameraStatus = 5
  case cameraCapabilities = 6
  case streamList = 7
  case subscribe = 8
  case unsubscribe = 9
  case subscriptionStatistics = 10
  case metrics = 11
  case logTail = 12
  case identify = 13
  case reboot = 14
  case shutdown = 15
  case mediaServer = 16
  /// Sent by the device without a request, to subscribers.
  case event = 0x8000
}

/// How a request ended.
public enum Status: UInt16, Error, Sendable {
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
  case notFound = 6
  case unknownCamera = 7
  /// The peer may not do this.
  case permission = 8
  /// The peer has not proved who it is.
  case authentication = 9
  case rateLimited = 10
  /// No connection slot, buffer or worker is free; `retryAfterMs` says when to come back.
  case busy = 11
  /// Not possible in the device's present state.
  case state = 12
  case mediaServerDown = 13
  case storageLow = 14
  case storageCritical = 15
  case alreadyRecording = 16
  case notRecording = 17
  case notSupported = 18
  /// The frame is longer than `Limits.frameSize`.
  case tooLarge = 19
  /// A reserved bit or byte of the request is not zero.
  case reservedBits = 20
  /// The connection was silent, or its frame unfinished, for too long.
  case timeout = 21
  case internalError = 22
}

/// Event topics, a bit each in subscription masks.
public struct Topics: Flags {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let cameras = bit(0)
  public static let streams = bit(1)
  public static let mediaServer = bit(2)
  public static let health = bit(3)
  public static let system = bit(4)
  public static let recordings = bit(5)
  public static let snapshots = bit(6)
  public static let storage = bit(7)
  public static let all = Topics(rawValue: 0xFF)
}

/// What an event tells. The high byte is the topic's bit number.
public enum EventCode: UInt16, Sendable {
  case cameraConnected = 0x0001
  case cameraDisconnected = 0x0002
  /// The camera's state or its reason changed.
  case cameraStatus = 0x0003
  /// Another unit answers in a known camera's place.
  case cameraReplaced = 0x0004
  /// Two cameras give the same serial number.
  case cameraSerialCollision = 0x0005
  case streamStatus = 0x0101
  case mediaServerStarted = 0x0201
  /// The control API answered for the first time in this life.
  case mediaServerReady = 0x0202
  case mediaServerExited = 0x0203
  case mediaServerUnresponsive = 0x0204
  /// It listens on other sockets than the wanted ones.
  case mediaServerSockets = 0x0205
  case healthChanged = 0x0301
  case systemStarted = 0x0401
  case systemStopping = 0x0402
  case clockTrusted = 0x0403
  case networkChanged = 0x0404
  case identify = 0x0405
  case storageChanged = 0x0701

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
  case streaming = 4
  /// Plugged in, but no picture arrives.
  case stalled = 5
  /// Held by another process.
  case busy = 6
  /// The USB bus has no bandwidth left for it.
  case noBandwidth = 7
  case failed = 8
}

/// Why a camera is not streaming.
public enum CameraReason: UInt8, Sendable {
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
  case unplugged = 8
}

/// Which rung of the identity ladder gave a camera its name.
public enum IdentityRung: UInt8, Sendable {
  case none = 0
  case serial = 1
  /// Serial and port, because another camera gives the same serial.
  case serialAndPort = 2
  case port = 3
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
  case code = 1
  case signal = 2
}

/// Which log `logTail` reads.
public enum LogSource: UInt8, Sendable {
  /// The agent's own lines.
  case agent = 0
  /// What MediaMTX prints.
  case mediaServer = 1
}

public enum HealthState: UInt8, Sendable {
  case starting = 0
  case healthy = 1
  case degraded = 2
  case failed = 3
  case updating = 4
  case stopping = 5
}

/// Why the machine started last.
public enum ResetReason: UInt8, Sendable {
  case unknown = 0
  case powerOn = 1
  case watchdog = 2
  case requested = 3
  case panic = 4
}

/// Why health is not plain `healthy`: a bit each. Clients ignore bits they do not know.
public struct HealthReasons: Flags {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let configurationInvalid = bit(0)
  public static let ledsUnavailable = bit(1)
  public static let watchdogUnavailable = bit(2)
  public static let watchdogReset = bit(3)
  public static let safeMode = bit(4)
  public static let mediaServerDown = bit(5)
  public static let mediaServerUnresponsive = bit(6)
  public static let mediaServerSockets = bit(7)
  public static let cameraFailed = bit(8)
  public static let cameraStalled = bit(9)
  public static let cameraBusy = bit(10)
  public static let cameraNoBandwidth = bit(11)
  public static let networkDown = bit(12)
  public static let clockUntrusted = bit(13)
  public static let dataMissing = bit(14)
  public static let dataReadOnly = bit(15)
  public static let storageLow = bit(16)
  public static let storageCritical = bit(17)
  public static let slotsNearlyFull = bit(18)
  public static let childQuarantined = bit(19)
  public static let udevUnavailable = bit(20)
  public static let noCameraSlot = bit(21)

  /// Reasons a person may ignore: they never change the state.
  public static let notes: HealthReasons = watchdogReset | clockUntrusted
  /// Reasons with which the device does not do its job.
  public static let failures: HealthReasons =
    safeMode | mediaServerDown | mediaServerUnresponsive
}
