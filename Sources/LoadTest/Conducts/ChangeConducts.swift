import LoadGenerator
import Synchronization
import Wire

/// What all deployments of a device have in common.
enum Rollout {
  /// Versions begin with it: nobody decides about changes that are not the test's own.
  static let mark = "wpload-"
  static let ring = Text<32>(string: "wpload")

  /// Those of a list that are the test's own.
  static func own(_ payload: UnsafeRawBufferPointer) -> [ChangeEntry]? {
    guard payload.count >= ChangeListHead.size else { return nil }
    var reader = ByteReader(payload)
    let head = ChangeListHead(from: &reader)
    guard reader.remaining == Int(head.count) * ChangeEntry.size else { return nil }
    return (0..<head.count).map { _ in ChangeEntry(from: &reader) }
      .filter { $0.version.string.hasPrefix(mark) }
  }
}

/// Who deploys at a device at the same time.
final class Crew: Sendable {
  private let present = Atomic(0)

  var count: Int { present.load(ordering: .relaxed) }
  func join() { present.add(1, ordering: .relaxed) }
  func leave() { present.subtract(1, ordering: .relaxed) }
}

/// Deploys a configuration over and over: hands it in with a version and a ring, waits until it was
/// checked and somebody has decided about it, and has it end. Whoever is alone puts it in force and
/// confirms it, for which the device begins anew; among others it takes it back, which leaves its
/// place to the next one.
final class DeploymentConduct: Conduct {
  struct Labels {
    var stage: Int
    var list: Int
    var approve: Int
    var withdraw: Int
    var apply: Int
    var confirm: Int
    /// All of it, from handing in to the end.
    var deployment: Int
  }

  private enum State {
    case idle
    case staging
    case waiting(UInt32)
    case approving(UInt32)
    case withdrawing(UInt32)
    case applying(UInt32)
    case confirming(UInt32)
  }

  /// Between two looks at the list.
  private static let pause = 0.05

  private let labels: Labels
  private let name: String
  private let text: [UInt8]
  private let crew: Crew
  /// Nobody else does.
  private let approves: Bool
  private var state = State.idle
  private var number = 0
  private var begunAt: UInt64 = 0
  private var isThere = false
  private var restsFirst = false

  /// `text`: what is in force on the device, so that nothing changes.
  init(_ labels: Labels, name: String, text: [UInt8], crew: Crew, approves: Bool) {
    (self.labels, self.name, self.text) = (labels, name, text)
    (self.crew, self.approves) = (crew, approves)
  }

  func next(now: UInt64) -> Move {
    if !isThere {
      isThere = true
      crew.join()
    }
    if restsFirst {
      restsFirst = false
      return .rest(Self.pause)
    }
    switch state {
    case .idle:
      number += 1
      begunAt = now
      state = .staging
      return stage()
    case .staging: return stage()
    case .waiting: return .ask(Ask(labels.list, .changeList))
    case .approving(let id): return decide(labels.approve, .changeApprove, id)
    case .withdrawing(let id): return decide(labels.withdraw, .changeReject, id)
    case .applying(let id): return decide(labels.apply, .changeApply, id)
    case .confirming(let id): return decide(labels.confirm, .changeConfirm, id)
    }
  }

  private func stage() -> Move {
    let version = Text<32>(string: "\(Rollout.mark)\(name)-\(number)")
    let head = StageRequest(version: version, ring: Rollout.ring)
    return .ask(Ask(labels.stage, .configurationStage, encoded(head) + text))
  }

  private func decide(_ label: Int, _ kind: Kind, _ id: UInt32) -> Move {
    .ask(Ask(label, kind, encoded(ChangeRequest(id: id))))
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    if let refusal { return refused(refusal) }
    if case .waiting(let id) = state { return look(for: id, payload, now: now) }
    guard let entry = try? ChangeEntry.decode(payload) else { return .wrong }
    switch state {
    case .staging:
      state = .waiting(entry.id)
      return .right
    case .approving(let id) where entry.id == id:
      goOn(id)
      return .right
    case .applying(let id) where entry.id == id:
      state = .confirming(id)
      restsFirst = true
      return .right
    case .withdrawing(let id) where entry.id == id, .confirming(let id) where entry.id == id:
      state = .idle
      return .completes(Notice(labels.deployment, .took(now - begunAt)))
    case .idle, .waiting, .approving, .withdrawing, .applying, .confirming: return .wrong
    }
  }

  private func look(
    for id: UInt32, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    guard let own = Rollout.own(payload) else { return .wrong }
    guard let entry = own.first(where: { $0.id == id }) else {
      // It has ended: somebody has rejected it.
      state = .idle
      return .completes(Notice(labels.deployment, .took(now - begunAt)))
    }
    switch entry.state.known {
    case .approved: goOn(id)
    case .pending where approves: state = .approving(id)
    default: restsFirst = true
    }
    return .right
  }

  /// It was approved.
  private func goOn(_ id: UInt32) { state = crew.count == 1 ? .applying(id) : .withdrawing(id) }

  private func refused(_ status: Status) -> Verdict {
    restsFirst = true
    switch state {
    // The device is on its way to the new configuration, or was before the answer came.
    case .confirming where status == .state: return .expected
    case .confirming where status == .notFound:
      state = .idle
      return .right
    // It was decided about meanwhile.
    case .withdrawing(let id) where status == .state, .applying(let id) where status == .state,
      .approving(let id) where status == .state:
      state = .waiting(id)
      return .expected
    case .applying where status == .busy: return .expected
    // Somebody else's has this version.
    case .staging where status == .alreadyExists:
      state = .idle
      return .right
    case .idle, .staging, .waiting, .approving, .withdrawing, .applying, .confirming: return .right
    }
  }

  func lost() -> Bool {
    restsFirst = false
    leaves()
    switch state {
    // What was put in force is confirmed over the next connection.
    case .applying(let id), .confirming(let id):
      state = .confirming(id)
      return true
    case .idle, .staging, .waiting, .approving, .withdrawing: return false
    }
  }

  private func leaves() {
    guard isThere else { return }
    isThere = false
    crew.leave()
  }
}

/// Looks for what waits for a decision, and approves or rejects it.
final class ApprovalConduct: Conduct {
  struct Labels {
    var list: Int
    var approve: Int
    var reject: Int
  }

  private static let pause = 0.05
  /// One in so many is rejected.
  private static let rejectsOneIn: UInt32 = 4

  private let labels: Labels
  private var random: SplitMix
  private var pending: UInt32?
  private var rests = false

  init(_ labels: Labels, seed: UInt64) {
    self.labels = labels
    random = SplitMix(seed)
  }

  func next(now: UInt64) -> Move {
    if rests {
      rests = false
      return .rest(Self.pause)
    }
    guard let id = pending else { return .ask(Ask(labels.list, .changeList)) }
    let rejects = id.isMultiple(of: Self.rejectsOneIn)
    return .ask(
      Ask(
        rejects ? labels.reject : labels.approve, rejects ? .changeReject : .changeApprove,
        encoded(ChangeRequest(id: id))))
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    if let refusal {
      defer { pending = nil }
      // Somebody else was faster.
      return pending != nil && (refusal == .state || refusal == .notFound) ? .expected : .right
    }
    guard pending == nil else {
      let isIt = (try? ChangeEntry.decode(payload))?.id == pending
      pending = nil
      return isIt ? .right : .wrong
    }
    guard let own = Rollout.own(payload) else { return .wrong }
    pending = own.filter { $0.state == .pending }.randomElement(using: &random)?.id
    rests = pending == nil
    return .right
  }

  func lost() -> Bool {
    (pending, rests) = (nil, false)
    return false
  }
}
