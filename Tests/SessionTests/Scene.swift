import Appliance
import Wire

/// What one client, another one, the network and the agent may do in a session.
enum Action: UInt8, CaseIterable {
  case connects, pings, reads, subscribes, shakesHands, closes
  /// A second client, whose bytes are carried both ways at once.
  case otherConnects, otherPings, otherCarries, otherCloses
  /// All that is on its way arrives, or all but the end of a frame.
  case toAgent, partToAgent, toClient, partToClient
  /// The network loses the connection.
  case resets
  case agentTurns, agentWaits, clientWaits
  case event, manyEvents, jobDone
  /// The agent ends, and the kernel ends its connections.
  case agentEnds
}

/// A world for sessions: which actions there are in it, and what is so before the first one.
struct Scene: CustomStringConvertible {
  var description: String
  var slots = 8
  /// Where the first client and the second one are.
  var address = IPv4(127, 0, 0, 1)
  var otherAddress = IPv4(127, 0, 0, 1)
  var isSealed = false
  /// Bytes on their way to a client beyond which the agent has to wait.
  var window = Int.max
  /// What has happened already.
  var before: [Action] = []
  var actions: [Action]
  /// Actions of the longest session.
  var depth: Int
  /// Sessions that there are at least.
  var sessions = 0
  var flaw = Network.Flaw.none

  private static let carrying: [Action] = [
    .toAgent, .partToAgent, .toClient, .partToClient, .agentTurns,
  ]
  private static let ends: [Action] = [.resets, .agentWaits, .clientWaits, .closes, .agentEnds]

  /// One client, and everything that can happen to it.
  static let alone = Scene(
    description: "alone",
    actions: [.connects, .pings, .reads, .subscribes, .event, .jobDone] + carrying + ends,
    depth: 6, sessions: 34_747)

  /// The agent cannot get rid of what it has to say.
  static let narrow = Scene(
    description: "narrow", window: 10_000, before: [.connects, .subscribes, .reads, .toAgent],
    actions: [.reads, .pings, .event, .manyEvents, .jobDone] + carrying + ends, depth: 5,
    sessions: 15_995)

  /// Answers in parts, which come one after the other.
  static let parts = Scene(
    description: "parts", before: [.connects, .reads, .reads, .toAgent, .agentTurns, .agentTurns],
    actions: [
      .jobDone, .agentTurns, .agentWaits, .toClient, .partToClient, .clientWaits, .pings, .reads,
      .toAgent, .closes, .resets,
    ], depth: 7, sessions: 213_897)

  /// Two clients, and a slot for one of them.
  static let busy = Scene(
    description: "busy", slots: 1,
    actions: [
      .connects, .pings, .otherConnects, .otherPings, .otherCarries, .otherCloses, .toAgent,
      .toClient, .partToClient, .agentTurns, .agentWaits, .clientWaits, .closes, .resets,
    ], depth: 7, sessions: 101_571)

  /// The same with strangers, who make room for each other.
  static let strangers = Scene(
    description: "strangers", slots: 1, address: IPv4(10, 0, 0, 9),
    otherAddress: IPv4(10, 0, 0, 10), actions: busy.actions, depth: 6, sessions: 16_095)

  /// A handshake, and whatever comes between.
  static let handshake = Scene(
    description: "handshake", slots: 1, address: IPv4(10, 0, 0, 9),
    otherAddress: IPv4(10, 0, 0, 10), isSealed: true,
    actions: [
      .connects, .shakesHands, .pings, .otherConnects, .otherPings, .otherCarries, .toAgent,
      .partToAgent, .toClient, .partToClient, .agentTurns, .agentWaits, .clientWaits, .closes,
      .resets,
    ], depth: 7, sessions: 55_536)

  /// A connection that is sealed already.
  static let sealed = Scene(
    description: "sealed", address: IPv4(10, 0, 0, 9), isSealed: true,
    before: [.connects, .shakesHands, .toAgent, .agentTurns, .toClient],
    actions: [.pings, .reads, .subscribes, .event, .jobDone] + carrying + ends, depth: 6,
    sessions: 14_636)

  /// A subscriber, for whom all is well.
  static let subscriber = Scene(
    description: "subscriber",
    before: [.connects, .subscribes, .toAgent, .agentTurns, .agentTurns, .toClient],
    actions: [.event, .agentTurns, .toClient], depth: 2)

  static let all = [alone, narrow, parts, busy, strangers, handshake, sealed]
}
