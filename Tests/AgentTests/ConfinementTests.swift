import ControlClient
import Foundation
import Glibc
import StandInDriver
import Testing
import Wire

/// What the kernel says that the agent and its children may still do, while all of them work.
@Suite(.serialized, .oneDevice, .timeLimit(.minutes(10))) struct ConfinementTests {
  /// A process's line of `/proc/PID/status`.
  private func status(_ pid: Int32, _ key: String) throws -> String {
    let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") } ?? ""
    return line.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
  }

  /// Bits of capabilities as /proc prints them, of those that this machine's root has.
  private func mask(_ capabilities: [Int]) throws -> String {
    let have = UInt64(try status(getpid(), "CapPrm"), radix: 16) ?? 0
    let bits = have & capabilities.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private struct Row {
    var role: String
    var capabilities: [Int]
    /// Others that it may hand to its children.
    var lends: [Int] = []
    /// 0: it stays the agent's user.
    var user = 0
  }

  /// linux/capability.h: CHOWN 0, DAC_OVERRIDE 1, DAC_READ_SEARCH 2, KILL 5, SETGID 6, SETUID 7,
  /// SETPCAP 8, NET_BIND_SERVICE 10, IPC_LOCK 14, SYS_PTRACE 19, SYS_ADMIN 21, SYS_NICE 23,
  /// SYS_RESOURCE 24, LEASE 28.
  private static let rows = [
    Row(
      role: "agent", capabilities: [0, 2, 5, 6, 7, 8, 10, 19, 23], lends: [1, 14, 21, 24, 28]),
    Row(role: "storage", capabilities: [0, 1, 28]),
    Row(role: "feed", capabilities: [], user: 59712),
    Row(role: "picture", capabilities: [], user: 59712),
    Row(role: "job", capabilities: [], user: 59713),
    Row(role: "mediamtx", capabilities: [], user: 59711),
  ]

  @Test func everyProcessIsConfinedWhileItWorks() async throws {
    let recorder = try await Recorder([Films.conforming])
    let station = recorder.station
    let camera = station.names[0]
    // Each of them has done what it is there for: a job, a picture, a recording.
    _ = try await station.client.snapshot(of: camera)
    _ = try await station.client.saveSnapshot(of: camera)
    _ = try await station.client.startRecording(camera)
    try await recorder.wait("file") { try await recorder.files(.recording).first != nil }
    let processes = try [station.agent.pid] + station.agent.children()
    for row in Self.rows {
      let pids = processes.filter { name($0) == row.role }
      #expect(!pids.isEmpty, "no \(row.role) runs")
      for pid in pids {
        #expect(try status(pid, "NoNewPrivs") == "1", "\(row.role)")
        #expect(try status(pid, "Seccomp") == "2", "\(row.role)")
        guard geteuid() == 0 else { continue }
        #expect(try status(pid, "CapEff") == mask(row.capabilities), "\(row.role)")
        #expect(try status(pid, "CapPrm") == mask(row.capabilities + row.lends), "\(row.role)")
        #expect(try status(pid, "CapBnd") == mask(row.capabilities + row.lends), "\(row.role)")
        #expect(try status(pid, "CapAmb") == mask([]), "\(row.role)")
        let users = try status(pid, "Uid").split(separator: "\t").map { Int($0) }
        #expect(users == [Int?](repeating: row.user, count: 4), "\(row.role)")
        #expect(try status(pid, "Groups").isEmpty || row.user == 0, "\(row.role)")
      }
    }
    // What the agent needs its capabilities for works: it lists MediaMTX's sockets.
    let log = String(decoding: try await station.client.log(.agent, from: 0).text, as: UTF8.self)
    #expect(!log.contains("errno") && !log.contains("unwanted"), "\(log)")
    #expect(station.agent.stop() == 0)
  }

  /// What the agent starts, by its role; MediaMTX by its program.
  private func name(_ pid: Int32) -> String {
    let line = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
    let words = line.split(separator: "\0")
    guard let program = words.first else { return "" }
    if program.hasSuffix("mediamtx-standin") { return "mediamtx" }
    return words.count > 1 ? String(words[1]) : ""
  }

  /// MediaMTX's files are where it can write, and its configuration is not.
  @Test(.enabled(if: geteuid() == 0, "only root can give files to another user"))
  func mediaMTXOwnsItsRecordingsAndNothingElse() async throws {
    let recorder = try await Recorder([Films.conforming])
    let folder = recorder.station.agent.folder
    func owner(_ name: String) throws -> [Int] {
      var found = stat()
      try #require(lstat(folder.appending(path: name).path, &found) == 0, "\(name)")
      return [Int(found.st_uid), Int(found.st_gid), Int(found.st_mode & 0o7777)]
    }
    #expect(try owner("run/mediamtx") == [0, 59711, 0o750])
    #expect(try owner("run/mediamtx/mediamtx.yml") == [0, 59711, 0o640])
    #expect(try owner("data/recordings") == [59711, 59711, 0o755])
    #expect(try owner("data/snapshots") == [59713, 59713, 0o755])
    #expect(try owner("data/state") == [0, 0, 0o755])
    _ = try await recorder.client.startRecording(recorder.station.names[0])
    try await recorder.wait("file") { try await recorder.files(.recording).first != nil }
    let file = try #require(try await recorder.files(.recording).first)
    let path = "data/recordings/\(file.camera.string)/\(file.name.string)"
    #expect(try owner(path).first == 59711)
    // Readable by a worker and removable by the storage worker, both of other users.
    _ = try await recorder.client.stopRecording(recorder.station.names[0])
    try await recorder.wait("end") {
      try await recorder.files(.recording).first?.state.known == .complete
    }
    let whole = try #require(try await recorder.files(.recording).first)
    #expect(try await !recorder.bytes(of: whole).isEmpty)
    try await recorder.client.removeFile(whole.request)
    #expect(!FileManager.default.fileExists(atPath: folder.appending(path: path).path))
  }

  @Test func noCredentialLeavesItsFile() async throws {
    let recorder = try await Recorder([Films.conforming])
    let agent = recorder.station.agent
    let file = agent.folder.appending(path: "run/mediamtx/mediamtx.yml")
    let text = try String(contentsOf: file, encoding: .utf8)
    let secrets = text.matches(of: #/pass: "([0-9a-f]{32})"/#).map { String($0.1) }
    #expect(Set(secrets).count == 2)
    for pid in try [agent.pid] + agent.children() {
      for name in ["cmdline", "environ"] {
        let bytes = try Data(contentsOf: URL(filePath: "/proc/\(pid)/\(name)"))
        for secret in secrets { #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)") }
      }
    }
    let told = Data(try await SupportBundle.collect(recorder.client).bytes())
    #expect(told.count > 1000)
    for secret in secrets { #expect(told.range(of: Data(secret.utf8)) == nil) }
  }

  @Test func theAPIOfARunningDeviceAsksWho() async throws {
    let recorder = try await Recorder([Films.conforming])
    let file = recorder.station.agent.folder.appending(path: "run/mediamtx/mediamtx.yml")
    let text = try String(contentsOf: file, encoding: .utf8)
    for (key, target) in [("apiAddress", "/v3/paths/list"), ("metricsAddress", "/metrics")] {
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(key + ":") })
      #expect(line.contains(" 127.0.0.1:"))
      let port = try #require(UInt16(line.split(separator: ":").last ?? ""))
      #expect(try HTTPExchange.perform(port: port, target: target).status == 401)
    }
  }

  /// As after a forbidden call: the agent says which role it was, and the camera streams again.
  @Test func aForbiddenCallIsNamedInTheLog() async throws {
    let recorder = try await Recorder([Films.conforming])
    let station = recorder.station
    let feed = try station.agent.children().first { name($0) == "feed" }
    kill(try #require(feed), SIGSYS)
    try await recorder.wait("line") {
      let text = try await station.client.log(.agent, from: 0).text
      return String(decoding: text, as: UTF8.self).contains("a feed made a forbidden system call")
    }
    try await station.streaming(1)
  }
}
