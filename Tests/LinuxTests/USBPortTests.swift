import Linux
import Testing
import Wire

/// Port paths, from which files of sysfs are named.
@Suite struct USBPortTests {
  private func text(_ string: String) -> Text<32> {
    var text = Text<32>()
    for byte in string.utf8 { text.append(byte) }
    return text
  }

  @Test func aPortBehindHubs() throws {
    let port = try #require(USBPort(text("3-1.14.2")))
    #expect(port.device == "3-1.14.2" && port.hub == "3-1.14" && port.interface == "3-1.14:1.0")
    #expect(port.number == 2)
  }

  @Test func aPortOfARootHub() throws {
    let port = try #require(USBPort(text("12-4")))
    #expect(port.hub == "usb12" && port.interface == "12-0:1.0" && port.number == 4)
  }

  @Test(arguments: [
    "", "1", "1-", "-1", "1-1.", "1-.1", "1-1..2", "1.1", "1-1-1", "usb1", "1-0", "0-1", "1-256",
    "1-0001", "../1-1", "1-1/..", "1-1/authorized", "1-1 ", "1-1\n", "1-1.2.3.4.5.6.7",
    "255-255.255.255.255.255.255",
  ])
  func whatIsNoPort(_ path: String) {
    #expect(USBPort(text(path)) == nil)
  }
}
