import Appliance
import EventLoop
import Noise
import Wire

/// The keeper as the kernel and the card make it: a process with a bounded queue that does one
/// thing after the other, on a card that is slow, hangs, refuses, or cannot be read.
struct SimulatedKeeper {
  enum News {
    case began, ended
    case said([UInt8])
  }

  /// Bytes that a socket's queue takes.
  static let queueBytes = 200_000
  var isRunning = false
  /// Tells processes apart.
  var life = 0
  var queue: [[UInt8]] = []
  var queued = 0
  var isBusy = false
  var news: [News] = []
  /// Ends in a row, for the pause before the next one.
  var ends: UInt64 = 0
}

extension SimulatedWorld {
  var hasKept: Bool { !keeper.news.isEmpty }

  /// A new agent starts its keeper.
  func startKeeper() {
    keeper = SimulatedKeeper()
    guard options.keys else { return }
    later(random.between(20, 300)) { $0.beginKeeper() }
  }

  private func beginKeeper() {
    keeper.isRunning = true
    keeper.life += 1
    keeper.news.append(.began)
  }

  private var condition: Card.Condition {
    var condition = Card.Condition()
    if isNow(.keeperRefuses) {
      condition.writing = [.readOnly, .full, .failing][Int(us / 60_000_000 % 3)]
    }
    condition.isUnreadable = isNow(.keeperUnreadable)
    return condition
  }

  public func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool {
    guard keeper.isRunning, keeper.queued + message.count <= SimulatedKeeper.queueBytes else {
      return false
    }
    fold(UInt64(message.count) << 8 | UInt64(message[0]))
    let request = KeeperRequest(rawValue: message[0])
    coverage.note("keeper \(request.map { "\($0)" } ?? "?")")
    say("keeper: asked \(request.map { "\($0)" } ?? "?"), \(message.count) bytes")
    if request == .forget, board.heldUs == nil {
      broke(KeysHold.self, "the device forgets everything, and nobody has held its button")
    }
    keeper.queue.append(Array(message))
    keeper.queued += message.count
    workKeeper()
    return true
  }

  /// Takes the next request, unless one is under way.
  private func workKeeper() {
    guard keeper.isRunning, !keeper.isBusy, !keeper.queue.isEmpty else { return }
    keeper.isBusy = true
    let life = keeper.life
    later(isNow(.keeperSlow) ? random.between(500, 6000) : random.between(2, 40)) { world in
      world.endRequest(life)
    }
  }

  private func endRequest(_ life: Int) {
    guard keeper.isRunning, keeper.life == life else { return }
    // In an uninterruptible call.
    if isNow(.keeperHangs) { return later(300) { $0.endRequest(life) } }
    keeper.isBusy = false
    if condition.writing != .done, random.chance(50) { isQuiet = true }
    for reply in carryOut() {
      keeper.news.append(.said(reply))
    }
    workKeeper()
  }

  /// The card does what stands first in the queue.
  private func carryOut() -> [[UInt8]] {
    let message = keeper.queue.removeFirst()
    keeper.queued -= message.count
    let (former, hadReset) = (card.applied, card.resetIsAsked)
    if canary == .unkeptKeys, us > 60_000_000, message[0] == KeeperRequest.clients.rawValue {
      let kept = card.clients
      defer { card.clients = kept }
      return card.answer(message, condition, &random)
    }
    let replies = card.answer(message, condition, &random)
    let canWrite = condition.writing == .done && !condition.isUnreadable
    let byButton = message[0] == KeeperRequest.forget.rawValue
    if byButton && canWrite || hadReset && !card.resetIsAsked {
      everythingForgotten(byButton: byButton)
    }
    if card.applied != former { changeApplied(from: former) }
    return replies
  }

  public func nextKept() -> KeeperNews? {
    guard !keeper.news.isEmpty else { return nil }
    fold(0x700)
    switch keeper.news.removeFirst() {
    case .began: return .began
    case .ended: return .ended
    case .said(let message): return .said(pointers.keep(message))
    }
  }

  // MARK: Its ends

  /// It is killed, or crashes: what it was at may be done, what waits is not.
  func crashKeeper() {
    guard keeper.isRunning else { return }
    say("world: the keeper ends")
    if !keeper.queue.isEmpty, !isNow(.keeperHangs), random.chance(50) { _ = carryOut() }
    keeper.isRunning = false
    keeper.isBusy = false
    keeper.queue.removeAll()
    keeper.queued = 0
    keeper.news.append(.ended)
    keeper.ends += 1
    later(min(1000 << (keeper.ends - 1), 30_000)) { $0.beginKeeper() }
  }

  /// The agent's life has ended: a keeper reads to the end of its queue, unless the power went.
  func outliveAgent(cut: Bool) {
    guard keeper.isRunning else { return }
    if cut {
      if !keeper.queue.isEmpty, !isNow(.keeperHangs), random.chance(50) { _ = carryOut() }
    } else {
      while !keeper.queue.isEmpty { _ = carryOut() }
    }
    keeper = SimulatedKeeper()
  }
}
