/// The eight bytes that open every control transfer (USB 2.0, 9.3).
public struct USBSetup: Equatable, Sendable {
  public var requestType: UInt8
  public var request: UInt8
  public var value: UInt16
  public var index: UInt16
  /// Bytes of the data stage.
  public var length: UInt16

  public init(
    requestType: UInt8, request: UInt8, value: UInt16, index: UInt16, length: UInt16
  ) {
    (self.requestType, self.request) = (requestType, request)
    (self.value, self.index, self.length) = (value, index, length)
  }

  /// Data flows to the host (USB 2.0, table 9-2, bit 7).
  public var isTowardsHost: Bool { requestType & 0x80 != 0 }

  /// Who defines the request (USB 2.0, table 9-2, bits 6…5).
  public var kind: Kind {
    switch requestType >> 5 & 3 {
    case 0: .standard
    case 1: .classSpecific
    default: .vendor
    }
  }

  public enum Kind: Sendable {
    case standard
    case classSpecific
    case vendor
  }
}

/// Standard requests that a device answers itself (USB 2.0, table 9-4).
enum StandardRequest {
  static let getStatus: UInt8 = 0
  static let clearFeature: UInt8 = 1
  static let setFeature: UInt8 = 3
  static let setAddress: UInt8 = 5
  static let getDescriptor: UInt8 = 6
}

/// Standard descriptors (USB 2.0, 9.6), each as the bytes that go over the bus.
enum USBDescriptor {
  /// Descriptor types (USB 2.0, table 9-5).
  enum Kind {
    static let device: UInt8 = 1
    static let configuration: UInt8 = 2
    static let string: UInt8 = 3
    static let interface: UInt8 = 4
    static let endpoint: UInt8 = 5
    static let deviceQualifier: UInt8 = 6
    static let interfaceAssociation: UInt8 = 11
  }

  /// Class triple of a device whose functions span several interfaces (USB-IF class EF/02/01).
  private static let miscellaneousClass: [UInt8] = [0xEF, 2, 1]
  private static let usb20: UInt16 = 0x0200

  /// Device descriptor (USB 2.0, 9.6.1). A string index of 0 means that there is no such string.
  static func device(
    vendor: UInt16, product: UInt16, release: UInt16, manufacturerString: UInt8,
    productString: UInt8, serialString: UInt8
  ) -> [UInt8] {
    var writer = ByteWriter(capacity: 18)
    writer.put(bytes: [18, Kind.device])
    writer.put16(usb20)
    writer.put(bytes: miscellaneousClass)
    writer.put8(64)  // bMaxPacketSize0, fixed at high speed
    writer.put16(vendor)
    writer.put16(product)
    writer.put16(release)
    writer.put(bytes: [manufacturerString, productString, serialString])
    writer.put8(1)  // bNumConfigurations
    return writer.bytes
  }

  /// What the device would be at the other speed (USB 2.0, 9.6.2); asked of high-speed devices.
  static func deviceQualifier() -> [UInt8] {
    var writer = ByteWriter(capacity: 10)
    writer.put(bytes: [10, Kind.deviceQualifier])
    writer.put16(usb20)
    writer.put(bytes: miscellaneousClass)
    writer.put(bytes: [64, 1, 0])
    return writer.bytes
  }

  /// Configuration descriptor and all that belongs to it (USB 2.0, 9.6.3), bus-powered.
  /// - Parameter milliamperes: the device's draw, 2 … 500.
  static func configuration(
    interfaceCount: UInt8, milliamperes: Int, contents: [UInt8]
  ) -> [UInt8] {
    var writer = ByteWriter(capacity: 9 + contents.count)
    writer.put(bytes: [9, Kind.configuration])
    writer.put16(UInt16(9 + contents.count))
    writer.put(bytes: [interfaceCount, 1, 0])
    writer.put8(0x80)  // bmAttributes: bus-powered, no remote wake-up
    writer.put8(UInt8(milliamperes / 2))
    writer.put(bytes: contents)
    return writer.bytes
  }

  /// Interface association (USB 2.0 ECN "Interface Association Descriptors").
  static func interfaceAssociation(
    first: UInt8, count: UInt8, classCode: UInt8, subclass: UInt8, string: UInt8
  ) -> [UInt8] {
    [8, Kind.interfaceAssociation, first, count, classCode, subclass, 0, string]
  }

  /// Interface descriptor (USB 2.0, 9.6.5), alternate setting 0.
  static func interface(
    number: UInt8, endpointCount: UInt8, classCode: UInt8, subclass: UInt8, string: UInt8
  ) -> [UInt8] {
    [9, Kind.interface, number, 0, endpointCount, classCode, subclass, 0, string]
  }

  /// Bulk endpoint (USB 2.0, 9.6.6).
  static func bulkEndpoint(address: UInt8, maxPacketSize: UInt16) -> [UInt8] {
    var writer = ByteWriter(capacity: 7)
    writer.put(bytes: [7, Kind.endpoint, address, 2])
    writer.put16(maxPacketSize)
    writer.put8(0)
    return writer.bytes
  }

  /// The languages in which there are strings: US English alone (USB 2.0, 9.6.7).
  static let languages: [UInt8] = [4, Kind.string, 0x09, 0x04]

  /// String descriptor (USB 2.0, 9.6.7), UTF-16. At most 126 code units fit; more are cut.
  static func string(_ text: String) -> [UInt8] {
    let units = text.utf16.prefix(126)
    var writer = ByteWriter(capacity: 2 + 2 * units.count)
    writer.put(bytes: [UInt8(2 + 2 * units.count), Kind.string])
    for unit in units { writer.put16(unit) }
    return writer.bytes
  }
}
