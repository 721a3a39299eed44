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
      "\(target) cannot be reached: \(reason). Check the address, and whether the device is on."
    case .noKeys(let target, let reason):
      "The plan has users with keys, and this client cannot give them any at \(target): \(reason). "
        + "Pair this client as an admin (`wpctl --device \(target) pair`), or use `--plain` on the "
        + "device's own machine."
    case .refused(let target, let what, let reason):
      "\(target) does not do what the plan needs (\(what)): \(reason)."
    case .tooSmall(let reason): "This machine cannot make that load: \(reason)."
    }
  }

  init(_ error: LoadError) {
    switch error {
    case .system(let call, let code):
      self = .tooSmall(reason: "\(call): \(String(cString: strerror(code)))")
    case .handshake(let status):
      self = .tooSmall(reason: "a handshake ended with \(status)")
    }
  }
}
