import Foundation

/// Our connection to the serial console for as long as a command takes.
struct SerialLine {
  private let socket: StreamSocket

  init(path: String) throws {
    socket = try StreamSocket.connect(toUnixSocket: path)
    // What the board says is read from its log; here it must only not pile up, since QEMU would
    // hold the console back.
    let thread = Thread { [socket] in
      while !socket.receive().isEmpty {}
    }
    thread.start()
  }

  func type(_ text: String) throws { try socket.send(Array(text.utf8)) }

  func hangUp() { socket.shut() }
}

/// Ports of 127.0.0.1.
enum HostPort {
  /// Throws, with the way out, when a TCP port cannot be had.
  static func check(_ port: UInt16) throws {
    let descriptor = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemCallError("no socket") }
    defer { close(descriptor) }
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      throw BoardError(
        "Port \(port) of 127.0.0.1 is in use: end what uses it, or choose another with "
          + "--control-port or --rtsp-port.")
    }
  }
}
