import CLinux

/// One accepted TCP connection.
final class Connection {
  enum Service {
    case api, metrics, playback, rtsp
    /// The stand-in is the client, and pulls a stream.
    case source
    /// A server that is only there to be seen listening.
    case other
  }

  static let maximumInput = 256 * 1024
  /// Media beyond this waiting for a slow reader is discarded.
  static let maximumQueuedMedia = 1024 * 1024

  let id = randomIdentifier()
  let descriptor: Int32
  let service: Service
  /// "address:port".
  let peer: String
  /// Nanoseconds since 1970.
  let created: Nanoseconds

  var input: [UInt8] = []
  private(set) var output: [UInt8] = []
  private var sent = 0
  /// An answer that is being held back, and until when (monotonic).
  private(set) var held: (bytes: [UInt8], until: Nanoseconds)?
  var closesWhenSent = false
  /// Why it ends, once it does.
  var ending: String?
  var inboundBytes: UInt64 = 0
  var outboundBytes: UInt64 = 0
  /// When media last arrived (monotonic).
  var lastMedia: Nanoseconds = 0
  var session: Session?
  /// Whose connection it is, where the stand-in is the client.
  var source: RTSPSource?
  let nonce = randomIdentifier()

  init(descriptor: Int32, service: Service, peer: String) {
    self.descriptor = descriptor
    self.service = service
    self.peer = peer
    created = si_realtime_ns()
  }

  /// The peer's address without its port.
  var address: String {
    guard let colon = peer.lastIndex(of: ":") else { return peer }
    let host = String(peer[..<colon])
    return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
  }

  var queued: Int { output.count - sent }
  var wantsToSend: Bool { queued > 0 }
  /// Requests wait while an answer is held, so that answers keep their order.
  var isHolding: Bool { held != nil }

  func send(_ bytes: [UInt8]) { output += bytes }

  func send(_ bytes: [UInt8], at due: Nanoseconds) { held = (bytes, due) }

  func releaseHeld(now: Nanoseconds) {
    guard let waiting = held, now >= waiting.until else { return }
    held = nil
    output += waiting.bytes
  }

  /// Reads what is there; says why when nothing more will come.
  func receive(into scratch: inout [UInt8]) -> String? {
    let count = scratch.withUnsafeMutableBytes {
      si_receive(descriptor, $0.baseAddress!, $0.count)
    }
    if count == -11 || count == -4 { return nil }  // EAGAIN, EINTR
    if count == 0 { return "EOF" }
    if count < 0 { return FileError(code: Int32(-count)).reason }
    inboundBytes += UInt64(count)
    input += scratch[..<Int(count)]
    return input.count <= Connection.maximumInput ? nil : "message too long"
  }

  /// Sends what the kernel takes; says why when the connection is gone.
  func flush() -> String? {
    while sent < output.count {
      let count = output.withUnsafeBytes {
        si_send(descriptor, $0.baseAddress! + sent, $0.count - sent)
      }
      if count == -11 || count == -4 { return nil }
      if count <= 0 { return "write: " + FileError(code: Int32(-count)).reason }
      sent += Int(count)
      outboundBytes += UInt64(count)
    }
    output.removeAll(keepingCapacity: true)
    sent = 0
    return nil
  }
}
