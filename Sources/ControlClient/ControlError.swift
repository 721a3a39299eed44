import Wire

/// Why an exchange with a device failed. Its description is one sentence with the way out.
public enum ControlError: Error, Equatable, Sendable {
  /// No connection came about.
  case unreachable(DeviceAddress, reason: String)
  /// No connection came about in time.
  case connectTimeout(DeviceAddress, seconds: Double)
  /// The device has no connection slot free, or this address has too many.
  case busy(DeviceAddress, retryAfterMs: UInt32)
  /// The device is doing too much of the kind that the operation is; `message` says of what.
  case overloaded(operation: Kind, retryAfterMs: UInt32, message: String)
  /// The connection ended while an answer was due.
  case closed(DeviceAddress)
  /// An answer did not come in time.
  case timeout(DeviceAddress, operation: Kind, seconds: Double)
  /// The device answered with another status than `ok`.
  case refused(operation: Kind, status: UInt16, detail: UInt32, message: String)
  /// The device has ended the connection and said why.
  case ended(status: UInt16, message: String)
  /// What came is not the protocol, or is damaged.
  case protocolViolation(DeviceAddress, FrameError)
  /// An answer does not have its operation's layout.
  case malformedAnswer(Kind)
  /// The device does not let this client do this. `role` is that of the client's key; nil: the
  /// connection is plain.
  case forbidden(DeviceAddress, operation: Kind, role: Role?, message: String)
  /// The connection is plain, and who reads on the way must not read this: it was not sent.
  case keyNeeded(DeviceAddress, operation: Kind)
  /// The address shows another key than the one that the device there was paired with.
  case deviceKeyChanged(DeviceAddress, known: Fingerprint, shown: Fingerprint)
  /// The device is known, and no sealed connection came about. It is not talked to in plain text.
  case handshakeRefused(DeviceAddress, HandshakeRefusal)
  /// This client's own keys cannot be used.
  case keys(KeyFolderError)
}

extension ControlError {
  /// The status of a refusal, if this is one and the status is known to this build.
  public var status: Status? {
    switch self {
    case .busy, .overloaded: .busy
    case .refused(_, let status, _, _), .ended(let status, _): Status(rawValue: status)
    case .forbidden, .keyNeeded: .permission
    case .unreachable, .connectTimeout, .closed, .timeout, .protocolViolation, .malformedAnswer,
      .deviceKeyChanged, .handshakeRefused, .keys:
      nil
    }
  }
}

extension ControlError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreachable(let device, let reason):
      "Cannot connect to \(device) (\(reason)); is the device on and is this its address? "
        + "`wpctl discover` looks for devices, `--device HOST:PORT` names one."
    case .connectTimeout(let device, let seconds):
      "\(device) did not accept a connection within \(seconds.brief) s; check the address and the "
        + "network, or allow more time with `--timeout SECONDS`."
    case .busy(let device, let retryAfterMs):
      "\(device) has no connection slot free; try again in "
        + "\((Double(max(retryAfterMs, 100)) / 1000).brief) s or close other clients."
    case .overloaded(let operation, let retryAfterMs, let message):
      "The device refused `\(operation)` (busy): \(message.printable)"
        + (retryAfterMs == 0 ? "" : " Try again in \((Double(retryAfterMs) / 1000).brief) s.")
    case .closed(let device):
      "\(device) closed the connection before it answered; it may be restarting, try again."
    case .timeout(let device, let operation, let seconds):
      "\(device) did not answer `\(operation)` within \(seconds.brief) s; look at its LEDs, or "
        + "allow more time with `--timeout SECONDS`."
    case .refused(let operation, let status, _, let message):
      "The device refused `\(operation)` (\(Status.name(status))): \(message.printable)"
    case .ended(let status, let message):
      "The device ended the connection (\(Status.name(status))): \(message.printable)"
    case .protocolViolation(let device, .badMagic):
      "What answers at \(device) is no Watchpost device; check host and port."
    case .protocolViolation(let device, .seal):
      "What came from \(device) is not what it has sealed: bytes were changed, left out or "
        + "repeated on their way; the connection was ended, check the network and try again."
    case .protocolViolation(let device, let error):
      "The answer of \(device) cannot be read (\(error)); check the network and the versions of "
        + "device and client."
    case .malformedAnswer(let operation):
      "The answer to `\(operation)` has another layout than this client knows; use the client of "
        + "the device's version."
    case .forbidden(let device, let operation, nil, let message):
      "The device refused `\(operation)` (permission): \(message.printable) "
        + "`wpctl pair \(device)` gets a key."
    case .forbidden(_, let operation, let role?, let message) where role >= operation.leastRole:
      "The device refused `\(operation)` (permission): \(message.printable)"
    case .forbidden(_, let operation, let role?, _):
      "The device refused `\(operation)` (permission): this client's key there is that of "
        + "\(role.phrase), and it needs \(operation.leastRole.phrase); an admin changes it with "
        + "`wpctl keys change`."
    case .keyNeeded(let device, let operation):
      "`\(operation)` was not sent: this client has no key at \(device), and others could read it "
        + "on its way; `wpctl pair \(device)` gets a key, `--plain` does without."
    case .deviceKeyChanged(let device, let known, let shown):
      "\(device) shows another key than the device that this client was paired with: \(shown) "
        + "instead of \(known). It was reset or has a new card, or another device has its address "
        + "now – or somebody between you and the device passes for it. Nothing secret was sent. "
        + "Find out which; if all is well, `wpctl devices forget \(device)`, then "
        + "`wpctl pair \(device)`."
    case .handshakeRefused(let device, let refusal): refusal.sentence(device)
    case .keys(let error): "\(error)"
    }
  }
}

extension Role {
  /// `an operator`
  public var phrase: String {
    switch self {
    case .anybody: "anybody"
    case .viewer: "a viewer"
    case .operator: "an operator"
    case .admin: "an admin"
    }
  }
}

extension Status {
  /// The name of a status, or its number when it is newer than this build.
  public static func name(_ number: UInt16) -> String {
    Status(rawValue: number).map { "\($0)" } ?? "status \(number)"
  }
}

extension Double {
  /// Without a fraction where there is none.
  var brief: String {
    let rounded = (self * 1000).rounded() / 1000
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
