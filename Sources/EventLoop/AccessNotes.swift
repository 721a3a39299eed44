import Appliance
import Wire

/// What the loop tells the audit.
extension EventLoop where System: ~Copyable {
  /// Notes what a connection has done. It has the name of a key only once it has proven that it is
  /// its own: what came before may be a copy.
  mutating func note(
    _ code: AuditCode, _ index: Int, key: Name = Name(), subject: Name = Name(),
    detail: UInt64 = 0
  ) {
    var name = key
    var role = Role.anybody
    if sessions.slots[index].isSealed,
      case .key(let handle, isProven: true) = sealed[index].client
    {
      if let now = access.keys.role(of: handle) { sealed[index].role = now }
      role = sealed[index].role
      if name.isEmpty { name = sealed[index].name }
    }
    record(
      AuditNote(
        code, role: role, key: name, address: sessions.address(index), subject: subject,
        detail: detail))
  }

  mutating func record(_ note: AuditNote) {
    access.audit.record(note, now: now, unixMs: appliance.clock.unixMs(at: now))
    // It is to be kept.
    accessWake = min(accessWake, access.audit.deadline)
  }

  /// Notes that a request was refused to somebody whose role allows it; what needs another role is
  /// noted where that is found out.
  mutating func noteRefusal(_ index: Int, _ kind: UInt16, _ status: Status) {
    guard let kind = Kind(rawValue: kind), kind.leastRole > .anybody else { return }
    let status = UInt64(status.rawValue)
    if kind == .keyRotate, sessions.slots[index].isSealed {
      note(.keyRefused, index, detail: status)
    } else if kind.leastRole == .admin, role(of: index) == .admin {
      note(.adminRefused, index, detail: UInt64(kind.rawValue) | status << 16)
    }
  }

  /// A sealed frame is not what it should be. Where the connection ends with it, it is noted once.
  mutating func noteBroken(_ index: Int, _ code: AuditCode, ends: Bool = true) {
    note(code, index)
    guard ends else { return }
    if case .key(_, isProven: false) = sealed[index].client { sealed[index].client = .nobody }
  }

  /// A connection ends that has kept bytes back: of a sealed frame, somebody may have cut it off.
  mutating func noteCutOff(_ index: Int) {
    let session = sessions.slots[index]
    guard session.isSealed, session.phase == .open, session.held > 0, !session.isOpened else {
      return
    }
    noteBroken(index, .sealBroken)
  }

  /// What a change of pairing means for the audit and for where its code is shown. `index`: the
  /// connection that has brought it about; nil: somebody at the device, or the time.
  mutating func settlePairing(_ effects: PairingEffects, by index: Int? = nil) {
    guard !effects.isEmpty else { return }
    if effects.contains(.opened) { note(.pairingOpened, by: index, access.pairing.status) }
    if effects.contains(.closed) { note(.pairingClosed, by: index, access.pairing.lastOpen) }
    if effects.contains(.voided) { note(.pairingVoided, by: index, .code) }
    pairingEffects.insert(effects)
    accessWake = now
  }

  private mutating func note(_ code: AuditCode, by index: Int?, _ state: PairingState) {
    let detail = UInt64(state.rawValue)
    if let index {
      note(code, index, detail: detail)
    } else {
      record(AuditNote(code, detail: detail))
    }
  }
}
