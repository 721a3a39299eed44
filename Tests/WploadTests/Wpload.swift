import Foundation
import Testing

/// A run of the built `wpload`.
struct WploadRun {
  let code: Int32
  let output: String
  let complaint: String
  let seconds: Double

  /// The one sentence on standard error, without the program's name. Anything else is a failure of
  /// the test.
  func sentence(at location: SourceLocation = #_sourceLocation) -> String {
    let head = "wpload: "
    let isOne = complaint.hasPrefix(head) && complaint.hasSuffix(".\n")
    #expect(
      isOne && complaint.count { $0 == "\n" } == 1, "\(complaint)", sourceLocation: location)
    // Cause, and way out behind it.
    #expect(complaint.contains("; "), "\(complaint)", sourceLocation: location)
    return String(complaint.dropFirst(head.count).dropLast())
  }
}

/// A `wpload` that runs. It does not outlive its owner.
final class WploadProcess: @unchecked Sendable {
  /// Signals that whoever runs the tests has switched off are on again.
  static let usual = ["env", "--default-signal=XFSZ,PIPE,INT,TERM,HUP"]

  let process = Process()
  private let folder: URL
  private let start = ContinuousClock.now
  private let ended = AsyncStream.makeStream(of: Void.self)

  /// `launcher`: a program and its arguments that start `wpload` in their place. `output`: where
  /// standard output goes, if it is not to be kept.
  init(_ arguments: [String], launcher: [String] = usual, output: Any? = nil) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "wpload-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in ["out", "err"] {
      try Data().write(to: folder.appending(path: name))
    }
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = Array(launcher.drop { $0 == "env" }) + [wploadProgram.path] + arguments
    process.environment = ["PATH": "/usr/bin:/bin", "WATCHPOST_KEYS": folder.path + "/keys"]
      .merging(
        ProcessInfo.processInfo.environment.filter { $0.key.hasSuffix("SAN_OPTIONS") }
      ) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput =
      try output ?? FileHandle(forWritingTo: folder.appending(path: "out"))
    process.standardError = try FileHandle(forWritingTo: folder.appending(path: "err"))
    let continuation = ended.continuation
    process.terminationHandler = { _ in continuation.finish() }
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  var output: String { text("out") }

  private func text(_ name: String) -> String {
    let bytes = try? Data(contentsOf: folder.appending(path: name))
    return String(decoding: bytes ?? Data(), as: UTF8.self)
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits until the condition holds; throws where the program ends before, or half a minute goes
  /// by.
  func waits(for condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !condition() {
      guard process.isRunning, ContinuousClock.now < deadline else {
        throw Unseen(output: output, complaint: text("err"))
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Waits until so many seconds of a plan have been told.
  func waits(forSeconds count: Int) async throws {
    try await waits { output.split(separator: "\n").count { $0.contains("ms ") } >= count }
  }

  func end() async throws -> WploadRun {
    for await _ in ended.stream {}
    // The test's time is over.
    if process.isRunning { throw CancellationError() }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return WploadRun(
      code: process.terminationStatus, output: output, complaint: text("err"), seconds: seconds)
  }
}

/// What was waited for has not come.
struct Unseen: Error {
  let output: String
  let complaint: String
}

func wpload(
  _ arguments: String..., launcher: [String] = WploadProcess.usual
) async throws -> WploadRun {
  try await WploadProcess(arguments, launcher: launcher).end()
}

/// `wpload oracle` with these options, as a process of its own.
struct OracleProgram {
  let process: WploadProcess
  /// ADDRESS:PORT.
  let address: String

  init(_ options: String...) async throws {
    let process = try WploadProcess(["oracle"] + options)
    try await process.waits { process.output.contains(" ready\n") }
    let words = process.output.split(separator: " ")
    (self.process, address) = (process, try #require(words.count > 1 ? String(words[1]) : nil))
  }
}

/// The program lies beside the test bundle, which is the running program or, where a helper of the
/// toolchain runs it, an argument.
let wploadProgram: URL = {
  let bundles = ["/proc/self/exe"] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
  let places = bundles.map {
    URL(filePath: $0).resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "wpload")
  }
  return places.first { FileManager.default.isExecutableFile(atPath: $0.path) } ?? places[0]
}()
