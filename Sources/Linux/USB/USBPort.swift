import Wire

/// A place in the tree of USB ports as the kernel names it: `BUS-PORT[.PORT…]`
/// (Documentation/ABI/testing/sysfs-bus-usb). Whatever is built from one stays below sysfs's folder
/// of USB devices.
public struct USBPort: Equatable, Sendable {
  /// The device that is plugged in there, e.g. `1-1.2`.
  public let device: Text<32>
  /// The hub's device, e.g. `1-1`, or `usb1` for a root hub.
  public let hub: Text<32>
  /// The hub's interface, e.g. `1-1:1.0`, or `1-0:1.0` for a root hub.
  public let interface: Text<32>
  /// The hub's port, from 1.
  public let number: UInt16

  /// nil unless `path` is a port path: numbers from 1 to 255, one `-`, then dots.
  public init?(_ path: Text<32>) {
    var bus = Text<32>()
    // All that was read before the last separator, and all that was read.
    var parent = Text<32>()
    var read = Text<32>()
    var value: UInt16 = 0
    var digits = 0
    var numbers = 0
    for index in 0..<path.count {
      let byte = path[index]
      if case let digit = byte &- UInt8(ascii: "0"), digit <= 9 {
        value = value * 10 + UInt16(digit)
        digits += 1
        guard value <= 255, digits <= 3 else { return nil }
        read.append(byte)
        continue
      }
      guard byte == UInt8(ascii: numbers == 0 ? "-" : "."), value > 0 else { return nil }
      parent = read
      read.append(byte)
      if numbers == 0 { bus = parent }
      numbers += 1
      value = 0
      digits = 0
    }
    guard numbers > 0, numbers <= USBPort.tiers, value > 0, path.count <= USBPort.longest else {
      return nil
    }
    device = path
    number = value
    var root = Text<32>("usb")
    root.append(bus)
    hub = numbers == 1 ? root : parent
    var interface = numbers == 1 ? bus : parent
    interface.append(numbers == 1 ? "-0:1.0" : ":1.0")
    self.interface = interface
  }

  /// Hubs below one another (USB 2.0, 4.1.1: five, and the root's own port).
  private static let tiers = 6
  /// Leaves room for what is added to it.
  private static let longest = 24

  static let folder: StaticString = "/sys/bus/usb/devices/"

  /// `FOLDER/DEVICE/FILE`.
  func file(_ name: StaticString) -> Text<128> { USBPort.path(device, name) }

  /// `FOLDER/HUB/FILE`.
  func hubFile(_ name: StaticString) -> Text<128> { USBPort.path(hub, name) }

  /// `FOLDER/INTERFACE/HUB-portN/FILE`.
  func portFile(_ name: StaticString) -> Text<128> {
    var path = Text<128>(USBPort.folder)
    path.append(interface)
    path.append("/")
    path.append(hub)
    path.append("-port")
    path.append(decimal: UInt64(number))
    path.append("/")
    path.append(name)
    return path
  }

  private static func path(_ device: Text<32>, _ name: StaticString) -> Text<128> {
    var path = Text<128>(folder)
    path.append(device)
    path.append("/")
    path.append(name)
    return path
  }
}
