import Appliance
import EventLoop
import Wire

/// Pairs of a state and an input that a run has met, where somebody asks for them: looking into the
/// machines by reflection is slow.
///
/// What clients, keys and the keeper say takes other ways than `Input`; those machines are walked
/// through by `MachineTests`, like all others.
extension SimulatedWorld {
  public func tells(_ input: borrowing Input, to appliance: borrowing Appliance) {
    guard options.notesPairs else { return }
    visit("boot", appliance.boot, input.word)
    visit("clock", appliance.clock, input.word)
    visit("watchdog", appliance.watchdog, input.word)
    if let button = appliance.button { visit("button", button, input.word) }
    visit("MediaMTX", appliance.mediaServer, input.word)
    visit("MediaMTX's process", appliance.mediaServer.child, input.word)
    coverage.note("pair: data partition, \(appliance.storage.facts.state), \(input.word)")
    visitFirstCamera(input, appliance)
    for index in 0..<min(appliance.streams.count, 1) {
      visit("path", appliance.streams[index], input.word)
    }
  }

  /// The first slot stands for all: inputs for others are not told to it.
  private func visitFirstCamera(_ input: borrowing Input, _ appliance: borrowing Appliance) {
    if let slot = input.slot, slot != 0 { return }
    let camera = appliance.cameras[0]
    visit("camera", camera, input.word)
    visit("probe", camera.probe, input.word)
    visit("feed", camera.feed, input.word)
    visit("recovery", camera.recovery, input.word)
  }

  private func visit<Machine>(_ name: String, _ machine: Machine, _ input: String) {
    for child in Mirror(reflecting: machine).children where child.label == "state" {
      let mirror = Mirror(reflecting: child.value)
      let state = mirror.children.first?.label ?? "\(child.value)"
      coverage.note("pair: \(name), \(state), \(input)")
    }
  }
}

extension Input {
  /// The slot that it is meant for; nil: none in particular.
  fileprivate var slot: Int? {
    switch self {
    case .childStarted(let kind, _, _), .childSpawnFailed(let kind, _, _),
      .childExited(let kind, _, _):
      switch kind {
      case .mediaServer: nil
      case .probe(let slot), .feed(let slot), .recovery(let slot): slot
      }
    case .probeAnswered(let slot, _, _), .feedReported(let slot, _, _): slot
    default: nil
    }
  }

  fileprivate var word: String {
    switch self {
    case .childStarted(let kind, _, _): "\(kind.word) started"
    case .childSpawnFailed(let kind, _, _): "\(kind.word) not spawned"
    case .childExited(let kind, _, _): "\(kind.word) ended"
    case .storageChanged(let facts): "storage \(facts.state)"
    default: Mirror(reflecting: self).children.first?.label ?? "\(self)"
    }
  }
}
