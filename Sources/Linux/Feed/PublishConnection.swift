import Appliance
import CLinux
import Feed
import Wire

/// The connection of a feed to MediaMTX: made and made again for as long as there is one to publish
/// to. Packets of a picture are written back to back and sent with one call; a picture goes out as
/// a whole or not at all.
struct PublishConnection: ~Copyable {
  /// Bytes of the largest picture in packets, and some requests.
  private static let bufferSize = 3 << 20
  /// Between two tries: the first, and the most.
  private static let retryMs: UInt64 = 50
  private static let retryCapMs: UInt64 = 500
  /// A server that takes nothing for this long is dead.
  private static let stuckMs: UInt64 = 2000
  private static let answerSize = 4096

  private enum State {
    /// There is nobody to publish to.
    case silent
    case resting(untilMs: UInt64)
    case connecting(Int32, untilMs: UInt64)
    case open(Int32, Publisher)
  }

  private var state = State.silent
  private var target: RTSPTarget?
  private var failures: UInt64 = 0
  private let buffer: UnsafeMutableRawBufferPointer
  private let answers: UnsafeMutableRawBufferPointer
  /// What of the buffer is not sent yet.
  private var unsent = 0..<0
  private var movedAtMs: UInt64 = 0
  private var reportAtMs: UInt64 = 0
  private(set) var stream: RTPStream
  var clock: RTPClock
  /// Set with every new connection, whose descriptor may have the number of the last one.
  var isNew = false
  /// The RTSP status of the last refusal; 0: none.
  private(set) var refusal: UInt16 = 0
  private(set) var pictures: UInt64 = 0
  private(set) var bytes: UInt64 = 0
  /// The description of what is published; nil: not known yet.
  private var description: SessionDescription?

  init(payloadType: UInt8) {
    guard let memory = lx_reserve(Self.bufferSize + Self.answerSize) else {
      preconditionFailure("no address space for a feed")
    }
    buffer = UnsafeMutableRawBufferPointer(start: memory, count: Self.bufferSize)
    answers = UnsafeMutableRawBufferPointer(
      start: memory + Self.bufferSize, count: Self.answerSize)
    stream = Self.stream(payloadType)
    clock = RTPClock(base: Self.random())
  }

  /// Every connection is a stream of its own (RFC 3550, section 5.1: random start values).
  private static func stream(_ payloadType: UInt8) -> RTPStream {
    RTPStream(
      payloadType: payloadType, source: random(),
      sequence: UInt16(truncatingIfNeeded: random()))
  }

  private static func random() -> UInt32 {
    var value: UInt32 = 0
    withUnsafeMutableBytes(of: &value) { lx_random($0.baseAddress!, $0.count) }
    return value
  }

  // MARK: Wishes

  /// There is somebody to publish to from now on: whatever was begun begins anew.
  mutating func publish(to target: RTSPTarget, nowMs: UInt64) {
    drop()
    self.target = target
    failures = 0
    state = .resting(untilMs: nowMs)
  }

  mutating func silence() {
    drop()
    target = nil
    state = .silent
  }

  /// What is published; it must not change while a connection stands.
  mutating func describe(_ description: SessionDescription, payloadType: UInt8) {
    guard self.description != description else { return }
    if self.description != nil, stream.payloadType != payloadType { drop() }
    self.description = description
    if stream.payloadType != payloadType { stream = Self.stream(payloadType) }
  }

  var stage: PublishStage {
    switch state {
    case .silent: .silent
    case .resting: refusal != 0 ? .refused : .connecting
    case .connecting: .connecting
    case .open(_, let publisher): publisher.stage == .recording ? .recording : .connecting
    }
  }

  /// A picture can be sent now.
  var isReady: Bool {
    guard case .open(_, let publisher) = state else { return false }
    return publisher.stage == .recording && unsent.isEmpty
  }

  /// The descriptor to watch, and whether room to write is waited for.
  var watched: (descriptor: Int32, writing: Bool)? {
    switch state {
    case .silent, .resting: nil
    case .connecting(let descriptor, _): (descriptor, true)
    case .open(let descriptor, let publisher):
      (descriptor, !unsent.isEmpty || publisher.hasRequest)
    }
  }

  var nextDeadlineMs: UInt64 {
    switch state {
    case .silent: .max
    case .resting(let untilMs): description == nil ? .max : untilMs
    case .connecting(_, let untilMs): untilMs
    case .open(_, let publisher):
      unsent.isEmpty
        ? publisher.nextDeadlineMs
        : min(
          publisher.nextDeadlineMs, movedAtMs + Self.stuckMs)
    }
  }

  // MARK: Pictures

  /// Sends a picture that `packetizer` has begun. Returns false when it could not.
  mutating func send<Pictures: Packetizer>(
    _ packetizer: inout Pictures, ns: UInt64, nowMs: UInt64
  ) -> Bool {
    guard isReady, case .open(_, let publisher) = state else { return false }
    var filled = writeReport(ns: ns, nowMs: nowMs, channel: publisher.channel)
    let start = filled
    while !packetizer.isDone {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      guard room.count >= InterleavedHeader.size + RTPStream.packetSize else { return false }
      filled += packetizer.fill(room, on: &stream, channel: publisher.channel)
    }
    pictures += 1
    bytes += UInt64(filled - start)
    unsent = 0..<filled
    movedAtMs = nowMs
    flush(nowMs: nowMs)
    return true
  }

  private mutating func writeReport(ns: UInt64, nowMs: UInt64, channel: UInt8) -> Int {
    guard nowMs >= reportAtMs else { return 0 }
    reportAtMs = nowMs + SenderReport.intervalMs
    let unixNs = lx_wall_time_ms() * 1_000_000
    let ageNs = nowMs * 1_000_000 - min(nowMs * 1_000_000, ns)
    let report = SenderReport(
      unixNs: unixNs - min(unixNs, ageNs), timestamp: clock.timestamp(ns: ns))
    let body = UnsafeMutableRawBufferPointer(rebasing: buffer[InterleavedHeader.size...])
    let size = report.write(about: stream, into: body)
    InterleavedHeader.write(channel: channel + 1, size: size, into: buffer)
    return InterleavedHeader.size + size
  }

  // MARK: What happens

  /// Looks at everything: time, what can be read and written.
  mutating func advance(nowMs: UInt64) {
    switch state {
    case .silent: return
    case .resting(let untilMs):
      guard nowMs >= untilMs, let target, description != nil else { return }
      connect(target, nowMs: nowMs)
    case .connecting(let descriptor, let untilMs):
      let failure = lx_connected(descriptor)
      if failure == 1 {
        guard let target, let description else { return fail(nowMs: nowMs) }
        stream = Self.stream(stream.payloadType)
        reportAtMs = nowMs
        state = .open(descriptor, Publisher(target: target, description: description))
        advance(nowMs: nowMs)
      } else if failure < 0 || nowMs >= untilMs {
        fail(nowMs: nowMs)
      }
    case .open(let descriptor, var publisher):
      receive(descriptor, &publisher, nowMs: nowMs)
      publisher.tick(nowMs: nowMs)
      if case .failed(let failure) = publisher.stage {
        if case .refused(let status) = failure { refusal = status }
        if failure == .authenticationNotOffered || failure == .credentialsMissing { refusal = 401 }
        return fail(nowMs: nowMs)
      }
      if publisher.stage == .recording {
        failures = 0
        refusal = 0
      }
      if unsent.isEmpty {
        let size = publisher.write(into: buffer, nowMs: nowMs)
        unsent = 0..<size
        movedAtMs = nowMs
      }
      state = .open(descriptor, publisher)
      flush(nowMs: nowMs)
    }
  }

  private mutating func connect(_ target: RTSPTarget, nowMs: UInt64) {
    let descriptor = lx_connect(target.address, target.port)
    guard descriptor >= 0 else { return fail(nowMs: nowMs) }
    isNew = true
    state = .connecting(descriptor, untilMs: nowMs + Self.stuckMs)
  }

  private func receive(_ descriptor: Int32, _ publisher: inout Publisher, nowMs: UInt64) {
    while true {
      let count = lx_receive(descriptor, answers.baseAddress!, answers.count)
      if count == -Int64(LX_EAGAIN.rawValue) { return }
      guard count > 0 else { return publisher.closed() }
      publisher.receive(UnsafeRawBufferPointer(rebasing: answers[..<Int(count)]), nowMs: nowMs)
      if case .failed = publisher.stage { return }
    }
  }

  private mutating func flush(nowMs: UInt64) {
    guard case .open(let descriptor, _) = state, !unsent.isEmpty else { return }
    let start = buffer.baseAddress! + unsent.lowerBound
    let count = lx_send(descriptor, start, unsent.count)
    if count > 0 {
      unsent = unsent.lowerBound + Int(count)..<unsent.upperBound
      movedAtMs = nowMs
    } else if count != -Int64(LX_EAGAIN.rawValue) || nowMs >= movedAtMs + Self.stuckMs {
      fail(nowMs: nowMs)
    }
  }

  private mutating func fail(nowMs: UInt64) {
    drop()
    let delay = min(Self.retryMs << min(failures, 8), Self.retryCapMs)
    failures += 1
    state = target == nil ? .silent : .resting(untilMs: nowMs + delay)
  }

  private mutating func drop() {
    switch state {
    case .silent, .resting: break
    case .connecting(let descriptor, _), .open(let descriptor, _): lx_close(descriptor)
    }
    unsent = 0..<0
    state = target == nil ? .silent : .resting(untilMs: 0)
  }
}
