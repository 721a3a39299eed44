import Testing
import Wire

@testable import Appliance

/// The machine, its model, and a device whose configuration is a number: clients ask, the executor
/// answers late or never, and the power fails at any point.
private final class ChangeWorld {
  var random: SplitMix
  let desk: ChangeDesk
  var model: ChangeModel
  /// The model as of the last image, and when that was.
  var kept: (model: ChangeModel, at: UInt64)
  /// The id of the configuration in use, and what it replaced; 0: the first one.
  var inUse: UInt32 = 0
  var replaced: [UInt32: UInt32] = [:]
  /// What the executor has not come to yet.
  var work: [ChangeEffect] = []
  /// What clients were told that they have done: decisions and confirmations.
  var decisions: [UInt32: [String]] = [:]
  var confirmed: [UInt32] = []
  var stages: [UInt32: String] = [:]
  /// Ends that the audit was told of.
  var ends: [UInt32: [ChangeNews.What]] = [:]
  var powerCuts = 0
  var mostOpen = 0
  private var compared: [ChangeModel.Change] = []

  init(seed: UInt64) {
    random = SplitMix(state: seed)
    var policy = ChangePolicy()
    policy.needsAnotherKey = seed % 2 == 0
    policy.appliesAtOnce = seed % 4 > 1
    desk = ChangeDesk(policy)
    model = ChangeModel(
      needsAnotherKey: policy.needsAnotherKey, appliesAtOnce: policy.appliesAtOnce)
    kept = (model, desk.now)
    desk.disk = desk.image()
  }

  func number(_ range: Range<Int>) -> Int { .random(in: range, using: &random) }

  func chance(_ percent: Int) -> Bool { number(0..<100) < percent }

  // MARK: Steps

  /// One step of both. The power may fail before the image is on the disk, after it, or while the
  /// executor is at what was asked: a client hears nothing then.
  func step<Result: Equatable>(
    _ modelled: (inout ChangeModel) throws(Status) -> Result, told: (Result) -> Void = { _ in },
    real: () throws(Status) -> Result
  ) {
    let before = model
    var expected: Swift.Result<Result, Status>
    do { expected = .success(try modelled(&model)) } catch { expected = .failure(error) }
    let cut = number(0..<250) == 0
    desk.diskFails = cut && chance(50)
    let keeps = desk.keeps
    do throws(Status) {
      let result = try real()
      #expect(expected == .success(result))
      if desk.keeps > keeps, !desk.diskFails { kept = (model, desk.now) }
      if model.open != before.open || model.ended != before.ended {
        #expect(desk.keeps > keeps, "what has changed must be kept")
      }
      if cut {
        take(Array(desk.asked.prefix(number(0..<desk.asked.count + 1))), unlessLost: desk.diskFails)
        powerCut()
      } else {
        take(desk.asked, unlessLost: false)
        told(result)
      }
    } catch {
      #expect(expected == .failure(error))
      #expect(model.open == before.open && desk.keeps == keeps)
    }
    desk.diskFails = false
    compare()
  }

  /// The same where there is nothing to tell but that it was done.
  func step(
    _ modelled: (inout ChangeModel) throws(Status) -> Void, told: () -> Void = {},
    real: () throws(Status) -> Void
  ) {
    step(
      { model throws(Status) in
        try modelled(&model)
        return true
      }, told: { _ in told() },
      real: { () throws(Status) in
        try real()
        return true
      })
  }

  private func take(_ effects: [ChangeEffect], unlessLost isLost: Bool) {
    guard !isLost else { return }
    for effect in effects {
      guard case .tell(let news) = effect else {
        work.append(effect)
        continue
      }
      switch news.what {
      case .confirmed, .rejected, .refused, .expired, .rolledBack:
        ends[news.id, default: []].append(news.what)
      case .staged, .approved, .applied, .rollBackFailed: break
      }
    }
  }

  func powerCut() {
    powerCuts += 1
    // What was begun may have been done.
    if chance(50) { execute(answers: false) }
    work = []
    model = kept.model
    let upMs = UInt64(number(300..<3000))
    model.powerCut(keptAt: kept.at, upMs: upMs)
    try? desk.powerCut(upMs: upMs)
    kept = (model, desk.now)
    take(desk.asked, unlessLost: false)
    compare()
  }

  /// The agent alone starts anew, in the same boot.
  func restart() {
    work = []
    model = kept.model
    try? desk.restart()
    model.tick(now: desk.now)
    kept = (model, desk.now)
    take(desk.asked, unlessLost: false)
    compare()
  }

  func pass(_ ms: UInt64) {
    let keeps = desk.keeps
    desk.pass(ms)
    model.tick(now: desk.now)
    if desk.keeps > keeps { kept = (model, desk.now) }
    take(desk.asked, unlessLost: false)
    compare()
  }

  // MARK: The executor

  func execute(answers: Bool = true) {
    guard !work.isEmpty else { return }
    let succeeds = chance(80)
    switch work.removeFirst() {
    case .check(let id):
      guard answers else { return }
      let check = succeeds ? .right : chance(50) ? .lost : ChangeCheck.wrong(ConfigurationError())
      step(
        { $0.checked(id, right: succeeds, now: self.desk.now) },
        real: { self.desk.checked(id, check) })
    case .apply(let id):
      // One that fails may have come halfway.
      if inUse != id, succeeds || chance(50) {
        replaced[id] = inUse
        inUse = id
      }
      guard answers else { return }
      step(
        { $0.applied(id, succeeds, now: self.desk.now) },
        real: { self.desk.applied(id, succeeds) })
    case .rollBack(let id):
      if inUse == id, succeeds { inUse = replaced[id]! }
      guard answers else { return }
      step(
        { $0.rolledBack(id, succeeds, now: self.desk.now) },
        real: { self.desk.rolledBack(id, succeeds) })
    case .forget, .tell: break
    }
  }

  // MARK: What must hold

  private func compare() {
    do {
      let open = try desk.list(ended: false)
      mostOpen = max(mostOpen, open.count)
      #expect(open.map(Line.init) == model.open.map(Line.init))
      if model.ended != compared {
        compared = model.ended
        let ended = try desk.list(ended: true)
        // What expires at once ends in no order.
        #expect(Set(ended.map(Line.init)) == Set(model.ended.map(Line.init)))
      }
      #expect(open.filter { $0.state.isUnderWay }.count <= 1)
      if !open.contains(where: { $0.state.isUnderWay }) {
        #expect(inUse == model.inForce?.id ?? 0, "what is in use was confirmed")
      }
      #expect(desk.read { $0.inForce?.id } == model.inForce?.id)
    } catch {
      Issue.record(error)
    }
  }

  struct Line: Hashable {
    var id: UInt32
    var state: ChangeState?
    var stager: String
    var decider: String

    init(_ entry: ChangeEntry) {
      (id, state) = (entry.id, entry.state.known)
      (stager, decider) = (String(entry.stager), String(entry.decider))
    }

    init(_ change: ChangeModel.Change) {
      (id, state) = (change.id, change.state)
      (stager, decider) = (change.stager, change.decider)
    }
  }
}

@Suite struct ChangeModelTests {
  /// 100 keys stage and 50 decide, apply and confirm.
  @Test(arguments: UInt64(0)..<8)
  func theModelAgrees(seed: UInt64) throws {
    let world = ChangeWorld(seed: seed)
    for _ in 0..<2000 { act(world) }
    // What is open comes to its end.
    for _ in 0..<200 where world.desk.read({ $0.openCount }) > 0 {
      for _ in 0..<20 { world.execute() }
      world.pass(ChangeTiming.expiryMs / 100)
    }
    #expect(world.desk.read { $0.openCount } == 0)
    #expect(world.inUse == world.model.inForce?.id ?? 0)
    #expect(world.powerCuts > 2 && world.mostOpen == Limits.openChanges)
    #expect(world.decisions.count > 20 && world.confirmed.count > 3)
    #expect(world.decisions.values.contains { $0.count == 2 }, "an approval was taken back")
    for decisions in world.decisions.values {
      let words = decisions.map { $0.prefix(1) }
      #expect(words == ["+"] || words == ["-"] || words == ["+", "-"])
    }
    #expect(Set(world.confirmed).count == world.confirmed.count)
    #expect(world.ends.values.allSatisfy { $0.count == 1 }, "one end for each change")
    for id in world.confirmed { #expect(world.ends[id] == [.confirmed]) }
    // Whoever was told that it decided is the one of whom the history tells.
    for entry in try world.desk.list(ended: true) {
      // Whoever took an approval back may not have heard of it: the power was cut.
      if let decided = world.decisions[entry.id]?.last,
        !(decided.hasPrefix("+") && entry.state == .rejected)
      {
        #expect(decided.dropFirst() == String(entry.decider))
      }
      if let stager = world.stages[entry.id] { #expect(stager == String(entry.stager)) }
    }
    #expect(world.desk.mostEffects < ChangeEffects.capacity)
  }

  private func act(_ world: ChangeWorld) {
    let desk = world.desk
    // Most often one that is open, now and then one that has ended or does not exist.
    let near = UInt32(max(0, Int(world.model.lastID) - world.number(-1..<20)))
    let known = world.model.open.randomElement(using: &world.random)?.id ?? near
    let id = world.chance(60) ? known : near
    let decider = "decider \(world.number(0..<50))"
    switch world.number(0..<100) {
    case 0..<30:
      let stager = "stager \(world.number(0..<100))"
      let text = ChangeDesk.text(
        "1.\(world.number(0..<10))", ring: world.chance(50) ? "barns" : "cows",
        digest: UInt8(world.number(0..<2)))
      for _ in 0..<(world.chance(20) ? 2 : 1) {
        world.step(
          { model throws(Status) in try model.stage(text, by: stager, now: desk.now) },
          told: { world.stages[$0] = stager },
          real: { () throws(Status) in try desk.stage(text, by: stager) })
      }
    case 30..<55:
      let approves = world.chance(70)
      let key = world.chance(10) ? (world.stages[id] ?? decider) : decider
      world.step(
        { model throws(Status) in try model.decide(id, approve: approves, by: key, now: desk.now) },
        told: { world.decisions[id, default: []].append((approves ? "+" : "-") + key) },
        real: { () throws(Status) in
          if approves { try desk.approve(id, by: key) } else { try desk.reject(id, by: key) }
        })
    case 55..<63:
      world.step(
        { model throws(Status) in try model.apply(id, now: desk.now) },
        real: { () throws(Status) in try desk.apply(id, by: decider) })
    case 63..<73:
      let id = world.chance(50) ? world.model.underWay?.id ?? id : id
      let begunAt = desk.now - min(desk.now, UInt64(world.number(0..<3000)))
      world.step(
        { model throws(Status) in try model.confirm(id, begunAt: begunAt, now: desk.now) },
        told: { world.confirmed.append(id) },
        real: { () throws(Status) in
          try desk.confirm(id, by: decider, begunAt: begunAt)
        })
    case 73..<93: world.execute()
    case 93..<98: world.pass(UInt64(world.number(0..<1500)))
    case 98: world.pass(UInt64(world.chance(5) ? 86_400_000 : world.number(0..<60_000)))
    default: if world.chance(50) { world.restart() } else { world.powerCut() }
    }
  }
}
