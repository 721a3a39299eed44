import Glibc
import LoadGenerator
import Testing
import Wire

@testable import LoadTest

/// What the oracle says, byte by byte.
@Suite struct OracleServerTests {
  @Test func aPingComesBackAlsoInPieces() throws {
    let oracle = try OracleThread(OracleOptions())
    let client = try Client(oracle.endpoint)
    let bytes = request(.ping, id: 7, Array(1...64))
    for size in [1, 31, 33, 95] {
      client.send(bytes[..<size])
      client.send(bytes[size...])
      let answer = try #require(client.frame())
      #expect(answer.header.requestID == 7 && answer.header.isReply && answer.header.status == 0)
      #expect(answer.payload == Array(1...64))
    }
    client.send(bytes + bytes + bytes[..<40])
    #expect(client.frame() != nil && client.frame() != nil)
    #expect(oracle.finish() == oracle.finish())
    #expect(oracle.finish().requests == 6 && oracle.finish().answers == 6)
  }

  @Test func healthIsAsTheSpecificationSays() throws {
    let oracle = try OracleThread(OracleOptions(["--slots", "5"]))
    let client = try Client(oracle.endpoint)
    client.send(request(.health, id: 1))
    let answer = try #require(client.frame())
    #expect(answer.header.kind == Kind.health.rawValue && answer.payload.count == 256)
    let report = try answer.payload.withUnsafeBytes { try HealthReport.decode($0) }
    #expect(report.state == .healthy)
    #expect(report.slotsTotal == 5 && report.slotsUsed == 1 && report.requests == 1)
    #expect(report.agentUptimeMs <= oracle.ageNs / 1_000_000)
    #expect(report.name == Text("oracle"))
  }

  @Test func everythingElseIsRefusedInItsKind() throws {
    let oracle = try OracleThread(OracleOptions())
    let client = try Client(oracle.endpoint)
    var wrong = request(.ping, id: 3, [1])
    wrong[32] = 2
    let cases: [([UInt8], Status)] = [
      (request(.serverInfo, id: 3), .unknownOperation),
      (request(.changeApply, id: 3, [1, 2, 3]), .unknownOperation),
      (request(.ping, id: 3, [UInt8](repeating: 0, count: 65)), .malformed),
      (request(.health, id: 3, [0]), .malformed), (wrong, .checksum),
    ]
    for (bytes, status) in cases {
      client.send(bytes)
      let answer = try #require(client.frame())
      #expect(answer.header.status == status.rawValue && answer.header.requestID == 3)
      #expect(answer.header.kind == UInt16(bytes[6]))
      #expect(answer.payload.count == Refusal.size)
    }
  }

  @Test func whoMakesNoSenseIsToldSoAndLeft() throws {
    let oracle = try OracleThread(OracleOptions())
    let client = try Client(oracle.endpoint)
    client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
    let answer = try #require(client.frame())
    #expect(answer.header.kind == 0 && answer.header.status == Status.malformed.rawValue)
    #expect(client.frame() == nil)
  }

  @Test func theSurplusIsToldWhenToComeBack() throws {
    let oracle = try OracleThread(OracleOptions(["--slots", "1"]))
    let first = try Client(oracle.endpoint)
    first.send(request(.ping, id: 1))
    #expect(first.frame() != nil)
    let second = try Client(oracle.endpoint)
    second.send(request(.ping, id: 2))
    let busy = try #require(second.frame())
    #expect(busy.header.kind == 0 && busy.header.status == Status.busy.rawValue)
    #expect(try busy.payload.withUnsafeBytes { try Refusal.decode($0) }.retryAfterMs == 1000)
    #expect(second.frame() == nil)
    first.send(request(.ping, id: 3))
    #expect(first.frame()?.header.requestID == 3)
    let tally = oracle.finish()
    #expect(tally.served == 1 && tally.refused == 1 && tally.requests == 2)
  }

  @Test func aDelayHoldsUpNobodyElse() throws {
    // Of the first requests to a wide log-normal some take much longer than others: the answers
    // come in the order of the delays.
    let options = try OracleOptions(["--log-normal", "20ms,1"])
    var draws = OracleDraws(options.delay, lossPercent: 0, seed: options.seed)
    let delays = (0..<20).compactMap { _ in draws.next() }
    let oracle = try OracleThread(options)
    let client = try Client(oracle.endpoint)
    client.send((0..<20).flatMap { request(.ping, id: UInt32($0)) })
    let order = delays.indices.sorted { delays[$0] < delays[$1] }
    #expect(order != Array(delays.indices))
    #expect((0..<20).map { _ in client.frame()?.header.requestID } == order.map { UInt32($0) })
  }

  @Test func whatDoesNotFitTheSocketIsSentLater() throws {
    // 40,000 answers of 96 bytes are more than two sockets hold; the client reads late.
    let oracle = try OracleThread(OracleOptions())
    let client = try Client(oracle.endpoint)
    let some = (0..<100).flatMap { _ in request(.ping, id: 5, [UInt8](repeating: 9, count: 64)) }
    client.sendWhileNobodyReads(some, times: 400)
    for _ in 0..<40_000 { try #require(client.frame()?.header.requestID == 5) }
    #expect(oracle.finish().answers == 40_000)
  }

  @Test func aTakenPortIsAnError() throws {
    let oracle = try OracleThread(OracleOptions())
    var options = OracleOptions()
    options.endpoint = oracle.endpoint
    #expect(throws: LoadError.system("bind", EADDRINUSE)) { try OracleThread(options) }
  }
}

func request(_ kind: Kind, id: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: Limits.headerSize) + payload
  bytes.withUnsafeMutableBytes {
    _ = Header(kind: kind.rawValue, requestID: id).seal($0, payloadSize: payload.count)
  }
  return bytes
}

/// A client that waits, ten seconds at most.
private final class Client {
  private let descriptor: Int32
  private var bytes: [UInt8] = []
  private var begin = 0

  init(_ endpoint: Endpoint) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let connected = endpoint.withSocketAddress { connect(descriptor, $0, $1) }
    guard connected == 0 else { throw LoadError.system("connect", errno) }
  }

  deinit { close(descriptor) }

  func send(_ bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
  }

  /// Sends so often, and reads only when the oracle takes no more because nobody reads.
  func sendWhileNobodyReads(_ piece: [UInt8], times: Int) {
    let all = Array(repeatElement(piece, count: times).joined())
    var sent = 0
    while sent < all.count {
      let count = all.withUnsafeBytes {
        Glibc.send(
          descriptor, $0.baseAddress! + sent, all.count - sent,
          Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
      if count > 0 { sent += count } else { read() }
    }
  }

  /// The next frame; nil: the connection has ended, or nothing came.
  func frame() -> (header: Header, payload: [UInt8])? {
    while true {
      let step: (Header, [UInt8], Int)? = bytes.withUnsafeBytes {
        let rest = UnsafeRawBufferPointer(rebasing: $0[begin...])
        guard case .frame(let header, let payload, let size) = Header.next(in: rest) else {
          return nil
        }
        return (header, Array(payload), size)
      }
      if let (header, payload, size) = step {
        begin += size
        return (header, payload)
      }
      guard read() else { return nil }
    }
  }

  @discardableResult
  private func read() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    bytes = Array(bytes[begin...] + buffer[..<count])
    begin = 0
    return true
  }
}
