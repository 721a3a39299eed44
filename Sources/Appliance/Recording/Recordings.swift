import Wire

// The recordings that are asked for, one for each camera at most, kept on the data partition.

public struct Recordings {
  private let table: Table<Recording>
  /// The highest number that was given.
  private var lastNumber: UInt32 = 0
  /// What earlier lives have left has been read: numbers are right from then on.
  private(set) var isLoaded = false
  private var isDirty = false
  /// Recordings in the table: mostly there are none, and every step asks.
  private var used = 0
  /// From this place on there has never been one: the first free place is taken always.
  private var firstUntouched = 0

  init(_ table: Table<Recording>) { self.table = table }

  /// The places that may hold a recording.
  @inline(__always)
  private var places: Range<Int> { 0..<firstUntouched }

  /// Recordings that are asked for, those being closed aside.
  public var running: Int {
    var count = 0
    for index in places {
      switch table[index].state {
      case .free, .stopping: continue
      case .arming, .recording, .interrupted: count += 1
      }
    }
    return count
  }

  private func index(of camera: Name) -> Int? {
    for index in places where !table[index].isFree && table[index].known.camera == camera {
      return index
    }
    return nil
  }

  // MARK: Wishes

  /// `.alreadyRecording`, `.state` (the one before is being closed, or earlier recordings have not
  /// been read yet), `.busy` (as many recordings as there are camera slots).
  mutating func start(
    _ camera: Name, durationS: UInt32, now: Instant, _ effects: inout Effects
  ) throws(Status) {
    guard isLoaded else { throw .state }
    if let index = index(of: camera) {
      if case .stopping = table[index].state { throw .state }
      throw .alreadyRecording
    }
    guard let index = free else { throw .busy }
    lastNumber &+= 1
    var known = KnownRecording()
    known.camera = camera
    known.number = lastNumber
    known.durationS = durationS
    known.remainingS = durationS
    table[index].start(known, now: now)
    took(index)
    isDirty = true
    effects.append(.tagRecording(camera, number: lastNumber))
  }

  /// `.notRecording`.
  mutating func stop(_ camera: Name, now: Instant) throws(Status) {
    guard let index = index(of: camera) else { throw .notRecording }
    table[index].stop(.requested, now: now)
    isDirty = true
  }

  private mutating func took(_ index: Int) {
    used += 1
    firstUntouched = max(firstUntouched, index + 1)
  }

  private var free: Int? {
    for index in table.indices where table[index].isFree { return index }
    return nil
  }

  // MARK: What happens

  /// What the data partition remembers. The same may be told again by a worker that was started
  /// anew; then what is known here counts.
  mutating func loaded(
    _ known: UnsafeBufferPointer<KnownRecording>, lastNumber: UInt32, now: Instant,
    _ effects: inout Effects
  ) {
    if !isLoaded {
      isLoaded = true
      self.lastNumber = lastNumber
      for recording in known {
        guard recording.camera.isName, index(of: recording.camera) == nil, let free else {
          continue
        }
        self.lastNumber = max(self.lastNumber, recording.number)
        table[free].recall(recording, now: now)
        took(free)
      }
    }
    // This worker does not know yet which files belong to which recording.
    for index in places where !table[index].isFree {
      effects.append(
        .tagRecording(table[index].known.camera, number: table[index].known.number))
    }
  }

  mutating func took(
    _ news: SegmentNews, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    if news.what != .closed { streams.fileGrew(news.camera, now: now) }
    guard let index = index(of: news.camera) else { return }
    var goesOn = false
    if let stream = streams.index(of: news.camera) { goesOn = streams[stream].recordsTold }
    tell(table[index].took(news, goesOn: goesOn, now: now), index, &effects)
  }

  /// Looks after every recording: the paths that MediaMTX is to record follow from it.
  mutating func tick(
    _ around: RecordingSurroundings, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    guard used > 0 else { return }
    for index in places where !table[index].isFree {
      let camera = table[index].known.camera
      var own = around
      let stream = streams.index(of: camera)
      if let stream { own.streamFlows = streams[stream].streamState == .flowing }
      let wasStalled = table[index].isStalled
      tell(table[index].tick(own, now: now), index, &effects)
      // Each time, also when it is no news: MediaMTX may have forgotten the last one as well.
      if table[index].isStalled, !wasStalled { streams.tellAgain(camera) }
      if table[index].keep(now: now) { isDirty = true }
      streams.record(camera, table[index].wantsFile)
    }
  }

  private mutating func tell(_ news: Recording.News, _ index: Int, _ effects: inout Effects) {
    let camera = table[index].known.camera
    let number = table[index].known.number
    switch news {
    case .none: return
    case .started:
      effects.append(.publish(Event(.recordingStarted, value: number, subject: camera)))
    case .resumed:
      effects.append(.publish(Event(.recordingResumed, value: number, subject: camera)))
    case .interrupted(let reason):
      effects.append(
        .publish(
          Event(
            .recordingInterrupted, value: UInt32(reason.rawValue), subject: camera,
            detail: Text(reason.words))))
    case .ended(let end):
      used -= 1
      effects.append(
        .publish(
          Event(.recordingStopped, value: number, subject: camera, detail: Text(end.words))))
      isDirty = true
    }
  }

  var nextDeadline: Instant {
    guard used > 0 else { return .never }
    var deadline = Instant.never
    for index in places { deadline = min(deadline, table[index].nextDeadline) }
    return deadline
  }

  /// True once after each change that is to be written.
  mutating func takeChange() -> Bool {
    guard isDirty, isLoaded else { return false }
    isDirty = false
    return true
  }

  /// What was to be kept may not have reached the data partition.
  mutating func keepAgain() { isDirty = isLoaded }

  // MARK: What is told

  /// What is to be kept, the number that was given last first: `body` gets the recordings that are
  /// not being closed.
  public func keep(now: Instant, _ body: (KnownRecording) -> Void) -> UInt32 {
    for index in places {
      switch table[index].state {
      case .free, .stopping: continue
      case .arming, .recording, .interrupted:
        var known = table[index].known
        known.remainingS = table[index].remainingS(now: now)
        body(known)
      }
    }
    return lastNumber
  }

  var reasons: HealthReasons {
    var reasons = HealthReasons.none
    guard used > 0 else { return reasons }
    for index in places {
      guard case .interrupted(let reason, _) = table[index].state else { continue }
      // That there is nothing to record, the camera or MediaMTX says itself.
      if reason.state == .stalled { reasons.insert(.recordingStalled) }
      if reason.state == .suspended { reasons.insert(.recordingSuspended) }
    }
    return reasons
  }

  func entry(of camera: Name, now: Instant) throws(Status) -> RecordingEntry {
    guard let index = index(of: camera) else { throw .notRecording }
    return entry(index, now: now)
  }

  func write(now: Instant, into writer: inout ByteWriter) {
    var count: UInt16 = 0
    for index in places where !table[index].isFree { count += 1 }
    RecordingListHead(count: count).encode(into: &writer)
    for index in places where !table[index].isFree {
      entry(index, now: now).encode(into: &writer)
    }
  }

  private func entry(_ index: Int, now: Instant) -> RecordingEntry {
    let recording = table[index]
    var entry = RecordingEntry()
    entry.camera = recording.known.camera
    entry.recording = recording.known.number
    switch recording.state {
    case .free, .arming: entry.state = Code(.arming)
    case .recording: entry.state = Code(.recording)
    case .stopping: entry.state = Code(.stopping)
    case .interrupted(let reason, _):
      entry.reason = Code(reason)
      entry.state = Code(reason.state)
    }
    entry.durationS = recording.known.durationS
    entry.remainingS = recording.remainingS(now: now)
    entry.forMs = now.since(recording.startedAt)
    entry.bytes = recording.bytes
    entry.segments = recording.segments
    entry.gaps = recording.gaps
    if let grewAt = recording.grewAt {
      entry.quietMs = UInt32(clamping: max(1, now.since(grewAt)))
    }
    return entry
  }
}

extension RecordingReason {
  /// As events tell it.
  var words: StaticString {
    switch self {
    case .none: "nothing is wrong"
    case .cameraNotStreaming: "no picture comes from the camera"
    case .mediaServerDown: "the media server is down"
    case .storageCritical: "the data partition is almost full"
    case .storageUnavailable: "the data partition cannot be written"
    case .notGrowing: "the stream flows, but nothing is written"
    }
  }
}

extension RecordingEnd {
  var words: StaticString {
    switch self {
    case .requested: "stopped by request"
    case .duration: "its time is over"
    }
  }
}
