/// One camera: the answer to `cameraStatus`, and an entry of `cameraList`.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`
///     32   48 product            text, as the device gives it
///     80   32 serial             text
///    112   32 port               text: USB port path (`1-1.2`) or bus name
///    144   16 node               text: `video0`; empty while absent
///    160   16 holderName         text: who holds a busy camera
///    176    1 state              CameraState
///    177    1 reason             CameraReason
///    178    1 rung               IdentityRung
///    179    1 reserved
///    180    2 vendorID           USB; 0: none
///    182    2 productID
///    184   16 formats            four V4L2 fourccs, first character first; 0: none
///    200    2 modeCount          capture modes
///    202    2 reserved
///    204    4 holder             process id of who holds a busy camera; 0: nobody or unknown
///    208    8 connectedForMs     milliseconds since it was plugged in; 0 while absent
///    216    4 disconnects        in this life of the agent
///    220    4 attempts           tries in a row that failed
///    224    4 nextAttemptInMs    milliseconds to the next try; 0: none planned
///    228    4 format             V4L2 fourcc that the driver has granted; 0: none
///    232    2 width              granted, pixels
///    234    2 height
///    236    4 rateMilli          granted, frames in 1000 s; 0: not known
///    240    4 measuredRateMilli  measured, frames in 1000 s; 0: none come
///    244    1 delivery           Delivery
///    245    1 deliveryReason     DeliveryReason
///    246    1 enabled            1: its stream is wanted; 0: stopped by request
///    247    1 reserved
///    248    8 frames             published since its feed began
/// ```
public struct CameraEntry: Payload, Equatable {
  public static let size = 256

  public var name = Name()
  public var product = Text<48>()
  public var serial = Text<32>()
  public var port = Text<32>()
  public var node = Text<16>()
  public var holderName = Text<16>()
  public var state = Code(CameraState.absent)
  public var reason = Code(CameraReason.none)
  public var rung = Code(IdentityRung.none)
  public var vendorID: UInt16 = 0
  public var productID: UInt16 = 0
  /// V4L2 fourccs, first character in the low byte; 0: none.
  public var formats = InlineArray<4, UInt32>(repeating: 0)
  public var modeCount: UInt16 = 0
  public var holder: UInt32 = 0
  public var connectedForMs: UInt64 = 0
  public var disconnects: UInt32 = 0
  public var attempts: UInt32 = 0
  public var nextAttemptInMs: UInt32 = 0
  public var format: UInt32 = 0
  public var width: UInt16 = 0
  public var height: UInt16 = 0
  public var rateMilli: UInt32 = 0
  public var measuredRateMilli: UInt32 = 0
  public var delivery = Code(Delivery.none)
  public var deliveryReason = Code(DeliveryReason.none)
  public var enabled = false
  public var frames: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    name = reader.read()
    product = reader.read()
    serial = reader.read()
    port = reader.read()
    node = reader.read()
    holderName = reader.read()
    state = reader.read()
    reason = reader.read()
    rung = reader.read()
    reader.skip(1)
    vendorID = reader.read()
    productID = reader.read()
    for index in formats.indices { formats[index] = reader.read() }
    modeCount = reader.read()
    reader.skip(2)
    holder = reader.read()
    connectedForMs = reader.read()
    disconnects = reader.read()
    attempts = reader.read()
    nextAttemptInMs = reader.read()
    format = reader.read()
    width = reader.read()
    height = reader.read()
    rateMilli = reader.read()
    measuredRateMilli = reader.read()
    delivery = reader.read()
    deliveryReason = reader.read()
    enabled = reader.readFlag()
    reader.skip(1)
    frames = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(product)
    writer.write(serial)
    writer.write(port)
    writer.write(node)
    writer.write(holderName)
    writer.write(state)
    writer.write(reason)
    writer.write(rung)
    writer.zero(1)
    writer.write(vendorID)
    writer.write(productID)
    for index in formats.indices { writer.write(formats[index]) }
    writer.write(modeCount)
    writer.zero(2)
    writer.write(holder)
    writer.write(connectedForMs)
    writer.write(disconnects)
    writer.write(attempts)
    writer.write(nextAttemptInMs)
    writer.write(format)
    writer.write(width)
    writer.write(height)
    writer.write(rateMilli)
    writer.write(measuredRateMilli)
    writer.write(delivery)
    writer.write(deliveryReason)
    writer.write(enabled)
    writer.zero(1)
    writer.write(frames)
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in left.formats.indices where left.formats[index] != right.formats[index] {
      return false
    }
    return left.name == right.name && left.product == right.product && left.serial == right.serial
      && left.port == right.port && left.node == right.node
      && left.holderName == right.holderName && left.state == right.state
      && left.reason == right.reason && left.rung == right.rung
      && left.vendorID == right.vendorID && left.productID == right.productID
      && left.modeCount == right.modeCount && left.holder == right.holder
      && left.connectedForMs == right.connectedForMs && left.disconnects == right.disconnects
      && left.attempts == right.attempts && left.nextAttemptInMs == right.nextAttemptInMs
      && left.format == right.format && left.width == right.width && left.height == right.height
      && left.rateMilli == right.rateMilli && left.measuredRateMilli == right.measuredRateMilli
      && left.delivery == right.delivery && left.deliveryReason == right.deliveryReason
      && left.enabled == right.enabled && left.frames == right.frames
  }
}

/// The head of the answer to `cameraList`; `count` entries follow.
///
/// ```
/// offset size field
///      0    2 count              entries that follow, 0 … 32
///      2    2 slots              camera slots of this device
///      4    4 reserved
///      8  256 entries            CameraEntry, count times
/// ```
public struct CameraListHead: Payload, ListHead, Equatable {
  public typealias Entry = CameraEntry
  public static let size = 8
  public static let maximum = Limits.cameras

  public var count: UInt16
  public var slots: UInt16

  public init(count: UInt16, slots: UInt16 = UInt16(Limits.cameras)) {
    self.count = count
    self.slots = slots
  }

  public init(from reader: inout ByteReader) {
    count = reader.read()
    slots = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.write(slots)
    writer.zero(4)
  }
}

/// One capture mode: 16 bytes.
///
/// ```
/// offset size field
///      0    4 format               V4L2 fourcc, first character first
///      4    2 width                pixels
///      6    2 height
///      8    4 intervalNumerator    seconds per frame as a fraction; 0/0: not told
///     12    4 intervalDenominator
/// ```
public struct ModeEntry: Payload, Equatable {
  public static let size = 16

  /// First character in the low byte.
  public var format: UInt32 = 0
  public var width: UInt16 = 0
  public var height: UInt16 = 0
  public var intervalNumerator: UInt32 = 0
  public var intervalDenominator: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    format = reader.read()
    width = reader.read()
    height = reader.read()
    intervalNumerator = reader.read()
    intervalDenominator = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(format)
    writer.write(width)
    writer.write(height)
    writer.write(intervalNumerator)
    writer.write(intervalDenominator)
  }
}

/// The head of the answer to `cameraCapabilities`; `count` modes follow.
///
/// ```
/// offset size field
///      0    2 count              modes that follow, 0 … 128
///      2    1 truncated          1: the camera has more modes than fit
///      3    5 reserved
///      8   32 name               text: the camera
///     40   32 card               text: the driver's name for the device
///     72   16 driver             text
///     88    8 reserved
///     96   16 modes              ModeEntry, count times
/// ```
public struct CapabilitiesHead: Payload, ListHead, Equatable {
  public typealias Entry = ModeEntry
  public static let size = 96
  public static let maximum = Limits.modesPerCamera

  public var count: UInt16 = 0
  public var truncated = false
  public var name = Name()
  public var card = Text<32>()
  public var driver = Text<16>()

  public init() {}

  public init(from reader: inout ByteReader) {
    count = reader.read()
    truncated = reader.readFlag()
    reader.skip(5)
    name = reader.read()
    card = reader.read()
    driver = reader.read()
    reader.skip(8)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(count)
    writer.write(truncated)
    writer.zero(5)
    writer.write(name)
    writer.write(card)
    writer.write(driver)
    writer.zero(8)
  }
}

/// The request of `cameraStatus`, `cameraCapabilities`, `snapshot`, `streamStart` and
/// `streamStop`: which camera; of `sourceRemove`: which source.
///
/// ```
/// offset size field
///      0   32 name               text, `[a-z0-9-]`, 1 … 32 bytes, zeros behind it
/// ```
public struct CameraRequest: Payload, Equatable {
  public static let size = 32
  public var name: Name

  public init(name: Name) { self.name = name }

  public init(from reader: inout ByteReader) throws(Status) {
    name = try reader.readStrictly()
    guard name.isName else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) { writer.write(name) }
}
