import Foundation

/// RTSP requests over one connection, with interleaved media.
public final class RTSPClient {
  public struct Answer: Sendable {
    public let status: Int
    public let headers: [String: String]
    public let body: String
  }

  public struct Packet: Sendable {
    public let channel: UInt8
    public let bytes: [UInt8]
  }

  private let stream: LoopbackStream
  private var sequence = 0
  private var session: String?
  /// Sent with every request.
  public var authorization: String?

  public init(port: UInt16) throws(LoopbackStream.Failure) {
    stream = try LoopbackStream(port: port)
  }

  public func request(
    _ method: String, _ url: String, headers: [String: String] = [:], body: String = ""
  ) throws(LoopbackStream.Failure) -> Answer {
    sequence += 1
    var text = "\(method) \(url) RTSP/1.0\r\nCSeq: \(sequence)\r\nUser-Agent: Lavf59.27.100\r\n"
    if let session { text += "Session: \(session)\r\n" }
    if let authorization { text += "Authorization: \(authorization)\r\n" }
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if !body.isEmpty { text += "Content-Length: \(body.utf8.count)\r\n" }
    try stream.send(Array((text + "\r\n" + body).utf8))
    let (first, answerHeaders) = try stream.head()
    guard let status = Int(first.split(separator: " ").dropFirst().first ?? ""),
      answerHeaders["cseq"] == String(sequence)
    else { throw .malformed(first) }
    if let value = answerHeaders["session"] {
      session = String(value.prefix { $0 != ";" })
    }
    let length = Int(answerHeaders["content-length"] ?? "0") ?? 0
    let content = try stream.read(length)
    return Answer(
      status: status, headers: answerHeaders, body: String(decoding: content, as: UTF8.self))
  }

  public func send(_ packet: [UInt8], channel: UInt8) throws(LoopbackStream.Failure) {
    let header = [0x24, channel, UInt8(packet.count >> 8), UInt8(packet.count & 0xFF)]
    try stream.send(header + packet)
  }

  public func receive() throws(LoopbackStream.Failure) -> Packet {
    let header = try stream.read(4)
    guard header[0] == 0x24 else { throw .malformed("no packet") }
    let bytes = try stream.read(Int(header[2]) << 8 | Int(header[3]))
    return Packet(channel: header[1], bytes: bytes)
  }
}
