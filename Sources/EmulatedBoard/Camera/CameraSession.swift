/// One life of a camera at its plug: bytes and time in, bytes and a deadline out.
struct CameraSession {
  private let model: CameraModel
  private var function: CameraFunction
  private var sources: [VideoCodec: any FrameSource]
  private var decoder = USBRedir.Decoder()
  private var encoder = USBRedir.Encoder()
  private var output: [UInt8] = []
  private var events: [USBCamera.Event] = []

  /// Bulk transfers that the host has queued and that wait for pictures, oldest first.
  private var transfers: [(id: UInt64, packet: USBRedir.BulkPacket)] = []
  private var packer = PayloadPacker()
  private var frameNumber: UInt64 = 0
  /// When the next frame is due; nil before the first of a stream.
  private var nextFrame: ContinuousClock.Instant?
  private var streaming: StreamSelection?
  private var attachedAt: ContinuousClock.Instant?
  private var faulty = false
  /// A fault that is over.
  private var cured = false

  /// A camera that is this far behind its rate starts afresh instead of catching up.
  private static let tolerableLag: Duration = .milliseconds(500)

  init(model: CameraModel, sources: [VideoCodec: any FrameSource]) {
    self.model = model
    self.sources = sources
    function = CameraFunction(model: model)
    if self.sources[.mjpeg] == nil { self.sources[.mjpeg] = TestPattern() }
  }

  /// The first thing to send.
  mutating func greeting() -> [UInt8] {
    encoder.encode(
      .init(.hello(version: "watchpost usbcam", capabilities: USBRedir.Capabilities.ours)))
  }

  /// When `advance` has something to do although nothing arrives.
  var deadline: ContinuousClock.Instant? {
    guard !faulty, streaming != nil, !transfers.isEmpty else { return nil }
    return packer.isEmpty ? nextFrame : .now
  }

  mutating func takeOutput() -> [UInt8] {
    defer { output = [] }
    return output
  }

  mutating func takeEvents() -> [USBCamera.Event] {
    defer { events = [] }
    return events
  }

  /// Takes what the board sent.
  mutating func receive(
    _ bytes: [UInt8], now: ContinuousClock.Instant
  ) throws(USBRedir.DecodeError) {
    decoder.append(bytes)
    while let packet = try decoder.next() {
      noteFreeze(now)
      handle(packet, now)
    }
  }

  /// Sends what is due.
  mutating func advance(now: ContinuousClock.Instant) throws(USBRedir.DecodeError) {
    noteFreeze(now)
    followStream(now)
    guard let streaming, !faulty else { return }
    while let transfer = transfers.first {
      if packer.isEmpty {
        if let due = nextFrame, due > now { return }
        if hasSentAll {
          becomeFaulty()
          return
        }
        loadFrame(streaming, now)
      }
      transfers.removeFirst()
      let payload = packer.next(room: transfer.packet.length)
      var packet = transfer.packet
      (packet.status, packet.length) = (.success, payload.count)
      send(.bulk(packet, data: payload), id: transfer.id)
    }
  }

  private mutating func loadFrame(_ selection: StreamSelection, _ now: ContinuousClock.Instant) {
    let interval = Duration.nanoseconds(Int64(selection.interval) * 100)
    let due = nextFrame ?? now
    nextFrame = (due.duration(to: now) > Self.tolerableLag ? now : due) + interval
    var frame = sources[selection.codec]?.frame(frameNumber) ?? []
    if let faulty = model.faultyFrames, faulty.include(frameNumber) {
      frame = faulty.spoil(
        frame, codec: selection.codec, announced: selection.size.maxFrameBytes)
    }
    packer.load(frame)
    frameNumber += 1
  }

  /// Starts or ends a stream when the control pipe has decided so.
  private mutating func followStream(_ now: ContinuousClock.Instant) {
    guard function.streaming != streaming else { return }
    streaming = function.streaming
    packer.discard()
    nextFrame = nil
    if let streaming {
      sources[streaming.codec]?.start(streaming)
      events.append(.streaming(streaming))
    } else {
      events.append(.idle)
    }
  }

  private mutating func noteFreeze(_ now: ContinuousClock.Instant) {
    if case .freezes(let after) = model.fault, !faulty, let attachedAt,
      attachedAt.duration(to: now) >= after
    {
      becomeFaulty()
    }
  }

  /// The fault that comes after so many frames is due.
  private var hasSentAll: Bool {
    switch model.fault {
    case .stalls(let frames): frameNumber >= UInt64(frames)
    case .wedges(let frames): frameNumber >= UInt64(frames) && !cured
    case .hangsAfterEnumeration, .freezes, nil: false
    }
  }

  /// The host has set a configuration: a camera that is wedged starts afresh.
  private mutating func unwedge() {
    guard case .wedges = model.fault, faulty else { return }
    faulty = false
    cured = true
  }

  private mutating func becomeFaulty() {
    faulty = true
    events.append(.faulty)
  }

  /// Nothing at all is answered any more.
  private var isFrozen: Bool {
    if case .freezes = model.fault { faulty } else { false }
  }

  private mutating func handle(_ packet: USBRedir.Packet, _ now: ContinuousClock.Instant) {
    if isFrozen { return }
    switch packet.message {
    case .hello(_, let theirs):
      let agreed = theirs.intersection(.ours)
      (encoder.agreed, decoder.agreed) = (agreed, agreed)
      attach(now)
    case .reset:
      function.reset()
      transfers = []
    case .setConfiguration(let value):
      let known = function.setConfiguration(value)
      describeInterfaces()
      send(.configurationStatus(known ? .success : .invalid, configuration: value), id: packet.id)
      if known { events.append(.configured) }
      if known, value > 0 { unwedge() }
    case .getConfiguration:
      send(
        .configurationStatus(.success, configuration: function.configuration), id: packet.id)
    case .setAlternate(let interface, let alternate):
      let status: USBRedir.Status = interface < 2 && alternate == 0 ? .success : .invalid
      send(.alternateStatus(status, interface: interface, alternate: alternate), id: packet.id)
    case .getAlternate(let interface):
      send(.alternateStatus(.success, interface: interface, alternate: 0), id: packet.id)
    case .cancelDataPacket:
      cancel(packet.id)
    case .control(let control, let data):
      answer(control, data, id: packet.id)
    case .bulk(let bulk, _):
      if bulk.endpoint == UVC.videoEndpoint {
        transfers.append((packet.id, bulk))
      } else {
        var refused = bulk
        (refused.status, refused.length) = (.stall, 0)
        send(.bulk(refused, data: []), id: packet.id)
      }
    case .deviceConnect, .deviceDisconnect, .interfaceInfo, .endpointInfo, .configurationStatus,
      .alternateStatus, .other:
      break  // Not for a device, or about transfers that a camera does not have.
    }
  }

  private mutating func attach(_ now: ContinuousClock.Instant) {
    attachedAt = now
    describeInterfaces()
    send(
      .deviceConnect(
        .high, vendor: model.vendor, product: model.product, release: CameraModel.release))
    events.append(.attached)
  }

  private mutating func describeInterfaces() {
    let subclasses = [
      (UVC.controlInterface, UVC.controlSubclass), (UVC.streamingInterface, UVC.streamingSubclass),
    ]
    send(
      .interfaceInfo(
        subclasses.map {
          .init(number: $0.0, classCode: UVC.videoClass, subclass: $0.1, protocolCode: 0)
        }))
    send(
      .endpointInfo([
        .init(address: 0x00, kind: .control, interface: 0, maxPacketSize: 64),
        .init(address: 0x80, kind: .control, interface: 0, maxPacketSize: 64),
        .init(
          address: UVC.videoEndpoint, kind: .bulk, interface: UVC.streamingInterface,
          maxPacketSize: UVC.videoPacketSize),
      ]))
  }

  private mutating func answer(
    _ control: USBRedir.ControlPacket, _ data: [UInt8], id: UInt64
  ) {
    if model.fault == .hangsAfterEnumeration, control.setup.kind == .classSpecific {
      if !faulty { becomeFaulty() }
      return
    }
    var reply = control
    reply.status = .success
    switch function.answer(control.setup, data: data) {
    case .data(let bytes):
      let cut = Array(bytes.prefix(Int(control.setup.length)))
      reply.setup.length = UInt16(cut.count)
      send(.control(reply, data: cut), id: id)
    case .accepted:
      send(.control(reply, data: []), id: id)
    case .stall:
      (reply.status, reply.setup.length) = (.stall, 0)
      send(.control(reply, data: []), id: id)
    }
  }

  private mutating func cancel(_ id: UInt64) {
    guard let index = transfers.firstIndex(where: { $0.id == id }) else { return }
    var packet = transfers.remove(at: index).packet
    (packet.status, packet.length) = (.cancelled, 0)
    send(.bulk(packet, data: []), id: id)
  }

  private mutating func send(_ message: USBRedir.Message, id: UInt64 = 0) {
    output += encoder.encode(.init(id: id, message))
  }
}
