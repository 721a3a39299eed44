import Testing

/// Suites of devices whose cameras stream, one after the other: each device takes what a processor
/// has to give, and beside three others its pictures come late.
struct OneDeviceTrait: SuiteTrait, TestScoping {
  private actor Bench {
    private var isTaken = false
    private var queue: [CheckedContinuation<Void, Never>] = []

    func take() async {
      guard isTaken else {
        isTaken = true
        return
      }
      await withCheckedContinuation { queue.append($0) }
    }

    /// To whoever has waited longest.
    func leave() {
      if queue.isEmpty { isTaken = false } else { queue.removeFirst().resume() }
    }
  }

  private static let bench = Bench()

  func provideScope(
    for test: Test, testCase: Test.Case?, performing suite: @Sendable () async throws -> Void
  ) async throws {
    await Self.bench.take()
    do { try await suite() } catch {
      await Self.bench.leave()
      throw error
    }
    await Self.bench.leave()
  }
}

extension Trait where Self == OneDeviceTrait {
  /// Waits until no other suite with this trait runs.
  static var oneDevice: Self { Self() }
}
