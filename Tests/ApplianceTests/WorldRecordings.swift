import Wire

@testable import Appliance

/// MediaMTX recording one path: a part each second, and news of the file from the storage worker.
struct FakeRecorder {
  /// Tells recorders of one path apart.
  var number = 0
  /// Parts of the present file; 0: none.
  var parts: UInt64 = 0
}

extension World {
  func switchRecorder(_ name: String, _ on: Bool) {
    if on {
      guard recorders[name] == nil else { return }
      recorders[name] = FakeRecorder(number: Int(now))
      later(1300) { $0.writePart(name, recorder: Int($0.now) - 1300) }
    } else {
      closeFile(name)
      recorders[name] = nil
    }
  }

  /// A part is complete, and the next one begins; nothing is written of a stream that stands.
  private func writePart(_ name: String, recorder: Int) {
    guard var mine = recorders[name], mine.number == recorder else { return }
    later(1000) { $0.writePart(name, recorder: recorder) }
    guard serverPaths[name]?.ready == true else { return closeFile(name) }
    guard !diskIsFull else { return }
    mine.parts += 1
    recorders[name] = mine
    tell(name, mine.parts == 1 ? .began : .grew, bytes: mine.parts * 1_000_000)
  }

  private func closeFile(_ name: String) {
    guard let parts = recorders[name]?.parts, parts > 0 else { return }
    recorders[name]?.parts = 0
    later(30) { $0.tell(name, .closed, bytes: parts * 1_000_000 + 500_000) }
  }

  /// MediaMTX is gone.
  func stopRecorders() {
    for name in recorders.keys.sorted() {
      closeFile(name)
      recorders[name] = nil
    }
  }

  /// MediaMTX has come up with these paths to be recorded.
  func startRecorders(_ names: [String]) {
    for name in names { switchRecorder(name, true) }
  }

  private func tell(_ name: String, _ what: SegmentNews.What, bytes: UInt64) {
    var news = SegmentNews()
    news.camera = Text(name)
    news.what = what
    news.life = serverLife
    news.bytes = bytes
    send(.segment(news))
  }

  // MARK: Recordings

  /// A world with one camera that streams, in which recordings can be asked for.
  static func recordable() throws -> (World, String) {
    let (world, name) = try World.streaming()
    world.recallRecordings([])
    return (world, name)
  }

  func recallRecordings(_ known: [KnownRecording], lastNumber: UInt32 = 0) {
    known.withUnsafeBufferPointer {
      send(.recordingsLoaded($0, lastNumber: lastNumber))
    }
  }

  @discardableResult
  func record(_ name: String, for seconds: UInt32 = 0) throws -> RecordingEntry {
    var entry = RecordingEntry()
    try ask {
      entry = try $0.startRecording(
        RecordingRequest(camera: Text(name), durationS: seconds), now: $1, effects: &$2)
    }
    return entry
  }

  func stopRecording(_ name: String) throws {
    try ask { _ = try $0.stopRecording(Text(name), now: $1, effects: &$2) }
  }

  /// What a client is told of a camera's recording; nil: there is none.
  func recording(_ name: String) -> RecordingEntry? {
    read { try? $0.recordings.entry(of: Text(name), now: instant) }
  }

  /// What would be kept now.
  var keptRecordings: [KnownRecording] {
    var kept: [KnownRecording] = []
    read { _ = $0.recordings.keep(now: instant) { kept.append($0) } }
    return kept
  }

  /// The data partition with so many percent of it used.
  func fill(percent: UInt64, _ state: StorageFacts.State = .writable) {
    var storage = StorageFacts()
    storage.state = state
    storage.totalBytes = 100_000_000_000
    storage.freeBytes = storage.totalBytes / 100 * (100 - percent)
    send(.storageChanged(storage))
  }
}
