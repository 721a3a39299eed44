import Appliance
import Noise
import Wire

/// All memory of the loop, claimed once; see `Arena`.
public struct LoopMemory {
  let sessions: SessionMemory
  let queue: UnsafeMutableBufferPointer<UInt16>
  let slotBuffers: UnsafeMutableBufferPointer<UInt8>
  let pool: UnsafeMutableBufferPointer<UInt8>
  let scratch: UnsafeMutableBufferPointer<UInt8>
  let events: UnsafeMutableBufferPointer<UInt8>
  let topics: UnsafeMutableBufferPointer<UInt8>
  let messages: UnsafeMutableRawBufferPointer
  let places: UnsafeMutableBufferPointer<MessageRing.Place>
  let messageEntries: UnsafeMutableBufferPointer<MessageRing.Entry>
  let agentLog: UnsafeMutableBufferPointer<UInt8>
  let mediaServerLog: UnsafeMutableBufferPointer<UInt8>
  let loggedEvents: UnsafeMutableBufferPointer<EventThrift.Account>
  let effects: UnsafeMutableBufferPointer<Effect>
  let health: UnsafeMutableBufferPointer<UInt8>
  let histograms: UnsafeMutableBufferPointer<UInt32>
  let jobs: UnsafeMutableBufferPointer<Jobs.Entry>
  let access: AccessMemory
  let sealed: UnsafeMutableBufferPointer<UInt8>
  let keeping: UnsafeMutableBufferPointer<UInt8>
  let heldEffects: UnsafeMutableBufferPointer<HeldEffects.Entry>
  let decisions: UnsafeMutableBufferPointer<Decisions.Entry>

  /// Claims from `arena` what a loop with this configuration holds. `messages` are
  /// `MessageRing.memory` bytes that need not be there before they are used.
  public init(
    _ configuration: Configuration, from arena: inout Arena,
    messages: UnsafeMutableRawBufferPointer
  ) {
    self.messages = messages
    let slots = configuration.control.slots + SessionLimits.beyond
    sessions = SessionMemory(
      slots: arena.claim("connection slots: state", slots, of: Session.self),
      subscribers: arena.claim("connection slots: subscriber list", slots, of: UInt16.self),
      peers: arena.claim("peers: addresses", PeerTable.entries(slots), of: PeerTable.Peer.self),
      peerHeads: arena.claim("peers: hashes", PeerTable.hashes(slots), of: UInt16.self),
      newcomers: arena.claim(
        "peers: newcomers", Strangers.entries(slots), of: Strangers.Entry.self),
      guests: arena.claim("peers: guests", Strangers.entries(slots), of: Strangers.Entry.self))
    queue = arena.claim("connection slots: buffer queue", slots, of: UInt16.self)
    slotBuffers = arena.claim(
      "connection slots: buffers", slots * Buffers.slotSize, of: UInt8.self)
    pool = arena.claim("large buffers to borrow", Buffers.pooled * Limits.frameSize, of: UInt8.self)
    scratch = arena.claim("scratch of the loop", Buffers.scratchSize, of: UInt8.self)
    events = arena.claim(
      "event ring: frames", EventRing.capacity * EventRing.frameSize, of: UInt8.self)
    topics = arena.claim("event ring: topics", EventRing.history, of: UInt8.self)
    places = arena.claim("messages: places of slots", slots, of: MessageRing.Place.self)
    messageEntries = arena.claim(
      "messages: index", MessageRing.capacity, of: MessageRing.Entry.self)
    agentLog = arena.claim("log of the agent", LogRings.size, of: UInt8.self)
    mediaServerLog = arena.claim("log of MediaMTX", LogRings.size, of: UInt8.self)
    loggedEvents = arena.claim(
      "events in the log", EventThrift.capacity, of: EventThrift.Account.self)
    effects = arena.claim("effects of one step", Effects.capacity, of: Effect.self)
    health = arena.claim("answer to health", HealthReport.size, of: UInt8.self)
    histograms = arena.claim("histograms of answers", Statistics.memory, of: UInt32.self)
    jobs = arena.claim("jobs", Jobs.capacity, of: Jobs.Entry.self)
    access = AccessMemory(
      keys: arena.claim("access: keys of clients", ClientKeys.capacity, of: ClientKey.self),
      addresses: arena.claim(
        "access: rates of handshakes", HandshakeAdmission.addresses,
        of: HandshakeAdmission.Entry.self),
      addressHeads: arena.claim(
        "access: hashes of addresses", HandshakeAdmission.addresses, of: UInt16.self),
      audit: arena.claim(
        "access: audit", AuditRing.capacity * AuditEntry.size, of: UInt8.self),
      auditPlaces: arena.claim(
        "access: audit, index", AuditRing.capacity, of: AuditRing.Place.self),
      changes: arena.claim(
        "access: changes of the configuration", ConfigurationChanges.memory, of: UInt8.self))
    keeping = arena.claim("access: messages to the keeper", Keeping.memory, of: UInt8.self)
    heldEffects = arena.claim(
      "access: effects of changes", HeldEffects.capacity, of: HeldEffects.Entry.self)
    decisions = arena.claim(
      "access: requests that wait", Decisions.capacity, of: Decisions.Entry.self)
    sealed = arena.claim(
      "connection slots: keys",
      SealedSlots.bytes(configuration.control.slots + SessionLimits.trials), of: UInt8.self)
  }
}
