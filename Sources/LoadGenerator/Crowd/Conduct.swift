import Wire

/// What a user of a crowd does. Each user has one of its own, which is called by the thread of its
/// crowd alone.
public protocol Conduct: AnyObject {
  /// What the user does now: it may ask. `now` is in nanoseconds since boot.
  func next(now: UInt64) -> Move
  /// A whole answer frame to what was asked as `label`; nil: the device said yes.
  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict
  /// What the device sent without being asked, an event or a message; nil: nothing to count.
  func told(_ header: Header, _ payload: UnsafeRawBufferPointer, now: UInt64) -> Notice?
  /// What it is at consists of several requests, between which it does not think.
  var isMidway: Bool { get }
  /// The user has no connection any more: what it had begun is lost, what it was subscribed to,
  /// too. True: it has reckoned with that, so that the end of the connection itself is no failure.
  func lost() -> Bool
}

extension Conduct {
  public func told(_: Header, _: UnsafeRawBufferPointer, now: UInt64) -> Notice? { nil }
  public var isMidway: Bool { false }
  public func lost() -> Bool { false }
}

public enum Move {
  case ask(Ask)
  /// There is nothing to ask; in so many seconds there may be.
  case rest(Double)
  /// Closes its connection. It comes again at once, or after it has thought.
  case leave
}

/// A request.
public struct Ask {
  /// What it is counted as: a place in the crowd's table of labels.
  public var label: Int
  public var kind: Kind
  /// At most `Limits.payloadSize` bytes.
  public var payload: [UInt8]

  public init(_ label: Int, _ kind: Kind, _ payload: [UInt8] = []) {
    (self.label, self.kind, self.payload) = (label, kind, payload)
  }
}

/// What an answer is worth.
public enum Verdict {
  case right
  /// Right, and something is complete with it that is measured for itself. It counts for its label
  /// alone, not for the second.
  case completes(Notice)
  /// A no that the user has reckoned with: counted as held back, not as a failure.
  case expected
  /// Not what was asked for.
  case wrong
  /// A part; others follow.
  case goesOn
}

/// Something that came without being asked, or that several answers make.
public struct Notice {
  public enum Outcome {
    /// Nanoseconds on its way.
    case took(UInt64)
    /// It is right; nobody can tell how long it took.
    case came
    case failed(CrowdFailure)
  }

  public var label: Int
  public var outcome: Outcome

  public init(_ label: Int, _ outcome: Outcome) { (self.label, self.outcome) = (label, outcome) }
}

/// A user before it comes.
public struct Newcomer {
  public var target: Endpoint
  /// Where it comes from; nil: any address.
  public var origin: UInt32?
  /// nil: it speaks plainly.
  public var identity: SealedIdentity?
  public var conduct: any Conduct
  /// What its connections are counted as.
  public var label: Int
  /// Seconds between an answer and the next request, drawn evenly.
  public var think: ClosedRange<Double>
  /// Requests under way at a time, 1 … 128.
  public var depth: Int

  public init(
    to target: Endpoint, from origin: UInt32? = nil, identity: SealedIdentity? = nil,
    conduct: any Conduct, label: Int, think: ClosedRange<Double> = 0...0, depth: Int = 1
  ) {
    precondition((1...User.deepest).contains(depth), "out of range")
    self.target = target
    self.origin = origin
    self.identity = identity
    self.conduct = conduct
    self.label = label
    self.think = think
    self.depth = depth
  }
}
