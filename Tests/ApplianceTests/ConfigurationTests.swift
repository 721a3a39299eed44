import Testing
import Wire

@testable import Appliance

/// The values of a configuration.
@Suite struct ConfigurationTests {
  /// Two that differ in one key are two.
  @Test func aDifferenceAnywhereIsOne() {
    let changes: [(inout Configuration) -> Void] = [
      { $0.name = "barn" }, { $0.dataDirectory = "/elsewhere" }, { $0.runDirectory = "/elsewhere" },
      { $0.access.approvals += 1 }, { $0.control.port += 1 }, { $0.control.slots += 1 },
      { $0.network.mode = $0.network.mode == .off ? .dhcp : .off },
      { $0.mediaServer.rtspPort += 1 }, { $0.rtsp.user = "viewer" },
      { $0.cameras.stallMs += 1 }, { $0.cameras.modes[1].width = 640 },
      { $0.cameras.playback[3].rate = 25 }, { $0.watchdog.timeoutS += 1 },
      { $0.mdns.toggle() }, { $0.alerts.raiseS += 1 }, { $0.alerts.slots.warning += 1 },
      { $0.storage.lowPercent += 1 }, { $0.timeServers[1] = IPv4(192, 0, 2, 1) },
      { $0.leds[2].offset += 1 },
    ]
    for (index, change) in changes.enumerated() {
      var other = Configuration()
      #expect(other == Configuration())
      change(&other)
      #expect(other != Configuration(), "\(index)")
    }
  }
}
