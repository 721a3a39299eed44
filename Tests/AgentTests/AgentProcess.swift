import Foundation
import Glibc
import StandInDriver

/// A running `watchpost agent` in a folder and on a port of its own.
final class AgentProcess {
  let port: UInt16
  let folder: URL
  /// The folder is somebody else's, for lives to come.
  private let keepsFolder: Bool
  private let process = Process()
  /// Milliseconds from its start until it said that its control port listens.
  private(set) var readyMs = 0.0

  /// The program that was built beside the tests, or what WATCHPOST names.
  static var program: URL {
    if let path = ProcessInfo.processInfo.environment["WATCHPOST"] { return URL(filePath: path) }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "watchpost")
  }

  /// Whether the shipped program is under test: the Embedded build, named by WATCHPOST. The time
  /// bars are its own; the debug build that lies beside the tests does not have to meet them.
  static var isShipped: Bool { ProcessInfo.processInfo.environment["WATCHPOST"] != nil }

  /// Starts one and waits until it listens. `settings` are lines of its control section, `media` of
  /// its mediamtx section, `cameras` of its cameras section, `kept` a folder that stays after its
  /// end, `given` a port that is not to be chosen.
  convenience init(
    _ settings: String = "", media: String = "path = off", cameras: String = "",
    in kept: URL? = nil, on given: UInt16? = nil
  ) throws {
    let port = given ?? freePort()
    let folder =
      kept ?? FileManager.default.temporaryDirectory.appending(path: "watchpost-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appending(path: Self.fileName)
    let text = """
      [control]
      listen = 127.0.0.1:\(port)
      plain = on
      \(settings)
      [network]
      mode = off
      [mdns]
      enabled = off
      [mediamtx]
      \(media)
      \(cameras.isEmpty ? "" : "[cameras]\n\(cameras)")
      [watchdog]
      device = off
      [data]
      directory = \(folder.path)/data
      [run]
      directory = \(folder.path)/run
      [access]
      directory = \(folder.path)/card/access
      [alerts]
      cpu_percent = 0, 0
      memory_percent = 0, 0
      """
    try text.write(to: file, atomically: true, encoding: .utf8)
    try self.init(as: [Self.program.path], in: folder, on: port, keepsFolder: kept != nil)
  }

  /// Its configuration, in its folder.
  static let fileName = "watchpost.conf"

  /// Another life of an agent that has ended, with everything that lies in its folder, which was
  /// `kept`. With `boot`, the kernel seems to have been started since: its identity is this one.
  convenience init(after former: AgentProcess, boot: String? = nil) throws {
    var words = [Self.program.path]
    if let boot {
      // A mount namespace of its own, in which another file stands for the kernel's.
      let file = former.folder.appending(path: "boot_id")
      try "\(boot)\n".write(to: file, atomically: true, encoding: .utf8)
      let script = "mount --bind \"$1\" /proc/sys/kernel/random/boot_id && shift && exec \"$@\""
      words = ["/usr/bin/unshare", "-Urm", "sh", "-c", script, "sh", file.path] + words
    }
    try self.init(as: words, in: former.folder, on: former.port, keepsFolder: true)
  }

  private init(as words: [String], in folder: URL, on port: UInt16, keepsFolder: Bool) throws {
    (self.folder, self.port, self.keepsFolder) = (folder, port, keepsFolder)
    process.executableURL = URL(filePath: words[0])
    process.arguments =
      words.dropFirst() + ["agent", "--config", folder.appending(path: Self.fileName).path]
    process.environment = ["SWIFT_BACKTRACE": "enable=no", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    let start = ContinuousClock.now
    try process.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    readyMs = Double((ContinuousClock.now - start) / .microseconds(1)) / 1000
    guard line == "watchpost: control port 127.0.0.1:\(port) ready\n" else {
      throw TestError("the agent said: \(line)")
    }
  }

  /// What the program prints when it is run to its end.
  static func output(of arguments: [String]) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID())")
    FileManager.default.createFile(atPath: file.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.standardOutput = try FileHandle(forWritingTo: file)
    try process.run()
    process.waitUntilExit()
    return try String(contentsOf: file, encoding: .utf8)
  }

  deinit {
    kill()
    if !keepsFolder { try? FileManager.default.removeItem(at: folder) }
  }

  var isRunning: Bool { process.isRunning }
  var pid: Int32 { process.processIdentifier }

  /// Asks for an orderly stop; the exit code.
  func stop() -> Int32 {
    Glibc.kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Waits until it has ended by itself; the exit code.
  func end() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Ends it without warning; its children die with it.
  func kill() {
    if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// The processes that it has started.
  func children() throws -> [Int32] {
    let pid = process.processIdentifier
    return try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
      .split(separator: " ").compactMap { Int32($0) }
  }

  /// Resident memory in KiB.
  func residentKiB() throws -> Int {
    let status = try String(
      contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.split(separator: " ").dropLast().last ?? "") ?? 0
  }
}

struct TestError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}
