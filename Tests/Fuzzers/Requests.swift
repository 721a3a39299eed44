import Wire

extension Fuzzer {
  /// In: a kind (two bytes) and a payload. Holds: what is accepted is written again byte by byte,
  /// so that no two payloads mean the same; what is told in place lies in the payload.
  static let requests = Fuzzer("requests", longest: 1024) {
    (1...56).flatMap { kind -> [[UInt8]] in
      [0, 1, 8, 16, 32, 36, 40, 64, 80, 120].map { size in
        [UInt8(kind), 0] + [UInt8](repeating: size < 32 ? 0 : UInt8(ascii: "a"), count: size)
      }
    }
  } run: { bytes in
    var input = Bytes(bytes)
    let kind = input.number()
    withCopy(input.rest) { payload in
      let payload = UnsafeRawBufferPointer(payload)
      let header = Header(kind: kind, requestID: 1, length: UInt32(payload.count))
      var isAccepted = false
      do throws(Status) {
        let request = try Request.decode(header, payload: payload)
        isAccepted = true
        switch request {
        case .ping(let bytes), .publish(_, let bytes), .handshake(let bytes),
          .configurationCheck(let bytes), .configurationStage(let bytes):
          require(lies(bytes, in: payload), "told in place")
        default: break
        }
      } catch {
        require(error != .ok, "a refusal says why")
      }
      if let kind = Kind(rawValue: kind) { isCanonical(kind, payload, isAccepted) }
    }
  }
}

private func isCanonical(_ kind: Kind, _ payload: UnsafeRawBufferPointer, _ isAccepted: Bool) {
  func check<Body: Payload>(_: Body.Type) {
    guard let value = try? Body.decode(payload) else {
      return require(!isAccepted, "\(kind): its payload is refused, the request is not")
    }
    let again = encoded(Body.size) { value.encode(into: &$0) }
    again.withUnsafeBytes {
      require(isEqual($0, payload), "\(kind): the same bytes are written again")
    }
  }
  switch kind {
  case .cameraStatus, .cameraCapabilities, .snapshot, .streamStart, .streamStop, .sourceRemove,
    .recordingStop, .snapshotSave, .cameraRecovery:
    check(CameraRequest.self)
  case .subscribe, .unsubscribe: check(SubscriptionRequest.self)
  case .logTail: check(LogRequest.self)
  case .identify: check(IdentifyRequest.self)
  case .sourceAdd: check(SourceRequest.self)
  case .recordingStart: check(RecordingRequest.self)
  case .retentionSet: check(RetentionPolicy.self)
  case .fileList: check(FileListRequest.self)
  case .fileInfo, .fileRemove, .fileVerify: check(FileRequest.self)
  case .fileRead: check(FileReadRequest.self)
  case .keyAdd, .keyChange: check(KeyRequest.self)
  case .keyRemove: check(KeyName.self)
  case .keyRotate: check(KeyRotation.self)
  case .pairingOpen: check(PairingRequest.self)
  case .auditList: check(AuditRequest.self)
  case .configurationText, .changeApprove, .changeReject, .changeApply, .changeConfirm:
    check(ChangeRequest.self)
  case .publish, .configurationStage, .configurationCheck, .handshake, .ping: break
  case .connection, .event, .message: require(!isAccepted, "\(kind): nobody asks for it")
  case .health, .serverInfo, .cameraList, .streamList, .subscriptionStatistics, .metrics, .reboot,
    .shutdown, .mediaServer, .sourceList, .alertList, .recordingList, .storageStatus,
    .retentionRun, .identity, .keyList, .pairingCancel, .changeList, .changeHistory:
    require(isAccepted == payload.isEmpty, "\(kind): it has no payload")
  }
}
