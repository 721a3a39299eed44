import Appliance
import Wire

/// A feed process with its picture stream.
struct SimulatedFeed {
  var slot: Int
  var life: UInt32
  /// In `SimulatedWorld.cameras`.
  var camera: Int
  /// The camera's, when it was opened.
  var pulls: Int
  var name: Name
  var report = FeedReport()
  /// Told to publish.
  var publishes = false
  /// When MediaMTX began to get its bytes; nil: it gets none.
  var isPublishing = false
}

extension SimulatedWorld {
  func feed(_ slot: Int, _ life: UInt32) -> Int? {
    feeds.firstIndex { $0.slot == slot && $0.life == life }
  }

  func spawnFeed(_ slot: Int, _ life: UInt32, _ order: FeedOrder) {
    let kind = ChildKind.feed(slot: slot)
    let node = String(order.node)
    for other in processes {
      let isOther = other.kind == kind || other.kind == .probe(slot: slot)
      if isOther, !other.isEnding {
        broke(OneHolder.self, "a feed of slot \(slot) beside its \(other.kind.word)")
      }
    }
    guard start(kind, life) else { return }
    guard let camera = camera(atNode: node) else {
      return later(5) { $0.finish(kind, life, .code(1)) }
    }
    lookAtName(camera, order.camera)
    var feed = SimulatedFeed(
      slot: slot, life: life, camera: camera, pulls: cameras[camera].pulls, name: order.camera)
    feed.report.granted = order.mode
    feed.report.delivery = .passThrough
    feeds.append(feed)
    names.insertOnce(String(order.camera))
    later(random.between(5, 40)) { $0.openFeed(slot, life) }
  }

  /// A camera keeps its name, and no other one has it.
  private func lookAtName(_ camera: Int, _ name: Name) {
    let known = cameras[camera].name
    if !known.isEmpty, known != name {
      broke(NamesKept.self, "\(String(known)) is called \(String(name)) now")
    }
    for other in cameras.indices where other != camera && cameras[other].name == name {
      broke(NamesKept.self, "two cameras are called \(String(name))")
    }
    cameras[camera].name = name
  }

  private func openFeed(_ slot: Int, _ life: UInt32) {
    guard let index = feed(slot, life) else { return }
    let camera = cameras[feeds[index].camera]
    if camera.has(.feedSilent) || isNow(.feedUnkillable) { return }
    if !camera.isPlugged { return failFeed(slot, life, .gone) }
    if camera.has(.feedBusy) { return failFeed(slot, life, .busy) }
    if camera.has(.feedNoBandwidth) { return failFeed(slot, life, .noBandwidth) }
    if camera.has(.probeOpenFails) { return failFeed(slot, life, .openFailed) }
    feeds[index].report.stage = .waiting
    post(.feeds, .feedReported(slot: slot, life: life, feeds[index].report))
    later(random.between(50, 300)) { $0.beat(slot, life) }
  }

  /// What a feed says of itself, again and again.
  private func beat(_ slot: Int, _ life: UInt32) {
    guard let index = feed(slot, life) else { return }
    later(options.reportMs) { $0.beat(slot, life) }
    let camera = cameras[feeds[index].camera]
    if camera.has(.feedSilent) || isNow(.feedUnkillable) || isQuarantined(.feed(slot: slot)) {
      return
    }
    let frames = options.reportMs * 30 / 1000
    if !camera.has(.feedFrozen) {
      feeds[index].report.stage = .capturing
      feeds[index].report.frames += frames
      feeds[index].report.measuredRateMilli = 30_000
      if camera.has(.feedDamaged) {
        feeds[index].report.damaged += frames
      } else {
        feeds[index].report.hasPicture = true
        publish(index, frames)
      }
    }
    post(.feeds, .feedReported(slot: slot, life: life, feeds[index].report))
  }

  /// Its pictures go to MediaMTX, once it has been told to publish and RECORD was accepted.
  private func publish(_ index: Int, _ frames: UInt64) {
    let feed = feeds[index]
    guard feed.publishes, media.isListening, !isNow(.mediaHang),
      let path = media.path(feed.name), media.canPublish(path, feed)
    else {
      feeds[index].report.publish = feed.publishes ? .connecting : .silent
      feeds[index].isPublishing = false
      return
    }
    media.paths[path].expire(at: us)
    if !feed.isPublishing || media.paths[path].publisher == nil {
      // It connects anew when MediaMTX has dropped it. A new publisher's counters begin at 0.
      media.paths[path].restart(feed.slot, feed.life, at: us)
      feeds[index].isPublishing = true
    }
    feeds[index].report.publish = .recording
    feeds[index].report.published += frames
    feeds[index].report.bytes += frames * 1000
    media.paths[path].took(frames, inError: isNow(.framesInError), at: us)
  }

  func directFeed(_ slot: Int, _ life: UInt32, publishes: Bool) {
    guard let index = feed(slot, life) else { return }
    feeds[index].publishes = publishes
    if !publishes {
      feeds[index].isPublishing = false
      feeds[index].report.publish = .silent
    }
  }

  func failFeed(_ slot: Int, _ life: UInt32, _ failure: FeedFailure) {
    guard let index = feed(slot, life) else { return }
    if cameras[feeds[index].camera].has(.feedSilent) || isNow(.feedUnkillable) { return }
    feeds[index].report.stage = .failed
    feeds[index].report.failure = failure
    post(.feeds, .feedReported(slot: slot, life: life, feeds[index].report))
    later(random.between(1, 10)) { $0.finish(.feed(slot: slot), life, .code(1)) }
  }

  func feedEnded(_ slot: Int, _ life: UInt32) {
    guard let index = feed(slot, life) else { return }
    if let path = media.path(feeds[index].name) { media.paths[path].left(slot, life) }
    feeds.remove(at: index)
  }
}

extension Array where Element: Equatable {
  mutating func insertOnce(_ element: Element) {
    if !contains(element) { append(element) }
  }
}
