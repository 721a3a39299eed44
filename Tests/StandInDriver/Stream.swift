import Foundation
import Glibc

/// A blocking TCP connection to a port of this machine, with a time-out of 5 s on everything.
public final class LoopbackStream {
  public enum Failure: Error, Equatable {
    case refused, ended, timedOut
    case malformed(String)
  }

  private let descriptor: Int32
  private var buffer: [UInt8] = []

  public init(port: UInt16) throws(Failure) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = port.bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    // It is closed once, by `deinit`: twice would close what somebody else has got by then.
    if result != 0 { throw .refused }
  }

  deinit { Glibc.close(descriptor) }

  public func send(_ bytes: [UInt8]) throws(Failure) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { throw errno == EAGAIN ? .timedOut : .ended }
      sent += count
    }
  }

  private func fill() throws(Failure) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress!, $0.count, 0) }
    if count < 0 { throw errno == EAGAIN ? .timedOut : .ended }
    if count == 0 { throw .ended }
    buffer += bytes[..<count]
  }

  public func read(_ count: Int) throws(Failure) -> [UInt8] {
    while buffer.count < count { try fill() }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  /// One line without its end.
  public func line() throws(Failure) -> String {
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        var text = String(decoding: buffer[..<end], as: UTF8.self)
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        buffer.removeFirst(end + 1)
        return text
      }
      try fill()
    }
  }

  /// The status line and the headers, whose names are in lower case.
  public func head() throws(Failure) -> (first: String, headers: [String: String]) {
    let first = try line()
    var headers: [String: String] = [:]
    while true {
      let text = try line()
      if text.isEmpty { return (first, headers) }
      guard let colon = text.firstIndex(of: ":") else { throw .malformed(text) }
      headers[text[..<colon].lowercased()] =
        text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
  }
}

/// One HTTP request and its answer.
public struct HTTPExchange: Sendable {
  public let status: Int
  public let headers: [String: String]
  public let body: [UInt8]

  public var text: String { String(decoding: body, as: UTF8.self) }

  public static func perform(
    port: UInt16, method: String = "GET", target: String, body: String? = nil
  ) throws(LoopbackStream.Failure) -> HTTPExchange {
    let stream = try LoopbackStream(port: port)
    var request = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
    if let body {
      request += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
    }
    try stream.send(Array((request + "\r\n" + (body ?? "")).utf8))
    let (first, headers) = try stream.head()
    guard let status = Int(first.split(separator: " ").dropFirst().first ?? "") else {
      throw .malformed(first)
    }
    var content: [UInt8] = []
    if let length = headers["content-length"].flatMap({ Int($0) }) {
      content = try stream.read(length)
    } else {
      while let size = Int(try stream.line(), radix: 16), size > 0 {
        content += try stream.read(size)
        _ = try stream.line()
      }
    }
    return HTTPExchange(status: status, headers: headers, body: content)
  }
}
