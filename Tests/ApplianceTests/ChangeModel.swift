import Wire

@testable import Appliance

/// Configuration changes, naively: arrays, and one rule a line.
struct ChangeModel {
  struct Change: Equatable {
    var id: UInt32
    var text: ConfigurationText
    var stager: String
    var decider = ""
    var state = ChangeState.checking
    /// When it expires, is given up as not applied, or is rolled back, by its state.
    var deadline: UInt64
    /// When it was applied.
    var appliedAt: UInt64 = 0
  }

  var open: [Change] = []
  var ended: [Change] = []
  var lastID: UInt32 = 0
  var inForce: Change?
  var needsAnotherKey: Bool
  var appliesAtOnce: Bool

  private func index(_ id: UInt32) throws(Status) -> Int {
    if let index = open.firstIndex(where: { $0.id == id }) { return index }
    throw ended.contains { $0.id == id } ? .state : .notFound
  }

  var underWay: Change? {
    open.first { [.applying, .unconfirmed, .rollingBack].contains($0.state) }
  }

  private mutating func end(_ index: Int, _ state: ChangeState) {
    var change = open.remove(at: index)
    change.state = state
    ended = (ended + [change]).suffix(Limits.endedChanges)
  }

  /// What follows by itself.
  private mutating func settle(_ now: UInt64) {
    guard appliesAtOnce, underWay == nil else { return }
    guard let next = open.firstIndex(where: { $0.state == .approved }) else { return }
    open[next].state = .applying
    open[next].deadline = now + 60_000
  }

  mutating func stage(
    _ text: ConfigurationText, by key: String, now: UInt64
  ) throws(Status) -> UInt32 {
    for known in open + (inForce.map { [$0] } ?? [])
    where known.text.version == text.version && known.text.ring == text.ring {
      if known.text == text && known.stager == key { return known.id }
      throw .alreadyExists
    }
    if open.count == 8 { throw .busy }
    lastID += 1
    open.append(Change(id: lastID, text: text, stager: key, deadline: now + 7 * 86_400_000))
    return lastID
  }

  mutating func decide(
    _ id: UInt32, approve: Bool, by key: String, now: UInt64
  ) throws(Status) {
    let index = try index(id)
    // An approval can be taken back as long as nobody has used it.
    let isApproved = open[index].state == .approved
    if open[index].state != .pending && (approve || !isApproved) { throw .state }
    if approve && needsAnotherKey && key == open[index].stager { throw .permission }
    open[index].decider = key
    if approve { open[index].state = .approved } else { end(index, .rejected) }
    settle(now)
  }

  mutating func apply(_ id: UInt32, now: UInt64) throws(Status) {
    let index = try index(id)
    if let underWay, underWay.id != id { throw .busy }
    if open[index].state != .approved { throw .state }
    open[index].state = .applying
    open[index].deadline = now + 60_000
  }

  mutating func confirm(_ id: UInt32, begunAt: UInt64, now: UInt64) throws(Status) {
    let index = try index(id)
    guard open[index].state == .unconfirmed, begunAt > open[index].appliedAt else {
      throw .state
    }
    inForce = open[index]
    end(index, .confirmed)
    settle(now)
  }

  mutating func checked(_ id: UInt32, right: Bool, now: UInt64) {
    guard let index = try? index(id), open[index].state == .checking else { return }
    if right { open[index].state = .pending } else { end(index, .refused) }
  }

  mutating func applied(_ id: UInt32, _ succeeded: Bool, now: UInt64) {
    guard let index = try? index(id), open[index].state == .applying else { return }
    open[index].state = succeeded ? .unconfirmed : .rollingBack
    open[index].appliedAt = now
    open[index].deadline = now + 120_000
  }

  mutating func rolledBack(_ id: UInt32, _ succeeded: Bool, now: UInt64) {
    guard succeeded, let index = try? index(id), open[index].state == .rollingBack else { return }
    end(index, .rolledBack)
    settle(now)
  }

  mutating func tick(now: UInt64) {
    for change in open where now >= change.deadline {
      let index = open.firstIndex { $0.id == change.id }!
      switch change.state {
      case .checking, .pending, .approved: end(index, .expired)
      case .applying, .unconfirmed: open[index].state = .rollingBack
      default: break
      }
    }
    settle(now)
  }

  /// The device starts anew; the model was kept at `keptAt`.
  mutating func powerCut(keptAt: UInt64, upMs: UInt64) {
    for index in open.indices {
      switch open[index].state {
      case .applying, .unconfirmed: open[index].state = .rollingBack
      case .checking, .pending, .approved: open[index].deadline -= min(keptAt, open[index].deadline)
      default: break
      }
    }
    tick(now: upMs)
  }
}
