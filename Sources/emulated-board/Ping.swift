import Foundation
import Wire

/// The smallest proof that a control port works: one ping, answered with the same bytes.
enum Ping {
  /// Whether whatever listens at a port of 127.0.0.1 answers a ping in time. Blocks.
  static func isAnswered(by port: UInt16, within patience: Duration) -> Bool {
    let descriptor = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 0, tv_usec: Int(patience / .microseconds(1)))
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard connect(descriptor, toPort: port) else { return false }
    let echo = (0..<8).map { _ in UInt8.random(in: 0...255) }
    let request = frame(payload: echo)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      return false
    }
    return receivesReply(descriptor, payload: echo)
  }

  private static func connect(_ descriptor: Int32, toPort port: UInt16) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func frame(payload: [UInt8]) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: Limits.headerSize) + payload
    let header = Header(kind: Kind.ping.rawValue, requestID: 1)
    _ = frame.withUnsafeMutableBytes { header.seal($0, payloadSize: payload.count) }
    return frame
  }

  private static func receivesReply(_ descriptor: Int32, payload: [UInt8]) -> Bool {
    var received = [UInt8](repeating: 0, count: Limits.headerSize + payload.count)
    var count = 0
    while count < received.count {
      let result = received.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress! + count, $0.count - count)
      }
      guard result > 0 else { return false }
      count += result
    }
    return received.withUnsafeBytes { bytes in
      guard case .frame(let header, let echo, _) = Header.next(in: bytes, ignoringReserved: true)
      else { return false }
      return header.isReply && header.kind == Kind.ping.rawValue && echo.elementsEqual(payload)
    }
  }
}
