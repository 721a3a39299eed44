import Wire

/// All memory of the machines, itemised: the executor maps it once, before the first input.
public enum ApplianceMemory {
  /// Cameras remembered over reboots.
  public static let knownCameras = 64
  /// Devices that wait for a camera slot.
  public static let waitingDevices = 32

  /// A line of the memory sum.
  public struct Item: Sendable {
    public var name: StaticString
    public var count: Int
    /// Bytes of one element.
    public var size: Int
    /// Bytes in all.
    public var bytes: Int { count * size }
  }

  public static let itemCount = 8

  /// The lines of the sum, 0 ..< `itemCount`.
  public static func item(_ index: Int) -> Item {
    switch index {
    case 0: item("camera slots", Limits.cameras, Camera.self)
    case 1: item("probe reports", Limits.cameras, ProbeReport.self)
    case 2: item("devices without a slot", waitingDevices, DeviceFacts.self)
    case 3: item("known cameras", knownCameras, KnownCamera.self)
    case 4: item("streams", Limits.streams, Stream.self)
    case 5: item("external sources", Limits.sources, KnownSource.self)
    case 6: item("recordings", Limits.cameras, Recording.self)
    case 7: item("effects", Effects.capacity, Effect.self)
    default: preconditionFailure("no such line of the memory sum")
    }
  }

  /// Bytes to map for `Tables`: every line but the effects, which have their own memory.
  public static var tableBytes: Int {
    var sum = 0
    for index in 0..<itemCount - 1 { sum += item(index).bytes + Region.alignment }
    return sum
  }

  /// The tables, laid out in one mapped region.
  public struct Tables {
    let cameras: Table<Camera>
    let reports: Table<ProbeReport>
    let waiting: Table<DeviceFacts>
    let known: Table<KnownCamera>
    let streams: Table<Stream>
    let sources: Table<KnownSource>
    let recordings: Table<Recording>

    /// Lays the tables out in `memory` of at least `tableBytes` bytes, and touches all of it.
    public init(_ memory: UnsafeMutableRawBufferPointer) {
      var region = Region(memory)
      cameras = region.table(Limits.cameras, Camera())
      reports = region.table(Limits.cameras, ProbeReport())
      waiting = region.table(waitingDevices, DeviceFacts())
      known = region.table(knownCameras, KnownCamera())
      streams = region.table(Limits.streams, Stream())
      sources = region.table(Limits.sources, KnownSource())
      recordings = region.table(Limits.cameras, Recording())
    }
  }

  private static func item<Element>(_ name: StaticString, _ count: Int, _: Element.Type) -> Item {
    Item(name: name, count: count, size: MemoryLayout<Element>.stride)
  }

  /// Hands out aligned parts of a region from its front.
  private struct Region {
    static let alignment = 16
    private let memory: UnsafeMutableRawBufferPointer
    private var used = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func table<Element>(_ count: Int, _ value: Element) -> Table<Element> {
      let start = (used + Region.alignment - 1) / Region.alignment * Region.alignment
      used = start + count * MemoryLayout<Element>.stride
      precondition(used <= memory.count, "too little memory for the appliance's tables")
      let base = (memory.baseAddress! + start).bindMemory(to: Element.self, capacity: count)
      return Table(UnsafeMutableBufferPointer(start: base, count: count), repeating: value)
    }
  }
}
