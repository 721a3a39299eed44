import Appliance
import Wire

/// A path of MediaMTX with its publisher.
struct SimulatedPath {
  var name: Name
  /// Slot and life of the feed that publishes; nil: nobody.
  var publisher: (slot: Int, life: UInt32)?
  var heardUs: UInt64 = 0
  var inboundBytes: UInt64 = 0
  var framesInError: UInt64 = 0
  var records: Bool
  /// MediaMTX pulls it from the network, since then; nil: a feed publishes it.
  var pulledSinceUs: UInt64?
  /// Tells recorders of one path apart.
  var recorder = 0

  mutating func restart(_ slot: Int, _ life: UInt32, at us: UInt64) {
    publisher = (slot, life)
    heardUs = us
    inboundBytes = 0
    framesInError = 0
  }

  mutating func took(_ frames: UInt64, inError: Bool, at us: UInt64) {
    heardUs = us
    if inError { framesInError += frames } else { inboundBytes += frames * 1000 }
  }

  mutating func left(_ slot: Int, _ life: UInt32) {
    if let mine = publisher, mine == (slot, life) { publisher = nil }
  }

  /// A publisher that goes silent with its socket open is dropped after 10 s.
  mutating func expire(at us: UInt64) {
    if publisher != nil, us - heardUs > 10_000_000 { publisher = nil }
  }
}

/// MediaMTX, with its measured ways.
struct SimulatedMediaServer {
  /// Of the process that runs; nil: none does.
  var life: UInt32?
  var isListening = false
  var isPoisoned = false
  var paths: [SimulatedPath] = []
  /// The call that waits for its answer, by its number.
  var outstanding: (request: MediaRequest, number: Int)?
  var calls = 0
  /// The path that is being added is one to be pulled.
  var addsPulled = false

  func path(_ name: Name) -> Int? { paths.firstIndex { $0.name == name } }

  /// `overridePublisher: no`: the first one stays.
  func canPublish(_ path: Int, _ feed: SimulatedFeed) -> Bool {
    guard let publisher = paths[path].publisher else { return true }
    return publisher == (feed.slot, feed.life)
  }

  mutating func die() {
    life = nil
    isListening = false
    isPoisoned = false
    paths.removeAll()
    outstanding = nil
  }
}

extension SimulatedWorld {
  func spawnMediaServer(_ life: UInt32, _ appliance: borrowing Appliance) {
    if let running = media.life {
      broke(OneMediaServer.self, "life \(life) is started while life \(running) runs")
    }
    guard !isNow(.mediaNotStarted) else {
      starts.note(.mediaServer, self)
      return post(.results, .childSpawnFailed(.mediaServer, life: life, errno: 2))
    }
    guard start(.mediaServer, life) else { return }
    media.die()
    media.life = life
    for index in 0..<appliance.streams.count where appliance.streams[index].isWanted {
      let stream = appliance.streams[index]
      let isPulled = !stream.url.isEmpty
      media.paths.append(
        SimulatedPath(name: stream.name, records: false, pulledSinceUs: isPulled ? us : nil))
      if stream.recordsTold { switchRecorder(stream.name, true) }
    }
    later(random.between(30, 75)) { world in
      if world.media.life == life { world.media.isListening = true }
    }
  }

  func mediaServerEnded(_ life: UInt32) {
    guard media.life == life else { return }
    for path in media.paths { switchRecorder(path.name, false) }
    let outstanding = media.outstanding
    media.die()
    if let outstanding { fail(outstanding.request, .closed) }
    for index in feeds.indices {
      feeds[index].isPublishing = false
    }
  }

  // MARK: Its API

  func call(_ request: MediaRequest, _ appliance: borrowing Appliance) {
    if case .addPath(_, let name) = request {
      media.addsPulled = !appliance.streams.url(of: name).isEmpty
    }
    if media.outstanding != nil {
      broke(OneMediaServer.self, "two calls at once: \(request)")
    }
    media.calls += 1
    let number = media.calls
    media.outstanding = (request, number)
    guard media.isListening else {
      return later(1) { $0.answer(number) { ($0.refused, []) } }
    }
    answerInTime(number)
  }

  /// The connection is closed: what has come on it and was not read is lost.
  func cancelCall() {
    media.outstanding = nil
    news[NewsSource.media.rawValue].removeMediaAnswers()
  }

  private func answerInTime(_ number: Int) {
    let isSlow = isNow(.mediaSlow) && random.chance(50)
    let latency = isSlow ? random.between(500, 5000) : random.between(1, 15)
    later(latency) { world in
      guard world.media.outstanding?.number == number else { return }
      // A stopped server accepts connections and never answers, until it goes on.
      if world.isNow(.mediaHang) || world.isNow(.mediaUnkillable) {
        return world.later(100) { $0.answerInTime(number) }
      }
      world.answer(number) { $0.carryOut() }
    }
  }

  private var refused: MediaAnswer.Outcome { .failed(.refused) }

  private func fail(_ request: MediaRequest, _ failure: MediaFailure) {
    post(.media, .media(MediaAnswer(request: request, outcome: .failed(failure)), []))
  }

  private func answer(
    _ number: Int, _ body: (SimulatedWorld) -> (MediaAnswer.Outcome, [MediaPath])
  ) {
    guard let outstanding = media.outstanding, outstanding.number == number else { return }
    let (outcome, paths) = body(self)
    media.outstanding = nil
    post(.media, .media(MediaAnswer(request: outstanding.request, outcome: outcome), paths))
  }

  /// Does what is asked, and says what is answered.
  private func carryOut() -> (MediaAnswer.Outcome, [MediaPath]) {
    guard let request = media.outstanding?.request else { return (.failed(.closed), []) }
    switch request {
    case .info: return (.info(version: Text("v1.20.1")), [])
    case .listPaths(_, let page): return list(page)
    case .addPath(_, let name):
      guard !media.isPoisoned, media.path(name) == nil else { return (.rejected(status: 400), []) }
      let isPulled = media.addsPulled
      apply { world in
        let sinceUs = isPulled ? world.us : nil
        world.media.paths.append(
          SimulatedPath(name: name, records: false, pulledSinceUs: sinceUs))
      }
    case .removePath(_, let name):
      guard !media.isPoisoned else { return (.rejected(status: 400), []) }
      guard media.path(name) != nil else { return (.rejected(status: 404), []) }
      apply { world in
        guard let path = world.media.path(name) else { return }
        world.switchRecorder(name, false)
        world.media.paths.remove(at: path)
      }
    case .recordPath(_, let name, let on):
      guard !media.isPoisoned else { return (.rejected(status: 400), []) }
      guard media.path(name) != nil else { return (.rejected(status: 404), []) }
      apply { $0.switchRecorder(name, on) }
    }
    return (.done, [])
  }

  /// An answer comes before the change is applied, and some changes never are.
  private func apply(_ change: @escaping (SimulatedWorld) -> Void) {
    if isNow(.mediaForgets) && random.chance(50) { return }
    let life = media.life
    later(random.between(0, 80)) { world in
      if world.media.life == life { change(world) }
    }
  }

  private func list(_ page: UInt16) -> (MediaAnswer.Outcome, [MediaPath]) {
    var listed: [MediaPath] = []
    for index in media.paths.indices {
      media.paths[index].expire(at: us)
      var path = MediaPath()
      path.name = media.paths[index].name
      path.ready = media.paths[index].publisher != nil
      path.inboundBytes = media.paths[index].inboundBytes
      if let sinceUs = media.paths[index].pulledSinceUs, us - sinceUs > 500_000 {
        path.ready = true
        path.inboundBytes = (us - sinceUs) / 10
      }
      path.inboundFramesInError = media.paths[index].framesInError
      listed.append(path)
    }
    let pages = UInt16(max(1, (listed.count + 99) / 100))
    return (.paths(pages: pages), Array(listed.dropFirst(Int(page) * 100).prefix(100)))
  }
}
