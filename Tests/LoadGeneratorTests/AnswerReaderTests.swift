import Testing
import Wire

@testable import LoadGenerator

/// What is taken for an answer, whole and cut at every byte.
@Suite struct AnswerReaderTests {
  private func read(_ bytes: [UInt8], of dialect: Dialect, to id: Int = 0) -> Answer {
    let reader = AnswerReader(dialect.expectation)
    return bytes.withUnsafeBytes { reader.read($0, to: id) }
  }

  private func frame(_ kind: Kind, id: UInt32, _ payload: [UInt8], status: Status = .ok) -> [UInt8]
  {
    var bytes = [UInt8](repeating: 0, count: Limits.headerSize) + payload
    let header = Header(kind: kind.rawValue, requestID: id).reply(status)
    bytes.withUnsafeMutableBytes { _ = header.seal($0, payloadSize: payload.count) }
    return bytes
  }

  private func expect(_ bytes: [UInt8], answers dialect: Dialect, to id: Int = 0) {
    for count in 1..<bytes.count {
      #expect(read(Array(bytes[..<count]), of: dialect, to: id) == .incomplete)
    }
    #expect(read(bytes, of: dialect, to: id) == .accepted(size: bytes.count))
    #expect(read(bytes + bytes, of: dialect, to: id) == .accepted(size: bytes.count))
  }

  @Test func pingsComeBackAsTheyWere() {
    expect(frame(.ping, id: 5, []), answers: .ping(), to: 5)
    expect(frame(.ping, id: 127, [0, 1, 2, 3]), answers: .ping(bytes: 4), to: 127)
    #expect(read(frame(.ping, id: 6, []), of: .ping(), to: 5) == .wrong)
    #expect(read(frame(.ping, id: 5, [1, 1, 2, 3]), of: .ping(bytes: 4), to: 5) == .wrong)
  }

  @Test func healthIsAnyWholeFrame() {
    let payload = (0..<256).map { UInt8($0) }
    expect(frame(.health, id: 3, payload), answers: .health, to: 3)
    #expect(read(frame(.health, id: 3, payload), of: .health, to: 4) == .wrong)
    #expect(read(frame(.ping, id: 3, []), of: .health, to: 3) == .wrong)
    var damaged = frame(.health, id: 3, payload)
    damaged[100] ^= 1
    #expect(read(damaged, of: .health, to: 3) == .wrong)
  }

  @Test func refusalsAreToldFromNonsense() {
    let busy = frame(.connection, id: 0, [UInt8](repeating: 0, count: 128), status: .busy)
    #expect(read(busy, of: .ping(), to: 9) == .busy)
    #expect(read(busy, of: .health, to: 9) == .busy)
    let slow = frame(.connection, id: 0, [UInt8](repeating: 0, count: 128), status: .timeout)
    #expect(read(slow, of: .ping(), to: 9) == .refused)
    #expect(read(slow, of: .health, to: 9) == .refused)
    #expect(read(Array("HTTP/1.1 400 Bad Request\r\n\r\n and more".utf8), of: .ping()) == .wrong)
  }

  @Test func otherServersAreUnderstood() {
    expect(Array("+PONG\r\n".utf8), answers: .redisPing)
    #expect(read(Array("-ERR\r\n".utf8), of: .redisPing) == .wrong)
    expect(Array("END\r\n".utf8), answers: .memcachedGet)
    expect(Array("VERSION 1.6.18\r\n".utf8), answers: .memcachedVersion)
    #expect(read(Array("ERROR\r\n".utf8), of: .memcachedVersion) == .wrong)
    expect([0x81, 4] + Array("pong".utf8), answers: .jsonRPCPing(answer: "pong"))
  }

  @Test func requestsAreWholeFrames() {
    for dialect in [Dialect.ping(), .ping(bytes: 64), .health] {
      #expect(dialect.requests.count == 2 * Dialect.ring * dialect.requestSize)
      for place in 0..<2 * Dialect.ring {
        let start = place * dialect.requestSize
        dialect.requests[start..<start + dialect.requestSize].withUnsafeBytes {
          guard case .frame(let header, _, let size) = Header.next(in: $0) else {
            Issue.record("request \(place) of \(dialect.name) is no frame")
            return
          }
          #expect(header.requestID == UInt32(place % Dialect.ring))
          #expect(size == dialect.requestSize)
        }
      }
    }
  }
}
