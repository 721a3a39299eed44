import Wire

extension EventCode {
  /// What it is called in the specification and in logs.
  public var word: StaticString {
    switch self {
    case .cameraConnected: "cameraConnected"
    case .cameraDisconnected: "cameraDisconnected"
    case .cameraStatus: "cameraStatus"
    case .cameraReplaced: "cameraReplaced"
    case .cameraSerialCollision: "cameraSerialCollision"
    case .cameraRecovery: "cameraRecovery"
    case .streamStatus: "streamStatus"
    case .mediaServerStarted: "mediaServerStarted"
    case .mediaServerReady: "mediaServerReady"
    case .mediaServerExited: "mediaServerExited"
    case .mediaServerUnresponsive: "mediaServerUnresponsive"
    case .mediaServerSockets: "mediaServerSockets"
    case .healthChanged: "healthChanged"
    case .alertChanged: "alertChanged"
    case .systemStarted: "systemStarted"
    case .systemStopping: "systemStopping"
    case .clockTrusted: "clockTrusted"
    case .networkChanged: "networkChanged"
    case .identify: "identify"
    case .recordingStarted: "recordingStarted"
    case .recordingStopped: "recordingStopped"
    case .recordingInterrupted: "recordingInterrupted"
    case .recordingResumed: "recordingResumed"
    case .fileRepaired: "fileRepaired"
    case .snapshotSaved: "snapshotSaved"
    case .storageChanged: "storageChanged"
    case .storageLevel: "storageLevel"
    case .filesRemoved: "filesRemoved"
    case .indexRebuilt: "indexRebuilt"
    }
  }
}
