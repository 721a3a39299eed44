import Testing

@testable import Wire

@Suite struct RequestTests {
  @Test func everyKindIsDecodedAsItself() throws {
    for example in Example.requests {
      let kind = try #require(Kind(rawValue: example.header.kind))
      let name = try example.payload.withUnsafeBytes { bytes in
        let request = try Request.decode(example.header, payload: bytes)
        return String("\(request)".prefix { $0 != "(" })
      }
      #expect(name == "\(kind)")
    }
    #expect(Example.requests.count == 56)
  }

  @Test func argumentsArrive() throws {
    guard case .cameraStatus(let camera) = try decode(.cameraStatus, "cam-front".padded(32)) else {
      throw Status.malformed
    }
    #expect(camera.name.string == "cam-front")
    guard case .logTail(let log) = try decode(.logTail, [1, 0, 0, 0, 9, 0, 0, 0, 7] + zeros(7))
    else { throw Status.malformed }
    let source = "door".padded(32) + "rtsp://10.0.0.5/1".padded(160)
    guard case .sourceAdd = try decode(.sourceAdd, source) else { throw Status.malformed }
    let added = try source.withUnsafeBytes { try SourceRequest.decode($0) }
    #expect(added.name.string == "door" && added.url.string == "rtsp://10.0.0.5/1")
    #expect(log == LogRequest(source: .mediaServer, cursor: 7, maximum: 9))
    #expect(log.bound == 9)
    #expect(LogRequest(source: .agent, maximum: 0).bound == 8192)
    #expect(LogRequest(source: .agent, maximum: .max).bound == 8192)
  }

  @Test func wrongLengths() {
    for kind in Kind.all where ![.connection, .event, .message].contains(kind) {
      let right = Example.requests.first { $0.header.kind == kind.rawValue }!.payload
      if let start = Example.requests.first(where: { $0.header.kind == kind.rawValue })?.textStart {
        #expect(error(kind, right.prefix(start)) == .malformed, "\(kind)")
        #expect(error(kind, right + zeros(8193)) == .tooLarge, "\(kind)")
        continue
      }
      #expect(error(kind, right + zeros(65)) == .malformed, "\(kind)")
      if !right.isEmpty, kind != .ping {
        #expect(error(kind, right.dropLast()) == .malformed, "\(kind)")
      }
    }
    #expect(error(.ping, zeros(64)) == nil)
    #expect(error(.ping, []) == nil)
  }

  @Test func reservedMustBeZero() {
    #expect(error(.subscribe, [1, 0, 0, 0, 0, 0, 0, 1]) == .reservedBits)
    #expect(error(.subscribe, [1, 2, 0, 0, 0, 0, 0, 0]) == .reservedBits)
    #expect(error(.unsubscribe, [0, 0, 0, 0x80, 0, 0, 0, 0]) == .reservedBits)
    #expect(error(.identify, [1, 0, 0, 0, 1, 0, 0, 0]) == .reservedBits)
    #expect(error(.logTail, [0, 1] + zeros(14)) == .reservedBits)
    #expect(error(.cameraStatus, "cam\0x".padded(32)) == .reservedBits)
    #expect(error(.sourceAdd, "door".padded(32) + "rtsp://h\0x".padded(160)) == .reservedBits)
    for header in [
      Header(flags: 1, kind: Kind.ping.rawValue, requestID: 1),
      Header(kind: Kind.ping.rawValue, requestID: 1, status: 1),
      Header(flags: 1, kind: 0x7777, requestID: 1),
    ] { #expect(error(header, []) == .reservedBits) }
  }

  @Test func valuesOutOfRange() {
    #expect(error(.subscribe, zeros(8)) == .invalidArgument)
    #expect(error(.identify, [0xC0, 0x27, 0x09, 0, 0, 0, 0, 0]) == nil)
    #expect(error(.identify, [0xC1, 0x27, 0x09, 0, 0, 0, 0, 0]) == .invalidArgument)
    #expect(error(.logTail, [4] + zeros(15)) == .invalidArgument)
    #expect(error(.cameraStatus, zeros(32)) == .invalidArgument)
    #expect(error(.cameraStatus, "../etc".padded(32)) == .invalidArgument)
    #expect(error(.cameraCapabilities, "Cam".padded(32)) == .invalidArgument)
    #expect(error(.cameraStatus, [UInt8](repeating: 0x61, count: 32)) == nil)
    #expect(error(.sourceAdd, "Door".padded(32) + "rtsp://h/1".padded(160)) == .invalidArgument)
    let camera = "cam".padded(32)
    #expect(error(.recordingStart, camera + [0x81, 0x51, 1, 0] + zeros(4)) == .invalidArgument)
    #expect(error(.recordingStart, camera + [0x80, 0x51, 1, 0] + zeros(4)) == nil)
    #expect(error(.recordingStart, zeros(40)) == .invalidArgument)
    #expect(error(.fileList, [2] + zeros(63)) == .invalidArgument)
    #expect(error(.fileList, [255, 0, 0xE8, 3] + zeros(60)) == nil)
    #expect(error(.fileList, [255, 0, 0xE9, 3] + zeros(60)) == .invalidArgument)
    #expect(error(.fileList, [255, 2] + zeros(62)) == .invalidArgument)
    #expect(error(.retentionSet, [59] + zeros(15)) == .invalidArgument)
    #expect(error(.retentionSet, zeros(16)) == nil)
    #expect(error(.retentionSet, zeros(8) + [255, 255] + zeros(6)) == .invalidArgument)
    #expect(error(.sourceAdd, "door".padded(32) + "http://h/1".padded(160)) == .invalidArgument)
  }

  @Test func filesHaveNamesWithoutFolders() {
    func file(_ name: String, camera: String = "cam", kind: UInt8 = 0) -> [UInt8] {
      [kind] + zeros(7) + camera.padded(32) + name.padded(56)
    }
    #expect(error(.fileInfo, file("a-B_9.mp4")) == nil)
    for name in ["", ".hidden", "..", "a/b", "a b", "é.mp4", "a\u{7}"] {
      #expect(error(.fileInfo, file(name)) == .invalidArgument, "\(name)")
      #expect(error(.fileRemove, file(name)) == .invalidArgument, "\(name)")
    }
    #expect(error(.fileInfo, file("a.mp4", camera: "../x")) == .invalidArgument)
    #expect(error(.fileInfo, file("a.mp4", kind: 2)) == .invalidArgument)
    #expect(error(.fileInfo, file("a\0b")) == .reservedBits)
    func range(_ offset: [UInt8], _ length: [UInt8]) -> Status? {
      error(.fileRead, file("a.mp4") + offset + length + zeros(4))
    }
    #expect(range(zeros(8), [0, 0, 16, 0]) == nil)
    #expect(range(zeros(8), [1, 0, 16, 0]) == .invalidArgument)
    #expect(range(zeros(8), zeros(4)) == .invalidArgument)
    #expect(range(zeros(7) + [0x80], [1, 0, 0, 0]) == .invalidArgument)
  }

  @Test func partsOfMessagesFitTheirMessage() {
    func part(_ total: UInt32, _ offset: UInt32, _ count: UInt32, bytes: Int) -> Status? {
      let numbers = [total, offset, count, 0].flatMap { value in
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
      }
      return error(.publish, numbers + zeros(bytes))
    }
    #expect(part(5, 0, 5, bytes: 5) == nil)
    #expect(part(2_097_152, 2_097_151, 1, bytes: 1) == nil)
    #expect(part(2_097_153, 0, 1, bytes: 1) == .tooLarge)
    #expect(part(5, 0, 0, bytes: 0) == .malformed)
    #expect(part(0, 0, 0, bytes: 0) == .malformed)
    #expect(part(5, 0, 6, bytes: 6) == .malformed)
    #expect(part(5, 5, 1, bytes: 1) == .malformed)
    #expect(part(5, .max, 2, bytes: 2) == .malformed)
    #expect(part(5, 0, 4, bytes: 5) == .malformed)
    #expect(part(5, 0, 5, bytes: 4) == .malformed)
  }

  @Test func unknownOperations() {
    for kind in [UInt16(0), 57, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
      #expect(error(Header(kind: kind, requestID: 1), zeros(3)) == .unknownOperation)
    }
  }

  /// A device that is newer than this client: numbers it does not know stay numbers.
  @Test func unknownCodesAreKept() throws {
    var bytes = Example.bytes(of: Example.camera)
    bytes[176] = 200
    let entry = try bytes.withUnsafeBytes { try CameraEntry.decode($0) }
    #expect(entry.state.known == nil)
    #expect(entry.state.rawValue == 200)
    #expect(entry.name.string == "cam-front")
  }

  @Test func metricsOfAnotherVersion() throws {
    let more = [0x90, 3] + zeros(6) + [UInt8](repeating: 1, count: 8 * 912)
    let fewer: [UInt8] = [1, 0] + zeros(6) + [5] + zeros(7)
    let known = try more.withUnsafeBytes { try MetricValues.decode($0) }
    #expect(known[.cpuMs] == 0x0101_0101_0101_0101)
    let values = try fewer.withUnsafeBytes { try MetricValues.decode($0) }
    #expect(values[.uptimeMs] == 5)
    #expect(values[.cpuMs] == 0)
    #expect(throws: Status.malformed) {
      try more.dropLast().withUnsafeBytes { try MetricValues.decode($0) }
    }
  }

  @Test func listsMustBeAsLongAsTheySay() {
    let bytes = Example.named("camera-list-reply").payload
    for count in [UInt8(0), 1, 3, 33, 255] {
      var changed = bytes
      changed[0] = count
      #expect(throws: Status.malformed) {
        try changed.withUnsafeBytes { _ = try CameraListHead.open($0) }
      }
    }
  }

  @Test func sentencesFit() {
    for number in UInt16(0)...UInt16.max {
      guard let status = Status(rawValue: number) else { continue }
      #expect(status.sentence.utf8CodeUnitCount <= 120)
      #expect("\(status.sentence)".hasSuffix("."))
      for kind in (UInt16(0)..<0x8000).compactMap({ Kind(rawValue: $0) }) {
        let sentence = status.sentence(in: kind)
        #expect(sentence.utf8CodeUnitCount <= 120)
        #expect("\(sentence)".hasSuffix("."))
      }
    }
  }

  /// The way out is one that helps with what was asked for.
  @Test(arguments: [
    (Status.permission, Kind.reboot, "a key with the role"),
    (.permission, .changeApprove, "than the one who staged it"),
    (.state, .changeApply, "approve it first"), (.state, .keyRemove, "another key an admin first"),
    (.state, .keyChange, "another key an admin first"), (.state, .changeConfirm, "apply it"),
    (.busy, .changeApply, "waits for its confirmation"), (.busy, .handshake, "connections"),
    (.alreadyExists, .keyAdd, "list the keys"), (.alreadyExists, .sourceAdd, "name is taken"),
    (.alreadyExists, .configurationStage, "another version"),
    (.storageUnavailable, .keyAdd, "boot partition"),
    (.storageUnavailable, .changeApply, "boot partition"),
    (.storageUnavailable, .recordingStart, "data partition"),
    (.notFound, .changeApprove, "list the changes"), (.notFound, .keyChange, "list the keys"),
    (.notSupported, .handshake, "no keys now"),
  ]) func waysOut(status: Status, kind: Kind, words: String) {
    #expect("\(status.sentence(in: kind))".contains(words))
    #expect(!"\(status.sentence(in: kind))".contains("control.trusted"))
  }

  // MARK: -

  private func decode(_ kind: Kind, _ payload: [UInt8]) throws -> Request {
    try payload.withUnsafeBytes {
      try Request.decode(Header(kind: kind.rawValue, requestID: 1), payload: $0)
    }
  }

  private func error(_ kind: Kind, _ payload: some Sequence<UInt8>) -> Status? {
    error(Header(kind: kind.rawValue, requestID: 1), Array(payload))
  }

  private func error(_ header: Header, _ payload: [UInt8]) -> Status? {
    payload.withUnsafeBytes { bytes in
      do throws(Status) {
        _ = try Request.decode(header, payload: bytes)
        return nil
      } catch {
        return error
      }
    }
  }

  private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

extension String {
  func padded(_ size: Int) -> [UInt8] { utf8 + [UInt8](repeating: 0, count: size - utf8.count) }
}

extension Kind {
  static let all = (UInt16(0)...UInt16.max).compactMap { Kind(rawValue: $0) }
}
