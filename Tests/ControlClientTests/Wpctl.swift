import Foundation

/// A run of the built `wpctl`.
struct WpctlRun {
  let code: Int32
  let output: String
  let complaint: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// `ASAN_OPTIONS` and `TSAN_OPTIONS`, where they are set.
let sanitizerOptions = ProcessInfo.processInfo.environment.filter {
  $0.key.hasSuffix("SAN_OPTIONS")
}

/// Runs `wpctl`; `until` interrupts it with `signal` as soon as its output satisfies the condition.
func wpctl(
  _ arguments: String..., environment: [String: String] = [:], input: String? = nil,
  interruptedWhen until: (@Sendable (String) -> Bool)? = nil,
  by signal: Int32 = SIGINT
) async throws -> WpctlRun {
  try await wpctl(
    arguments, environment: environment, input: input, interruptedWhen: until, by: signal)
}

func wpctl(
  _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
  interruptedWhen until: (@Sendable (String) -> Bool)? = nil,
  by signal: Int32 = SIGINT
) async throws -> WpctlRun {
  let folder = FileManager.default.temporaryDirectory.appending(path: "wpctl-\(UUID())")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let files = ["out", "err"].map { folder.appending(path: $0) }
  for file in files { FileManager.default.createFile(atPath: file.path, contents: nil) }

  let process = Process()
  process.executableURL = wpctlProgram
  process.arguments = arguments
  // Nobody's own keys; what Tests/sanitize says of reports holds here, too.
  process.environment = ["PATH": "/usr/bin:/bin", "WATCHPOST_KEYS": folder.path + "/keys"]
    .merging(sanitizerOptions) { $1 }
    .merging(environment) { $1 }
  process.standardInput = FileHandle.nullDevice
  if let input {
    let file = folder.appending(path: "in")
    try input.write(to: file, atomically: false, encoding: .utf8)
    process.standardInput = try FileHandle(forReadingFrom: file)
  }
  process.standardOutput = try FileHandle(forWritingTo: files[0])
  process.standardError = try FileHandle(forWritingTo: files[1])
  let ended = AsyncStream.makeStream(of: Void.self)
  process.terminationHandler = { _ in ended.continuation.finish() }
  try process.run()
  if let until {
    let deadline = ContinuousClock.now + .seconds(20 * slowness)
    while process.isRunning, ContinuousClock.now < deadline {
      if until(try String(contentsOf: files[0], encoding: .utf8)) { break }
      try await Task.sleep(for: .milliseconds(20))
    }
    kill(process.processIdentifier, signal)
  }
  for await _ in ended.stream {}
  if process.isRunning {
    // The test's time is over.
    kill(process.processIdentifier, SIGKILL)
    throw CancellationError()
  }
  return WpctlRun(
    code: process.terminationStatus, output: try String(contentsOf: files[0], encoding: .utf8),
    complaint: try String(contentsOf: files[1], encoding: .utf8))
}

/// The program lies beside the test bundle, which is the running program or, where a helper of the
/// toolchain runs it, an argument.
let wpctlProgram: URL = {
  let bundles = ["/proc/self/exe"] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
  let places = bundles.map {
    URL(filePath: $0).resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "wpctl")
  }
  return places.first { FileManager.default.isExecutableFile(atPath: $0.path) } ?? places[0]
}()
