import Appliance
import CLinux
import EventLoop
import Wire

/// The agent's ends of its feeds: a channel and the memory for pictures, by camera slot.
struct FeedEnds: ~Copyable {
  struct End {
    var life: UInt32 = 0
    /// -1: there is no feed.
    var channel: Int32 = -1
    var memory: Int32 = -1
    /// The camera's device.
    var node = Text<16>()
  }
  private var ends = InlineArray<32, End>(repeating: End())

  subscript(slot: Int) -> End {
    get { ends[slot] }
    set { ends[slot] = newValue }
  }

  /// The end of that life's feed.
  func current(_ slot: Int, life: UInt32) -> End? {
    ends[slot].life == life && ends[slot].channel >= 0 ? ends[slot] : nil
  }
}

extension LinuxSystem {
  // MARK: Feeds

  mutating func spawnFeed(_ slot: Int, _ life: UInt32, for appliance: borrowing Appliance) {
    let pid = startFeed(slot, life, appliance.feedOrder(slot))
    if pid > 0 {
      tell(.childStarted(.feed(slot: slot), life: life, pid: pid))
    } else {
      tell(.childSpawnFailed(.feed(slot: slot), life: life, errno: -pid))
    }
  }

  /// Every life gets memory of its own: what an earlier one still holds cannot reach it.
  private mutating func startFeed(_ slot: Int, _ life: UInt32, _ order: FeedOrder) -> Int32 {
    closeFeed(slot, feeds[slot].life)
    var end = FeedEnds.End(life: life, node: order.node)
    var theirs: Int32 = -1
    end.memory = lx_memory_create(SharedPicture.size)
    guard end.memory >= 0 else { return end.memory }
    let paired = lx_message_pair(&end.channel, &theirs)
    guard paired == 0 else {
      lx_close(end.memory)
      return paired
    }
    let pid = children.spawnFeed(
      slot: slot, life: life, camera: order.camera, channel: theirs, memory: end.memory)
    lx_close(theirs)
    guard pid > 0 else {
      lx_close(end.channel)
      lx_close(end.memory)
      return pid
    }
    feeds[slot] = end
    watch(end.channel, .feed, slot: slot)
    say(slot, life, .order(order, playback(order.node) ?? Configuration.PlaybackFile()))
    return pid
  }

  /// The file that a node stands for; nil where it is a device.
  func playback(_ node: Text<16>) -> Configuration.PlaybackFile? {
    for index in configuration.cameras.playback.indices
    where !configuration.cameras.playback[index].path.isEmpty
      && node == PlaybackCamera.node(index)
    {
      return configuration.cameras.playback[index]
    }
    return nil
  }

  mutating func publishFeed(_ slot: Int, _ life: UInt32, for appliance: borrowing Appliance) {
    say(
      slot, life,
      .publish(
        port: configuration.mediaServer.rtspPort, path: appliance.feedOrder(slot).camera,
        user: mediaCredentials.user, password: mediaCredentials.password))
  }

  mutating func silenceFeed(_ slot: Int, _ life: UInt32) { say(slot, life, .silence) }

  /// A feed that does not read its orders loses them; it is ended soon for being silent.
  private func say(_ slot: Int, _ life: UInt32, _ message: FeedMessage) {
    guard let end = feeds.current(slot, life: life) else { return }
    _ = message.send(over: end.channel)
  }

  /// The latest of what a feed has reported; what it said before that is overtaken.
  mutating func nextReport(_ slot: Int) -> Input? {
    guard slot < Limits.cameras, feeds[slot].channel >= 0 else { return nil }
    var latest: FeedReport?
    for _ in 0..<LinuxSystem.reportsATurn {
      let count = lx_receive(feeds[slot].channel, scratch.baseAddress!, scratch.count)
      if count == 0 {
        // It has closed its end: its exit tells the rest.
        forget(feeds[slot].channel)
        feeds[slot].channel = -1
        break
      }
      guard count > 0 else { break }
      let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)])
      if let report = FeedReport(decoding: bytes) { latest = report }
    }
    guard var latest else { return nil }
    if latest.failure == .busy {
      (latest.holder, latest.holderName) = Devices.holder(of: feeds[slot].node)
    }
    return .feedReported(slot: slot, life: feeds[slot].life, latest)
  }

  /// A feed reports some times a second; more than this many at once are left for the next turn.
  static let reportsATurn = 16

  mutating func closeFeed(_ slot: Int, _ life: UInt32) {
    guard feeds[slot].life == life else { return }
    forget(feeds[slot].channel)
    if feeds[slot].memory >= 0 { lx_close(feeds[slot].memory) }
    feeds[slot] = FeedEnds.End()
  }

  // MARK: Pictures

  mutating func startPictureWorker() {
    let channel = pictures.start(&children, now: now)
    if channel >= 0 { watch(channel, .pictures) }
  }

  public mutating func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool {
    guard let end = feeds.current(source.slot, life: source.life) else { return false }
    return pictures.ask(
      entry, memory: end.memory, notBeforeUs: notBeforeUs, deadlineUs: deadlineUs)
  }

  public mutating func nextPicture() -> PictureAnswer? { pictures.next() }

  public mutating func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    pictures.read(entry, at: offset, into: buffer)
  }

  public mutating func closePicture(_ entry: Int) { pictures.close(entry) }
}
