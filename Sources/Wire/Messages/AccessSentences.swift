// What is wrong, and the way out, of what has to do with keys, pairing and changes.

extension Status {
  /// The sentence for a request of this kind, in at most 120 bytes; nil: the status's own.
  func accessSentence(in kind: Kind) -> StaticString? {
    switch kind {
    case .handshake: handshakeSentence
    case .keyList, .keyAdd, .keyRemove, .keyRotate, .keyChange, .pairingOpen: keySentence(kind)
    case .configurationText, .configurationCheck, .configurationStage, .changeApprove,
      .changeReject, .changeApply, .changeConfirm:
      changeSentence(kind)
    default: nil
    }
  }

  private var handshakeSentence: StaticString? {
    switch self {
    case .notSupported: "The device has no keys now: they are not read, or cannot be; read its log."
    case .authentication: "The device does not know this key, or has another one itself; pair."
    case .rateLimited: "Too many handshakes or attempts to pair; come back when it is told."
    case .busy: "This key has as many connections as it gets; close some."
    case .state: "This connection is sealed already, or subscribes to something; make another one."
    default: nil
    }
  }

  private func keySentence(_ kind: Kind) -> StaticString? {
    switch (self, kind) {
    case (.notSupported, _):
      "The device has no keys now: they are not read, or cannot be; read its log."
    case (.alreadyExists, _): "A key of this name, or this public key, is there; list the keys."
    case (.notFound, _): "No key has this name; list the keys for the names there are."
    case (.state, _): "No admin would be left; make another key an admin first."
    case (.busy, .keyAdd):
      "There are 64 keys, or too much waits for the card; remove a key, or ask again later."
    case (.busy, _): "Too much waits for the card; ask again a little later."
    case (.storageUnavailable, _):
      "The card's boot partition did not take it: it holds until a restart, and is tried again."
    default: nil
    }
  }

  private func changeSentence(_ kind: Kind) -> StaticString? {
    switch (self, kind) {
    case (.permission, .changeApprove):
      "Another admin than the one who staged it must approve it, with a key that is older than it."
    case (.state, .changeApply):
      "It is not approved, or has ended; approve it first, or look at the list of changes."
    case (.state, .changeConfirm):
      "It is not in force, or this connection is older; apply it, then ask over a new connection."
    case (.state, .configurationText): "Its text is not kept any more; stage it again."
    case (.state, _): "It is decided on already, or has ended; look at the list of changes."
    case (.busy, .changeApply):
      "Another change waits for its confirmation; confirm it, or wait until it is rolled back."
    case (.busy, .configurationStage):
      "Eight changes have not ended, or too much waits for the card; reject or apply one."
    case (.busy, _): "Too much waits for the card; ask again a little later."
    case (.alreadyExists, _):
      "Another text has this version and ring already; give it another version."
    case (.notFound, _): "There is no such change; list the changes for the numbers there are."
    case (.storageUnavailable, _):
      "The card's boot partition cannot be used now, so nothing was done; read the log, ask again."
    default: nil
    }
  }
}
