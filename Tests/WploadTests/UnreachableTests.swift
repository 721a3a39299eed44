import Foundation
import Testing

/// Targets from which no device answers. Each is told of in bounded time, and leaves no folder.
@Suite struct UnreachableTests {
  @Test func aRefusedConnectionIsTold() async throws {
    let port = try SilentPort(.refuses)
    try await expect(port.name, "connection refused")
  }

  @Test func aNameThatNobodyKnowsIsTold() async throws {
    // No name of DNS has an empty label: nobody is asked.
    try await expect("a..b", "Name or service not known")
  }

  @Test func whoeverAcceptsAndIsSilentIsLeft() async throws {
    let port = try SilentPort(.accepts)
    try await expect(port.name, "did not answer")
  }

  @Test func whoeverIsTooFarIsLeft() async throws {
    let port = try SilentPort(.isFull)
    try await expect(port.name, "no connection within 5 s")
  }

  /// No connection goes to everybody; the kernel says so.
  @Test func anAddressThatNobodyHasIsTold() async throws {
    try await expect("255.255.255.255", "255.255.255.255:4710")
  }

  @Test func theSecondTargetIsNamed() async throws {
    let (oracle, port) = (try await OracleProgram(), try SilentPort(.refuses))
    let place = try Place()
    let run = try await place.run(try place.plan(seconds: 60), at: oracle, ["--target", port.name])
      .end()
    #expect(run.code == 3)
    #expect(run.sentence().hasPrefix("\(port.name) cannot be reached: "))
  }

  @Test func resultsOfAnEarlierRunStay() async throws {
    let (oracle, port) = (try await OracleProgram(), try SilentPort(.refuses))
    let place = try Place()
    let plan = try place.plan(seconds: 0.2)
    #expect(untroubled.contains(try await place.run(plan, at: oracle).end().code))
    let run = try await wpload(
      "run", plan, "--plain", "--target", port.name, "--out", place.results)
    #expect(run.code == 3)
    #expect(try await place.report().contains("users ping"))
  }

  private func expect(_ target: String, _ reason: String) async throws {
    let place = try Place()
    let run = try await wpload(
      "run", try place.plan(seconds: 300), "--plain", "--target", target, "--out", place.results)
    #expect(run.code == 3)
    let sentence = run.sentence()
    #expect(sentence.hasPrefix(target) && sentence.contains(reason), "\(sentence)")
    #expect(sentence.contains("check the address"))
    #expect(run.seconds < 120)
    #expect(!FileManager.default.fileExists(atPath: place.results))
  }
}

/// A port of 127.0.0.1 from which nobody answers.
final class SilentPort {
  enum Way {
    /// It is taken, and nobody listens.
    case refuses
    /// The kernel connects whoever comes.
    case accepts
    /// It does no longer, because too many wait: what else comes is not heard.
    case isFull
  }

  private var descriptors: [Int32] = []
  let name: String

  init(_ way: Way) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    descriptors = [descriptor]
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    var waiting: [Int32] = []
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(descriptor, address, size) == 0, getsockname(descriptor, address, &size) == 0
        else { return false }
        if way != .refuses { listen(descriptor, way == .isFull ? 0 : 16) }
        // With a backlog of 0 one waits; some more, in case that a kernel counts otherwise.
        for _ in 0..<(way == .isFull ? 4 : 0) {
          waiting.append(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0))
          connect(waiting[waiting.count - 1], address, size)
        }
        return true
      }
    }
    name = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    descriptors += waiting
    guard isBound else { throw POSIXError(.EADDRINUSE) }
  }

  deinit { for descriptor in descriptors { close(descriptor) } }
}
