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

  /// Each alert has thresholds of its own.
  @Test func thresholdsAreSetByTheirAlert() {
    let alerts = (0..<UInt8(Alert.count)).compactMap { Alert(rawValue: $0) }
    #expect(alerts.count == 8)
    for alert in alerts {
      var settings = Configuration.Alerts()
      settings[alert] = .init(3, 7)
      #expect(settings[alert] == .init(3, 7))
      for other in alerts where other != alert {
        #expect(settings[other] == Configuration.Alerts()[other], "\(alert) and \(other)")
      }
    }
  }

  /// What is known at the start likewise.
  @Test func factsThatDifferAnywhereDiffer() {
    let changes: [(inout BootFacts) -> Void] = [
      { $0.reset = .panic }, { $0.agentStarts += 1 }, { $0.bootCount += 1 },
      { $0.version = "2.0" }, { $0.board = "other" }, { $0.bootID[15] = 1 },
      { $0.recentWatchdogResets += 1 }, { $0.watchdogAvailable = true },
      { $0.ledAvailable[2] = true }, { $0.udevAvailable = true },
      { $0.configurationError.line = 3 },
    ]
    for (index, change) in changes.enumerated() {
      var other = BootFacts()
      #expect(other == BootFacts())
      change(&other)
      #expect(other != BootFacts(), "\(index)")
    }
  }
}
