/// What wakes the loop besides the control port; the number travels through the poller.
enum Source: Int {
  /// Results of effects that are there at once.
  case results = 0
  case signals = 1
  case udev = 2
  /// What other processes of the board tell: `AgentMessage`.
  case mailbox = 3
  /// The network's links and addresses.
  case network = 4
  case storage = 5
  case mediaServerOutput = 6
  case mediaCall = 7
  /// What the feed of a camera slot reports.
  case feed = 8
  /// What the picture worker answers.
  case pictures = 9
  /// What a job worker answers.
  case job = 10
  /// What the keeper tells.
  case keeper = 11
  case button = 12
}

/// The poller's token: 2 bits kind, 30 bits generation, 32 bits slot or source.
///
/// The generation is what makes an event for a closed connection harmless: its descriptor's number
/// may belong to another connection by the time the event is looked at.
enum Token {
  case backlog
  case connection(slot: Int, generation: UInt32)
  /// `slot` tells feeds apart, and job workers; 0 for all others.
  case source(Source, slot: Int = 0)

  static let generationMask: UInt32 = 0x3FFF_FFFF

  var rawValue: UInt64 {
    switch self {
    case .backlog: 0
    case .source(let source, let slot):
      1 << 62 | UInt64(slot) << 8 | UInt64(source.rawValue)
    case .connection(let slot, let generation):
      2 << 62 | UInt64(generation & Token.generationMask) << 32 | UInt64(UInt32(slot))
    }
  }

  init(rawValue: UInt64) {
    switch rawValue >> 62 {
    case 0: self = .backlog
    case 1:
      guard let source = Source(rawValue: Int(rawValue & 0xFF)) else {
        preconditionFailure("the poller told a token that was never given to it")
      }
      self = .source(source, slot: Int(rawValue >> 8 & 0xFFFF))
    default:
      self = .connection(
        slot: Int(UInt32(truncatingIfNeeded: rawValue)),
        generation: UInt32(truncatingIfNeeded: rawValue >> 32) & Token.generationMask)
    }
  }
}
