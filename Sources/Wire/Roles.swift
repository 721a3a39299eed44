/// What a peer may do. Each role may do what the ones before it may.
public enum Role: UInt8, Comparable, Sendable {
  /// Anybody who reaches the control port.
  case anybody = 0
  /// Looks: cameras, streams, files, events, figures.
  case viewer = 1
  /// Works with cameras: recordings, snapshots, streams, sources.
  case `operator` = 2
  /// Everything, with the device itself and with what is lost when it is removed.
  case admin = 3

  public static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
}

extension Kind {
  /// It changes what an admin answers for, or shows what only admins may know, and has no entries
  /// of its own in the audit.
  public var isAudited: Bool {
    switch self {
    case .identify, .reboot, .shutdown, .fileRemove, .retentionSet, .retentionRun,
      .configurationText:
      true
    default: false
    }
  }

  /// The least role that a request of this kind needs: the one table of the agent and of the
  /// specification (Operations).
  public var leastRole: Role {
    switch self {
    case .ping, .health, .identity, .handshake: .anybody
    case .connection, .event, .message, .serverInfo, .mediaServer, .metrics, .alertList,
      .cameraList, .cameraStatus, .cameraCapabilities, .cameraRecovery, .streamList, .sourceList,
      .recordingList, .fileList, .fileInfo, .fileRead, .fileVerify, .subscribe, .unsubscribe,
      .subscriptionStatistics, .keyRotate:
      .viewer
    case .snapshot, .snapshotSave, .streamStart, .streamStop, .sourceAdd, .sourceRemove,
      .recordingStart, .recordingStop, .publish:
      .operator
    case .logTail, .identify, .reboot, .shutdown, .storageStatus, .fileRemove, .retentionSet,
      .retentionRun, .keyList, .keyAdd, .keyRemove, .keyChange, .pairingOpen, .pairingCancel,
      .auditList, .configurationText, .configurationCheck, .configurationStage, .changeList,
      .changeHistory, .changeApprove, .changeReject, .changeApply, .changeConfirm:
      .admin
    }
  }
}
