import Appliance
import Wire

/// A frame that the device has sent.
struct Reply: Equatable, CustomStringConvertible {
  var kind: UInt16
  var id: UInt32
  var status: UInt16
  var payload: [UInt8] = []

  var description: String {
    "kind \(kind) id \(id) status \(status) with \(payload.count) bytes"
  }
}

/// A client's end of a connection.
final class Line {
  private let device: Device
  private let number: Int32
  private let wire: Wires.Wire
  let address: IPv4
  let holder: Holder
  private var initiation: Initiation?
  private(set) var keys: FrameKeys?
  private(set) var welcome: Welcome?
  /// What must be noted when it ends as it is now, and of whose key.
  var pending: (code: AuditCode, key: String)?

  init(_ device: Device, _ holder: Holder, from address: IPv4) {
    self.device = device
    self.holder = holder
    self.address = address
    number = device.loop.system.connect(from: address)
    wire = device.loop.system.wires[number]!
  }

  /// The device has ended it: nothing more will come.
  var isEnded: Bool { wire.closed || wire.shutDown }

  /// Hands over bytes, in one piece or in several, and lets the device answer.
  func send(_ pieces: [[UInt8]]) {
    for piece in pieces where !piece.isEmpty { wire.append(piece) }
    device.settle()
  }

  /// The client leaves. The device must notice.
  func leave() {
    wire.ended = true
    device.settle()
  }

  /// Nobody will look at it again. False: the device still holds it.
  func forget() -> Bool {
    device.loop.system.wires[number] = nil
    return wire.closed
  }

  // MARK: Handshake

  /// Message 1 in its frame.
  func hello(
    _ plan: (inout Initiation.Plan) -> Void = { _ in }, ephemeral: [UInt8], id: UInt32 = 1
  ) -> [UInt8] {
    var chosen = Initiation.Plan(device: device.key)
    plan(&chosen)
    let initiation = Initiation(chosen, identity: holder.privateKey, ephemeral: ephemeral)
    self.initiation = initiation
    return frame(.handshake, id: id, [1, 0, 0, 0, 0, 0, 0, 0] + initiation.message)
  }

  /// Reads message 2; false: it does not fit what this client knows.
  func accept(_ reply: Reply) -> Bool {
    guard reply.status == 0, reply.kind == Kind.handshake.rawValue, reply.payload.count > 8,
      reply.payload[..<8] == [1, 0, 0, 0, 0, 0, 0, 0]
    else { return false }
    let message = Array(reply.payload[8...])
    guard let (payload, keys) = initiation?.finish(message, psk: holder.psk) else { return false }
    self.keys = keys
    welcome = payload.withUnsafeBytes {
      var reader = ByteReader($0)
      return Welcome(from: &reader)
    }
    return true
  }

  // MARK: Frames

  func seal(_ frame: [UInt8]) -> [UInt8] { keys?.seal(frame) ?? [] }

  /// All plain frames that have come; nil: something else has.
  func readPlain(most: Int = .max) -> [Reply]? {
    var replies: [Reply] = []
    while replies.count < most, !wire.received.isEmpty {
      var taken = 0
      let reply = wire.received.withUnsafeBytes { bytes -> Reply? in
        guard case .frame(let header, let payload, let size) = Header.next(in: bytes) else {
          return nil
        }
        taken = size
        return Reply(
          kind: header.kind, id: header.requestID, status: header.status, payload: Array(payload))
      }
      guard let reply else { return nil }
      wire.received.removeFirst(taken)
      replies.append(reply)
    }
    return replies
  }

  /// All sealed frames that have come; nil: something that this client cannot open.
  func read() -> [Reply]? {
    var replies: [Reply] = []
    while !wire.received.isEmpty {
      guard let (inner, size) = keys?.open(wire.received[...]), inner.count >= 24 else {
        return nil
      }
      wire.received.removeFirst(size)
      func word(_ offset: Int) -> UInt16 { UInt16(inner[offset]) | UInt16(inner[offset + 1]) << 8 }
      replies.append(
        Reply(
          kind: word(6), id: UInt32(word(8)) | UInt32(word(10)) << 16, status: word(12),
          payload: Array(inner[24...])))
    }
    return replies
  }

  /// What came and was not read.
  var unread: [UInt8] { wire.received }
}

/// A plain frame of a request.
func frame(_ kind: Kind, id: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
  frame(kind.rawValue, id: id, payload)
}

func frame(_ kind: UInt16, id: UInt32, _ payload: [UInt8]) -> [UInt8] {
  var frame = [UInt8](repeating: 0, count: Limits.headerSize) + payload
  frame.withUnsafeMutableBytes {
    _ = Header(kind: kind, requestID: id).seal($0, payloadSize: payload.count)
  }
  return frame
}
