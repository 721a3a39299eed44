/// A request, checked and decoded.
public enum Request {
  /// The bytes to send back, in place: valid as long as the frame's buffer.
  case ping(UnsafeRawBufferPointer)
  case health
  case serverInfo
  case cameraList
  case cameraStatus(CameraRequest)
  case cameraCapabilities(CameraRequest)
  case streamList
  case subscribe(SubscriptionRequest)
  case unsubscribe(SubscriptionRequest)
  case subscriptionStatistics
  case metrics
  case logTail(LogRequest)
  case identify(IdentifyRequest)
  case reboot
  case shutdown
  case mediaServer
  case snapshot(CameraRequest)
  case streamStart(CameraRequest)
  case streamStop(CameraRequest)
  /// A checked `SourceRequest`, in place likewise: decoded here, it would make every request as
  /// large.
  case sourceAdd(UnsafeRawBufferPointer)
  case sourceRemove(CameraRequest)
  case sourceList
  /// The bytes lie in place: valid as long as the frame's buffer.
  case publish(PublishPart, UnsafeRawBufferPointer)
  case alertList
  case recordingStart(RecordingRequest)
  case recordingStop(CameraRequest)
  case recordingList
  case storageStatus
  case retentionSet(RetentionPolicy)
  case cameraRecovery(CameraRequest)
  /// A checked request about files, in place: whoever does the job decodes it.
  case fileList(UnsafeRawBufferPointer)
  case fileInfo(UnsafeRawBufferPointer)
  case fileRead(UnsafeRawBufferPointer)
  case fileRemove(UnsafeRawBufferPointer)
  case fileVerify(UnsafeRawBufferPointer)
  case retentionRun
  case snapshotSave(CameraRequest)
  case identity
  /// Message 1 of a handshake, in place.
  case handshake(UnsafeRawBufferPointer)
  case keyList
  /// A checked `KeyRequest`, in place.
  case keyAdd(UnsafeRawBufferPointer)
  case keyRemove(KeyName)
  case keyRotate(KeyRotation)
  case keyChange(UnsafeRawBufferPointer)
  case pairingOpen(PairingRequest)
  case pairingCancel
  case auditList(AuditRequest)
  case configurationText(ChangeRequest)
  /// A text, in place.
  case configurationCheck(UnsafeRawBufferPointer)
  /// A checked `StageRequest` with its text, in place.
  case configurationStage(UnsafeRawBufferPointer)
  case changeList
  case changeHistory
  case changeApprove(ChangeRequest)
  case changeReject(ChangeRequest)
  case changeApply(ChangeRequest)
  case changeConfirm(ChangeRequest)

  /// The request in a checked frame.
  ///
  /// Throws `.reservedBits` (reply flag, status, or a reserved byte is not zero),
  /// `.unknownOperation`, `.malformed` (wrong length) or `.invalidArgument` (a value out of range),
  /// in this order.
  public static func decode(_ header: Header, payload: UnsafeRawBufferPointer) throws(Status)
    -> Request
  {
    guard !header.isReply, header.status == 0 else { throw .reservedBits }
    guard let kind = Kind(rawValue: header.kind) else { throw .unknownOperation }
    switch kind {
    case .connection, .event, .message: throw .unknownOperation
    case .ping:
      guard payload.count <= Limits.pingSize else { throw .malformed }
      return .ping(payload)
    case .cameraStatus: return .cameraStatus(try CameraRequest.decode(payload))
    case .cameraCapabilities: return .cameraCapabilities(try CameraRequest.decode(payload))
    case .subscribe: return .subscribe(try SubscriptionRequest.decode(payload))
    case .unsubscribe: return .unsubscribe(try SubscriptionRequest.decode(payload))
    case .logTail: return .logTail(try LogRequest.decode(payload))
    case .identify: return .identify(try IdentifyRequest.decode(payload))
    case .snapshot: return .snapshot(try CameraRequest.decode(payload))
    case .streamStart: return .streamStart(try CameraRequest.decode(payload))
    case .streamStop: return .streamStop(try CameraRequest.decode(payload))
    case .sourceAdd:
      _ = try SourceRequest.decode(payload)
      return .sourceAdd(payload)
    case .sourceRemove: return .sourceRemove(try CameraRequest.decode(payload))
    case .sourceList: return try bare(.sourceList, payload)
    case .publish:
      let (part, bytes) = try PublishPart.open(payload)
      return .publish(part, bytes)
    case .recordingStart: return .recordingStart(try RecordingRequest.decode(payload))
    case .recordingStop: return .recordingStop(try CameraRequest.decode(payload))
    case .recordingList: return try bare(.recordingList, payload)
    case .storageStatus: return try bare(.storageStatus, payload)
    case .retentionSet: return .retentionSet(try RetentionPolicy.decode(payload))
    case .retentionRun: return try bare(.retentionRun, payload)
    case .snapshotSave: return .snapshotSave(try CameraRequest.decode(payload))
    case .cameraRecovery: return .cameraRecovery(try CameraRequest.decode(payload))
    case .fileList:
      _ = try FileListRequest.decode(payload)
      return .fileList(payload)
    case .fileInfo:
      _ = try FileRequest.decode(payload)
      return .fileInfo(payload)
    case .fileRead:
      _ = try FileReadRequest.decode(payload)
      return .fileRead(payload)
    case .fileRemove:
      _ = try FileRequest.decode(payload)
      return .fileRemove(payload)
    case .fileVerify:
      _ = try FileRequest.decode(payload)
      return .fileVerify(payload)
    case .health: return try bare(.health, payload)
    case .serverInfo: return try bare(.serverInfo, payload)
    case .cameraList: return try bare(.cameraList, payload)
    case .streamList: return try bare(.streamList, payload)
    case .subscriptionStatistics: return try bare(.subscriptionStatistics, payload)
    case .metrics: return try bare(.metrics, payload)
    case .reboot: return try bare(.reboot, payload)
    case .shutdown: return try bare(.shutdown, payload)
    case .mediaServer: return try bare(.mediaServer, payload)
    case .alertList: return try bare(.alertList, payload)
    case .identity: return try bare(.identity, payload)
    case .handshake: return .handshake(try HandshakeForm.open(payload))
    case .keyList: return try bare(.keyList, payload)
    case .keyAdd:
      let wanted = try KeyRequest.decode(payload)
      guard !wanted.publicKey.isNone else { throw .invalidArgument }
      return .keyAdd(payload)
    case .keyRemove: return .keyRemove(try KeyName.decode(payload))
    case .keyRotate: return .keyRotate(try KeyRotation.decode(payload))
    case .keyChange:
      let wanted = try KeyRequest.decode(payload)
      guard wanted.publicKey.isNone else { throw .invalidArgument }
      return .keyChange(payload)
    case .pairingOpen: return .pairingOpen(try PairingRequest.decode(payload))
    case .pairingCancel: return try bare(.pairingCancel, payload)
    case .auditList: return .auditList(try AuditRequest.decode(payload))
    case .configurationText: return .configurationText(try ChangeRequest.decode(payload))
    case .configurationCheck:
      guard payload.count > 0 else { throw .malformed }
      guard payload.count <= Limits.configurationSize else { throw .tooLarge }
      return .configurationCheck(payload)
    case .configurationStage:
      _ = try StageRequest.open(payload)
      return .configurationStage(payload)
    case .changeList: return try bare(.changeList, payload)
    case .changeHistory: return try bare(.changeHistory, payload)
    case .changeApprove: return .changeApprove(try ChangeRequest.decode(payload))
    case .changeReject: return .changeReject(try ChangeRequest.decode(payload))
    case .changeApply: return .changeApply(try ChangeRequest.decode(payload))
    case .changeConfirm: return .changeConfirm(try ChangeRequest.decode(payload))
    }
  }

  private static func bare(_ request: Request, _ payload: UnsafeRawBufferPointer) throws(Status)
    -> Request
  {
    guard payload.isEmpty else { throw .malformed }
    return request
  }
}
