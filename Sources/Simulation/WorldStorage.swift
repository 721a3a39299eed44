import Appliance
import Wire

/// The data partition and its worker: what has been written, and what is under way.
struct SimulatedDisk {
  static let totalBytes: UInt64 = 100_000_000_000
  var cameras: [KnownCamera] = []
  var sources: [KnownSource] = []
  var recordings: [KnownRecording] = []
  var lastNumber: UInt32 = 0
  var bootCount: UInt32 = 0
  /// Boots of the board, whatever was kept.
  var boots: UInt32 = 0
  /// Watchdog resets in a row, and whether this boot has lived long.
  var watchdogResets: UInt32 = 0
  var usedBytes: UInt64 = 20_000_000_000
  /// What the mount has become: a partition stays as it is until it is mounted anew.
  var state = StorageFacts.State.writable
  /// When everything that was said will have been written.
  var busyUntilUs: UInt64 = 0
  /// The life of the agent that has been told of earlier recordings.
  var recordingsToldIn = 0
}

extension SimulatedWorld {
  /// What the card itself is like, whatever the mount says.
  private var cardState: StorageFacts.State {
    if isNow(.diskHangs) { return .hanging }
    if isNow(.diskMissing) { return .missing }
    if isNow(.diskFails) { return .failing }
    return isNow(.diskReadOnly) ? .readOnly : .writable
  }

  var isFull: Bool { isNow(.diskFull) }

  /// The agent has started: mounts, and starts the worker.
  func mountAtStart() {
    disk.state = cardState
    later(random.between(50, 2000)) { world in
      world.tellStorage()
      if world.disk.state != .missing { world.beginWorker() }
    }
  }

  func tellStorage() {
    var facts = StorageFacts()
    facts.state = disk.state
    if disk.state != .missing {
      facts.totalBytes = SimulatedDisk.totalBytes
      facts.freeBytes = isFull ? 0 : SimulatedDisk.totalBytes - disk.usedBytes
    }
    post(.storage, .storageChanged(facts))
  }

  /// A worker begins, and tells what it reads.
  private func beginWorker() {
    post(.storage, .storageStarted)
    later(random.between(10, 400)) { $0.tellMemory() }
  }

  private func tellMemory(behindHistory: Bool = false) {
    // Of a card that hangs, or fails, nothing is heard.
    guard disk.state != .missing, disk.state != .failing, !isNow(.diskHangs) else {
      return later(1000) { $0.tellMemory(behindHistory: behindHistory) }
    }
    if !behindHistory {
      post(
        .storage,
        .historyLoaded(
          BootHistory(
            reset: .powerOn, bootCount: disk.bootCount, recentWatchdogResets: disk.watchdogResets)))
      // What comes behind it is told later: a start may wait for it.
      return later(20) { $0.tellMemory(behindHistory: true) }
    }
    post(.storage, .cameras(disk.cameras))
    post(.storage, .sources(disk.sources))
    post(.storage, .recordings(disk.recordings, lastNumber: disk.lastNumber))
  }

  /// The state of the card has changed: the kernel notices, the mount stays as it fell.
  func cardChanged() {
    let before = disk.state
    switch (before, cardState) {
    case (.writable, let card), (.hanging, let card): disk.state = card
    case (_, .hanging): disk.state = .hanging
    case (.missing, _), (.readOnly, _), (.failing, _), (.unknown, _): break
    }
    guard isAlive, disk.state != before else { return }
    let came = before == .hanging && disk.state != .missing
    let delay = disk.state == .hanging ? 8000 : random.between(10, 3000)
    later(delay) { world in
      world.tellStorage()
      // It has missed what was said meanwhile, and is told anew.
      if came { world.post(.storage, .storageStarted) }
    }
  }

  /// How full it is has changed.
  func roomChanged() {
    guard isAlive else { return }
    later(random.between(100, 2000)) { $0.tellStorage() }
  }

  func remount() {
    later(random.between(500, 4000)) { world in
      world.disk.state = world.cardState
      world.tellStorage()
      if world.disk.state != .missing { world.beginWorker() }
    }
  }

  /// Once a second.
  func lookAtDisk() {
    let isWell = disk.state == .writable && cardState == .writable && !isFull && !isNow(.diskSlow)
    if !isWell || disk.recordingsToldIn != epoch { troubledUs = us }
    for index in wanted.indices { wanted[index].look(us, troubledUs) }
    for index in wantedSources.indices { wantedSources[index].look(us, troubledUs) }
  }

  /// At the end of a life: what cannot have reached the card may be forgotten.
  func forgetUnkept() {
    wanted.removeAll { !$0.isKept }
    wantedSources.removeAll { !$0.isKept }
  }

  /// The time of one request to stop or remove is over.
  func mayNoLongerStop(_ name: String) {
    if let index = mayStop.firstIndex(of: name) { mayStop.remove(at: index) }
  }

  // MARK: What is kept

  /// Writes reach the card after a while, or never.
  private func write(_ change: @escaping (inout SimulatedDisk) -> Void) {
    guard disk.state == .writable, !isNow(.diskHangs), !isFull else { return }
    // One after the other, as they were said.
    let latency = isNow(.diskSlow) ? random.between(500, 6000) : random.between(5, 150)
    disk.busyUntilUs = max(disk.busyUntilUs, us) + latency * 1000
    later((disk.busyUntilUs - us) / 1000) { world in
      if world.disk.state == .writable { change(&world.disk) }
    }
  }

  func rememberIdentities(_ appliance: borrowing Appliance) {
    var cameras: [KnownCamera] = []
    for index in 0..<appliance.cameras.known.count {
      cameras.append(appliance.cameras.known[index])
    }
    write { $0.cameras = cameras }
  }

  func rememberSources(_ appliance: borrowing Appliance) {
    var sources: [KnownSource] = []
    for index in 0..<appliance.sources.count { sources.append(appliance.sources[index]) }
    write { $0.sources = sources }
  }

  func rememberRecordings(_ appliance: borrowing Appliance) {
    var recordings: [KnownRecording] = []
    let last = appliance.recordings.keep(now: instant) { recordings.append($0) }
    if canary == .lostRecordings { recordings = [] }
    write { disk in
      disk.recordings = recordings
      disk.lastNumber = last
    }
  }

  func mark(_ breadcrumb: Breadcrumb) {
    switch breadcrumb {
    case .longLived: write { $0.watchdogResets = 0 }
    case .orderlyStop: board.stopsInOrder = true
    }
  }
}
