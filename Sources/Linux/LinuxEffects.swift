import Appliance
import CLinux
import EventLoop
import Wire

/// Effects that concern the world.
extension LinuxSystem {
  public mutating func execute(_ effect: Effect, for appliance: borrowing Appliance) {
    switch effect {
    case .spawnMediaServer(let life): spawnMediaServer(life, for: appliance)
    case .spawnProbe(let slot, let life, let node):
      spawned(
        .probe(slot: slot), life,
        children.spawnProbe(slot: slot, life: life, node: node, file: playback(node)))
    case .spawnFeed(let slot, let life): spawnFeed(slot, life, for: appliance)
    case .reauthorise(let slot, let life, let port):
      spawned(
        .recovery(slot: slot), life,
        children.spawnRecovery(slot: slot, life: life, step: "reauthorise", port: port))
    case .cyclePower(let slot, let life, let port):
      spawned(
        .recovery(slot: slot), life,
        children.spawnRecovery(slot: slot, life: life, step: "power", port: port))
    case .publishFeed(let slot, let life): publishFeed(slot, life, for: appliance)
    case .silenceFeed(let slot, let life): silenceFeed(slot, life)
    case .signal(let kind, let life, let signal): children.signal(kind, life: life, signal)
    case .media(let request): call(request, for: appliance)
    case .cancelMedia: media.cancel()
    case .checkMediaSockets(let life): checkMediaSockets(life)
    case .light(let led, let on):
      let error = leds.set(led.rawValue, on)
      if error != 0 { tell(.ledFailed(led, errno: error)) }
    case .petWatchdog:
      if watchdog >= 0 { _ = lx_watchdog_pet(watchdog) }
      // The same sign of life for a service manager that wants one (sd_notify(3)).
      _ = lx_service_notify(StaticString("WATCHDOG=1").cString)
    case .rememberIdentities: rememberIdentities(appliance)
    case .rememberSources: rememberSources(appliance)
    case .rememberRecordings: rememberRecordings(appliance)
    case .tagRecording(let camera, let number):
      let tag = RecordingTag(camera: camera, recording: number)
      storage.tell(.tag) { tag.encode(into: &$0) }
    case .setRetention(let policy, let keep):
      storage.tell(.retention) { writer in
        policy.encode(into: &writer)
        writer.write(keep)
      }
    case .remountData: storage.leave()
    case .tellClock:
      let originMs = appliance.clock.originMs
      storage.tell(.clock) { $0.write(originMs) }
    case .breadcrumb(let breadcrumb): storage.mark(breadcrumb)
    case .publish, .log, .stop, .press:
      preconditionFailure("the loop executes these itself")
    }
  }

  private mutating func spawned(_ kind: ChildKind, _ life: UInt32, _ pid: Int32) {
    if pid > 0 {
      tell(.childStarted(kind, life: life, pid: pid))
    } else {
      tell(.childSpawnFailed(kind, life: life, errno: -pid))
    }
  }

  private mutating func rememberIdentities(_ appliance: borrowing Appliance) {
    storage.tell(.cameras) { writer in
      for index in 0..<appliance.cameras.known.count {
        appliance.cameras.known[index].encode(into: &writer)
      }
    }
  }

  private mutating func rememberSources(_ appliance: borrowing Appliance) {
    storage.tell(.sources) { writer in
      for index in 0..<appliance.sources.count {
        appliance.sources[index].encode(into: &writer)
      }
    }
  }

  private mutating func rememberRecordings(_ appliance: borrowing Appliance) {
    let now = now
    storage.tell(.recordings) { writer in
      // The number stands first; room is left for it until it is known.
      let start = writer
      writer.write(UInt32(0))
      let last = appliance.recordings.keep(now: now) { $0.encode(into: &writer) }
      var head = start
      head.write(last)
    }
  }

  /// Where the pid of the running MediaMTX is noted for the next life of the agent.
  var mediaNote: Text<128> { runPath("/mediamtx.pid") }

  func runPath(_ name: StaticString) -> Text<128> {
    var path = Text<128>(configuration.runDirectory)
    path.append(name)
    return path
  }
}
