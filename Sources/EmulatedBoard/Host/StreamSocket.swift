import Foundation
import Synchronization

/// A system call that failed, with the way out where there is a usual one.
public struct SystemCallError: Error, CustomStringConvertible {
  public let what: String
  public let code: Int32

  public init(_ what: String, code: Int32 = errno) { (self.what, self.code) = (what, code) }

  public var description: String { "\(what): \(String(cString: strerror(code)))" }
}

/// A connected stream socket or one end of a pipe. Blocking; one thread reads, any thread writes.
final class StreamSocket: Sendable {
  let descriptor: Int32
  /// Keeps writes of several threads apart.
  private let writing = Mutex(())

  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects to a Unix socket. The kernel takes addresses of at most 107 bytes; a longer path is
  /// reached through its folder's descriptor.
  static func connect(toUnixSocket path: String) throws -> StreamSocket {
    var address = sockaddr_un()
    let room = MemoryLayout.size(ofValue: address.sun_path) - 1
    let url = URL(fileURLWithPath: path)
    let folder = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    guard folder >= 0 else { throw SystemCallError("cannot open the folder of \(path)") }
    defer { close(folder) }
    let short = "/proc/self/fd/\(folder)/\(url.lastPathComponent)"
    let name = path.utf8.count <= room ? path : short
    guard name.utf8.count <= room else {
      throw SystemCallError("the name of \(path) is too long", code: ENAMETOOLONG)
    }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Self.closeOnExec, 0)
    guard descriptor >= 0 else { throw SystemCallError("no socket") }
    let stream = StreamSocket(owning: descriptor)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { throw SystemCallError("cannot connect to \(path)") }
    return stream
  }

  /// Two sockets that are connected to each other.
  static func pair() throws -> (StreamSocket, StreamSocket) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Self.closeOnExec, 0, &ends) == 0 else {
      throw SystemCallError("no pair of sockets")
    }
    return (StreamSocket(owning: ends[0]), StreamSocket(owning: ends[1]))
  }

  /// A pipe: what is written to the second can be read from the first. The C library's way to make
  /// one that no child inherits (`pipe2`) is not visible from Swift; a FIFO that loses its name at
  /// once is the same thing.
  static func pipe() throws -> (read: StreamSocket, write: StreamSocket) {
    let path = NSTemporaryDirectory() + "/watchpost-\(UUID().uuidString)"
    guard mkfifo(path, 0o600) == 0 else { throw SystemCallError("cannot make \(path)") }
    defer { unlink(path) }
    let source = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard source >= 0 else { throw SystemCallError("cannot open \(path)") }
    let read = StreamSocket(owning: source)
    let sink = open(path, O_WRONLY | O_CLOEXEC)
    guard sink >= 0 else { throw SystemCallError("cannot open \(path)") }
    let write = StreamSocket(owning: sink)
    _ = fcntl(source, F_SETFL, fcntl(source, F_GETFL) & ~O_NONBLOCK)
    return (read, write)
  }

  /// Some bytes, as soon as there are any; empty when the peer has ended or the socket was shut.
  func receive(upTo limit: Int = 65536) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      var result: Int
      repeat {
        result = read(descriptor, buffer.baseAddress, limit)
      } while result < 0
        && errno == EINTR
      count = max(0, result)
    }
  }

  /// Reads lines into a journal, which ends when the peer has ended.
  func readLines(into journal: Journal<String>, name: String) {
    let thread = Thread { [self] in
      var lines = LineSplitter()
      while case let bytes = receive(), !bytes.isEmpty {
        for line in lines.append(bytes) { journal.append(line) }
      }
      if !lines.rest.isEmpty { journal.append(lines.rest) }
      journal.end()
    }
    thread.name = name
    thread.start()
  }

  /// Writes all of it.
  func send(_ bytes: [UInt8]) throws {
    try writing.withLock { _ in
      try bytes.withUnsafeBytes { buffer in
        var offset = 0
        while offset < buffer.count {
          // No SIGPIPE: an ended peer is an error like any other.
          let result = Glibc.send(
            descriptor, buffer.baseAddress! + offset, buffer.count - offset,
            Int32(MSG_NOSIGNAL))
          if result < 0, errno == EINTR { continue }
          guard result > 0 else { throw SystemCallError("cannot write to the socket") }
          offset += result
        }
      }
    }
  }

  /// Ends the connection; a thread that reads comes back.
  func shut() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  private static var closeOnExec: Int32 { Int32(SOCK_CLOEXEC.rawValue) }
}

/// Collects bytes and hands out whole lines, without their end (LF, or CR LF as consoles send it).
struct LineSplitter {
  private var pending: [UInt8] = []

  mutating func append(_ bytes: [UInt8]) -> [String] {
    pending += bytes
    var lines: [String] = []
    var start = 0
    while let end = pending[start...].firstIndex(of: 0x0A) {
      let line = pending[start..<end]
      let trimmed = line.drop { $0 == 0x0D }.reversed().drop { $0 == 0x0D }.reversed()
      lines.append(String(decoding: trimmed, as: UTF8.self))
      start = end + 1
    }
    pending.removeFirst(start)
    return lines
  }

  /// What has come after the last line's end.
  var rest: String { String(decoding: pending, as: UTF8.self) }
}
