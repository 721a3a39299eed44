import Appliance
import CLinux
import Wire

/// `watchpost usb reauthorise|power PORT`: one step of a camera's recovery, in a process of its
/// own: the kernel holds the device's lock while a driver lets go of it, and a camera that does not
/// answer makes that long.
///
/// It ends by itself even when the agent dies: a device that was taken from its driver must be
/// given back.
public enum USBRole {
  /// For a camera's processor to notice, and for capacitors to run empty.
  private static let reauthorisePauseMs: UInt32 = 500
  private static let powerPauseMs: UInt32 = 2000
  /// Giving a device back sets its configuration, which a camera that wakes up may refuse at first.
  private static let attempts = 3
  private static let retryPauseMs: UInt32 = 1000

  /// The process's exit code: a `RecoveryExit`, or 2 for wrong arguments.
  public static func run(_ step: Text<16>, _ path: Text<32>) -> Int32 {
    guard let port = USBPort(path) else { return complain("not a USB port: ", path) }
    let result: Int32
    if step == "reauthorise" {
      lx_outlive_parent()
      result = reauthorise(port)
    } else if step == "power" {
      lx_outlive_parent()
      result = cyclePower(port)
    } else {
      return complain("usb reauthorise PORT | usb power PORT, not ", Text(step))
    }
    guard result != 0 else { return Int32(RecoveryExit.done) }
    _ = complain(reason(result), path)
    return Int32(exit(result))
  }

  // MARK: Re-authorisation

  /// Documentation/usb/authorization: 0 takes a device from its drivers, 1 sets its configuration
  /// again, which binds them anew.
  private static func reauthorise(_ port: USBPort) -> Int32 {
    let file = port.file("authorized")
    let taken = write("0", to: file)
    guard taken == 0 else { return taken }
    lx_sleep_ms(reauthorisePauseMs)
    var given: Int32 = 0
    for attempt in 0..<attempts {
      if attempt > 0 { lx_sleep_ms(retryPauseMs) }
      given = write("1", to: file)
      if given == 0 { break }
    }
    return given
  }

  // MARK: Power

  /// Only where the hub switches each port for itself: on others the request does nothing, or cuts
  /// off the neighbours.
  private static func cyclePower(_ port: USBPort) -> Int32 {
    guard exists(port.file("devnum")) else { return -Int32(LX_ENOENT.rawValue) }
    guard let node = node(ofHub: port) else { return -Int32(LX_ENOTTY.rawValue) }
    let hub = node.withCString { lx_open($0, LX_READ_WRITE, 0) }
    guard hub >= 0 else {
      // The device is there, so it is this system that has no way to its hub.
      return hub == -Int32(LX_ENOENT.rawValue) ? -Int32(LX_ENOTTY.rawValue) : hub
    }
    defer { lx_close(hub) }
    guard lx_hub_switches_ports(hub) == 1 else { return -Int32(LX_ENOTTY.rawValue) }
    // From Linux 6.0 on the kernel does it, so that it does not see a port fail. A connector of a
    // USB 3 hub has a port in two hubs, and power until both have switched it off.
    let disable = port.portFile("disable")
    let peer = port.portFile("peer/disable")
    if exists(disable) {
      let off = write("1", to: disable)
      guard off == 0 else { return off }
      _ = write("1", to: peer)
      lx_sleep_ms(powerPauseMs)
      _ = write("0", to: peer)
      return write("0", to: disable)
    }
    let off = lx_hub_power(hub, port.number, 0)
    guard off == 0 else { return off }
    lx_sleep_ms(powerPauseMs)
    return lx_hub_power(hub, port.number, 1)
  }

  /// The hub's node: /dev/bus/usb/BUS/DEVICE, three digits each.
  private static func node(ofHub port: USBPort) -> Text<64>? {
    guard let bus = number(in: port.hubFile("busnum")),
      let device = number(in: port.hubFile("devnum"))
    else { return nil }
    var node = Text<64>("/dev/bus/usb/")
    append(bus, to: &node)
    node.append("/")
    append(device, to: &node)
    return node
  }

  private static func append(_ number: UInt64, to text: inout Text<64>) {
    if number < 100 { text.append("0") }
    if number < 10 { text.append("0") }
    text.append(decimal: number)
  }

  // MARK: Files of sysfs

  private static func exists(_ path: Text<128>) -> Bool { path.withCString { lx_exists($0) != 0 } }

  /// 0 or a negative errno.
  private static func write(_ text: StaticString, to path: Text<128>) -> Int32 {
    let file = path.withCString { lx_open($0, LX_WRITE, 0) }
    guard file >= 0 else { return file }
    defer { lx_close(file) }
    return lx_write_all(file, text.utf8Start, text.utf8CodeUnitCount)
  }

  /// A decimal number below 1000, as sysfs tells numbers.
  private static func number(in path: Text<128>) -> UInt64? {
    withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { memory in
      let count = path.withCString { lx_read_file($0, memory.baseAddress!, memory.count) }
      var value: UInt64 = 0
      var digits = 0
      for index in 0..<max(0, Int(count)) {
        let digit = memory[index] &- UInt8(ascii: "0")
        guard digit <= 9 else { break }
        value = value * 10 + UInt64(digit)
        digits += 1
      }
      return digits > 0 && digits <= 3 ? value : nil
    }
  }

  // MARK: What came of it

  private static func exit(_ result: Int32) -> UInt8 {
    switch UInt32(bitPattern: -result) {
    case LX_ENOENT.rawValue, LX_ENODEV.rawValue: RecoveryExit.notThere
    case LX_ENOTTY.rawValue, LX_EPERM.rawValue, LX_EACCES.rawValue, LX_EROFS.rawValue:
      RecoveryExit.unsupported
    default: RecoveryExit.failed
    }
  }

  private static func reason(_ result: Int32) -> StaticString {
    switch exit(result) {
    case RecoveryExit.notThere: "nothing is plugged into USB port "
    case RecoveryExit.unsupported: "this cannot be done to USB port "
    default: "the kernel or the hub refused it for USB port "
    }
  }

  private static func complain(_ reason: StaticString, _ subject: Text<32>) -> Int32 {
    var line = Text<160>("usb: ")
    line.append(reason)
    line.append(subject)
    line.append("\n")
    line.withBytes { _ = lx_say(2, $0.baseAddress!, $0.count) }
    return 2
  }
}
