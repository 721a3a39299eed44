import Wire

/// Why a device whose key is the known one does not let this client in.
public enum HandshakeRefusal: Error, Equatable, Sendable {
  /// It no longer has this client's key.
  case keyUnknown
  /// It has no keys: they are not read yet, for which it wants some time, or cannot be, or it is
  /// too old to have any.
  case noKeys(retryAfterMs: UInt32)
  /// Too many handshakes.
  case rateLimited(retryAfterMs: UInt32)
  /// This client's key has as many connections as it gets.
  case tooManyConnections(retryAfterMs: UInt32)
  /// Its answer does not open: the secret that it shares with this client is another one, or it is
  /// not the device.
  case unproven
  /// Something else.
  case other(status: UInt16, message: String)

  init(_ status: UInt16, retryAfterMs: UInt32, message: String) {
    switch Status(rawValue: status) {
    case .authentication: self = .keyUnknown
    case .notSupported, .unknownOperation: self = .noKeys(retryAfterMs: retryAfterMs)
    case .rateLimited: self = .rateLimited(retryAfterMs: retryAfterMs)
    case .busy: self = .tooManyConnections(retryAfterMs: retryAfterMs)
    default: self = .other(status: status, message: message)
    }
  }

  /// Another attempt may succeed without anybody doing something.
  var mayPass: Bool {
    switch self {
    case .noKeys, .rateLimited, .tooManyConnections: true
    case .keyUnknown, .unproven, .other: false
    }
  }

  /// It is over when the device says, whoever else is there.
  var isBrief: Bool {
    switch self {
    case .noKeys, .rateLimited: true
    case .keyUnknown, .tooManyConnections, .unproven, .other: false
    }
  }

  /// How long the device wants to be left alone, in milliseconds.
  var retryAfterMs: UInt32 {
    switch self {
    case .noKeys(let ms), .rateLimited(let ms), .tooManyConnections(let ms): ms
    case .keyUnknown, .unproven, .other: 0
    }
  }

  func sentence(_ device: DeviceAddress) -> String {
    switch self {
    case .keyUnknown:
      "\(device) no longer has this client's key: it was removed, or the device was reset; "
        + "`wpctl pair --again \(device)` pairs anew, an admin adds a key with `wpctl keys add`."
    case .noKeys:
      "\(device) takes no keys now: it may be starting, what it keeps them on may have failed, its "
        + "version may be older than keys, or somebody else answers in its place; try again, look "
        + "at its LEDs, and update it if it is old."
    case .rateLimited(let ms):
      "\(device) gets too many handshakes; try again "
        + (ms == 0 ? "later." : "in \((Double(ms) / 1000).brief) s.")
    case .tooManyConnections:
      "This client's key has as many connections to \(device) as it gets; close some, or let an "
        + "admin allow more: `wpctl keys change`."
    case .unproven:
      "\(device) does not have the secret that it gave this client when they were paired, or "
        + "somebody else answers in its place; check the network first, then let an admin remove "
        + "this client's key and pair anew: `wpctl pair --again \(device)`."
    case .other(let status, let message):
      "\(device) refused the handshake (\(Status.name(status))): \(message.printable)"
    }
  }
}
