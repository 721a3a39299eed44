/// The camera's side of the control pipe, without IO: requests in, answers out.
///
///     powered ── SET_CONFIGURATION ──▶ configured ── SET_CUR(commit) ──▶ streaming
///        ▲                                                                  │
///        └──────────────── reset ◀──────── CLEAR_FEATURE(halt) ends ────────┘
///
/// With a bulk endpoint there is no alternate setting that could end a stream; hosts clear the
/// endpoint's halt instead (Linux: `uvc_stop_streaming` → `usb_clear_halt`).
struct CameraFunction {
  /// How a control transfer ends.
  enum Answer: Equatable {
    /// Data stage towards the host; the caller cuts it to the length asked for.
    case data([UInt8])
    case accepted
    case stall
  }

  let model: CameraModel
  /// What is being streamed, nil when nothing is.
  private(set) var streaming: StreamSelection?
  private(set) var configuration: UInt8 = 0
  private var probe: StreamNegotiation
  private var commit: StreamNegotiation

  init(model: CameraModel) {
    self.model = model
    probe = StreamNegotiation(formats: model.formats)
    commit = probe
  }

  /// A bus reset (USB 2.0, 9.1.1.3): back to the unconfigured state.
  mutating func reset() { self = CameraFunction(model: model) }

  /// `SET_CONFIGURATION`; usb-redir carries it as a message of its own.
  /// - Returns: false for a configuration that does not exist.
  mutating func setConfiguration(_ value: UInt8) -> Bool {
    guard value <= 1 else { return false }
    configuration = value
    streaming = nil
    return true
  }

  /// Answers one control transfer; `data` is its data stage towards the camera.
  mutating func answer(_ setup: USBSetup, data: [UInt8]) -> Answer {
    switch setup.kind {
    case .standard: answerStandard(setup)
    case .classSpecific: answerClass(setup, data: data)
    case .vendor: .stall
    }
  }

  private mutating func answerStandard(_ setup: USBSetup) -> Answer {
    switch setup.request {
    case StandardRequest.getDescriptor where setup.isTowardsHost:
      return descriptor(kind: UInt8(setup.value >> 8), index: UInt8(setup.value & 0xFF))
        .map(Answer.data) ?? .stall
    case StandardRequest.getStatus where setup.isTowardsHost:
      return .data([0, 0])
    case StandardRequest.clearFeature:
      if setup.index == UInt16(UVC.videoEndpoint) { streaming = nil }
      return .accepted
    case StandardRequest.setFeature, StandardRequest.setAddress:
      return .accepted
    default:
      return .stall
    }
  }

  private func descriptor(kind: UInt8, index: UInt8) -> [UInt8]? {
    switch kind {
    case USBDescriptor.Kind.device: model.deviceDescriptor
    case USBDescriptor.Kind.configuration: UVCDescriptor.configuration(formats: model.formats)
    case USBDescriptor.Kind.deviceQualifier: USBDescriptor.deviceQualifier()
    case USBDescriptor.Kind.string: model.stringDescriptor(index)
    default: nil
    }
  }

  /// Class requests: interface and entity are in the index, the selector in the value
  /// (UVC 1.1, 4.1).
  private mutating func answerClass(_ setup: USBSetup, data: [UInt8]) -> Answer {
    let interface = UInt8(setup.index & 0xFF)
    let selector = UInt8(setup.value >> 8)
    switch (interface, selector) {
    case (UVC.streamingInterface, UVC.StreamingControl.probe):
      return negotiate(setup.request, data, with: \.probe)
    case (UVC.streamingInterface, UVC.StreamingControl.commit):
      let answer = negotiate(setup.request, data, with: \.commit)
      if setup.request == UVC.Request.setCurrent, answer == .accepted {
        streaming = commit.selection
      }
      return answer
    case (UVC.controlInterface, UVC.InterfaceControl.requestErrorCode):
      return setup.isTowardsHost ? .data([0]) : .stall
    default:
      return .stall
    }
  }

  private mutating func negotiate(
    _ request: UInt8, _ data: [UInt8],
    with control: WritableKeyPath<CameraFunction, StreamNegotiation>
  ) -> Answer {
    switch request {
    case UVC.Request.setCurrent:
      return self[keyPath: control].propose(data) ? .accepted : .stall
    case UVC.Request.getCurrent, UVC.Request.getMinimum, UVC.Request.getMaximum:
      return .data(self[keyPath: control].bytes)
    case UVC.Request.getDefault:
      return .data(StreamNegotiation(formats: model.formats).bytes)
    case UVC.Request.getLength:
      return .data([UInt8(StreamNegotiation.length), 0])
    case UVC.Request.getInfo:
      return .data([3])  // GET and SET are supported (UVC 1.1, table 4-3)
    default:
      return .stall
    }
  }
}

/// Cuts frames into bulk payloads, each with its header (UVC 1.1, 2.4.3.2.2).
struct PayloadPacker {
  private static let headerLength = 2
  private static let frameID: UInt8 = 1
  private static let endOfFrame: UInt8 = 2
  private static let endOfHeader: UInt8 = 0x80

  private var frame: [UInt8] = []
  private var offset = 0
  private var parity: UInt8 = 0

  /// Nothing of the frame is left to send.
  var isEmpty: Bool { offset >= frame.count }

  /// Takes the next frame; the frame id toggles so that the host sees the border.
  mutating func load(_ next: [UInt8]) {
    frame = next
    offset = 0
    parity ^= Self.frameID
  }

  /// Drops what is left of a frame.
  mutating func discard() { offset = frame.count }

  /// The next payload, for a transfer with room for `room` bytes.
  mutating func next(room: Int) -> [UInt8] {
    let capacity = max(0, min(room, UVC.maxPayloadSize) - Self.headerLength)
    let end = min(offset + capacity, frame.count)
    let last = end == frame.count ? Self.endOfFrame : 0
    let header = [UInt8(Self.headerLength), Self.endOfHeader | parity | last]
    defer { offset = end }
    return header + frame[offset..<end]
  }
}
