import ArgumentParser
import Foundation

/// `Tests/Benchmarks/run` calls this after it has built everything.
@main struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Tests/Benchmarks/run",
    abstract: "Measures the control port beside a C server and others; exit 1: a bar is broken.")

  /// That of the agent (setpriority(2)).
  private static let niceness: Int32 = -15

  @Option(help: "Interleaved pairs of each row; the medians count.") var pairs = 7
  @Option(help: "Seconds of each measurement of a closed loop; an open one takes four times that.")
  var seconds = 0.5
  @Option(help: "Only rows whose name contains this; may be repeated.") var only: [String] = []
  @Option(help: "The agent to measure [.build/image/host/watchpost].") var watchpost: String?
  @Option(help: "The checkout.") var top = "."
  @Option(help: "Servers run on this processor, the load on another; --processor=-1: anywhere.")
  var processor: Int?
  @Flag(
    help: "Counts instructions per request with callgrind and compares them with the committed.")
  var instructions = false
  @Flag(help: "With --instructions: commits what was counted.") var update = false
  @Flag(help: "The load never sleeps in closed loops: no server waits for it to wake up.")
  var spinning = false
  @Flag(help: "Only the rows about sealed connections: their cost beside plain ones.")
  var sealed = false
  @Flag(help: "Names the rows.") var list = false

  func validate() throws {
    guard pairs > 0 else { throw ValidationError("--pairs is at least 1") }
    guard seconds >= 0.05 else { throw ValidationError("--seconds is at least 0.05") }
  }

  func run() throws {
    if list {
      let all = [
        names(Contest.self), names(Broadcasts.self), names(Instances.self), names(Restarts.self),
        names(Ladder.self), names(Sealing.self),
      ]
      for name in all.joined() { say(name) }
      return
    }
    let processor = try serverProcessor()
    let workshop = try Workshop(
      top: URL(filePath: top).absoluteURL, watchpost: watchpost, processor: processor)
    if processor != nil, let last = try ProcessFigures.allowedProcessors().last {
      _ = try workshop.capture(["taskset", "-a", "-c", "-p", "\(last)", "\(getpid())"])
    }
    // The agent goes ahead of others where it may. So do all who are measured here, and the load:
    // they inherit it. Where it is not allowed, nobody does.
    setpriority(__priority_which_t(UInt32(PRIO_PROCESS.rawValue)), 0, Bench.niceness)
    let isMet =
      instructions ? try InstructionCount(workshop).run(update: update) : try measure(workshop)
    if !isMet { throw ExitCode.failure }
  }

  private func isWanted(_ name: String) -> Bool {
    let wanted = only + (sealed ? ["sealed "] : [])
    return wanted.isEmpty || wanted.contains { name.contains($0) }
  }

  private func names<C: Chapter>(_: C.Type) -> [String] {
    C.rows.map(\.name).filter(isWanted)
  }

  /// Servers on the first processor, the load on the last, where there are two: otherwise the
  /// kernel moves them about, and a pair differs by where they happened to be.
  private func serverProcessor() throws -> Int? {
    if let processor { return processor < 0 ? nil : processor }
    let allowed = try ProcessFigures.allowedProcessors()
    return allowed.count > 1 ? allowed[0] : nil
  }

  private func measure(_ workshop: Workshop) throws -> Bool {
    let title = try self.title(workshop)
    say("\(title)\n\n\(Report.head)")
    var report = Report()
    write(Contest.self, workshop, &report)
    write(Broadcasts.self, workshop, &report)
    write(Instances.self, workshop, &report)
    write(Restarts.self, workshop, &report)
    write(Ladder.self, workshop, &report)
    write(Sealing.self, workshop, &report)
    guard !report.outcomes.isEmpty else {
      throw ValidationError("no row has such a name; see --list")
    }
    let folder = workshop.folder
    for (name, text) in [
      ("report.md", report.markdown(title: title)), ("report.csv", report.csv),
      ("samples.csv", report.samplesCSV),
    ] { try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8) }
    if report.disturbed > 0 {
      let share = fixed(Report.disturbance * 100, 0)
      say(
        "\nNot undisturbed: others had more than \(share) % of a processor in \(report.disturbed) "
          + "of \(report.samples.count) measurements.")
    }
    say("\n\(report.broken) of \(report.outcomes.count) bars broken; all of it: \(folder.path)/")
    return report.broken == 0
  }

  /// Measures the rows of a chapter that are wanted; its servers end with it. A row that cannot be
  /// measured is a broken one, and the others go on.
  private func write<C: Chapter>(_: C.Type, _ workshop: Workshop, _ report: inout Report) {
    let rows = C.rows.filter { isWanted($0.name) }
    guard !rows.isEmpty else { return }
    let effort = Effort(pairs: pairs, seconds: seconds, spinning: spinning)
    func tell(_ outcomes: [Outcome]) {
      for outcome in outcomes { say(Report.line(outcome)) }
      report.outcomes += outcomes
    }
    let chapter: C
    do { chapter = try C(workshop, for: rows) } catch {
      return tell(rows.map { .unmeasured($0.name, error) })
    }
    for row in rows {
      do { tell(try chapter.run(row, effort, &report)) } catch {
        tell([.unmeasured(row.name, error)])
      }
    }
    tell(chapter.conclude())
  }

  /// What was measured, and on what.
  private func title(_ workshop: Workshop) throws -> String {
    let commit = try? workshop.capture([
      "git", "-C", workshop.top.path, "describe", "--always", "--dirty",
    ])
    let model = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8).split(separator: "\n")
      .first { $0.hasPrefix("model name") }?.split(separator: ":").last?
      .trimmingCharacters(in: .whitespaces)
    let kernel = try workshop.capture(["uname", "-r"])
    let count = ProcessInfo.processInfo.processorCount
    return "Watchpost \(commit ?? "?"), Linux \(kernel), \(count) x \(model ?? "?"); "
      + "medians of \(pairs) interleaved pairs"
  }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
