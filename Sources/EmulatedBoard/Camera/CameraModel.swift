/// String descriptors of a camera, by index.
enum CameraString {
  static let manufacturer: UInt8 = 1
  static let product: UInt8 = 2
  static let serial: UInt8 = 3
}

/// Faults that a camera can be built with.
public enum CameraFault: Equatable, Sendable {
  /// Enumerates, then answers no video class request: the driver's probe of it blocks until its
  /// time-out (5 s per request in Linux).
  case hangsAfterEnumeration
  /// Works for a while from plugging, then answers nothing at all any more.
  case freezes(after: Duration)
  /// Delivers this many frames, then none, while control requests are still answered.
  case stalls(afterFrames: Int)
  /// Delivers this many frames, then none until its configuration is set anew, once: firmware that
  /// hangs while the USB core of the chip goes on.
  case wedges(afterFrames: Int)
}

/// What a camera is, as its descriptors tell the host.
public struct CameraModel: Sendable {
  public var vendor: UInt16
  public var product: UInt16
  public var manufacturer: String
  /// Product string; Linux shows it as the video node's name.
  public var name: String
  /// Serial number; empty for a camera that has none, as most cheap ones.
  public var serial: String
  public var formats: [VideoFormat]
  public var fault: CameraFault?
  /// Frames that are spoilt among good ones; nil for none.
  public var faultyFrames: FaultyFrames?

  public init(
    vendor: UInt16 = 0x046D, product: UInt16 = 0x0825, manufacturer: String = "Watchpost",
    name: String = "HD Webcam C270", serial: String = "A1B2C3D4",
    formats: [VideoFormat] = [.defaultMJPEG], fault: CameraFault? = nil,
    faultyFrames: FaultyFrames? = nil
  ) {
    (self.vendor, self.product, self.manufacturer) = (vendor, product, manufacturer)
    (self.name, self.serial, self.formats) = (name, serial, formats)
    (self.fault, self.faultyFrames) = (fault, faultyFrames)
  }

  /// The device descriptor (USB 2.0, 9.6.1).
  var deviceDescriptor: [UInt8] {
    USBDescriptor.device(
      vendor: vendor, product: product, release: Self.release,
      manufacturerString: CameraString.manufacturer, productString: CameraString.product,
      serialString: serial.isEmpty ? 0 : CameraString.serial)
  }

  /// The string descriptor with this index, or nil where there is none.
  func stringDescriptor(_ index: UInt8) -> [UInt8]? {
    switch index {
    case 0: USBDescriptor.languages
    case CameraString.manufacturer: USBDescriptor.string(manufacturer)
    case CameraString.product: USBDescriptor.string(name)
    case CameraString.serial where !serial.isEmpty: USBDescriptor.string(serial)
    default: nil
    }
  }

  /// `bcdDevice`.
  static let release: UInt16 = 0x0100
}

extension VideoFormat {
  /// What a camera offers unless told otherwise.
  public static let defaultMJPEG = VideoFormat(
    .mjpeg, sizes: [FrameSize(width: 1280, height: 720), FrameSize(width: 640, height: 480)])
  /// The H.264 format that goes with a 720p stream.
  public static let defaultH264 = VideoFormat(.h264, sizes: [FrameSize(width: 1280, height: 720)])
}
