import Foundation
import Glibc

/// A running `mediamtx-standin` in a folder of its own, on ports of its own.
public final class StandInProcess {
  public struct Ports: Sendable {
    public let api = freePort()
    public let metrics = freePort()
    public let playback = freePort()
    public let rtsp = freePort()

    public init() {}
  }

  public let ports: Ports
  /// Its working folder.
  public let folder: URL
  private let process = Process()
  private var output: URL { folder.appending(path: "standin.log") }

  /// The program that was built beside the tests, or what MEDIAMTX_STANDIN names.
  public static var program: URL {
    if let path = ProcessInfo.processInfo.environment["MEDIAMTX_STANDIN"] {
      return URL(filePath: path)
    }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "mediamtx-standin")
  }

  /// Starts one. `configuration` gets the ports and the folder; `faults` are words as in
  /// `standin.faults`.
  public init(
    ports: Ports = Ports(), faults: [String] = [],
    configuration: (Ports, URL) -> String = { StandInProcess.configuration($0, $1) }
  ) throws {
    self.ports = ports
    folder = FileManager.default.temporaryDirectory.appending(path: "standin-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try configuration(ports, folder)
      .write(to: folder.appending(path: "mediamtx.yml"), atomically: false, encoding: .utf8)
    try write(faults: faults)
    process.executableURL = StandInProcess.program
    process.arguments = ["mediamtx.yml"]
    process.currentDirectoryURL = folder
    process.environment = ["MTX_MOQ": "no", "SWIFT_BACKTRACE": "enable=no"]
    // A file has it at once; whoever reads a pipe on a queue has it when the machine gets round to
    // that.
    FileManager.default.createFile(atPath: output.path, contents: nil)
    let written = try FileHandle(forWritingTo: output)
    defer { try? written.close() }
    process.standardOutput = written
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  /// What it has printed, 1 MiB of it: the flood fault would fill the memory. Whatever it printed
  /// before it did something is in it once that is seen.
  public var log: String {
    guard let file = try? FileHandle(forReadingFrom: output) else { return "" }
    defer { try? file.close() }
    return String(decoding: (try? file.read(upToCount: 1 << 20)) ?? Data(), as: UTF8.self)
  }
  public var isRunning: Bool { process.isRunning }
  public var identifier: pid_t { process.processIdentifier }

  public func send(signal: Int32) { kill(process.processIdentifier, signal) }

  public func write(faults: [String]) throws {
    try (faults.joined(separator: "\n") + "\n")
      .write(to: folder.appending(path: "standin.faults"), atomically: true, encoding: .utf8)
  }

  /// How it ended: the exit code, or the negative signal. Nil if it still runs after the time.
  public func exit(within limit: Duration = .seconds(20)) -> Int32? {
    guard waitUntil(within: limit, { !self.process.isRunning }) else { return nil }
    let status = process.terminationStatus
    return process.terminationReason == .exit ? status : -status
  }

  /// Waits for the first answer of its API: on a busy machine, a process waits long for its turn.
  public func waitUntilUp(within limit: Duration = .seconds(30)) -> Bool {
    waitUntil(within: limit) {
      // 401: it lives, and wants to know who asks.
      let answer = try? HTTPExchange.perform(port: self.ports.api, target: "/v3/paths/list")
      return answer?.status == 200 || answer?.status == 401
    }
  }

  /// A request to its API.
  public func api(
    _ method: String, _ target: String, body: String? = nil
  ) throws -> HTTPExchange {
    try HTTPExchange.perform(port: ports.api, method: method, target: target, body: body)
  }

  /// A configuration like the product's, with the given lines for its paths.
  public static func configuration(
    _ ports: Ports, _ folder: URL, global: String = "", paths: String = "  cam-front:\n  cam-rear:"
  ) -> String {
    """
    logLevel: info
    logDestinations: [stdout]
    api: yes
    apiAddress: 127.0.0.1:\(ports.api)
    metrics: yes
    metricsAddress: 127.0.0.1:\(ports.metrics)
    pprof: no
    playback: yes
    playbackAddress: 127.0.0.1:\(ports.playback)
    rtsp: yes
    rtspTransports: [tcp]
    rtspEncryption: "no"
    rtspAddress: 127.0.0.1:\(ports.rtsp)
    rtmp: no
    hls: no
    webrtc: no
    srt: no
    \(global)
    pathDefaults:
      recordPath: \(folder.path)/recordings/%path/%Y-%m-%d_%H-%M-%S-%f
      recordFormat: fmp4
      recordPartDuration: 1s
      recordSegmentDuration: 2s
      recordDeleteAfter: 0s
    paths:
    \(paths)

    """
  }
}

/// Polls a condition every 5 ms; false if the time passes first.
public func waitUntil(within limit: Duration = .seconds(20), _ condition: () -> Bool) -> Bool {
  let end = ContinuousClock.now + limit
  while ContinuousClock.now < end {
    if condition() { return true }
    usleep(5000)
  }
  return condition()
}
