import Wire

// What stands in the way of a change, and what passes by itself.

extension ControlConnection {
  /// Puts a change in force. Where another one waits for its confirmation, says which.
  public func apply(_ id: UInt32) async throws -> ChangeEntry {
    do {
      return try await decide(.changeApply, id)
    } catch let error as ControlError {
      guard case .overloaded = error, let other = try? await changeInTheWay(of: id) else {
        throw error
      }
      let left = other.remainingS == 0 ? "" : " in \(other.remainingS) s"
      throw ControlError.refused(
        operation: .changeApply, status: Status.busy.rawValue, detail: other.id,
        message: "Change \(other.id) waits for its confirmation; `wpctl config confirm "
          + "\(other.id)` keeps it, else it goes back by itself\(left).")
    }
  }

  private func changeInTheWay(of id: UInt32) async throws -> ChangeEntry? {
    try await changes(ended: false).first { $0.id != id && $0.isUnderWay }
  }
}

extension ChangeEntry {
  /// It is in force for a while, or on its way there or back.
  fileprivate var isUnderWay: Bool {
    state == .applying || state == .unconfirmed || state == .rollingBack
  }
}

/// Keeps a change in force for good. A device that has just been told to apply it begins anew, and
/// is asked again until it is back and has the change in force.
public struct ChangeConfirmation: Sendable {
  private let device: DeviceAddress
  private let credentials: Credentials
  private let timeout: Duration
  private let patience: Duration

  /// `timeout` bounds connecting and each answer, `patience` how long the device may take to come
  /// back.
  public init(
    at device: DeviceAddress, as credentials: Credentials, timeout: Duration,
    patience: Duration = .seconds(20)
  ) {
    (self.device, self.credentials) = (device, credentials)
    (self.timeout, self.patience) = (timeout, patience)
  }

  /// Throws `ControlError`. `waiting` is told once why it takes longer.
  public func confirm(
    _ id: UInt32, telling waiting: (ControlError) -> Void = { _ in }
  ) async throws -> ChangeEntry {
    let end = ContinuousClock.now + patience
    var pauses = Pauses()
    var isAgain = false
    while true {
      switch try await attempt(id, isAgain: isAgain) {
      case .done(let change): return change
      case .waits(let error):
        let pause = max(pauses.next(), error.retryAfter)
        guard ContinuousClock.now + pause < end else { throw error }
        if !isAgain { waiting(error) }
        isAgain = true
        try await Task.sleep(for: pause)
      }
    }
  }

  private enum Attempt {
    case done(ChangeEntry)
    /// For something that may pass.
    case waits(ControlError)
  }

  /// One connection, which is closed in any case.
  private func attempt(_ id: UInt32, isAgain: Bool) async throws -> Attempt {
    do {
      let connection = try await ControlConnection.open(device, timeout: timeout, as: credentials)
      do {
        let attempt = try await attempt(id, isAgain: isAgain, over: connection)
        await connection.close()
        return attempt
      } catch {
        await connection.close()
        throw error
      }
    } catch let error as ControlError where error.mayPass {
      return .waits(error)
    }
  }

  private func attempt(
    _ id: UInt32, isAgain: Bool, over connection: ControlConnection
  ) async throws -> Attempt {
    do {
      return .done(try await connection.decide(.changeConfirm, id))
    } catch let error as ControlError where error.status == .state {
      let open = try await connection.changes(ended: false).first { $0.id == id }
      if let open, open.state == .applying || open.state == .unconfirmed { return .waits(error) }
      // The answer to an attempt before was lost.
      let ended = isAgain ? try await connection.changes(ended: true) : []
      guard let done = ended.first(where: { $0.id == id && $0.state == .confirmed }) else {
        throw error
      }
      return .done(done)
    }
  }
}
