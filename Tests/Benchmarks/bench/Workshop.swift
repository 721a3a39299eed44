import Foundation
import LoadGenerator
import StandInDriver
import Wire

/// Where things lie, and how every server is made and started.
struct Workshop {
  /// The checkout.
  let top: URL
  /// What the bench makes: baselines, configurations, logs, reports.
  let folder: URL
  /// The agent under measurement.
  let watchpost: URL
  /// Servers run here.
  private(set) var processors: [Int]
  /// All that there are.
  private let allProcessors: [Int]

  init(top: URL, watchpost: String?, processor: Int?) throws {
    self.top = top
    folder = top.appending(path: ".build/benchmarks")
    self.watchpost =
      watchpost.map { URL(filePath: $0) } ?? top.appending(path: ".build/image/host/watchpost")
    allProcessors = try ProcessFigures.allowedProcessors()
    processors = processor.map { [$0] } ?? allProcessors
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where name.hasPrefix("agent-") {
      try FileManager.default.removeItem(at: folder.appending(path: name))
    }
    guard FileManager.default.isExecutableFile(atPath: self.watchpost.path) else {
      throw BenchError("\(self.watchpost.path) is missing; run image/build host")
    }
  }

  /// The same, but the kernel chooses the processor.
  var unpinned: Workshop {
    var copy = self
    copy.processors = allProcessors
    return copy
  }

  // MARK: Watchpost

  /// Which limits an agent has.
  enum ControlLimits {
    /// Those of `board/host/many.conf`.
    case unmet
    /// None is configured.
    case defaults
  }

  /// `settings` replace those of the configuration; `given` is a port that is not to be chosen.
  func startWatchpost(
    limits: ControlLimits, _ wrapper: [String] = [], settings: [String: String] = [:],
    on given: UInt16? = nil, patience: Double = 10
  ) throws -> Server {
    let port = given ?? freePort()
    let file = try configure(limits, port: port, settings)
    return try start(
      limits == .unmet ? "watchpost" : "watchpost with default limits", port,
      wrapper + [watchpost.path, "agent", "--config", file], .ping(), patience: patience)
  }

  /// Writes a configuration: that of the host, other values where a second agent needs its own.
  private func configure(
    _ limits: ControlLimits, port: UInt16, _ other: [String: String]
  ) throws -> String {
    // Agents that share a port still have folders of their own; paths are bounded (README.md).
    let homes = (1...).lazy.map { folder.appending(path: "agent-\(port)-\($0)") }
    guard let home = homes.first(where: { !FileManager.default.fileExists(atPath: $0.path) })
    else { throw BenchError("no folder for an agent") }
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    let base = top.appending(path: "board/host/many.conf")
    var settings = try Workshop.settings(in: String(contentsOf: base, encoding: .utf8))
    if limits == .defaults { settings = settings.filter { !$0.key.hasPrefix("control.") } }
    settings["control.plain"] = "on"
    settings["control.listen"] = "127.0.0.1:\(port)"
    settings["data.directory"] = "\(home.path)/data"
    settings["run.directory"] = "\(home.path)/run"
    settings["access.directory"] = "\(home.path)/card/access"
    settings.merge(other) { $1 }
    let file = home.appending(path: "watchpost.conf")
    try settings.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
      .write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  /// Keys with their sections, and values.
  static func settings(in text: String) throws -> [String: String] {
    var settings: [String: String] = [:]
    var section = ""
    for line in text.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if line.isEmpty || line.hasPrefix("#") { continue }
      if line.hasPrefix("[") {
        section = line.trimmingCharacters(in: CharacterSet(charactersIn: "[] ")) + "."
        continue
      }
      let parts = line.split(separator: "=", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2 else { throw BenchError("no setting: \(line)") }
      settings[section + parts[0]] = parts[1]
    }
    return settings
  }

  // MARK: Baselines

  /// Compiles a baseline with the toolchain's clang, whose code generator is that of the Swift
  /// compiler, or else with `cc`.
  func compile(_ name: String, _ options: [String] = []) throws -> String {
    let source = top.appending(path: "Tests/Benchmarks/\(name).c").path
    let program = folder.appending(path: name).path
    let clang = URL(filePath: try capture(["which", "swiftc"])).resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "clang").path
    let compiler = FileManager.default.isExecutableFile(atPath: clang) ? clang : "cc"
    _ = try capture(
      [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source] + options)
    return program
  }

  /// Starts the C server, which answers with the health of a real agent.
  func startPeer(health: [UInt8], _ wrapper: [String] = [], patience: Double = 10) throws -> Server
  {
    let file = folder.appending(path: "health.bin")
    try Data(health).write(to: file)
    let port = freePort()
    let command = wrapper + [try compile("peer"), "\(port)", file.path]
    return try start("C server", port, command, .ping(), patience: patience)
  }

  // MARK: Other servers

  func startRedis() throws -> Server {
    let port = freePort()
    return try start(
      "redis", port,
      [
        "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly",
        "no", "--maxclients", "16384", "--dir", folder.path,
      ], .redisPing)
  }

  func startMemcached() throws -> Server {
    let port = freePort()
    let command = [
      "memcached", "-t", "1", "-l", "127.0.0.1", "-p", "\(port)", "-U", "0", "-c", "16384",
    ]
    let user = getuid() == 0 ? ["-u", "nobody"] : []
    return try start("memcached", port, command + user, .memcachedGet)
  }

  func startJSONRPC() throws -> Server {
    let port = freePort()
    let script = top.appending(path: "Tests/Benchmarks/json-rpc.py").path
    // Debian's python3, for which Debian's python3-websockets is.
    return try start(
      "JSON-RPC", port, ["/usr/bin/python3", script, "\(port)"], .jsonRPCPing())
  }

  func start(
    _ name: String, _ port: UInt16, _ command: [String], _ probe: Dialect, patience: Double = 10
  ) throws -> Server {
    try start(name, port, command, patience: patience) { endpoint in
      var load = try LoadGenerator(probe, to: endpoint, connections: 1)
      return try load.connect(seconds: 1) == 0
        && load.closedLoop(depth: 1, for: .requests(1)).answers == 1
    }
  }

  /// Starts any server, which is there when `answers` says so.
  func start(
    _ name: String, _ port: UInt16, _ command: [String], patience: Double = 10,
    answers: (Endpoint) throws -> Bool
  ) throws -> Server {
    let log = folder.appending(path: "\(name.replacing(" ", with: "-")).log")
    return try Server(
      name, port: port, command: command, processors: processors, log: log, patience: patience,
      answers: answers)
  }

  /// What a command prints, without the last line end.
  func capture(_ command: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchError("\(command.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
  }
}
