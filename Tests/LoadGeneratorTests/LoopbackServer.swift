import Foundation
import Glibc
import LoadGenerator
import Wire

/// A server on loopback that answers pings of Watchpost's protocol, or misbehaves as told.
final class LoopbackServer: Sendable {
  enum Conduct: Sendable {
    case answers
    /// Every connection is told `busy`.
    case refuses
    /// Every connection is closed after so many answers.
    case closes(after: Int)
    /// Answers with a byte changed.
    case damages
    /// Does nothing for so many milliseconds, once, after so many answers.
    case pauses(after: Int, milliseconds: UInt32)
    case staysSilent
  }

  let endpoint: Endpoint
  private let listener: Int32
  private let conduct: Conduct

  init(_ conduct: Conduct) throws {
    self.conduct = conduct
    (listener, endpoint) = try listenOnLoopback()
    Thread.detachNewThread { [listener, conduct] in
      var service = Service(listener: listener, conduct: conduct)
      service.run()
    }
  }

  /// Ends the thread, which then closes everything.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }
}

/// A listener at a free port, and where it is.
func listenOnLoopback() throws -> (listener: Int32, endpoint: Endpoint) {
  let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let listens = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(listener, $0, size) == 0 && listen(listener, 128) == 0
        && getsockname(listener, $0, &size) == 0
    }
  }
  guard listens else { throw LoadError.system("listen", errno) }
  return (listener, Endpoint(port: UInt16(bigEndian: address.sin_port)))
}

private struct Service {
  let listener: Int32
  let conduct: LoopbackServer.Conduct
  var entries: [pollfd] = []
  var held: [Int32: [UInt8]] = [:]
  var answers: [Int32: Int] = [:]
  var total = 0

  init(listener: Int32, conduct: LoopbackServer.Conduct) {
    self.listener = listener
    self.conduct = conduct
    entries = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
  }

  mutating func run() {
    while poll(&entries, nfds_t(entries.count), -1) > 0 {
      if entries[0].revents != 0 {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { break }
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        if case .refuses = conduct { send(busy, to: descriptor) }
      }
      for entry in entries.dropFirst() where entry.revents != 0 { serve(entry.fd) }
    }
    for entry in entries { close(entry.fd) }
  }

  private mutating func serve(_ descriptor: Int32) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return drop(descriptor) }
    if case .staysSilent = conduct { return }
    var bytes = held[descriptor, default: []] + buffer[..<count]
    while let reply = reply(&bytes) {
      answers[descriptor, default: 0] += 1
      total += 1
      if case .pauses(let after, let milliseconds) = conduct, total == after {
        usleep(milliseconds * 1000)
      }
      send(reply, to: descriptor)
      if case .closes(let after) = conduct, answers[descriptor] == after {
        return drop(descriptor)
      }
    }
    held[descriptor] = bytes
  }

  /// The answer to the first frame of `bytes`, which it takes away; nil without a whole one.
  private func reply(_ bytes: inout [UInt8]) -> [UInt8]? {
    let parsed: (Header, [UInt8], Int)? = bytes.withUnsafeBytes {
      guard case .frame(let header, let payload, let size) = Header.next(in: $0) else { return nil }
      return (header, Array(payload), size)
    }
    guard let (header, payload, size) = parsed else { return nil }
    bytes.removeFirst(size)
    var reply = [UInt8](repeating: 0, count: Limits.headerSize) + payload
    reply.withUnsafeMutableBytes { _ = header.reply().seal($0, payloadSize: payload.count) }
    if case .damages = conduct { reply[9] ^= 0x80 }
    return reply
  }

  private var busy: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    let size = bytes.withUnsafeMutableBytes { Frame.refusal(to: nil, .busy, into: $0) }
    return Array(bytes[..<size])
  }

  private func send(_ bytes: [UInt8], to descriptor: Int32) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  private mutating func drop(_ descriptor: Int32) {
    close(descriptor)
    entries.removeAll { $0.fd == descriptor }
    held[descriptor] = nil
    answers[descriptor] = nil
  }
}
