import Foundation
import LoadGenerator
import LoadReport

/// The crowds of a test, each on a thread of its own, that make one load together.
final class Squad: @unchecked Sendable {
  /// One for each thread; between stages nobody touches them.
  private let crowds: [Crowd]
  private let seconds: SecondLog
  let stop: StopSign

  /// Makes crowds among which users are dealt out: the one with number `n` gets every so many.
  init(
    threads: Int, labels: Int, timeout: Double, seed: UInt64, seconds: SecondLog, stop: StopSign,
    newcomer: @escaping @Sendable (Int) -> Newcomer
  ) throws(LoadTestError) {
    do throws(LoadError) {
      var crowds: [Crowd] = []
      for thread in 0..<threads {
        crowds.append(
          try Crowd(
            labels: labels, timeout: timeout, seed: seed &+ UInt64(thread), stop: stop,
            onSecond: { seconds.add($0, from: thread) },
            newcomer: { newcomer($0 * threads + thread) }))
      }
      self.crowds = crowds
    } catch { throw LoadTestError(error) }
    self.seconds = seconds
    self.stop = stop
  }

  /// Runs one stage on all threads and adds up what they did.
  func run(_ stage: CrowdStage) async throws(LoadTestError) -> (CrowdResult, busiest: Double) {
    let count = crowds.count
    let results: [Result<CrowdResult, LoadError>] = await withTaskGroup { group in
      for thread in 0..<count {
        let share = stage.share(of: thread, among: count)
        group.addTask { await self.run(share, on: thread) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    do throws(LoadError) {
      var all = try results[0].get()
      var busiest = all.ownCPUSeconds / max(all.seconds, 0.001)
      for result in results.dropFirst() {
        let other = try result.get()
        busiest = max(busiest, other.ownCPUSeconds / max(other.seconds, 0.001))
        all.add(other)
      }
      return (all, busiest * 100)
    } catch { throw LoadTestError(error) }
  }

  private func run(_ stage: CrowdStage, on thread: Int) async -> Result<CrowdResult, LoadError> {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        do throws(LoadError) {
          continuation.resume(returning: .success(try self.crowds[thread].run(stage)))
        } catch { continuation.resume(returning: .failure(error)) }
      }
    }
  }

  func dismiss() {
    for crowd in crowds { crowd.dismiss() }
  }
}

extension CrowdStage {
  /// One thread's part: the users whose numbers it has, and as much of the rate.
  func share(of thread: Int, among count: Int) -> CrowdStage {
    var own = self
    own.users = (users - thread + count - 1) / count
    own.ramp = ramp.map { $0 / Double(count) }
    own.rate = rate.map { $0 / Double(count) }
    return own
  }
}

/// The seconds of all threads, merged: one is told when the last thread has told its part.
final class SecondLog: @unchecked Sendable {
  private let lock = NSLock()
  private let threads: Int
  private let start: UInt64
  private var parts: [[CrowdSecond]]
  private var stage = ""
  private let told: @Sendable (RunResult.Second, Tally) -> Void

  /// `start`: nanoseconds since boot.
  init(threads: Int, start: UInt64, told: @escaping @Sendable (RunResult.Second, Tally) -> Void) {
    (self.threads, self.start, self.told) = (threads, start, told)
    parts = Array(repeating: [], count: threads)
  }

  func begin(_ stage: String) {
    lock.withLock {
      self.stage = stage
      parts = Array(repeating: [], count: threads)
    }
  }

  func add(_ second: CrowdSecond, from thread: Int) {
    let whole: (RunResult.Second, Tally)? = lock.withLock {
      parts[thread].append(second)
      guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
      var all = parts[0].removeFirst()
      for other in 1..<max(1, threads) {
        let part = parts[other].removeFirst()
        all.tally.add(part.tally)
        all.present += part.present
        all.busy += part.busy
      }
      return (RunResult.Second(all, since: start, stage: stage), all.tally)
    }
    if let whole { told(whole.0, whole.1) }
  }
}

extension RunResult.Second {
  init(_ second: CrowdSecond, since start: UInt64, stage: String) {
    let latency = second.tally.latency
    self.init(
      second: Double(second.end - start) / 1e9,
      length: Double(second.end - second.begin) / 1e9, stage: stage, users: second.present,
      requests: second.tally.ended, failures: second.tally.failed, busy: second.busy,
      p50Ns: latency.quantile(0.5), p95Ns: latency.quantile(0.95), p99Ns: latency.quantile(0.99),
      meanNs: latency.mean, maxNs: latency.max, bytes: second.tally.bytes)
  }
}

extension Latencies {
  init(_ histogram: LatencyHistogram) {
    let entries = histogram.entries
    self.init(
      values: entries.map(\.value), counts: entries.map(\.count), max: histogram.max,
      sum: Double(histogram.sum))
  }
}
