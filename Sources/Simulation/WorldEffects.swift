import Appliance
import EventLoop
import Wire

/// The funnel's other end: what the machines ask of the world.
extension SimulatedWorld {
  public func execute(_ effect: Effect, for appliance: borrowing Appliance) {
    trace(effect)
    switch effect {
    case .spawnMediaServer(let life):
      spawnMediaServer(life, appliance)
      if sings(.doubleSpawn) || sings(.secondSpawn, at: 1) { spawnMediaServer(life, appliance) }
    case .spawnProbe(let slot, let life, let node): spawnProbe(slot, life, String(node))
    case .spawnFeed(let slot, let life):
      let order = appliance.feedOrder(slot)
      spawnFeed(slot, life, order)
      if sings(.doubleFeed, at: 1) { spawnFeed(slot, life, order) }
    case .publishFeed(let slot, let life): directFeed(slot, life, publishes: true)
    case .silenceFeed(let slot, let life): directFeed(slot, life, publishes: false)
    case .reauthorise(let slot, let life, let port):
      takeStep(slot, life, port: String(port), cyclesPower: false)
    case .cyclePower(let slot, let life, let port):
      takeStep(slot, life, port: String(port), cyclesPower: true)
    case .signal(let kind, let life, let signal): self.signal(kind, life, signal)
    case .media(let request): call(request, appliance)
    case .cancelMedia: cancelCall()
    case .checkMediaSockets(let life):
      later(3) { $0.post(.results, .mediaSocketsChecked(life: life, asWanted: true)) }
    case .light(let led, let on): light(led, on)
    case .petWatchdog: pet()
    case .rememberIdentities: rememberIdentities(appliance)
    case .rememberSources: rememberSources(appliance)
    case .rememberRecordings: rememberRecordings(appliance)
    case .breadcrumb(let breadcrumb): mark(breadcrumb)
    case .remountData: remount()
    case .tagRecording, .setRetention, .tellClock: return
    case .publish, .log, .stop, .press: preconditionFailure("the loop executes these itself")
    }
    if canary == .extraPet, us > 60_000_000, case .light = effect, sings(.extraPet) { pet() }
    if canary == .strayWrite, us > 60_000_000, sings(.strayWrite), let beyond { beyond[17] = 1 }
  }

  /// Notes, folds and tells an effect.
  private func trace(_ effect: Effect) {
    let word: String
    let number: UInt64
    switch effect {
    case .petWatchdog:
      fold(1)
      return
    case .light(let led, let on):
      fold(UInt64(led.rawValue) << 8 | (on ? 3 : 2))
      return
    case .media(let request):
      fold(4)
      trace(request)
      return
    case .spawnMediaServer(let life): (word, number) = ("spawnMediaServer", UInt64(life))
    case .spawnProbe(let slot, let life, _):
      (word, number) = ("spawnProbe", UInt64(slot) << 32 | UInt64(life))
    case .spawnFeed(let slot, let life):
      (word, number) = ("spawnFeed", UInt64(slot) << 32 | UInt64(life))
    case .publishFeed(let slot, _): (word, number) = ("publishFeed", UInt64(slot))
    case .silenceFeed(let slot, _): (word, number) = ("silenceFeed", UInt64(slot))
    case .reauthorise(let slot, _, _): (word, number) = ("reauthorise", UInt64(slot))
    case .cyclePower(let slot, _, _): (word, number) = ("cyclePower", UInt64(slot))
    case .signal(let kind, let life, let signal):
      (word, number) = ("signal \(kind.word) \(signal)", UInt64(life))
    case .cancelMedia: (word, number) = ("cancelMedia", 0)
    case .checkMediaSockets: (word, number) = ("checkMediaSockets", 0)
    case .rememberIdentities: (word, number) = ("rememberIdentities", 0)
    case .rememberSources: (word, number) = ("rememberSources", 0)
    case .rememberRecordings: (word, number) = ("rememberRecordings", 0)
    case .tagRecording(_, let tag): (word, number) = ("tagRecording", UInt64(tag))
    case .setRetention: (word, number) = ("setRetention", 0)
    case .remountData: (word, number) = ("remountData", 0)
    case .tellClock: (word, number) = ("tellClock", 0)
    case .breadcrumb(let crumb): (word, number) = ("breadcrumb \(crumb)", 0)
    case .publish, .log, .stop, .press: return
    }
    for byte in word.utf8 { fold(UInt64(byte)) }
    fold(number)
    coverage.note(word)
    say("effect: \(word), \(number)")
  }

  private func trace(_ request: MediaRequest) {
    switch request {
    case .listPaths(_, let page): fold(UInt64(page))
    case .info: coverage.note("media info")
    case .addPath(_, let name):
      coverage.note("media addPath")
      say("effect: add path \(String(name))")
    case .removePath(_, let name):
      coverage.note("media removePath")
      say("effect: remove path \(String(name))")
    case .recordPath(_, let name, let on):
      coverage.note("media recordPath")
      fold(on ? 5 : 6)
      say("effect: record path \(String(name)) \(on)")
    }
  }
}
