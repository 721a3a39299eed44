import Wire

// What clients ask of streams: feeds, pictures, external sources.

extension Appliance {
  /// What the feed of a camera slot is to capture.
  public func feedOrder(_ slot: Int) -> FeedOrder {
    FeedOrder(
      camera: cameras.table[slot].name, node: cameras.table[slot].captureNodeName,
      mode: CaptureMode())
  }

  /// Where the newest picture of a camera is found. `.unknownCamera`, `.cameraNotStreaming` (absent,
  /// stalled, no feed), `.notSupported` (its stream is H.264).
  public func pictureSource(of name: Name) throws(Status) -> PictureSource {
    guard cameras.index(of: name) != nil else { throw .unknownCamera }
    throw .cameraNotStreaming
  }

  /// The camera streams from now on. `.unknownCamera`.
  public mutating func startStream(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard cameras.index(of: name) != nil else { throw .unknownCamera }
    throw .unknownOperation
  }

  /// The camera no longer streams. `.unknownCamera`.
  public mutating func stopStream(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard cameras.index(of: name) != nil else { throw .unknownCamera }
    throw .unknownOperation
  }

  /// MediaMTX pulls a stream from the network from now on. `.alreadyExists` (a camera or a source
  /// has the name), `.busy` (`Limits.sources` reached).
  public mutating func addSource(
    _ name: Name, url: Text<160>, now: Instant, effects: inout Effects
  ) throws(Status) {
    throw .unknownOperation
  }

  /// `.notFound` when no source has the name.
  public mutating func removeSource(
    _ name: Name, now: Instant, effects: inout Effects
  ) throws(Status) {
    throw .unknownOperation
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
