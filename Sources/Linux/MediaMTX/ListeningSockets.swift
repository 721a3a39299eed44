import Appliance
import CLinux
import Wire

/// The sockets on which a process waits for strangers, found in /proc.
///
/// A newer MediaMTX may switch on a server that no older one had, and open its ports to everybody.
/// Nothing but the kernel's own list tells.
public struct ListeningSockets: Equatable, Sendable {
  /// Sockets that are looked at; a device that has more of its own has other problems.
  public static let capacity = 64

  /// One socket that waits.
  public struct Socket: Equatable, Sendable {
    public enum Kind: UInt8, Sendable { case stream, datagram }
    /// Who can reach it. `other` is an address of an interface.
    public enum Reach: UInt8, Sendable { case loopback, everybody, other }

    public var kind: Kind
    public var reach: Reach
    public var port: UInt16
    var inode: UInt64

    public static func == (left: Self, right: Self) -> Bool {
      left.kind == right.kind && left.reach == right.reach && left.port == right.port
    }
  }

  public enum Verdict: Equatable, Sendable {
    case asWanted
    /// A socket that should be there is not, or reaches less or more than it should.
    case missing(port: UInt16)
    case unexpected(Socket)
    /// /proc could not be read; a positive errno.
    case unreadable(errno: Int32)
  }

  private var sockets = InlineArray<64, Socket>(
    repeating: Socket(kind: .stream, reach: .other, port: 0, inode: 0))
  public private(set) var count = 0

  public init() {}

  public subscript(index: Int) -> Socket {
    precondition(index < count, "socket index out of range")
    return sockets[index]
  }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }

  mutating func append(_ socket: Socket) {
    guard count < ListeningSockets.capacity else { return }
    sockets[count] = socket
    count += 1
  }

  /// The sockets of the process `pid`.
  public static func of(pid: Int32) throws(SocketListError) -> ListeningSockets {
    var all = ListeningSockets()
    try all.read("/proc/net/tcp", .stream)
    try all.read("/proc/net/tcp6", .stream)
    try all.read("/proc/net/udp", .datagram)
    try all.read("/proc/net/udp6", .datagram)
    var inodes = InlineArray<64, UInt64>(repeating: 0)
    var held = InlineArray<64, UInt8>(repeating: 0)
    for index in 0..<all.count { inodes[index] = all[index].inode }
    let count = all.count
    let result = inodes.span.withUnsafeBufferPointer { inodes in
      var marks = held.mutableSpan
      return marks.withUnsafeMutableBufferPointer {
        lx_process_sockets(pid, inodes.baseAddress!, $0.baseAddress!, count)
      }
    }
    if result < 0 { throw SocketListError(errno: -result) }
    var own = ListeningSockets()
    for index in 0..<all.count where held[index] != 0 { own.append(all[index]) }
    return own
  }

  /// Compares with what the product's configuration of MediaMTX opens: RTSP for everybody, API and
  /// metrics for this machine, and nothing else.
  public func verdict(_ settings: Configuration.MediaServer) -> Verdict {
    func isWanted(_ socket: Socket) -> Bool {
      guard socket.kind == .stream else { return false }
      switch socket.reach {
      case .everybody: return socket.port == settings.rtspPort
      case .loopback: return socket.port == settings.apiPort || socket.port == settings.metricsPort
      case .other: return false
      }
    }
    func has(_ port: UInt16) -> Bool {
      for index in 0..<count where self[index].kind == .stream && self[index].port == port {
        return true
      }
      return false
    }
    for index in 0..<count where !isWanted(self[index]) { return .unexpected(self[index]) }
    if !has(settings.rtspPort) { return .missing(port: settings.rtspPort) }
    if !has(settings.apiPort) { return .missing(port: settings.apiPort) }
    if !has(settings.metricsPort) { return .missing(port: settings.metricsPort) }
    return .asWanted
  }

  /// Looks at a running MediaMTX.
  public static func check(pid: Int32, _ settings: Configuration.MediaServer) -> Verdict {
    do throws(SocketListError) {
      return try of(pid: pid).verdict(settings)
    } catch {
      return .unreadable(errno: error.errno)
    }
  }
}

/// /proc could not be read.
public struct SocketListError: Error, Equatable, Sendable {
  /// A positive errno.
  public var errno: Int32
}

extension ListeningSockets.Verdict {
  /// The verdict in a log line's words.
  public var text: Text<80> {
    var text = Text<80>()
    switch self {
    case .asWanted: text.append("mediamtx: sockets as wanted")
    case .missing(let port):
      text.append("mediamtx: no socket listens on port ")
      text.append(decimal: UInt64(port))
    case .unexpected(let socket):
      text.append("mediamtx: unwanted socket on port ")
      text.append(decimal: UInt64(socket.port))
      text.append(socket.kind == .stream ? "/tcp" : "/udp")
    case .unreadable(let errno):
      text.append("mediamtx: sockets cannot be listed, errno ")
      text.append(decimal: UInt64(UInt32(truncatingIfNeeded: errno)))
    }
    return text
  }
}

// MARK: - /proc/net

extension ListeningSockets {
  /// Reads one list of the kernel. One that is not there, as without IPv6, holds nothing.
  private mutating func read(_ path: StaticString, _ kind: Socket.Kind) throws(SocketListError) {
    let descriptor = lx_open(path.cString, LX_READ, 0)
    if descriptor == -Int32(LX_ENOENT.rawValue) { return }
    if descriptor < 0 { throw SocketListError(errno: -descriptor) }
    defer { lx_close(descriptor) }
    var lines = SocketLines(kind)
    let failure: Int32 = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      while true {
        let count = lx_read(descriptor, buffer.baseAddress!, buffer.count)
        if count <= 0 { return Int32(-count) }
        let piece = UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])
        if !lines.take(piece, into: &self) { return 0 }
      }
    }
    if failure != 0 { throw SocketListError(errno: failure) }
  }
}

/// Cuts /proc/net/{tcp,udp}{,6} into sockets (proc_pid_net(5)):
///
///     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
///      0: 0100007F:270D 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0       0 1234
///
/// Addresses are words in the machine's byte order, IPv6 ones four of them.
struct SocketLines {
  /// States of include/net/tcp_states.h: TCP_LISTEN, and TCP_CLOSE, which an unconnected UDP
  /// socket is in.
  private static let listening: UInt64 = 0x0A
  private static let unconnected: UInt64 = 0x07
  /// The longest line of these files has 180 bytes.
  private typealias Line = Text<256>
  private let kind: ListeningSockets.Socket.Kind
  private var line = Line()
  private var isHeading = true

  init(_ kind: ListeningSockets.Socket.Kind) { self.kind = kind }

  /// Takes the next piece of the file. False when nothing of interest can follow: the kernel lists
  /// all listening TCP sockets before the connections, of which there may be thousands.
  mutating func take(_ piece: UnsafeRawBufferPointer, into sockets: inout ListeningSockets) -> Bool
  {
    for byte in piece {
      guard byte == UInt8(ascii: "\n") else {
        line.append(byte)
        continue
      }
      defer { line = .empty }
      if isHeading {
        isHeading = false
        continue
      }
      let row = Row(line)
      if kind == .stream, row.state != SocketLines.listening { return false }
      if kind == .datagram, row.state != SocketLines.unconnected { continue }
      sockets.append(
        .init(kind: kind, reach: row.reach, port: row.port, inode: row.inode))
    }
    return true
  }

  private struct Row {
    var reach = ListeningSockets.Socket.Reach.other
    var port: UInt16 = 0
    var state: UInt64 = 0
    var inode: UInt64 = 0

    init(_ line: Line) {
      var field = 0
      var index = 0
      while index < line.count {
        if line[index] == UInt8(ascii: " ") {
          index += 1
          continue
        }
        var end = index
        while end < line.count, line[end] != UInt8(ascii: " ") { end += 1 }
        switch field {
        case 1: takeAddress(line, index..<end)
        case 3: state = Row.number(line, index..<end, radix: 16)
        case 9: inode = Row.number(line, index..<end, radix: 10)
        default: break
        }
        field += 1
        index = end
      }
    }

    private mutating func takeAddress(_ line: Line, _ range: Range<Int>) {
      guard range.count > 5 else { return }
      let address = range.lowerBound..<range.upperBound - 5
      let number = Row.number(line, range.upperBound - 4..<range.upperBound, radix: 16)
      port = UInt16(truncatingIfNeeded: number)
      var isAny = true
      for index in address where line[index] != UInt8(ascii: "0") { isAny = false }
      if isAny {
        reach = .everybody
      } else if isLoopback(line, address) {
        reach = .loopback
      }
    }

    /// 127.0.0.0/8 as an IPv4 word, ::1, or 127.0.0.0/8 mapped into IPv6.
    private func isLoopback(_ line: Line, _ range: Range<Int>) -> Bool {
      var words = InlineArray<4, UInt64>(repeating: 0)
      let count = range.count / 8
      guard count == 1 || count == 4 else { return false }
      for index in 0..<count {
        let start = range.lowerBound + 8 * index
        words[index] = Row.number(line, start..<start + 8, radix: 16)
      }
      let last = UInt32(truncatingIfNeeded: words[count - 1]).bigEndian
      let isV4Loopback = last >> 24 == 127
      if count == 1 { return isV4Loopback }
      guard words[0] == 0, words[1] == 0 else { return false }
      if words[2] == 0 { return last == 1 }
      return UInt32(truncatingIfNeeded: words[2]).bigEndian == 0xFFFF && isV4Loopback
    }

    private static func number(
      _ line: Line, _ range: Range<Int>, radix: UInt64
    ) -> UInt64 {
      var value: UInt64 = 0
      for index in range {
        let byte = line[index]
        let digit: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
        default: return 0
        }
        value = value &* radix &+ UInt64(digit)
      }
      return value
    }
  }
}
