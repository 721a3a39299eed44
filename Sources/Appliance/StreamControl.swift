import Wire

// What clients ask of streams: feeds, pictures, external sources.

extension Appliance {
  /// What the feed of a camera slot is to capture.
  public func feedOrder(_ slot: Int) -> FeedOrder {
    let camera = cameras.table[slot]
    var order = FeedOrder(camera: camera.name, node: camera.captureNodeName)
    if case .mode(let mode) = camera.choice { order.mode = mode }
    return order
  }

  /// Where the newest picture of a camera is found. `.unknownCamera`, `.cameraNotStreaming`
  /// (absent, stalled, no feed, no key frame yet).
  public func pictureSource(of name: Name) throws(Status) -> PictureSource {
    guard let slot = cameras.index(of: name) else { throw .unknownCamera }
    let camera = cameras.table[slot]
    guard case .present(.ready, _) = camera.state, camera.feed.isCapturing else {
      throw .cameraNotStreaming
    }
    let report = camera.feed.report
    guard report.hasPicture else { throw .cameraNotStreaming }
    let isKeyFrame = report.granted.format == PixelFormat.h264
    return PictureSource(
      slot: slot, life: camera.feed.child.life, intervalUs: report.intervalUs,
      transcoded: isKeyFrame || report.deliveryReason == .rawFormat, isKeyFrame: isKeyFrame)
  }

  // MARK: Cameras

  /// The camera streams from now on; one that is to be tried again later is tried at once.
  /// `.unknownCamera`.
  public mutating func startStream(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    try setStopped(name, false, now: now, &effects)
  }

  /// The camera no longer streams, also after a reboot; its path stays. `.unknownCamera`.
  public mutating func stopStream(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    try setStopped(name, true, now: now, &effects)
  }

  private mutating func setStopped(
    _ name: Name, _ stopped: Bool, now: Instant, _ effects: inout Effects
  ) throws(Status) {
    guard let index = cameras.index(of: name) else { throw .unknownCamera }
    let before = Cameras.Shown(&cameras.table[index])
    cameras.setStopped(index, stopped, now: now)
    cameras.tell(index, before, streams: &streams, now: now, &effects)
    settle(now: now, &effects)
  }

  // MARK: External sources

  /// MediaMTX pulls a stream from the network from now on. `.invalidArgument` (no name, no RTSP
  /// address), `.alreadyExists` (a camera or a source has the name, or had it), `.busy`
  /// (`Limits.sources` reached).
  public mutating func addSource(
    _ name: Name, url: Text<160>, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard name.isName, SourceURL(url) != nil else { throw .invalidArgument }
    guard !isCameraName(name) else { throw .alreadyExists }
    try sources.add(KnownSource(name: name, url: url))
    streams.want(name, url: url)
    settle(now: now, &effects)
  }

  /// `.notFound` when no source has the name.
  public mutating func removeSource(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    try sources.remove(name)
    streams.unwant(name)
    settle(now: now, &effects)
  }

  /// What the data partition remembers. A camera that has a source's name by now keeps it: it was
  /// announced under it.
  mutating func sourcesLoaded(_ known: UnsafeBufferPointer<KnownSource>) {
    for source in known {
      guard source.name.isName, SourceURL(source.url) != nil, !isCameraName(source.name) else {
        continue
      }
      sources.recall(source)
    }
    for index in 0..<sources.count {
      streams.want(sources[index].name, url: sources[index].url)
    }
    sources.recalled()
  }

  /// Whether a camera has this name, or has had it and would get it back.
  private func isCameraName(_ name: Name) -> Bool {
    cameras.isTaken(name) || cameras.known.index(named: name) != nil
  }

  /// The answer to `sourceList`.
  public func writeSourceList(into writer: inout ByteWriter) {
    SourceListHead(count: UInt16(sources.count)).encode(into: &writer)
    for index in 0..<sources.count {
      var entry = SourceEntry()
      entry.name = sources[index].name
      entry.url = SourceURL(sources[index].url)?.masked ?? .empty
      if let stream = streams.index(of: entry.name) {
        entry.state = Code(streams[stream].streamState)
        entry.ready = streams[stream].flow?.readyAt != nil
      }
      entry.encode(into: &writer)
    }
  }
}

extension FeedReport {
  /// From one picture to the next: as granted, else as measured, else at 15 frames/s.
  fileprivate var intervalUs: UInt32 {
    let rate = granted.rateMilli > 0 ? granted.rateMilli : measuredRateMilli
    return UInt32(clamping: 1_000_000_000 / UInt64(rate > 0 ? rate : 15_000))
  }
}
