/// A bug planted between the loop and the world: each must be caught by a named invariant.
public enum Canary: String, CaseIterable, Sendable {
  /// MediaMTX is started twice.
  case doubleSpawn
  /// The same at its second start, for which something must have ended the first one.
  case secondSpawn
  /// An answer is lost on its way to the socket.
  case droppedAnswer
  /// An answer is sent twice.
  case doubledAnswer
  /// An event is lost on its way to a subscriber.
  case droppedEvent
  /// The watchdog is petted late.
  case latePet
  /// The watchdog is petted in the middle of a turn, out of order.
  case extraPet
  /// A descriptor is not closed.
  case leakedDescriptor
  /// A slot's events carry the generation of the connection before.
  case staleGeneration
  /// An LED is not switched.
  case stuckLight
  /// Recordings that were asked for do not reach the data partition's file.
  case lostRecordings
  /// An operator's connection is left in the backlog.
  case forgottenOperator
  /// A byte behind the claimed memory is written.
  case strayWrite
  /// The exit of MediaMTX is not told.
  case lostExit
  /// The wait returns at once, as if its deadline had come.
  case spinning
  /// A feed is started beside the one that runs.
  case doubleFeed
  /// The keeper says that the keys lie on the card, and they do not.
  case unkeptKeys

  /// The invariant that must catch it.
  public var caughtBy: String {
    switch self {
    case .doubleSpawn, .secondSpawn: OneMediaServer.name
    case .droppedAnswer, .doubledAnswer: OneAnswer.name
    case .droppedEvent: EventsCounted.name
    case .latePet, .extraPet: WatchdogPetted.name
    case .leakedDescriptor: SlotsConserved.name
    case .stuckLight: LightsTell.name
    case .lostRecordings: RecordingsKept.name
    case .forgottenOperator: OperatorServed.name
    case .strayWrite: MemoryBounded.name
    case .lostExit: StreamsTold.name
    case .spinning, .staleGeneration: NeverSpins.name
    case .doubleFeed: OneHolder.name
    case .unkeptKeys: KeysHold.name
    }
  }
}
