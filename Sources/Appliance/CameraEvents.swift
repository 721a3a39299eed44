import Wire

/// Events: what others are told of a slot's changes.
extension Cameras {
  /// What others saw of a slot before a step.
  struct Shown: Equatable {
    var isAnnounced: Bool
    var state: CameraState
    var reason: CameraReason

    init(_ camera: borrowing Camera) {
      isAnnounced = camera.isAnnounced
      state = camera.wireState
      reason = camera.reason
    }
  }

  mutating func tell(
    _ index: Int, _ before: Shown, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    let after = Shown(table[index])
    guard after != before, after.isAnnounced else { return }
    if after.state == .failed { probesFailed += 1 }
    if before.isAnnounced {
      effects.append(
        .publish(
          Event(
            .cameraStatus, value: UInt32(after.state.rawValue), subject: table[index].name,
            detail: detail(index))))
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
      var detail = Text<88>("now ")
      detail.append(name)
      effects.append(.publish(Event(.cameraReplaced, subject: last.name, detail: detail)))
    }
    connects += 1
    effects.append(
      .publish(
        Event(
          .cameraConnected, value: UInt32(state.rawValue), subject: name, detail: detail(index))))
    streams.want(name)
    let table = self.table
    known.remember(KnownCamera(table[index])) { name in
      for index in table.indices where table[index].isPresent && table[index].name == name {
        return true
      }
      return false
    }
  }

  /// The product, and what is wrong with it.
  func detail(_ index: Int) -> Text<88> {
    var text = Text<88>(table[index].device.product)
    let sentence = table[index].reason.sentence
    guard sentence.utf8CodeUnitCount > 0 else { return text }
    if !text.isEmpty { text.append(": ") }
    text.append(sentence)
    return text
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
    }
  }
}
