import Glibc
import Wire

/// A blocking connection to the control port, as plain as a client can be.
final class Connection {
  private let descriptor: Int32

  /// `source`: the address that it comes from, one of loopback; 0: the usual one.
  init(_ agent: AgentProcess, from source: UInt32 = 0) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if source != 0 {
      var own = loopback(0)
      own.sin_addr.s_addr = source.bigEndian
      let bound = withUnsafePointer(to: &own) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard bound == 0 else { throw TestError("bind: errno \(errno)") }
    }
    var address = loopback(agent.port)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw TestError("connect: errno \(errno)") }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws {
    guard !bytes.isEmpty else { return }
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    else { throw TestError("send: errno \(errno)") }
  }

  /// Ends our direction.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What has come, at most 64 KiB; empty at the end of the stream.
  func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count >= 0 else { throw TestError("recv: errno \(errno)") }
    return Array(buffer[..<count])
  }

  /// Everything until the end of the stream.
  func receiveAll() throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let more = try receive()
      if more.isEmpty { return all }
      all += more
    }
  }

  /// The next frame's header.
  func reply() throws -> Header {
    var bytes: [UInt8] = []
    while true {
      let more = try receive()
      guard !more.isEmpty else { throw TestError("the stream has ended") }
      bytes += more
      if let first = try headers(bytes, partial: true).first { return first }
    }
  }
}

extension Connection {
  /// Asks for the health report.
  func health() throws -> HealthReport {
    try send(request(.health))
    var bytes: [UInt8] = []
    while bytes.count < Limits.headerSize + HealthReport.size {
      let more = try receive()
      guard !more.isEmpty else { throw TestError("the stream has ended") }
      bytes += more
    }
    return try bytes[Limits.headerSize...].withUnsafeBytes { try HealthReport.decode($0) }
  }
}

/// A request without a payload.
func request(_ kind: Kind) -> [UInt8] {
  var frame = [UInt8](repeating: 0, count: Limits.headerSize)
  frame.withUnsafeMutableBytes {
    _ = Header(kind: kind.rawValue, requestID: 1).seal($0, payloadSize: 0)
  }
  return frame
}

/// The headers of all frames in `bytes`, which must end with one unless `partial`.
func headers(_ bytes: [UInt8], partial: Bool = false) throws -> [Header] {
  var result: [Header] = []
  var at = 0
  while at < bytes.count {
    let size: Int = try bytes[at...].withUnsafeBytes { rest in
      switch Header.next(in: rest) {
      case .frame(let header, _, let size):
        result.append(header)
        return size
      case .incomplete:
        if partial { return rest.count }
        throw TestError("the stream ends in the middle of a frame")
      case .refused(let error, _, _): throw TestError("a bad frame came back: \(error)")
      }
    }
    at += size
  }
  return result
}

/// A ping of `count` bytes.
func ping(id: UInt32, count: Int = 4) -> [UInt8] {
  var frame = [UInt8](repeating: 0xA5, count: Limits.headerSize + count)
  frame.withUnsafeMutableBytes {
    _ = Header(kind: Kind.ping.rawValue, requestID: id).seal($0, payloadSize: count)
  }
  return frame
}
