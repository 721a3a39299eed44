import Wire

/// Events: what others are told of a slot's changes.
extension Cameras {
  /// What others saw of a slot before a step.
  struct Shown: Equatable {
    var isAnnounced: Bool
    var state: CameraState
    var reason: CameraReason

    /// `inout`, so that nothing is copied.
    init(_ camera: inout Camera) {
      isAnnounced = camera.isAnnounced
      (state, reason) = camera.condition()
    }
  }

  mutating func tell(
    _ index: Int, _ before: Shown, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    let after = Shown(&table[index])
    guard after != before, after.isAnnounced else { return }
    if before.isAnnounced {
      effects.append(
        .publish(
          Event(
            .cameraStatus, value: after.state.value(after.reason), subject: table[index].name,
            detail: Text(after.reason.sentence))))
    } else {
      announce(index, as: after.state, streams: &streams, &effects)
    }
  }

  private mutating func announce(
    _ index: Int, as state: CameraState, streams: inout Streams, _ effects: inout Effects
  ) {
    let name = table[index].name
    let place = table[index].device.place
    if table[index].rung == .port, let last = known.lastOccupant(of: place), last.name != name {
      effects.append(.publish(Event(.cameraReplaced, subject: last.name, detail: Text(name))))
    }
    connects += 1
    effects.append(
      .publish(
        Event(
          .cameraConnected, value: UInt32(state.rawValue), subject: name,
          detail: Text(table[index].device.product))))
    streams.want(name)
    let table = self.table
    known.remember(KnownCamera(table[index])) { name in
      for index in table.indices where table[index].isPresent && table[index].name == name {
        return true
      }
      return false
    }
  }
}

extension CameraState {
  /// The number told in `cameraStatus` events.
  func value(_ reason: CameraReason) -> UInt32 {
    UInt32(rawValue) + 256 * UInt32(reason.rawValue)
  }
}

extension CameraReason {
  /// A few words for events and logs.
  var sentence: StaticString {
    switch self {
    case .none: ""
    case .probeTimeout: "did not answer in time"
    case .probeCrashed: "probe ended without an answer"
    case .openFailed: "cannot be opened"
    case .heldByOther: "held by another process"
    case .noFormats: "offers no capture format"
    case .noSlot: "no camera slot is free"
    case .quarantined: "held by a process that cannot be ended"
    case .unplugged: "unplugged"
    case .stalled: "sends no more pictures"
    case .noBandwidth: "no USB bandwidth left for it"
    case .feedFailed: "its feed has failed"
    case .modeRefused: "has no such mode"
    case .stopped: "stopped by request"
    case .notPublished: "MediaMTX gets none of its pictures"
    case .noPictures: "sends only damaged pictures"
    }
  }
}
