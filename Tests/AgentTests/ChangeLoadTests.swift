import Foundation
import Glibc
import Testing
import Wire

/// 100 clients stage changes and 50 decide about them, all at once and sealed, against a real agent
/// and its keeper. Ten connections share a key.
@Suite(.serialized) struct ChangeLoadTests {
  private static let seconds = 5
  /// Half as many decide.
  private static let stagers = 100
  /// What is approved stays, so that most changes are rejected.
  private static let approvals = 6

  /// What all clients know and find out.
  private final class Desk: @unchecked Sendable {
    private let lock = NSLock()
    private var open: [UInt32] = []
    /// Approved, or asked for: more would take all places for good.
    private var approved: Set<UInt32> = []
    private(set) var staged: Set<UInt32> = []
    /// Who was told that it has decided about a change, and how.
    private(set) var decided: [UInt32: [(key: String, approved: Bool)]] = [:]
    private(set) var milliseconds: [Kind: [Double]] = [:]
    private(set) var refusals: [Status: Int] = [:]
    private(set) var failures: [String] = []

    private func locked<Result>(_ body: () -> Result) -> Result {
      lock.lock()
      defer { lock.unlock() }
      return body()
    }

    func add(_ id: UInt32) {
      locked {
        staged.insert(id)
        open.append(id)
      }
    }

    /// One that may be decided about, and whether to approve it; several clients get the same.
    func next(_ turn: Int) -> (id: UInt32, approves: Bool)? {
      locked {
        guard !open.isEmpty else { return nil }
        let id = open[turn % open.count]
        // All who come to one are of one mind: an approval that is taken back gives its place away.
        if approved.contains(id) { return (id, true) }
        guard approved.count < ChangeLoadTests.approvals else { return (id, false) }
        approved.insert(id)
        return (id, true)
      }
    }

    func decide(_ id: UInt32, by key: String, approved: Bool) {
      locked {
        decided[id, default: []].append((key, approved))
        open.removeAll { $0 == id }
      }
    }

    func took(_ kind: Kind, _ time: Duration) {
      locked { milliseconds[kind, default: []].append(time / .microseconds(1) / 1000) }
    }

    func refuse(_ status: Status) { locked { refusals[status, default: 0] += 1 } }

    func fail(_ text: String) { locked { failures.append(text) } }
  }

  /// One client on a thread of its own.
  private final class Worker: @unchecked Sendable {
    let client: KeyedClient
    let desk: Desk
    let number: Int
    private var turn = 0

    init(_ client: KeyedClient, _ desk: Desk, _ number: Int) {
      (self.client, self.desk, self.number) = (client, desk, number)
    }

    func run(until end: ContinuousClock.Instant) {
      do {
        while ContinuousClock.now < end {
          turn += 1
          try number < ChangeLoadTests.stagers ? stage() : decide()
        }
      } catch {
        desk.fail("client \(number): \(error)")
      }
    }

    /// nil: it was refused, and the time has passed after which it is worth another try.
    private func ask(_ kind: Kind, _ payload: [UInt8]) throws -> KeyedClient.Answer? {
      let start = ContinuousClock.now
      let answer = try client.ask(kind, payload)
      let time = ContinuousClock.now - start
      guard let status = answer.status else {
        desk.took(kind, time)
        return answer
      }
      desk.refuse(status)
      // It is still being checked, or somebody else was first.
      if status == .state { usleep(20_000) }
      guard status == .busy else { return nil }
      let refusal = answer.payload.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return Refusal(from: &reader)
      }
      if refusal.retryAfterMs == 0 { desk.fail("busy, and nobody says until when") }
      usleep(1000 * min(refusal.retryAfterMs, 1000))
      return nil
    }

    private func stage() throws {
      let head = StageRequest(version: Text("\(number)-\(turn)"), ring: Text("test"))
      let text = "[device]\nname = n\(number)\n"
      guard let answer = try ask(.configurationStage, bytes(of: head) + Array(text.utf8)) else {
        return
      }
      desk.add(try answer.read(ChangeEntry.self).id)
    }

    private func decide() throws {
      guard let (id, approves) = desk.next(turn + number) else {
        usleep(1000)
        return
      }
      let kind = approves ? Kind.changeApprove : .changeReject
      if try ask(kind, bytes(of: ChangeRequest(id: id))) != nil {
        desk.decide(id, by: client.pass.name, approved: approves)
      }
    }
  }

  private func join(_ agent: AgentProcess, _ admin: KeyedClient, _ desk: Desk) throws -> [Worker] {
    var workers: [Worker] = []
    for key in 0..<(Self.stagers * 3 / 20) {
      var pass = ClientPass("key-\(key)", secret: [], device: admin.pass.device)
      var request = pass.request(.admin)
      (request.rate, request.slots) = (100_000, 16)
      pass = try pass.granted(admin.ask(.keyAdd, request))
      for _ in 0..<10 {
        // Handshakes are counted for each address.
        let address = 0x7F00_0100 + UInt32(workers.count)
        workers.append(
          Worker(try KeyedClient.arrive(agent, pass, from: address), desk, workers.count))
      }
    }
    return workers
  }

  @Test func aHundredStageAndFiftyDecide() throws {
    let place = TemporaryPlace()
    let agent = try AgentProcess(in: place.url)
    let pass = try KeyedClient.pair(agent, "first", code: agent.code())
    let admin = try KeyedClient(agent, pass)
    let desk = Desk()
    let workers = try join(agent, admin, desk)
    let end = ContinuousClock.now + .seconds(Self.seconds)
    let group = DispatchGroup()
    for worker in workers {
      group.enter()
      Thread.detachNewThread {
        worker.run(until: end)
        group.leave()
      }
    }
    group.wait()
    #expect(desk.failures.isEmpty)

    // Each decision was told to one client, and the history knows no other. What one has approved
    // another one may take back.
    for decisions in desk.decided.values {
      #expect(decisions.count { !$0.approved } <= 1 && decisions.count { $0.approved } <= 1)
    }
    #expect(Set(desk.decided.keys).isSubset(of: desk.staged))
    let lists = try [Kind.changeHistory, .changeList].map { kind in
      try admin.ask(kind).list(ChangeListHead.self)
    }
    for entry in lists.joined() {
      let decisions = desk.decided[entry.id] ?? []
      let told = decisions.first { !$0.approved } ?? decisions.first
      #expect(entry.decider == Text<32>(told?.key ?? ""))
      let wanted: Set<ChangeState> =
        told.map { $0.approved ? [.approved] : [.rejected] } ?? [.checking, .pending]
      #expect(entry.state.known.map { wanted.contains($0) } == true)
    }
    #expect(lists[0].count == Limits.endedChanges && desk.decided.count > 100)
    report(desk)
  }

  private func report(_ desk: Desk) {
    for (kind, times) in desk.milliseconds.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let sorted = times.sorted()
      let median = sorted[sorted.count / 2]
      let late = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
      let figures = String(format: "median %.2f ms, 99 %% %.2f ms", median, late)
      print("\(kind): \(sorted.count) answers, \(figures)")
      // The bar is the shipped program's.
      if AgentProcess.isShipped { #expect(median <= 10, "\(kind)") }
    }
    print("refused: \(desk.refusals)")
  }
}
