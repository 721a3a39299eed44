/// What a recording that is asked for is doing.
public enum RecordingState: UInt8, Sendable {
  /// MediaMTX has been asked; no file has grown yet.
  case arming = 0
  /// Its file grows.
  case recording = 1
  /// There is nothing to record now; it goes on by itself: see the reason.
  case waiting = 2
  /// There is something to record, but no file grows: see the reason.
  case stalled = 3
  /// It waits for room, or for the data partition; it goes on by itself: see the reason.
  case suspended = 4
  /// It was stopped; its file is being closed.
  case stopping = 5
}

/// Why a recording does not record.
public enum RecordingReason: UInt8, Sendable {
  /// Nothing is wrong.
  case none = 0
  /// No picture comes from the camera.
  case cameraNotStreaming = 1
  /// MediaMTX is down.
  case mediaServerDown = 2
  /// The data partition is almost full.
  case storageCritical = 3
  /// The data partition is missing, read-only, failing or hanging.
  case storageUnavailable = 4
  /// The stream flows, but MediaMTX writes nothing: a full or failing disk.
  case notGrowing = 5
}

/// Why a recording ended.
public enum RecordingEnd: UInt8, Sendable {
  /// Somebody stopped it.
  case requested = 0
  /// Its time is over.
  case duration = 1
}

/// What a file holds.
public enum FileKind: UInt8, Sendable {
  /// A segment of a recording, fragmented MP4.
  case recording = 0
  /// A JPEG.
  case snapshot = 1
}

/// What has become of a file.
public enum FileState: UInt8, Sendable {
  /// It is being written.
  case open = 0
  /// It was closed in order.
  case complete = 1
  /// A power cut had left its end unfinished: what was not a whole part was cut off.
  case repaired = 2
  /// There is nothing in it that can be played: it is kept, and not counted as a recording.
  case damaged = 3
  /// Its end has not been looked at since a writer may have been cut off: its size and its duration
  /// may still change, and soon it is one of the others.
  case unchecked = 4
}

/// What reading a whole file shows.
public enum FileCondition: UInt8, Sendable {
  /// Nothing is missing.
  case whole = 0
  /// Whole parts, then the beginning of one.
  case unfinished = 1
  /// It is not what its name says.
  case damaged = 2
}

/// What the data partition is doing.
public enum DataState: UInt8, Sendable {
  /// Not looked at yet.
  case unknown = 0
  /// There is none.
  case missing = 1
  /// It can only be read.
  case readOnly = 2
  /// In order.
  case writable = 3
  /// Reading or writing it fails.
  case failing = 4
  /// It does not answer.
  case hanging = 5
}

/// How full the data partition is.
public enum StorageLevel: UInt8, Sendable {
  /// There is room.
  case normal = 0
  /// Somebody should make room.
  case warning = 1
  /// No new recording starts.
  case low = 2
  /// Running recordings are suspended.
  case critical = 3
}

/// What is done to get a camera's pictures back, the mildest first.
public enum RecoveryRung: UInt8, Sendable {
  /// Nothing is wrong.
  case none = 0
  /// The feed opens the device again.
  case reopen = 1
  /// The feed is started again.
  case restart = 2
  /// The USB device is taken from its driver and given back.
  case reauthorise = 3
  /// The USB port is switched off and on.
  case portPower = 4
  /// Everything has been tried; it is tried again from time to time.
  case rest = 5
}

/// What came of a step.
public enum RecoveryOutcome: UInt8, Sendable {
  /// It is not known yet.
  case pending = 0
  /// Pictures came.
  case worked = 1
  /// None came.
  case failed = 2
  /// The device or its port cannot do it.
  case unsupported = 3
}
