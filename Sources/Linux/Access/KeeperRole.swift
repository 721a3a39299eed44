import Appliance
import CLinux
import Wire

/// `watchpost keeper FOLDER DATA [--board-config FILE] [--config FILE]`: the one process that keeps
/// what admits operators, and that touches the card for it.
///
/// FOLDER lies on the card's FAT partition (`/boot/access`), since operators must get in when the
/// data partition is missing, hanging, read-only or full; the audit, which nobody needs to get in,
/// lies on the data partition DATA. A card that hangs hangs this process alone.
public struct KeeperRole {
  /// What standard error is told.
  private enum Notice {
    static let damaged: StaticString = "the device key is damaged; a new one was made"
    static let made: StaticString = "a device key was made"
    static let reset: StaticString = "factory reset: all keys are forgotten"
    static let noReset: StaticString = "factory reset failed; it is tried again at the next start"
  }

  private let memory = KeeperMemory()
  private let agent: KeeperChannel
  private let folder: AccessFolder
  private let reset: FactoryReset
  private let pairing: PairingNote
  private let texts: StagedTexts
  private var device: KeptBlob
  private var clients: KeptBlob
  private var changes: KeptBlob
  private var swap: ConfigurationSwap
  private var audit: AuditLanes
  private var facts = KeeperFacts()
  private var hasBegun = false
  /// `KeeperMemory.key` is the device key, which is on no card yet.
  private var isKeyUnsaved = false
  /// What could not be read or stored, to be tried again.
  private var isClientsMissing = false
  private var isChangesMissing = false

  /// Serves the agent until it ends. `hasConsole`: standard error is read by who is there, and is
  /// no file or journal. The process's exit code.
  public static func run(
    folder: Text<96>, dataDirectory: Text<96>, hasConsole: Bool
  ) -> Int32 {
    guard !folder.isEmpty, !dataDirectory.isEmpty else { return 2 }
    var role = KeeperRole(folder, dataDirectory, hasConsole)
    return role.serve()
  }

  private init(_ path: Text<96>, _ data: Text<96>, _ hasConsole: Bool) {
    let folder = AccessFolder(path)
    self.folder = folder
    agent = KeeperChannel(memory: memory.reply)
    reset = FactoryReset(folder)
    pairing = PairingNote(folder, hasConsole: hasConsole)
    texts = StagedTexts(folder, memory)
    device = KeptBlob(.device, folder, memory)
    clients = KeptBlob(.clients, folder, memory)
    changes = KeptBlob(.changes, folder, memory)
    swap = ConfigurationSwap(folder, memory, texts)
    audit = AuditLanes(data, memory)
    facts.isLocked = memory.keepSecret()
  }

  private mutating func serve() -> Int32 {
    // A step on the card is not to be ended halfway by who ends everything at once.
    _ = lx_signals_open()
    let room = memory.request
    while true {
      let count = lx_receive(KeeperChannel.descriptor, room.baseAddress!, room.count)
      if count == -Int64(LX_EAGAIN.rawValue) {
        guard lx_wait_readable(KeeperChannel.descriptor, -1) >= 0 else { return 1 }
        continue
      }
      if count == 0 { break }
      guard count > 0 else { return 1 }
      obey(UnsafeRawBufferPointer(rebasing: room[..<Int(count)]))
      lx_wipe(room.baseAddress!, Int(count))
    }
    // The code holds for as long as its agent runs.
    _ = pairing.withdraw()
    KeeperMemory.wipe(memory.key)
    return 0
  }

  private mutating func obey(_ message: UnsafeRawBufferPointer) {
    var reader = ByteReader(message)
    guard reader.remaining >= KeeperMessage.requestHead else { return }
    let request = KeeperRequest(rawValue: reader.read())
    reader.skip(3)
    let number = reader.read(UInt32.self)
    var done = KeeperDone(.malformed)
    if message.count > KeeperMessage.size {
      done.outcome = .tooLarge
    } else if let request {
      done = obey(request, &reader, number)
    }
    done.number = number
    agent.tell(.done) { done.encode(into: &$0) }
  }

  private mutating func obey(
    _ request: KeeperRequest, _ reader: inout ByteReader, _ number: UInt32
  ) -> KeeperDone {
    guard hasBegun || request == .hello else { return KeeperDone(.malformed) }
    let bytes = reader.take(reader.remaining)
    switch request {
    case .hello: return begin(bytes)
    case .retry: return retry(bytes)
    case .clients, .changes:
      guard bytes.count <= KeeperMessage.blobSize else { return KeeperDone(.tooLarge) }
      return KeeperDone(request == .clients ? clients.put(bytes) : changes.put(bytes))
    case .append: return append(bytes)
    case .forget:
      let result = forget()
      tellFacts()
      tellKept()
      return KeeperDone(result)
    case .pairing:
      guard bytes.count <= KeeperMessage.pairingSize else { return KeeperDone(.tooLarge) }
      return KeeperDone(pairing.show(bytes))
    case .stage, .check, .apply, .rollBack, .drop: return change(request, bytes)
    case .proof:
      guard bytes.count <= StagedTexts.textSize else { return KeeperDone(.tooLarge) }
      return StagedTexts.error(in: bytes).map { KeeperDone($0) } ?? KeeperDone(.done)
    case .text: return tellText(bytes, number)
    }
  }

  // MARK: Start

  private mutating func begin(_ bytes: UnsafeRawBufferPointer) -> KeeperDone {
    guard bytes.count == 9 else { return KeeperDone(.malformed) }
    var reader = ByteReader(bytes)
    for lane in 0..<AuditLanes.count {
      guard audit.setShare(lane, Int(reader.read(UInt16.self))) else {
        return KeeperDone(.malformed)
      }
    }
    hasBegun = true
    folder.tidyUp()
    look()
    _ = pairing.withdraw()
    if reset.isAsked { _ = forget() }
    let repair = swap.load()
    if facts.repair == .notNeeded { facts.repair = repair }
    tellFacts()
    tellKept()
    loadAudit(isThere: reader.read(UInt8.self) != 0, again: true)
    return KeeperDone(.done)
  }

  private mutating func look() {
    var place = lx_place()
    let looked = folder.look(&place)
    facts.errno = -looked
    facts.place = looked < 0 ? .missing : place.is_memory != 0 ? .memory : .kept
  }

  private mutating func retry(_ bytes: UnsafeRawBufferPointer) -> KeeperDone {
    guard bytes.count == 1 else { return KeeperDone(.malformed) }
    let before = facts.place
    look()
    let isElsewhere = facts.place != before
    if isElsewhere || swap.isPending {
      facts.repair = swap.load()
      tellFacts()
    }
    if isElsewhere || isKeyUnsaved { tellDevice() }
    if isElsewhere || isClientsMissing { isClientsMissing = tell(clients.load()) }
    if isElsewhere || isChangesMissing { isChangesMissing = tell(changes.load()) }
    if isElsewhere { tellStaged() }
    loadAudit(isThere: bytes[0] != 0, again: false)
    return KeeperDone(.done)
  }

  private mutating func tellFacts() {
    facts.applied = swap.applied
    let facts = facts
    agent.tell(.facts) { facts.encode(into: &$0) }
    // They have been told: what comes later is another one.
    self.facts.reset = .notAsked
    self.facts.repair = .notNeeded
  }

  private mutating func tellKept() {
    tellDevice()
    isClientsMissing = tell(clients.load())
    isChangesMissing = tell(changes.load())
    tellStaged()
  }

  /// True when it is to be tried again.
  private func tell(_ loaded: (news: BlobNews, bytes: UnsafeRawBufferPointer)) -> Bool {
    let (news, bytes) = loaded
    agent.tell(.blob) { writer in
      news.encode(into: &writer)
      writer.write(bytes)
    }
    memory.wipeCopies()
    return news.state == .unreadable
  }

  private func tellStaged() {
    agent.tell(.staged) { writer in
      texts.visit { id in
        if writer.remaining >= 4 { writer.write(id) }
      }
    }
  }

  // MARK: Device key

  /// Tells the device key: the one that is kept, or a new one.
  private mutating func tellDevice() {
    var (news, bytes) = device.load()
    if news.state == .loaded {
      // What was made while the card could not be read gives way.
      forgetUnsavedKey()
    } else if let made = makeKey() {
      if news.state == .none { news.state = .madeAnew }
      bytes = made
      if !isKeyUnsaved {
        KeeperLine(news.state == .damaged ? Notice.damaged : Notice.made).write()
      }
      isKeyUnsaved = true
      let result = device.isKnown ? device.put(made) : -Int32(LX_EIO.rawValue)
      if result == 0 {
        isKeyUnsaved = false
        news.sequence = 1
      } else if news.storing == .done {
        news.storing = KeeperOutcome(result)
        if news.errno == 0 { news.errno = -result }
      }
    } else {
      news.storing = .failing
    }
    agent.tell(.blob) { writer in
      news.encode(into: &writer)
      writer.write(bytes)
    }
    memory.wipeCopies()
    if !isKeyUnsaved { KeeperMemory.wipe(memory.key) }
  }

  /// A new key, or the one that still waits for the card; nil: the kernel gives no randomness.
  private func makeKey() -> UnsafeRawBufferPointer? {
    let made = isKeyUnsaved ? 0 : lx_secret_random(memory.key.baseAddress!, memory.key.count)
    return made == 0 ? UnsafeRawBufferPointer(memory.key) : nil
  }

  private mutating func forgetUnsavedKey() {
    KeeperMemory.wipe(memory.key)
    isKeyUnsaved = false
  }

  /// Factory reset: everything but the audit. 0 or a negative errno.
  private mutating func forget() -> Int32 {
    let result = reset.carryOut {
      forgetUnsavedKey()
      var result = putBackUnconfirmed()
      if result == 0 { result = device.erase() }
      if result == 0 { result = clients.erase() }
      if result == 0 { result = changes.erase() }
      if result == 0 { result = swap.erase() }
      if result == 0 { result = texts.eraseAll() }
      if result == 0 { result = pairing.withdraw() }
      if result == 0 { result = folder.sync() }
      guard result == 0 else { return result }
      guard let key = makeKey() else { return -Int32(LX_EIO.rawValue) }
      defer { KeeperMemory.wipe(memory.key) }
      return device.put(key)
    }
    facts.reset = result == 0 ? .carriedOut : .failed
    KeeperLine(result == 0 ? Notice.reset : Notice.noReset).write()
    return result
  }

  /// With the journal goes the only way back from a change that nobody has confirmed: that way is
  /// taken first. Where there is none any more, or a person has written another text, that stays.
  private mutating func putBackUnconfirmed() -> Int32 {
    let done = swap.putBackUnconfirmed()
    switch done.outcome {
    case .readOnly, .full, .missing, .failing:
      return done.errno > 0 ? -done.errno : -Int32(LX_EIO.rawValue)
    case .done: facts.repair = .putBack
    default: break
    }
    return 0
  }

  // MARK: Requests

  private mutating func loadAudit(isThere: Bool, again: Bool) {
    guard isThere else {
      audit.leave()
      return
    }
    let agent = agent
    for lane in 0..<AuditLanes.count where again || !audit.isLoaded(lane) {
      audit.load(lane) { news, records in
        agent.tell(.audit) { writer in
          news.encode(into: &writer)
          writer.write(records)
        }
      }
    }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) -> KeeperDone {
    guard bytes.count >= 1, Int(bytes[0]) < AuditLanes.count,
      (bytes.count - 1).isMultiple(of: AuditLanes.recordSize)
    else { return KeeperDone(.malformed) }
    return KeeperDone(audit.append(Int(bytes[0]), UnsafeRawBufferPointer(rebasing: bytes[1...])))
  }

  /// Tells the text of a change, or the one in force.
  private func tellText(_ bytes: UnsafeRawBufferPointer, _ number: UInt32) -> KeeperDone {
    guard bytes.count == 4 else { return KeeperDone(.malformed) }
    var reader = ByteReader(bytes)
    let id = reader.read(UInt32.self)
    let (text, done) = id == 0 ? swap.inForce() : texts.text(id)
    guard done.outcome == .done else { return done }
    guard text.count <= Limits.payloadSize else { return KeeperDone(.tooLarge) }
    agent.tell(.text) { writer in
      writer.write(number)
      writer.write(text)
    }
    return done
  }

  private mutating func change(
    _ request: KeeperRequest, _ bytes: UnsafeRawBufferPointer
  ) -> KeeperDone {
    guard bytes.count >= 4 else { return KeeperDone(.malformed) }
    var reader = ByteReader(bytes)
    let id = reader.read(UInt32.self)
    let text = reader.take(reader.remaining)
    if request == .stage { return texts.put(id, text) }
    let isText = request == .check || request == .apply
    guard text.count == (isText ? 16 : 0), id > 0 else { return KeeperDone(.malformed) }
    var rest = ByteReader(text)
    let digest = isText ? ConfigurationDigest(from: &rest) : ConfigurationDigest()
    switch request {
    case .check: return texts.check(id, digest)
    case .apply: return swap.apply(id, digest)
    case .rollBack: return swap.rollBack(id)
    default: return swap.drop(id)
    }
  }
}
