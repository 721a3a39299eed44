import Wire

// What others see of a feed. Reading changes nothing.

extension Feed {
  /// True while no process of it is left that could still be ended.
  var isGone: Bool {
    switch child.phase {
    case .idle, .waiting: true
    case .spawning, .running, .ending, .quarantined: false
    }
  }

  /// Processes that have to end before the appliance may.
  var isAlive: Bool {
    switch child.phase {
    case .spawning, .running, .ending: true
    case .idle, .waiting, .quarantined: false
    }
  }

  /// True while good pictures come.
  public var isCapturing: Bool {
    guard case .watching(let watch) = state else { return false }
    return watch.stage == .capturing && watch.workedAt != nil && fault == .none
  }

  /// True while it waits for its next life, the last one having failed.
  var isWaiting: Bool {
    if case .waiting = state { true } else { false }
  }

  /// Good pictures of this life.
  var goodPictures: UInt64 {
    if case .watching(let watch) = state { watch.good } else { 0 }
  }

  /// When the next life is due; `never` where none is planned.
  public var nextAttempt: Instant {
    if case .waiting(let until) = state { until } else { .never }
  }

  /// What others are told of a camera that is in order, going by its feed and its stream.
  @inline(__always)
  func condition(_ flow: StreamFlow?, stream: StreamState?) -> (CameraState, CameraReason) {
    if child.phase == .quarantined { return (.failed, .quarantined) }
    if state == .resting || state == .ending(.rest) { return (.ready, .none) }
    switch fault {
    case .stalled: return (.stalled, .stalled)
    case .noPictures: return (.stalled, .noPictures)
    case .busy: return (.busy, .heldByOther)
    case .noBandwidth: return (.noBandwidth, .noBandwidth)
    case .modeRefused: return (.failed, .modeRefused)
    case .openFailed: return (.failed, .openFailed)
    case .failed, .crashed:
      return (attempts >= FeedTiming.failedAttempts ? .failed : .starting, .feedFailed)
    case .none: break
    }
    guard isCapturing else { return (.starting, .none) }
    if isFlowing(flow) { return (.streaming, .none) }
    switch stream {
    case .stalled: return (.stalled, .notPublished)
    case .down, nil: return (.starting, .notPublished)
    case .pending, .idle, .opening, .flowing:
      return (.starting, report.publish == .refused ? .notPublished : .none)
    }
  }
}

extension CaptureMode {
  /// Frames in 1000 s; 0: not told.
  public var rateMilli: UInt32 {
    guard intervalNumerator > 0 else { return 0 }
    return UInt32(clamping: UInt64(intervalDenominator) * 1000 / UInt64(intervalNumerator))
  }
}
