import Wire

/// What `wpctl snapshot` prints.
public struct SnapshotDocument: Codable, Sendable {
  public var camera: String
  /// Where the picture was written; nil: to standard output.
  public var file: String?
  public var width: UInt16
  public var height: UInt16
  public var bytes: UInt32
  /// The picture's number in its feed's life.
  public var frame: UInt64
  /// How old it was at most when the device began to send it.
  public var ageMs: Double
  /// When it was taken, on the device's clock since its boot.
  public var capturedUs: UInt64
  /// The same as wall-clock time; nil: the device's clock is not trusted.
  public var unixMs: UInt64?
  /// Huffman tables that the camera leaves out were inserted.
  public var completed: Bool
  /// The picture was coded anew on the device.
  public var transcoded: Bool

  public init(_ snapshot: Snapshot, of camera: Name, file: String?) {
    let head = snapshot.head
    self.camera = camera.string
    self.file = file
    width = head.width
    height = head.height
    bytes = head.total
    frame = head.frame
    ageMs = Double(head.ageUs) / 1000
    capturedUs = head.capturedUs
    unixMs = head.unixMs == 0 ? nil : head.unixMs
    completed = head.completed
    transcoded = head.transcoded
  }
}

/// An RTSP source on the network.
public struct SourceDocument: Codable, Sendable {
  public var name: String
  /// Its address, the password replaced by `***`.
  public var url: String
  public var state: String
  public var ready: Bool

  public init(_ entry: SourceEntry) {
    name = entry.name.string
    url = entry.url.string
    state = entry.state.name
    ready = entry.ready
  }
}
