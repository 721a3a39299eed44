import Wire

@testable import Appliance

/// Things to plug in.
extension World {
  static var capture: ProbeReport {
    var report = ProbeReport()
    report.outcome = .capture
    report.card = "HD Webcam C270"
    report.driver = "uvcvideo"
    report.modeCount = 2
    report.modes[0].format = 0x4750_4A4D
    report.modes[0].width = 1280
    report.modes[0].height = 720
    report.modes[0].intervalNumerator = 1
    report.modes[0].intervalDenominator = 30
    report.modes[1] = report.modes[0]
    report.modes[1].format = 0x3436_3248
    return report
  }

  static func report(_ outcome: ProbeReport.Outcome) -> ProbeReport {
    var report = ProbeReport()
    report.outcome = outcome
    return report
  }

  /// A Logitech C270, or something else.
  static func webcam(
    _ node: String = "video0", port: String = "1-1", serial: String = "A3B2C1D0",
    product: String = "HD Webcam C270", productID: UInt16 = 0x0825, index: UInt16 = 0
  ) -> DeviceFacts {
    var device = DeviceFacts()
    device.node = Text(node)
    device.port = Text(port)
    device.serial = Text(serial)
    device.product = Text(product)
    device.vendorID = 0x046D
    device.productID = productID
    device.index = index
    return device
  }

  /// A camera on no USB port, with which only processes can be started again.
  static var portless: DeviceFacts {
    var device = webcam(port: "")
    device.bus = "vivid-000-vid-cap@vivid.0"
    return device
  }

  func plug(_ device: DeviceFacts) {
    steps.plugged[String(device.port)] = device
    send(.deviceAdded(device))
  }
  func unplug(_ node: String) { send(.deviceRemoved(node: Text(node))) }

  func enumerate(_ devices: [DeviceFacts]) {
    send(.devicesEnumerating)
    for device in devices { plug(device) }
    send(.devicesEnumerated)
  }
}
