import ControlClient
import Foundation
import LoadGenerator

/// Why a test cannot run, in one sentence with the way out.
public enum LoadTestError: Error, CustomStringConvertible {
  /// Nobody answers at a target.
  case unreachable(target: String, reason: String)
  /// The plan has users with keys, and this client may not give any.
  case noKeys(target: String, reason: String)
  /// The target does not let this client do what the plan needs.
  case refused(target: String, what: String, reason: String)
  /// This machine cannot make the load.
  case tooSmall(reason: String)

  public var description: String {
    switch self {
    case .unreachable(let target, let reason):
      "\(target) cannot be reached: \(reason); check the address, and whether the device is on."
    case .noKeys(let target, let reason):
      "The plan has users with keys, and this client cannot give them any at \(target): \(reason); "
        + "pair this client as an admin (`wpctl --device \(target) pair`), or use `--plain` on the "
        + "device's own machine."
    case .refused(let target, let what, let reason):
      "\(target) does not do what the plan needs (\(what)): \(reason); use a plan without it, or a "
        + "device that can."
    case .tooSmall(let reason):
      "This machine cannot make that load: \(reason); use fewer users, or another machine."
    }
  }

  /// A part of a sentence: what stands before the way out, in small letters.
  var phrase: String {
    switch self {
    case .tooSmall(let reason): "this machine cannot make that load (\(reason))"
    case .unreachable, .noKeys, .refused: "\(self)"
    }
  }

  init(_ error: LoadError) { self = .tooSmall(reason: error.phrase) }
}

extension LoadError {
  /// A part of a sentence.
  public var phrase: String {
    switch self {
    case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
    case .handshake(let status): "a handshake ended with \(status)"
    }
  }
}

extension ControlError {
  /// A part of a sentence; the way out is the tester's.
  static func phrase(_ error: any Error) -> String {
    guard let error = error as? ControlError else { return "\(error)" }
    return switch error {
    case .unreachable(_, let reason): reason
    case .connectTimeout(_, let seconds): "no connection within \(Int(seconds.rounded(.up))) s"
    case .busy: "it has no connection slot free"
    case .closed: "it closed the connection before it answered"
    case .timeout(_, let operation, let seconds):
      "it did not answer `\(operation)` within \(Int(seconds.rounded(.up))) s"
    case .protocolViolation(_, .badMagic): "what answers there is no Watchpost device"
    case .forbidden, .keyNeeded: "it is no admin there"
    default: "\(error)".hasSuffix(".") ? String("\(error)".dropLast()) : "\(error)"
    }
  }
}
