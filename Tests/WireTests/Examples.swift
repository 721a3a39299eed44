import Testing

@testable import Wire

/// A frame with an invented but plausible content; `Vectors/NAME.hex` holds the same bytes.
struct Example: Sendable, CustomTestStringConvertible {
  let name: String
  /// What the vector file says on top.
  let title: String
  /// Names of the payload's layouts in order; the last one repeats.
  let layouts: [String]
  let bytes: [UInt8]

  var testDescription: String { name }

  var header: Header {
    guard case .frame(let header, _, _) = bytes.withUnsafeBytes({ Header.next(in: $0) }) else {
      preconditionFailure("an example is not a frame")
    }
    return header
  }

  var payload: [UInt8] { [UInt8](bytes[Limits.headerSize...]) }

  /// Where a configuration's text begins that has no length of its own; nil: it has none.
  var textStart: Int? {
    switch Kind(rawValue: header.kind) {
    case .configurationCheck where !header.isReply: 0
    case .configurationText where header.isReply: 0
    case .configurationStage where !header.isReply: StageRequest.size
    default: nil
    }
  }
}

extension Example {
  static let all: [Example] =
    requests + replies
    + [busy, unknownCamera, noPicture, unsupportedVersion, event, message, losses]

  static let requests: [Example] =
    [
      request(.ping, id: 1, title: "ping, 4 bytes", body: [0xDE, 0xAD, 0xBE, 0xEF]),
      request(.health, id: 2), request(.serverInfo, id: 3), request(.cameraList, id: 4),
      request(.cameraStatus, id: 5, CameraRequest(name: "cam-front")),
      request(.cameraCapabilities, id: 6, CameraRequest(name: "cam-front")),
      request(.streamList, id: 7),
      request(.subscribe, id: 8, SubscriptionRequest(topics: .cameras | .health)),
      request(.unsubscribe, id: 9, SubscriptionRequest(topics: .health)),
      request(.subscriptionStatistics, id: 10), request(.metrics, id: 11),
      request(.logTail, id: 12, LogRequest(source: .mediaServer, cursor: 4096, maximum: 1024)),
      request(.identify, id: 13, IdentifyRequest(durationMs: 30_000)),
      request(.reboot, id: 14), request(.shutdown, id: 15), request(.mediaServer, id: 16),
      request(.snapshot, id: 17, CameraRequest(name: "cam-front")),
      request(.streamStart, id: 18, CameraRequest(name: "cam-front")),
      request(.streamStop, id: 19, CameraRequest(name: "cam-front")),
      request(
        .sourceAdd, id: 20,
        SourceRequest(name: "barn-door", url: "rtsp://viewer:secret@192.168.1.60:554/stream1")),
      request(.sourceRemove, id: 21, CameraRequest(name: "barn-door")),
      request(.sourceList, id: 22),
      request(
        .publish, id: 23, title: "publish in one part", layouts: ["PublishPart"], body: publishChunk
      ),
      request(.alertList, id: 24),
    ] + fileRequests + accessRequests + keyRequests + changeRequests

  static let replies: [Example] =
    [
      reply(.ping, id: 1, title: "ping, the same 4 bytes", body: [0xDE, 0xAD, 0xBE, 0xEF]),
      reply(.health, id: 2, health), reply(.serverInfo, id: 3, serverInfo),
      reply(.cameraList, id: 4, CameraListHead(count: 2), [camera, absentCamera]),
      reply(.cameraStatus, id: 5, camera),
      reply(.cameraCapabilities, id: 6, capabilities, modes),
      reply(.streamList, id: 7, StreamListHead(count: 2, rtspPort: 8554), streams),
      reply(.subscribe, id: 8, SubscriptionReply(topics: .cameras | .health, nextSequence: 43)),
      reply(.unsubscribe, id: 9, SubscriptionReply(topics: .cameras, nextSequence: 44)),
      reply(.subscriptionStatistics, id: 10, statistics), reply(.metrics, id: 11, metrics),
      reply(.logTail, id: 12, layouts: ["LogHead"], body: logChunk),
      reply(.identify, id: 13), reply(.reboot, id: 14), reply(.shutdown, id: 15),
      reply(.mediaServer, id: 16, mediaServer),
      reply(
        .snapshot, id: 17, title: "snapshot in one part", layouts: ["SnapshotPart"],
        body: snapshotChunk),
      reply(.streamStart, id: 18), reply(.streamStop, id: 19), reply(.sourceAdd, id: 20),
      reply(.sourceRemove, id: 21), reply(.sourceList, id: 22, SourceListHead(count: 2), sources),
      reply(.publish, id: 23, PublishReply(sequence: 7, subscribers: 12)),
      reply(.alertList, id: 24, AlertListHead(count: 2), alerts),
    ] + fileReplies + accessReplies + keyReplies + changeReplies

  /// A connection beyond the slots: about the connection, request id 0.
  static let busy = Example(
    name: "busy", title: "no slot is free: about the connection, come back after 500 ms",
    layouts: ["Refusal"],
    bytes: build { Frame.refusal(to: nil, .busy, retryAfterMs: 500, into: $0) })

  static let unknownCamera = Example(
    name: "error-unknown-camera", title: "answer to cameraStatus: no such camera",
    layouts: ["Refusal"],
    bytes: build {
      Frame.refusal(
        to: Header(kind: Kind.cameraStatus.rawValue, requestID: 5), .unknownCamera,
        into: $0)
    })

  static let noPicture = Example(
    name: "error-snapshot-not-supported", title: "answer to snapshot: interlaced H.264",
    layouts: ["Refusal"],
    bytes: build {
      Frame.refusal(
        to: Header(kind: Kind.snapshot.rawValue, requestID: 17), .notSupported, into: $0)
    })

  static let unsupportedVersion = Example(
    name: "error-unsupported-version", title: "about the connection: the device speaks version 1",
    layouts: ["Refusal"],
    bytes: build { Frame.refusal(to: nil, .unsupportedVersion, detail: 1, into: $0) })

  static let event = Example(
    name: "event", title: "a camera was plugged in", layouts: ["EventMessage"],
    bytes: build { Frame.event(eventMessage, into: $0) })

  static let message = Example(
    name: "message", title: "a message to subscribers, in one part", layouts: ["MessagePart"],
    bytes: frame(Header(kind: Kind.message.rawValue, requestID: 0), messageChunk))

  static let losses = Example(
    name: "message-losses", title: "three messages were lost before number 11",
    layouts: ["MessagePart"],
    bytes: build {
      var writer = FrameWriter($0)
      lostMessages.encode(into: &writer.payload)
      return writer.seal(Header(kind: Kind.message.rawValue, requestID: 0))
    })

  static func named(_ name: String) -> Example { all.first { $0.name == name }! }
}

extension Example {
  static func build(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
    // Dirty memory: whatever an encoder forgets shows.
    [UInt8](unsafeUninitializedCapacity: Limits.frameSize) { buffer, count in
      buffer.initialize(repeating: 0xA5)
      count = body(UnsafeMutableRawBufferPointer(buffer))
    }
  }

  private static func fileName(_ kind: Kind, _ suffix: String) -> String {
    let words = "\(kind)".map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }
    return words.joined() + suffix
  }

  static func request(
    _ kind: Kind, id: UInt32, title: String? = nil, layouts: [String] = [], body: [UInt8] = []
  ) -> Example {
    let header = Header(kind: kind.rawValue, requestID: id)
    return Example(
      name: fileName(kind, "-request"), title: "request: \(title ?? "\(kind)")", layouts: layouts,
      bytes: frame(header, body))
  }

  static func request<Body: Payload>(_ kind: Kind, id: UInt32, _ body: Body) -> Example {
    Example(
      name: fileName(kind, "-request"), title: "request: \(kind)", layouts: ["\(Body.self)"],
      bytes: build { Frame.request(kind, id: id, body, into: $0) })
  }

  static func reply(
    _ kind: Kind, id: UInt32, title: String? = nil, layouts: [String] = [], body: [UInt8] = []
  ) -> Example {
    let header = Header(kind: kind.rawValue, requestID: id).reply()
    return Example(
      name: fileName(kind, "-reply"), title: "answer: \(title ?? "\(kind)")", layouts: layouts,
      bytes: frame(header, body))
  }

  static func reply<Body: Payload>(_ kind: Kind, id: UInt32, _ body: Body) -> Example {
    let header = Header(kind: kind.rawValue, requestID: id)
    return Example(
      name: fileName(kind, "-reply"), title: "answer: \(kind)", layouts: ["\(Body.self)"],
      bytes: build { Frame.reply(to: header, body, into: $0) })
  }

  static func reply<Head: ListHead>(
    _ kind: Kind, id: UInt32, _ head: Head, _ entries: [Head.Entry]
  ) -> Example {
    let bytes = build { buffer in
      var writer = FrameWriter(buffer)
      head.encode(into: &writer.payload)
      for entry in entries { entry.encode(into: &writer.payload) }
      return writer.seal(Header(kind: kind.rawValue, requestID: id).reply())
    }
    return Example(
      name: fileName(kind, "-reply"), title: "answer: \(kind), \(entries.count) entries",
      layouts: ["\(Head.self)", "\(Head.Entry.self)"], bytes: bytes)
  }

  static func frame(_ header: Header, _ payload: [UInt8]) -> [UInt8] {
    build { buffer in
      var writer = FrameWriter(buffer)
      payload.withUnsafeBytes { writer.payload.write($0) }
      return writer.seal(header)
    }
  }
}

extension Text: ExpressibleByStringLiteral, ExpressibleByUnicodeScalarLiteral,
  ExpressibleByExtendedGraphemeClusterLiteral
{
  public init(stringLiteral value: StaticString) { self.init(value) }
}
