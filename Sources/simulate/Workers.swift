import Foundation
import Simulation

/// Processes that run seeds, each a batch after the other. One that traps costs its seed a result,
/// and the rest of its batch is given to a new one.
final class Workers {
  private static let batch = 20

  private struct Worker {
    var process: Process
    var output: FileHandle
    var text = Data()
    /// Seeds of its batch without a result.
    var open: [UInt64]
  }

  private var waiting: [UInt64]
  private let command: [String]
  private let processes: Int
  private let hours: Double
  private var workers: [Worker] = []

  init(_ seeds: [UInt64], command: [String], hours: Double, processes: Int) {
    waiting = seeds
    self.command = command
    self.hours = hours
    self.processes = processes
  }

  /// Runs all seeds; `took` gets a line for each.
  func run(_ took: (Campaign.Line) -> Void) throws {
    while !waiting.isEmpty || !workers.isEmpty {
      while workers.count < processes, !waiting.isEmpty {
        let part = Array(waiting.prefix(Self.batch))
        waiting.removeFirst(part.count)
        workers.append(try start(part))
      }
      for index in ready().reversed() { try read(index, took) }
    }
  }

  private func start(_ seeds: [UInt64]) throws -> Worker {
    let process = Process()
    process.executableURL = Bundle.main.executableURL
    process.arguments =
      ["--worker", "--batch", seeds.map(String.init).joined(separator: ",")] + command
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    return Worker(process: process, output: output.fileHandleForReading, open: seeds)
  }

  /// Workers with something to read.
  private func ready() -> [Int] {
    var polled = workers.map {
      pollfd(fd: $0.output.fileDescriptor, events: Int16(POLLIN), revents: 0)
    }
    poll(&polled, nfds_t(polled.count), -1)
    return polled.indices.filter { polled[$0].revents != 0 }
  }

  private func read(_ index: Int, _ took: (Campaign.Line) -> Void) throws {
    let chunk = workers[index].output.availableData
    workers[index].text += chunk
    while let end = workers[index].text.firstIndex(of: 10) {
      let bytes = workers[index].text[..<end]
      workers[index].text = Data(workers[index].text[(end + 1)...])
      guard let line = try? JSONDecoder().decode(Campaign.Line.self, from: bytes) else { continue }
      workers[index].open.removeAll { $0 == line.seed }
      took(line)
    }
    guard chunk.isEmpty else { return }
    workers[index].process.waitUntilExit()
    let worker = workers.remove(at: index)
    guard let seed = worker.open.first else { return }
    took(
      Campaign.Line(
        seed: seed, hours: hours, turns: 0, simulatedMs: 0, lives: 0, trace: "",
        violated: ["trap"], what: [Bounds.failure(of: worker.process)]))
    waiting.insert(contentsOf: worker.open.dropFirst(), at: 0)
  }
}

extension Campaign.Line {
  init(_ result: RunResult, hours: Double) {
    seed = result.options.seed
    self.hours = hours
    turns = result.turns
    simulatedMs = result.simulatedMs
    lives = result.lives
    trace = String(result.traceHash, radix: 16)
    violated = result.violations.map(\.invariant)
    what = result.violations.map(\.text)
  }

  /// As it stands in the file.
  var bytes: Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return ((try? encoder.encode(self)) ?? Data()) + Data("\n".utf8)
  }
}
