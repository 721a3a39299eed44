// The numbers of kinds. A number, once given, is never given again.

/// What a frame asks for, answers or tells.
public enum Kind: UInt16, Sendable {
  /// About the connection itself: only in replies to no request (`busy`, a frame error).
  case connection = 0
  /// Returns its payload.
  case ping = 1
  /// How the device is, in 256 bytes that never move.
  case health = 2
  /// What does not change while the agent lives.
  case serverInfo = 3
  /// All cameras that have a name.
  case cameraList = 4
  /// One camera.
  case cameraStatus = 5
  /// Formats, sizes and rates of a camera.
  case cameraCapabilities = 6
  /// Streams and their state.
  case streamList = 7
  /// Adds event topics.
  case subscribe = 8
  /// Drops event topics.
  case unsubscribe = 9
  /// Events delivered and missed.
  case subscriptionStatistics = 10
  /// Counters and gauges.
  case metrics = 11
  /// A piece of a log.
  case logTail = 12
  /// The LEDs show which box this is.
  case identify = 13
  /// Starts the machine anew.
  case reboot = 14
  /// Switches the machine off.
  case shutdown = 15
  /// MediaMTX as its supervisor sees it.
  case mediaServer = 16
  /// A camera's newest picture, in parts.
  case snapshot = 17
  /// A camera streams from now on.
  case streamStart = 18
  /// A camera no longer streams.
  case streamStop = 19
  /// Adds an RTSP source on the network.
  case sourceAdd = 20
  /// Removes an RTSP source on the network.
  case sourceRemove = 21
  /// RTSP sources on the network and their state.
  case sourceList = 22
  /// A part of a message to all subscribers of `messages`.
  case publish = 23
  /// What the device watches of itself, with thresholds and levels.
  case alertList = 24
  /// A camera is recorded from now on.
  case recordingStart = 25
  /// A camera is no longer recorded.
  case recordingStop = 26
  /// Recordings that are asked for.
  case recordingList = 27
  /// Recordings and snapshots on the data partition, page by page.
  case fileList = 28
  /// One file.
  case fileInfo = 29
  /// A range of a file, in parts.
  case fileRead = 30
  /// Removes a file.
  case fileRemove = 31
  /// The device reads a whole file and says what it finds.
  case fileVerify = 32
  /// The data partition: room, files, retention.
  case storageStatus = 33
  /// When files may go.
  case retentionSet = 34
  /// What may go goes now.
  case retentionRun = 35
  /// Keeps a camera's newest picture as a file.
  case snapshotSave = 36
  /// What was done to get a camera's pictures back.
  case cameraRecovery = 37
  /// Who the device is, and whether a client may be paired.
  case identity = 38
  /// Begins a sealed session: message 1 of the handshake, answered by message 2.
  case handshake = 39
  /// The clients that have keys.
  case keyList = 40
  /// Gives a client a key.
  case keyAdd = 41
  /// Takes a client's key away; its sessions end.
  case keyRemove = 42
  /// Gives the client that asks a new key.
  case keyRotate = 43
  /// Changes what a client may do.
  case keyChange = 44
  /// Lets one client pair, with a code.
  case pairingOpen = 45
  /// Lets nobody pair any more.
  case pairingCancel = 46
  /// A page of the audit.
  case auditList = 47
  /// The text of the configuration in force, or of a change.
  case configurationText = 48
  /// Whether a text is a right configuration.
  case configurationCheck = 49
  /// Hands in a change of the configuration.
  case configurationStage = 50
  /// The changes that have not ended.
  case changeList = 51
  /// The changes that have ended.
  case changeHistory = 52
  /// Agrees to a change.
  case changeApprove = 53
  /// Turns a change down.
  case changeReject = 54
  /// Puts a change in force, until it is confirmed or its time is over.
  case changeApply = 55
  /// Keeps a change in force for good.
  case changeConfirm = 56
  /// Sent by the device without a request, to subscribers.
  case event = 0x8000
  /// A part of a message, sent by the device without a request, to subscribers.
  case message = 0x8001
}
