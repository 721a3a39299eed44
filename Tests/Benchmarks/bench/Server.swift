import Foundation
import LoadGenerator

/// A server under measurement: a process of its own on a port of its own on loopback, which ends
/// with this process however that ends.
final class Server {
  let name: String
  let endpoint: Endpoint
  private let process = Process()

  var pid: Int32 { process.processIdentifier }

  /// Starts `command` on `processors` and waits until `answers` says that it is there.
  init(
    _ name: String, port: UInt16, command: [String], processors: [Int], log: URL,
    patience seconds: Double = 10, answers: (Endpoint) throws -> Bool
  ) throws {
    self.name = name
    endpoint = Endpoint(port: port)
    let pinned = ["taskset", "-c", processors.map { "\($0)" }.joined(separator: ",")]
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["setpriv", "--pdeathsig", "KILL", "--"] + pinned + command
    try Data().write(to: log)
    let output = try FileHandle(forWritingTo: log)
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    try wait(for: answers, seconds: seconds, log: log)
  }

  deinit { kill() }

  private func wait(
    for answers: (Endpoint) throws -> Bool, seconds: Double, log: URL
  ) throws {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      guard process.isRunning else { break }
      if try answers(endpoint) { return }
      usleep(20_000)
    }
    kill()
    throw BenchError("\(name) does not answer; see \(log.path)")
  }

  /// Asks it to end in order and waits.
  func stop() {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }

  private func kill() {
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}
