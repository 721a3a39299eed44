import Glibc
import Noise
import Wire

/// One user of a crowd and its connection, plain or sealed.
///
/// A class, because the secrets of a session must not move: they stand where they were made.
final class User {
  /// The deepest pipelining.
  static let deepest = 128

  enum Phase {
    /// No connection, and none is being made.
    case away
    /// The kernel is at it.
    case connecting
    /// The device has to answer a first request: a handshake, or a ping where there is none.
    case greeting
    /// The device was too busy for its greeting, and has said when to greet it again.
    case putOff
    /// It may ask.
    case present
  }

  /// A request under way.
  struct Pending {
    var label: Int
    var id: UInt32
    var kind: Kind
    /// When it was to be sent, and when it was.
    var intended: UInt64
    var sent: UInt64
  }

  let newcomer: Newcomer
  var phase = Phase.away
  var descriptor: Int32 = -1
  /// Where it has an address of its own.
  var port: OwnPort?
  /// When the present phase has to be over, in nanoseconds since boot.
  var deadline: UInt64 = .max
  var arrivedAt: UInt64 = 0
  /// Since when it could be given a request.
  var freeSince: UInt64 = 0
  /// Whether it belongs to the present stage.
  var isWanted = false
  /// It was told to ask no sooner.
  private(set) var pausedUntil: UInt64 = 0
  /// What epoll watches its socket for.
  var interest: UInt32 = 0
  /// It stands in the line of those that can be given a request (open model).
  var isInLine = false
  /// It has an appointment to go on, to come, or to come again.
  var isExpected = false
  /// Requests under way, the oldest first.
  var pending: [Pending] = []
  /// An incomplete frame.
  var held: [UInt8] = []
  /// What the socket has not taken yet.
  var unsent: [UInt8] = []
  private var lastID: UInt32 = 0

  private var transport = Transport()
  private var pair = KeyPair()
  private var initiator: Initiator?

  init(_ newcomer: Newcomer) {
    self.newcomer = newcomer
    pending.reserveCapacity(newcomer.depth)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  var isSealed: Bool { newcomer.identity != nil }

  /// Whether it may be given another request.
  var hasRoom: Bool { phase == .present && unsent.isEmpty && pending.count < newcomer.depth }

  /// Something of its is under way.
  var isBusy: Bool {
    switch phase {
    case .away, .putOff: false
    case .connecting, .greeting: true
    case .present: !pending.isEmpty
    }
  }

  func pause(until time: UInt64) { pausedUntil = max(pausedUntil, time) }

  func nextID() -> UInt32 {
    lastID &+= 1
    return lastID
  }

  /// Waits to greet again, over the same connection.
  func putOff() {
    phase = .putOff
    deadline = .max
    held.removeAll()
    initiator = nil
  }

  /// Closes its connection and forgets what belonged to it.
  func hangUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    port = nil
    interest = 0
    pausedUntil = 0
    phase = .away
    deadline = .max
    pending.removeAll(keepingCapacity: true)
    held.removeAll()
    unsent.removeAll()
    initiator = nil
  }

  // MARK: Frames

  /// Writes a request to the front of `room`, which has room for a frame. Returns its size.
  func encode(_ ask: Ask, id: UInt32, into room: UnsafeMutableRawBufferPointer) -> Int {
    ask.payload.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: room[Limits.headerSize...]).copyMemory(from: $0)
    }
    let size = Header(kind: ask.kind.rawValue, requestID: id).seal(
      room, payloadSize: ask.payload.count)
    guard isSealed, phase == .present else { return size }
    return SealedFrame.seal(room, size: size, with: &transport)
  }

  enum Step {
    case frame(Header, UnsafeRawBufferPointer, size: Int)
    case incomplete
    case wrong
  }

  /// The frame at the front of what has come.
  func nextFrame(in bytes: UnsafeMutableRawBufferPointer) -> Step {
    guard isSealed, phase == .present else {
      switch Header.next(in: UnsafeRawBufferPointer(bytes), ignoringReserved: true) {
      case .frame(let header, let payload, let size): return .frame(header, payload, size: size)
      case .incomplete: return .incomplete
      case .refused: return .wrong
      }
    }
    switch SealedFrame.next(in: bytes, with: &transport, ignoringReserved: true) {
    case .opened(let header, let payload, let size): return .frame(header, payload, size: size)
    case .incomplete: return .incomplete
    case .refused: return .wrong
    }
  }

  // MARK: Greeting

  /// What it says first: message 1 of its handshake, or a ping. nil: its key is none.
  func greeting() -> [UInt8]? {
    guard let identity = newcomer.identity else {
      return SealedConnection.plainFrame(.ping, id: nextID(), [])
    }
    transport = Transport()
    identity.key.withUnsafeBytes { pair.load($0) }
    var initiator = SealedConnection.begin(with: identity.device)
    let frame = try? SealedConnection.hello("", &initiator, pair)
    self.initiator = consume initiator
    return frame
  }

  /// Reads the answer to the greeting; false: it is none, or of another device.
  func welcome(_ header: Header, _ payload: UnsafeRawBufferPointer) -> Bool {
    guard let identity = newcomer.identity else {
      return header.isReply && header.kind == Kind.ping.rawValue && header.requestID == lastID
    }
    guard header.kind == Kind.handshake.rawValue, payload.count > HandshakeForm.size,
      var initiator = initiator.take()
    else { return false }
    var message = Array(payload[HandshakeForm.size...])
    return message.withUnsafeMutableBytes { message in
      identity.secret.withUnsafeBytes { secret in
        (try? initiator.read(message, key: pair, psk: secret, transport: &transport)) != nil
      }
    }
  }
}
