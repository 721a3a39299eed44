import Foundation
import StandInDriver

/// From the death of a supervised process to the first instruction of the next one: Watchpost
/// beside a C program that does nothing else, and runsv.
///
/// All three start the same program, which reports when it is executed and becomes the media
/// server (`first-act.c`). None of them is slowed down by what a supervisor does about programs
/// that fail at once: every life lasts long enough to count as good.
final class Restarts: Chapter {
  struct Entry: Named {
    let name = "MediaMTX killed, exec of the new one"
  }

  static let rows = [Entry()]

  enum Contestant: String, CaseIterable {
    case watchpost
    case peer = "C supervisor"
    case runsv
  }

  /// Restarts of each in a round; their median is one measurement.
  private static let restarts = 3
  /// How long a process lives before it is killed. Watchpost forgives earlier failures when it has
  /// answered for a second, runsv waits when a life was shorter than that.
  private static let life = 1.6
  /// What one leaves to do is done before the next is measured.
  private static let pauseUs: UInt32 = 150_000

  private let reports: ReportSocket
  private let runFolder: RunFolder
  private var supervisors: [Contestant: Server] = [:]
  private var children: [Contestant: Int32] = [:]

  /// A supervisor and what it starts run where the kernel wants: on one processor a program would
  /// wait for what its supervisor does about it.
  init(_ pinned: Workshop, for rows: [Entry]) throws {
    let workshop = pinned.unpinned
    let reports = try ReportSocket()
    self.reports = reports
    runFolder = try RunFolder(workshop)
    let program = try workshop.compileFirstAct(reporting: reports.name)
    for contestant in Contestant.allCases {
      var child: Int32?
      func hasReported() throws -> Bool {
        child = try reports.next(within: 5)?.pid
        return child != nil
      }
      supervisors[contestant] =
        switch contestant {
        case .watchpost: try workshop.startSupervising(program, runFolder.path, hasReported)
        case .peer: try workshop.startSupervisor(program, hasReported)
        case .runsv: try workshop.startRunsv(program, hasReported)
        }
      children[contestant] = child
    }
  }

  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    var times: [Contestant: [Double]] = [:]
    for _ in 1...effort.pairs {
      var round: [Contestant: [Double]] = [:]
      for _ in 1...Restarts.restarts {
        usleep(UInt32(Restarts.life * 1e6))
        for contestant in Contestant.allCases {
          round[contestant, default: []].append(try restart(contestant))
          usleep(Restarts.pauseUs)
        }
      }
      for (contestant, list) in round { times[contestant, default: []].append(median(list)) }
    }
    return [(Contestant.peer, 1.3), (.runsv, 1.0)].map { rival, bar in
      Outcome(
        row.name, .restart, against: rival.rawValue, ours: times[.watchpost, default: []],
        theirs: times[rival, default: []], bar: .atMost(bar))
    }
  }

  /// Kills a supervisor's child; nanoseconds until the next one runs.
  private func restart(_ contestant: Contestant) throws -> Double {
    guard let child = children[contestant] else { throw BenchError("\(contestant): no child") }
    if let early = try reports.next(within: 0) {
      throw BenchError("process \(early.pid) was started although none had been killed")
    }
    let start = monotonicNs()
    guard kill(child, SIGKILL) == 0 else { throw BenchError("\(contestant): its child is gone") }
    guard let next = try reports.next(within: 5), next.pid != child else {
      throw BenchError("\(contestant.rawValue) has not started its child again")
    }
    children[contestant] = next.pid
    return Double(next.ns - start)
  }
}

/// A folder in memory, as `run.directory` is on a board: a disk would take its time for the file
/// that Watchpost writes for each life of MediaMTX.
private final class RunFolder {
  let path: String

  init(_ workshop: Workshop) throws {
    let memory = "/dev/shm"
    let top =
      FileManager.default.isWritableFile(atPath: memory) ? memory : workshop.folder.path
    path = "\(top)/agent-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Where supervised programs report that they run: an abstract UNIX socket for datagrams.
final class ReportSocket {
  /// Without the zero in front.
  let name = "watchpost-bench-\(getpid())"
  private let descriptor: Int32

  init() throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0[1...].copyBytes(from: name.utf8) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard bound == 0 else { throw BenchError("no socket for reports: errno \(errno)") }
  }

  deinit { close(descriptor) }

  /// The next report: whose, and when it was made (CLOCK_MONOTONIC). Nil: none within the time.
  func next(within seconds: Double) throws -> (pid: Int32, ns: UInt64)? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, Int32(seconds * 1000)) == 1 else { return nil }
    var report: [UInt64] = [0, 0]
    let count = recv(descriptor, &report, 16, 0)
    guard count == 16 else { throw BenchError("a report of \(count) bytes") }
    return (Int32(truncatingIfNeeded: report[0]), report[1])
  }
}

extension Workshop {
  private var mediaServer: URL {
    watchpost.deletingLastPathComponent().appending(path: "mediamtx")
  }

  /// The program that the supervisors start.
  func compileFirstAct(reporting name: String) throws -> String {
    guard FileManager.default.isExecutableFile(atPath: mediaServer.path) else {
      throw BenchError("\(mediaServer.path) is missing; run image/build host")
    }
    return try compile(
      "first-act", ["-static", "-DREPORT=\"\(name)\"", "-DSERVER=\"\(mediaServer.path)\""])
  }

  /// What Watchpost gives MediaMTX, too: without it each one wants the same port for MoQ.
  private static let environment = ["env", "MTX_MOQ=no"]

  /// An agent with the program in place of MediaMTX.
  func startSupervising(
    _ program: String, _ runFolder: String, _ answers: () throws -> Bool
  ) throws -> Server {
    var settings = ["mediamtx.path": program, "run.directory": runFolder]
    for key in ["api", "metrics", "rtsp"] {
      settings["mediamtx.\(key)_port"] = "\(freePort())"
    }
    let agent = try startWatchpost(limits: .defaults, settings: settings)
    guard try answers() else { throw BenchError("the agent has not started \(program)") }
    return agent
  }

  func startSupervisor(_ program: String, _ answers: () throws -> Bool) throws -> Server {
    let file = try configureMediaServer(in: folder.appending(path: "agent-supervisor"))
    let command = Workshop.environment + [try compile("supervisor"), program, file.path]
    return try start("C supervisor", 0, command) { _ in try answers() }
  }

  /// runsv(8) starts the file `run` of a folder, in that folder, without arguments.
  func startRunsv(_ program: String, _ answers: () throws -> Bool) throws -> Server {
    let service = folder.appending(path: "agent-runsv")
    _ = try configureMediaServer(in: service)
    try FileManager.default.createSymbolicLink(
      atPath: service.appending(path: "run").path, withDestinationPath: program)
    let command = Workshop.environment + ["runsv", service.path]
    return try start("runsv", 0, command) { _ in try answers() }
  }

  /// Writes a configuration with ports that nobody uses.
  private func configureMediaServer(in folder: URL) throws -> URL {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appending(path: "mediamtx.yml")
    let text = """
      api: yes
      apiAddress: 127.0.0.1:\(freePort())
      rtspTransports: [tcp]
      rtspEncryption: "no"
      rtspAddress: 127.0.0.1:\(freePort())
      rtmp: no
      hls: no
      webrtc: no
      srt: no
      paths:

      """
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file
  }
}

private func monotonicNs() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
