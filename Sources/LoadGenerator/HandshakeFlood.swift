import Glibc
import Wire

/// Strangers that begin handshakes at a constant rate, from many addresses: some with keys that the
/// device does not know, some with copies of a message that it knows.
public struct HandshakeFlood: ~Copyable {
  /// What became of the handshakes.
  public struct Tally: Sendable {
    public var sent = 0
    /// Answered with message 2: a copy, of use to nobody.
    public var answered = 0
    /// Computed and refused.
    public var refused = 0
    /// Refused before anything was computed.
    public var limited = 0
    /// Connections refused or ended.
    public var closed = 0
    public var seconds = 0.0
  }

  private struct Place {
    var descriptor: Int32 = -1
    var isAwaiting = false
  }

  private let target: Endpoint
  private let first: UInt32
  private let frames: [[UInt8]]
  private let poller: Poller
  private var places: [Place]
  private var tally = Tally()

  /// From `count` addresses from `first` (host byte order) on; `frames` are sent in turn.
  public init(
    to target: Endpoint, from first: UInt32, addresses count: Int, frames: [[UInt8]]
  ) throws(LoadError) {
    self.target = target
    self.first = first
    self.frames = frames
    poller = try Poller()
    places = [Place](repeating: Place(), count: count)
  }

  deinit { for place in places where place.descriptor >= 0 { close(place.descriptor) } }

  /// `rate` handshakes a second in all, for so many seconds.
  public mutating func run(rate: Double, seconds: Double) throws(LoadError) -> Tally {
    tally = Tally()
    let period = 1e9 / rate
    let start = monotonicNs()
    let total = Int(rate * seconds)
    var next = 0
    while next < total {
      let now = monotonicNs()
      while next < total, start + UInt64(Double(next) * period) <= now {
        try attempt(next)
        next += 1
      }
      let due = start + UInt64(Double(next) * period)
      let ready = poller.wait(nanoseconds: max(1, due > now ? due - now : 1))
      for event in 0..<ready { receive(poller.token(event)) }
    }
    tally.seconds = Double(monotonicNs() - start) / 1e9
    return tally
  }

  /// An address does not wait for its last answer: that is what makes it a flood.
  private mutating func attempt(_ number: Int) throws(LoadError) {
    let index = number % places.count
    if places[index].descriptor < 0 {
      let origin = first + UInt32(index)
      guard let descriptor = try startConnecting(to: target, from: origin),
        isReady(descriptor, POLLOUT, 100), connectError(descriptor) == 0
      else {
        tally.closed += 1
        return
      }
      places[index] = Place(descriptor: descriptor)
      try poller.watch(descriptor, token: index, for: Poller.readable)
    }
    // Each address sends all frames in turn, too.
    let frame = frames[(number / places.count + index) % frames.count]
    let sent = Glibc.send(
      places[index].descriptor, frame, frame.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    guard sent == frame.count else { return leave(index) }
    tally.sent += 1
  }

  private mutating func leave(_ index: Int) {
    tally.closed += 1
    close(places[index].descriptor)
    places[index] = Place()
  }

  private mutating func receive(_ index: Int) {
    guard places[index].descriptor >= 0 else { return }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(places[index].descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    guard count > 0 else { return leave(index) }
    var offset = 0
    while offset < count {
      let step = bytes[offset..<count].withUnsafeBytes {
        Header.next(in: $0, ignoringReserved: true)
      }
      guard case .frame(let header, _, let size) = step else { return leave(index) }
      offset += size
      switch Status(rawValue: header.status) {
      case .ok:
        // Now it would have to seal, which it cannot.
        tally.answered += 1
        close(places[index].descriptor)
        places[index] = Place()
        return
      case .rateLimited: tally.limited += 1
      default: tally.refused += 1
      }
    }
  }
}

/// Connections of a client that stand and have said nothing yet; each begins a handshake.
public struct HandshakeBurst: ~Copyable {
  private let descriptors: [Int32]
  private let frames: [[UInt8]]

  /// From as many addresses, so that none exceeds its rate.
  public init(
    _ identity: SealedIdentity, to target: Endpoint, connections count: Int
  ) throws(LoadError) {
    var opened: [Int32] = []
    var frames: [[UInt8]] = []
    for index in 0..<count {
      let origin = Origins.spread(count).address(of: index)
      guard let descriptor = try startConnecting(to: target, from: origin),
        isReady(descriptor, POLLOUT, 5000), connectError(descriptor) == 0
      else { throw .handshake(.timeout) }
      opened.append(descriptor)
      frames.append(try SealedConnection.hello(identity))
    }
    descriptors = opened
    self.frames = frames
  }

  deinit { for descriptor in descriptors { close(descriptor) } }

  /// One handshake after the other, with a pause between two. Returns how many were answered with
  /// message 2.
  public mutating func run(pauseMs: UInt32) throws(LoadError) -> Int {
    var answered = 0
    var bytes = [UInt8](repeating: 0, count: Limits.frameSize)
    for (descriptor, frame) in zip(descriptors, frames) {
      guard Glibc.send(descriptor, frame, frame.count, Int32(MSG_NOSIGNAL)) == frame.count,
        isReady(descriptor, POLLIN, 2000)
      else { continue }
      let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      guard count > 0 else { continue }
      let step = bytes[..<count].withUnsafeBytes { Header.next(in: $0, ignoringReserved: true) }
      if case .frame(let header, _, _) = step, header.status == 0 { answered += 1 }
      usleep(pauseMs * 1000)
    }
    return answered
  }
}
