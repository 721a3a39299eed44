import Synchronization

@testable import Wire

/// The one change of a `FakeDevice`, number 41, and what becomes of those who want to apply or
/// confirm it.
final class FakeChange: Sendable {
  enum Step: Sendable {
    case refuses(Status)
    /// Ends the connection without an answer.
    case hangsUp
  }

  struct State: Sendable {
    var change = ChangeState.unconfirmed
    /// What happens to the next requests, then they are answered.
    var steps: [Step] = []
    var asked = 0
  }

  let state: Mutex<State>

  init(_ change: ChangeState, _ steps: [Step]) {
    state = Mutex(State(change: change, steps: steps))
  }

  var asked: Int { state.withLock { $0.asked } }

  /// What is answered; `.some(nil)`: the kind's vector, nil: nothing, and the connection ends.
  func answer(_ header: Header) -> [UInt8]?? {
    state.withLock { state in
      switch Kind(rawValue: header.kind)! {
      case .changeApply, .changeConfirm:
        state.asked += 1
        guard !state.steps.isEmpty else { return .some(nil) }
        switch state.steps.removeFirst() {
        case .refuses(let status): return built { Frame.refusal(to: header, status, into: $0) }
        case .hangsUp: return nil
        }
      case .changeList: return list(header, state.change.hasEnded ? nil : state.change)
      case .changeHistory: return list(header, state.change.hasEnded ? state.change : nil)
      default: return .some(nil)
      }
    }
  }

  private func list(_ header: Header, _ change: ChangeState?) -> [UInt8] {
    var entry = ChangeEntry()
    entry.id = 41
    entry.remainingS = 80
    if let change { entry.state = Code(change) }
    let payload =
      encoded(ChangeListHead(count: change == nil ? 0 : 1))
      + (change == nil ? [] : encoded(entry))
    return built { buffer in
      var writer = FrameWriter(buffer)
      payload.withUnsafeBytes { writer.payload.write($0) }
      return writer.seal(header.reply())
    }
  }
}

extension ChangeState {
  fileprivate var hasEnded: Bool { rawValue >= ChangeState.confirmed.rawValue }
}
