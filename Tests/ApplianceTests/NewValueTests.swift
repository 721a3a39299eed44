import Testing
import Wire

@testable import Appliance

/// Values as they are made: what nobody has filled says nothing, and no machine begins in the
/// middle of a life.
@Suite struct NewValueTests {
  /// Numbers of new values that are not zero, by their paths.
  private static let said: [String: [String: Int64]] = [
    "BootFacts": ["agentStarts": 1], "ProbeReport": ["outcome": 1],
    "BlobNews": ["blob": 1, "state": 1], "AuditNews": ["isLast": 1], "Event": ["code": 3],
    "Network": ["prefix": 24, "interface.count": 4, "mode": 1], "Recording": ["endsAt.ms": -1],
    "SNTPSchedule": ["retryMs": 2000, "pollMs": 64_000], "Pairing": ["hasAdmin": 1],
    "ClientKey": ["role": 1, "rotatedAt.ms": -1, "lastSession.ms": -1],
    "ConfigurationChange": ["facts.expiresAt.ms": -1],
    // Nowhere, in no list, and nobody's.
    "Session": [
      "proof": 1, "peer": 65_535, "descriptor": -1, "restPlace.number": 255, "bucket": 255,
      "next": 65_535, "heldPlace.number": 255, "previous": 65_535, "position": 65_535,
    ],
    "Child": probe("policy"), "Feed": feed("child.policy"), "Recovery": recovery(""),
    "Camera": probe("probe.policy").merging(feed("feed.child.policy")) { first, _ in first }
      .merging(recovery("recovery.")) { first, _ in first },
  ]

  /// How a process is supervised: a probe has a second to end, and five to be gone.
  private static func probe(_ path: String) -> [String: Int64] {
    [
      "\(path).firstDelayMs": 1000, "\(path).delayGrowth": 2, "\(path).delayCapMs": 30_000,
      "\(path).goodRunMs": 60_000, "\(path).terminateMs": 1000, "\(path).killMs": 5000,
    ]
  }

  /// A feed likewise, which is tried again sooner.
  private static func feed(_ path: String) -> [String: Int64] {
    [
      "\(path).firstDelayMs": 250, "\(path).delayGrowth": 2, "\(path).delayCapMs": 10_000,
      "\(path).goodRunMs": 250, "\(path).terminateMs": 1000, "\(path).killMs": 5000,
    ]
  }

  /// A ladder may reset its device at most every two minutes, switch its port every ten.
  private static func recovery(_ path: String) -> [String: Int64] {
    [
      "\(path)child.policy.delayGrowth": 1, "\(path)child.policy.terminateMs": 1000,
      "\(path)child.policy.killMs": 5000, "\(path)canReauthorise": 1,
      "\(path)canCyclePower": 1, "\(path)reauthorisations.spacingMs": 120_000,
      "\(path)powerCycles.spacingMs": 600_000,
    ]
  }

  private static var values: [Any] {
    [
      BootFacts(), BootHistory(), ConfigurationError(), DeviceFacts(), CaptureMode(), ProbeReport(),
      KnownCamera(), StorageFacts(), SegmentNews(), ArchiveTotals(), MediaPath(), FeedReport(),
      KnownSource(), KnownRecording(), Sample(), KeeperFacts(), BlobNews(.device), AuditNews(),
      KeeperDone(.done), KeyLimits(), ConfigurationText(), DNSHeader(), Event(.cameraStatus),
      Configuration.CameraMode(), Configuration.PlaybackFile(), Configuration.Network(),
      Recording(), Boot(), Clock(), Feed(), Recovery(), RecoveryHistory(), Stream(), Session(),
      Camera(), SNTPSchedule(), Child(.probe), LEDs(), Pairing(), InitMachine(),
      ConfigurationChange(), ClientKey(),
    ]
  }

  @Test func whatNobodyHasFilledSaysNothing() {
    for value in Self.values {
      let type = "\(type(of: value))"
      var found: [String: Int64] = [:]
      Self.collect(value, "", &found)
      #expect(found == Self.said[type] ?? [:], "\(type)")
    }
  }

  /// Numbers, switches and cases of enumerations that are not the first.
  private static func collect(_ value: Any, _ path: String, _ found: inout [String: Int64]) {
    switch value {
    case let number as any FixedWidthInteger:
      let number = Int64(truncatingIfNeeded: number)
      if number != 0 { found[path] = number }
    case let isOn as Bool: if isOn { found[path] = 1 }
    case let raw as any RawRepresentable: collect(raw.rawValue, path, &found)
    default:
      for child in Mirror(reflecting: value).children {
        let name = child.label ?? "some"
        collect(child.value, path.isEmpty ? name : "\(path).\(name)", &found)
      }
    }
  }
}
