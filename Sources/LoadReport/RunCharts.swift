import Foundation

/// The charts of a run.
struct RunCharts {
  private let run: RunResult

  /// The unit of time in which the run has a few dozen at most.
  private let clock: (name: String, seconds: Double)

  init(_ run: RunResult) {
    self.run = run
    clock =
      switch run.seconds {
      case 10_800...: ("hours", 3600)
      case 180...: ("minutes", 60)
      default: ("seconds", 1)
      }
  }

  var all: [Chart] {
    [latency, throughput, percentiles] + (run.ladder == nil ? [] : [ladder]) + [target]
  }

  private var stageMarks: [(x: Double, name: String)] {
    // A ladder has too many to be told apart.
    run.stages.count > 8 ? [] : run.stages.map { ($0.start / clock.seconds, $0.name) }
  }

  private var latency: Chart {
    // A few milliseconds say little of either.
    let answered = run.series.filter { $0.requests > $0.failures && $0.length > 0.2 }
    func line(_ name: String, _ value: (RunResult.Second) -> UInt64) -> Chart.Line {
      Chart.Line(
        name: name, points: answered.map { ($0.second / clock.seconds, Double(value($0)) / 1e6) })
    }
    return Chart(
      id: "chart-latency", title: "Latency over time", xUnit: clock.name, yUnit: "",
      yLabels: .durations,
      lines: [line("p50", \.p50Ns), line("p95", \.p95Ns), line("p99", \.p99Ns)],
      yScale: .logarithmic, marks: stageMarks)
  }

  private var throughput: Chart {
    func line(
      _ name: String, right: Bool = false, _ value: (RunResult.Second) -> Int
    ) -> Chart.Line {
      Chart.Line(
        name: name,
        // A rate of a few milliseconds is none.
        points: run.series.filter { $0.length > 0.2 }.map { second in
          (second.second / clock.seconds, Double(value(second)) / (right ? 1 : second.length))
        }, isRight: right)
    }
    var lines = [line("answers") { $0.requests - $0.failures }]
    if run.series.contains(where: { $0.failures > 0 }) {
      lines.append(line("failures", \.failures))
    }
    if run.series.contains(where: { $0.busy > 0 }) { lines.append(line("BUSY", \.busy)) }
    return Chart(
      id: "chart-throughput", title: "Answers and users over time", xUnit: clock.name,
      yUnit: "a second", rightUnit: "users", lines: lines + [line("users", right: true, \.users)],
      marks: stageMarks)
  }

  /// As HdrHistogram plots them: each nine of the share takes as much room as the one before.
  private var percentiles: Chart {
    let names: [(Double, String)] = [
      (2, "50"), (10, "90"), (100, "99"), (1000, "99.9"), (10_000, "99.99"), (100_000, "99.999"),
    ]
    let curves = run.operations.sorted { $0.requests > $1.requests }.prefix(5)
    return Chart(
      id: "chart-percentiles", title: "Latency by percentile", xUnit: "% of the requests",
      yUnit: "", yLabels: .durations,
      lines: curves.map { operation in
        Chart.Line(
          name: "\(operation.userClass) \(operation.operation)",
          points: RunCharts.curve(operation.latency))
      }, xScale: .logarithmic, yScale: .logarithmic, xNames: names)
  }

  static func curve(_ latency: Latencies) -> [(x: Double, y: Double)] {
    let count = latency.count
    var seen: UInt64 = 0
    return zip(latency.values, latency.counts).map { value, occurred in
      let before = Double(seen) / Double(count)
      seen += occurred
      return (1 / (1 - before), Double(value) / 1e6)
    }
  }

  private var ladder: Chart {
    let steps = (run.ladder?.steps ?? []).sorted { $0.users < $1.users }
    var marks: [(x: Double, name: String)] = []
    if run.tester.isValid, let held = run.ladder?.held {
      marks.append((Double(held), "held \(held)"))
    }
    return Chart(
      id: "chart-ladder", title: "The ladder and its knee", xUnit: "users",
      yUnit: "answers a second",
      rightUnit: "p95", rightLabels: .durations,
      lines: [
        Chart.Line(
          name: "answers a second", points: steps.map { (Double($0.users), $0.answersPerSecond) }),
        Chart.Line(
          name: "p95", points: steps.map { (Double($0.users), Double($0.p95Ns) / 1e6) },
          isRight: true),
      ], marks: marks)
  }

  private var target: Chart {
    let lines = run.targets.flatMap { target -> [Chart.Line] in
      let name = run.targets.count > 1 ? " of \(target.address)" : ""
      let pairs = zip(target.readings, target.readings.dropFirst())
        .filter { $1.second - $0.second > 0.2 }
      return [
        Chart.Line(
          name: "memory" + name,
          points: target.readings.map { ($0.second / clock.seconds, $0.memoryKiB / 1024) }),
        Chart.Line(
          name: "processor" + name,
          points: pairs.map { before, after in
            let seconds = after.second - before.second
            return (
              after.second / clock.seconds,
              max(0, after.cpuMs - before.cpuMs) / seconds / 10
            )
          }, isRight: true),
      ]
    }
    return Chart(
      id: "chart-target", title: "Memory and processor of the device", xUnit: clock.name,
      yUnit: "MiB", rightUnit: "% of a core", lines: lines, marks: stageMarks)
  }
}
