import Appliance
import CLinux
import EventLoop
import Wire

/// The world as Linux offers it: epoll, sockets, children, devices. Conforms to the loop's seam and
/// holds no policy.
public struct LinuxSystem: ~Copyable {
  static let batch = 256
  static let resultCapacity = 128

  let poller: Descriptor
  let listener: Descriptor
  let signals: Descriptor
  let configuration: Configuration
  private let readyList: UnsafeMutableBufferPointer<lx_ready>
  private var readyCount = 0
  /// 1: there are results to be told.
  private var resultsReady = 0

  /// Sources with something to tell that no descriptor announces.
  private var extra = InlineArray<5, Ready>(repeating: .backlog)
  private var extraCount = 0

  /// Results of effects that are there at once, in order.
  private let results: UnsafeMutableBufferPointer<Input>
  private var resultStart = 0
  private var resultCount = 0

  var children = Children()
  var devices: Devices
  var leds = LEDs()
  var storage: StorageChannel
  var feeds = FeedEnds()
  var pictures = PictureChannel()
  var jobs = JobEnds()
  var keeper: KeeperLink
  var logs = LogKeeper()
  /// Where children's output and reports are read to.
  let scratch: UnsafeMutableRawBufferPointer
  let report: UnsafeMutablePointer<ProbeReport>
  var media: MediaExchange
  /// The outstanding call still has something to send.
  var mediaSending = false
  /// What this life's feeds publish with.
  var mediaCredentials = MediaCredentials.random()
  /// Our end of MediaMTX's output, or -1.
  var mediaOutput: Int32 = -1
  var mailbox: Int32 = -1
  var network: RouteMonitor?
  var watchdog: Int32 = -1
  var button: Int32 = -1
  /// An earlier life of the agent had left a MediaMTX over.
  var leftoverEnded = false
  var now: Instant { Instant(ms: lx_boot_time_ms()) }
  /// The clock as the loop has read it last.
  private var readUs = lx_boot_clock_ns() / 1000
  var boot = BootFacts()
  private var noted: LogLine?

  /// Opens the poller, the control port and the signals: everything without which there is no
  /// agent.
  public init(_ configuration: Configuration, memory: LinuxMemory) throws(SystemError) {
    let control = configuration.control
    // A slot more than the slots: children, devices, files.
    _ = lx_raise_descriptor_limit(UInt64(control.slots + SessionLimits.beyond + 256))
    let poller = try Descriptor(lx_poller_open())
    let listener = try Descriptor(
      lx_listen(control.address.value, control.port, 4096, control.sharesPort ? 1 : 0))
    let signals = try Descriptor(lx_signals_open())
    try Self.watch(poller.number, listener.number, .backlog)
    try Self.watch(poller.number, signals.number, .source(.signals))
    self.poller = poller
    self.listener = listener
    self.signals = signals
    self.configuration = configuration
    readyList = memory.ready
    results = memory.results
    results.initialize(repeating: .tick)
    scratch = UnsafeMutableRawBufferPointer(memory.scratch)
    report = memory.report.baseAddress!
    report.initialize(to: ProbeReport())
    devices = Devices(playing: configuration.cameras.playback)
    media = MediaExchange(body: memory.mediaBody, paths: memory.mediaPaths)
    storage = StorageChannel(
      known: memory.known, sources: memory.sources, recordings: memory.recordings,
      message: memory.message)
    keeper = KeeperLink(memory.keeper)
  }

  private static func watch(
    _ poller: Int32, _ descriptor: Int32, _ token: Token
  ) throws(SystemError) {
    let result = lx_poller_add(poller, descriptor, LX_READABLE.rawValue, token.rawValue)
    guard result == 0 else { throw SystemError(errno: -result) }
  }

  /// Watches a source that the agent can do without.
  func watch(_ descriptor: Int32, _ source: Source, slot: Int = 0) {
    guard descriptor >= 0 else { return }
    _ = lx_poller_add(
      poller.number, descriptor, LX_READABLE.rawValue, Token.source(source, slot: slot).rawValue)
  }

  func forget(_ descriptor: Int32) {
    guard descriptor >= 0 else { return }
    _ = lx_poller_remove(poller.number, descriptor)
    lx_close(descriptor)
  }

  // MARK: Results

  /// Keeps what came of an effect until the loop asks. At most two results come of an effect; they
  /// are told before anything that could cause another one.
  mutating func tell(_ input: Input) {
    precondition(resultCount < results.count, "results pile up")
    results[(resultStart + resultCount) % results.count] = input
    resultCount += 1
  }

  mutating func nextResult() -> Input? {
    guard resultCount > 0 else { return nil }
    let input = results[resultStart]
    resultStart = (resultStart + 1) % results.count
    resultCount -= 1
    return input
  }

  // MARK: Log

  /// Keeps a line until the loop asks for it; a second one in the same turn pushes it out.
  mutating func note(_ line: LogLine) { noted = line }

  public mutating func nextLogLine() -> LogLine? {
    defer { noted = nil }
    return noted
  }

  /// The control port's number as bound: the configuration may ask for any free one (0).
  public var port: UInt16 { UInt16(clamping: lx_local_port(listener.number)) }
}

/// Memory of the Linux side, claimed with the loop's.
public struct LinuxMemory {
  let ready: UnsafeMutableBufferPointer<lx_ready>
  let results: UnsafeMutableBufferPointer<Input>
  let scratch: UnsafeMutableBufferPointer<UInt8>
  let report: UnsafeMutableBufferPointer<ProbeReport>
  let known: UnsafeMutableBufferPointer<KnownCamera>
  let sources: UnsafeMutableBufferPointer<KnownSource>
  let recordings: UnsafeMutableBufferPointer<KnownRecording>
  let message: UnsafeMutableBufferPointer<UInt8>
  let keeper: UnsafeMutableBufferPointer<UInt8>
  let mediaBody: UnsafeMutableBufferPointer<UInt8>
  let mediaPaths: UnsafeMutableBufferPointer<MediaPath>

  public init(from arena: inout Arena) {
    ready = arena.claim("poller: ready descriptors", LinuxSystem.batch, of: lx_ready.self)
    results = arena.claim("results of effects", LinuxSystem.resultCapacity, of: Input.self)
    scratch = arena.claim("output of children", 16 * 1024, of: UInt8.self)
    report = arena.claim("probe report", 1, of: ProbeReport.self)
    known = arena.claim(
      "storage: remembered cameras", ApplianceMemory.knownCameras, of: KnownCamera.self)
    sources = arena.claim(
      "storage: external sources", Limits.sources, of: KnownSource.self)
    recordings = arena.claim(
      "storage: recordings asked for", Limits.cameras, of: KnownRecording.self)
    message = arena.claim("storage: message", StorageChannel.messageSize, of: UInt8.self)
    keeper = arena.claim("keeper: message", KeeperMessage.size, of: UInt8.self)
    mediaBody = arena.claim(
      "MediaMTX: one answer of its API", MediaExchange.answerLimit, of: UInt8.self)
    mediaPaths = arena.claim(
      "MediaMTX: one page of paths", MediaExchange.pageSize, of: MediaPath.self)
  }
}

extension LinuxSystem: OperatingSystem {
  public mutating func nowUs() -> UInt64 {
    readUs = lx_boot_clock_ns() / 1000
    return readUs
  }

  public mutating func wait(until deadline: Instant) -> Int {
    let ready = lx_poller_wait(
      poller.number, readyList.baseAddress!, Int32(readyList.count), timeoutMs(until: deadline))
    precondition(ready >= 0, "the poller is gone")
    readyCount = Int(ready)
    if storage.nextDeadline != .never, now >= storage.nextDeadline {
      if storage.looked(now: now) { tell(.storageChanged(storage.judged)) }
      startStorageWhenMounted()
    }
    if now >= jobs.nextDeadline { jobs.endHung(children, now: now) }
    if pictures.isDue(now: now) { startPictureWorker() }
    if now >= keeper.nextDeadline { startKeeper() }
    extraCount = 0
    resultsReady = resultCount > 0 ? 1 : 0
    if devices.hasMore { add(.source(Source.udev.rawValue)) }
    if pictures.lost > 0 { add(.pictures) }
    if jobs.done > 0 { add(.jobs) }
    if keeper.hasNews { add(.keeper) }
    if children.hasMore { add(.source(Source.signals.rawValue)) }
    return resultsReady + readyCount + extraCount
  }

  private mutating func add(_ ready: Ready) {
    extra[extraCount] = ready
    extraCount += 1
  }

  /// epoll's time-out is in whole milliseconds from now, which was read at the end of the last
  /// turn; rounded up, so that the deadline has come.
  private mutating func timeoutMs(until deadline: Instant) -> Int32 {
    if resultCount > 0 || devices.hasMore || pictures.lost > 0 || children.hasMore { return 0 }
    if jobs.done > 0 || keeper.hasNews { return 0 }
    let deadline = min(
      min(min(deadline, jobs.nextDeadline), keeper.nextDeadline),
      min(storage.nextDeadline, pictures.nextDeadline))
    guard deadline != .never else { return -1 }
    let (wanted, overflow) = deadline.ms.multipliedReportingOverflow(by: 1000)
    guard !overflow else { return -1 }
    return wanted <= readUs ? 0 : Int32(clamping: (wanted - readUs + 999) / 1000)
  }

  public func ready(_ index: Int) -> Ready {
    // Before all other sources: those make new results, and there is room for a bounded number.
    if index < resultsReady { return .source(Source.results.rawValue) }
    let index = index - resultsReady
    if index >= readyCount { return extra[index - readyCount] }
    let entry = readyList[index]
    switch Token(rawValue: entry.token) {
    case .backlog: return .backlog
    case .source(.pictures, _): return .pictures
    case .source(.keeper, _): return .keeper
    case .source(let source, let slot): return .source(source.rawValue | slot << 8)
    case .connection(let slot, let generation):
      let readiness: Readiness
      // What the peer sent before it broke is not worth a reading: nobody takes the answer.
      if entry.state & LX_BROKEN.rawValue != 0 {
        readiness = .broken
      } else {
        readiness = entry.state & LX_READABLE.rawValue != 0 ? .readable : .writable
      }
      return .connection(slot: slot, generation: generation, readiness)
    }
  }

  // MARK: The control port

  public mutating func accept() -> Accepted {
    var address: UInt32 = 0
    let result = lx_accept(listener.number, &address)
    if result >= 0 { return .connection(result, IPv4(address)) }
    switch -result {
    case Int32(LX_EMFILE.rawValue), Int32(LX_ENFILE.rawValue), Int32(LX_ENOBUFS.rawValue),
      Int32(LX_ENOMEM.rawValue):
      return .exhausted
    // Linux also passes errors of a connection that died in the backlog (accept(2)): the next call
    // or the next turn finds the next connection.
    default: return .none
    }
  }

  public mutating func watchBacklog(_ watched: Bool) {
    let interest = watched ? LX_READABLE : LX_NOTHING
    _ = lx_poller_change(
      poller.number, listener.number, interest.rawValue, Token.backlog.rawValue)
  }

  public mutating func watch(
    _ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest
  ) -> Bool {
    let token = Token.connection(slot: slot, generation: generation).rawValue
    return lx_poller_add(poller.number, connection, interest.linux, token) == 0
  }

  public mutating func change(
    _ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest
  ) {
    let token = Token.connection(slot: slot, generation: generation).rawValue
    let result = lx_poller_change(poller.number, connection, interest.linux, token)
    precondition(result == 0, "a watched connection is not watched")
  }

  public mutating func receive(_ connection: Int32, into buffer: UnsafeMutableRawBufferPointer)
    -> Transfer
  {
    let count = lx_receive(connection, buffer.baseAddress!, buffer.count)
    return count == 0 ? .end : Transfer(count)
  }

  public mutating func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
    Transfer(lx_send(connection, bytes.baseAddress!, bytes.count))
  }

  public mutating func shutdownWrite(_ connection: Int32) { lx_shutdown_write(connection) }

  public mutating func close(_ connection: Int32) { lx_close(connection) }

  public mutating func random(into bytes: UnsafeMutableRawBufferPointer) {
    if let start = bytes.baseAddress { lx_random(start, bytes.count) }
  }

  public mutating func discard(_ memory: UnsafeMutableRawBufferPointer) {
    guard let base = memory.baseAddress else { return }
    lx_discard(base, memory.count)
  }

  public mutating func showLog(_ line: LogLine) {
    var text = Text<192>()
    switch line.level {
    case .error: text.append("error: ")
    case .warning: text.append("warning: ")
    case .info: break
    }
    text.append(line.text)
    text.append(UInt8(ascii: "\n"))
    text.withBytes { _ = lx_say(2, $0.baseAddress!, $0.count) }
  }

  public mutating func keepLog(_ line: StampedLine) {
    line.withBytes { keep(.agent, $0) }
  }

  public mutating func resources() -> Resources {
    var resources = Resources()
    resources.memoryKiB = lx_resident_bytes() / 1024
    // The kernel brings the two up to date at different times.
    resources.memoryPeakKiB = max(lx_peak_resident_bytes() / 1024, resources.memoryKiB)
    resources.cpuMs = lx_cpu_ms()
    var usage = lx_usage()
    lx_usage_read(&usage)
    resources.cores = Int(usage.cores)
    withUnsafeBytes(of: usage.core_busy_ms) { bytes in
      for core in resources.coreBusyMs.indices {
        resources.coreBusyMs[core] = bytes.load(fromByteOffset: 8 * core, as: UInt64.self)
      }
    }
    resources.busyMs = usage.busy_ms
    resources.wholeMs = usage.whole_ms
    resources.deviceMemoryKiB = usage.memory_kib
    resources.deviceAvailableKiB = usage.available_kib
    resources.networkReceivedBytes = usage.received_bytes
    resources.networkSentBytes = usage.sent_bytes
    resources.diskReadBytes = usage.read_bytes
    resources.diskWrittenBytes = usage.written_bytes
    return resources
  }
}

extension Interest {
  fileprivate var linux: UInt32 {
    switch self {
    case .nothing: LX_NOTHING.rawValue
    case .readable: LX_READABLE.rawValue
    case .writable: LX_WRITABLE.rawValue
    }
  }
}

extension Transfer {
  /// The one place that says what a socket's errno means; EINTR never gets here.
  fileprivate init(_ count: Int64) {
    switch count {
    case 0...: self = .moved(Int(count))
    case -Int64(LX_EAGAIN.rawValue): self = .wouldBlock
    // EPIPE, ECONNRESET, ETIMEDOUT, EHOSTUNREACH …: nothing more will come or go.
    default: self = .broken
    }
  }
}
