import Appliance
import CLinux
import Wire

/// One question to a time server and its answer.
public struct SNTPExchange: Sendable {
  public enum Failure: Error, Equatable, Sendable {
    /// No socket, no route, or the port is closed.
    case network(errno: Int32)
    case noAnswer
    case refused(SNTPRefusal)
  }

  /// The time when the answer came, in nanoseconds since 1970, and the monotonic time then.
  public var unixNs: Int64
  public var answeredNs: UInt64
  /// How wrong it may be, in microseconds.
  public var errorUs: Int64

  /// Waits for at most `SNTPSchedule.answerMs`. Forged answers are passed over, so that they
  /// cannot end the wait for the real one.
  public static func run(with server: IPv4, port: UInt16) throws(Failure) -> SNTPExchange {
    let descriptor = lx_udp_connect(server.value, port)
    guard descriptor >= 0 else { throw .network(errno: -descriptor) }
    defer { lx_close(descriptor) }
    var nonce: UInt64 = 0
    lx_random(&nonce, 8)
    let requestedNs = lx_boot_clock_ns()
    let sent = withUnsafeTemporaryAllocation(byteCount: SNTPPacket.size, alignment: 8) { buffer in
      var writer = ByteWriter(buffer)
      SNTPPacket.writeRequest(nonce: nonce, to: &writer)
      return lx_send(descriptor, buffer.baseAddress!, buffer.count)
    }
    guard sent >= 0 else { throw .network(errno: Int32(-sent)) }
    let end = lx_boot_time_ms() + SNTPSchedule.answerMs
    while true {
      let now = lx_boot_time_ms()
      guard now < end, lx_wait_readable(descriptor, Int32(end - now)) > 0 else { throw .noAnswer }
      let answeredNs = lx_boot_clock_ns()
      do throws(Failure) {
        let answer = try receive(descriptor, nonce: nonce)
        let pathNs = answer.pathNs(requestedNs: requestedNs, answeredNs: answeredNs)
        return SNTPExchange(
          unixNs: answer.unixNs(requestedNs: requestedNs, answeredNs: answeredNs),
          answeredNs: answeredNs, errorUs: answer.rootErrorUs + pathNs / 2000)
      } catch .refused(.notOurs) {
        continue
      }
    }
  }

  private static func receive(_ descriptor: Int32, nonce: UInt64) throws(Failure) -> SNTPAnswer {
    var count: Int64 = 0
    let result: Result<SNTPAnswer, SNTPRefusal> = withUnsafeTemporaryAllocation(
      byteCount: 128, alignment: 8
    ) { buffer in
      count = lx_receive(descriptor, buffer.baseAddress!, buffer.count)
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[0..<Int(max(count, 0))])
      do throws(SNTPRefusal) {
        return .success(try SNTPPacket.answer(bytes, nonce: nonce))
      } catch {
        return .failure(error)
      }
    }
    if count < 0 { throw .network(errno: Int32(-count)) }
    switch result {
    case .success(let answer): return answer
    case .failure(let refusal): throw .refused(refusal)
    }
  }
}
