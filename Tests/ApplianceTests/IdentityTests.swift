import Testing
import Wire

@testable import Appliance

@Suite struct IdentityTests {
  @Test(arguments: [
    "A3B2C1D0", "SN-2031-77", "10000", "8B4F2A", "2019060512", "AAAB", "0001A",
    // Shared by some makes of cameras: found out when two of them meet.
    "SN9", "A1", "12345678", "ABCDEFGH",
  ])
  func saneSerials(serial: String) {
    #expect(Identity.isSane(Text(serial)))
  }

  @Test(arguments: [
    "", "1", "X", "0000", "00000000", "ffffffff", "0001", "00000012", "9999",
    "0123456789", "0123456789ABCDEF", "200901010001", "01.00.00", "SN0001", "default",
    "unknown", "SerialNumber", "has blank", "\u{1}\u{2}\u{3}\u{4}", "Ünit4",
  ])
  func placeholdersAreNoSerials(serial: String) {
    #expect(!Identity.isSane(Text(serial)))
  }

  private func name(_ product: String, serial: String = "A3B2C1D0") -> String {
    String(IdentityKey(.serial, of: World.webcam(serial: serial)).name(product: Text(product)))
  }

  @Test func namesAreReadableAndFit() {
    #expect(name("HD Webcam C270").hasPrefix("hd-webcam-c270-"))
    #expect(name("HD Webcam C270").count == 19)
    #expect(name("  USB 2.0 -- Camera!  ").hasPrefix("usb-2-0-camera-"))
    #expect(name("Kamera Büro").hasPrefix("kamera-b-ro-"))
    #expect(name("").hasPrefix("camera-"))
    #expect(name("\u{1F4F7}").hasPrefix("camera-"))
    let long = name("An Extraordinarily Long Product Name Of A Camera")
    #expect(long.utf8.count == 32 && !long.contains("--"))
    for product in ["HD Webcam C270", "", "Ü", "a-b_c/d"] {
      #expect(Text<32>(name(product)).isName)
    }
  }

  /// Names are kept for good by clients and recordings: this one must never change.
  @Test func aNameIsAFunctionOfTheDeviceAlone() {
    #expect(name("HD Webcam C270") == "hd-webcam-c270-deb2")
    #expect(name("HD Webcam C270") == name("HD Webcam C270"))
    #expect(name("HD Webcam C270") != name("HD Webcam C270", serial: "A3B2C1D1"))
  }

  @Test func theSerialRungIgnoresThePortAndTheOthersDoNot() {
    let here = World.webcam(port: "1-1")
    let there = World.webcam(port: "1-2")
    #expect(IdentityKey(.serial, of: here) == IdentityKey(.serial, of: there))
    for rung in [IdentityRung.serialAndPort, .port] {
      #expect(IdentityKey(rung, of: here) != IdentityKey(rung, of: there))
      #expect(IdentityKey(rung, of: here).hash != IdentityKey(rung, of: there).hash)
    }
  }

  @Test func nodesWithoutAPortAreDevicesOfTheirOwn() {
    var first = DeviceFacts()
    first.bus = "platform:vivid.0"
    var second = first
    second.index = 1
    #expect(String(first.place) == "platform:vivid.0")
    #expect(String(second.place) == "platform:vivid.0#1")
    second.bus = "platform:a-name-as-long-as-it-gets"
    #expect(String(second.place).hasSuffix("#1"))
  }

  // MARK: The memory

  private func memory() -> KnownCameras {
    KnownCameras(Table(.allocate(capacity: 4), repeating: KnownCamera()))
  }

  private func camera(_ number: Int) -> KnownCamera {
    var camera = KnownCamera()
    camera.name = Text("cam-\(number)")
    camera.rung = .serial
    camera.serial = Text("SERIAL-\(number)")
    camera.port = "1-1"
    return camera
  }

  @Test func theLeastRecentlySeenAbsentCameraGivesWay() {
    var known = memory()
    for number in 0..<4 { known.remember(camera(number)) { _ in false } }
    known.remember(camera(0)) { _ in false }
    known.remember(camera(9)) { $0 == Text<32>("cam-1") }
    let names = (0..<known.count).map { String(known[$0].name) }
    #expect(names == ["cam-1", "cam-3", "cam-0", "cam-9"])
  }

  @Test func aMemoryFullOfPresentCamerasTakesNoMore() {
    var known = memory()
    for number in 0..<4 { known.remember(camera(number)) { _ in true } }
    known.remember(camera(9)) { _ in true }
    #expect(known.count == 4 && known.index(named: "cam-9") == nil)
  }

  @Test func nothingIsWrittenBeforeTheMemoryWasRead() {
    var known = memory()
    known.remember(camera(0)) { _ in false }
    let before = known.takeChange()
    [camera(1), camera(2)].withUnsafeBufferPointer { known.load($0) }
    let first = known.takeChange()
    let second = known.takeChange()
    #expect(!before && first && !second)
    // Loaded ones were seen longer ago.
    #expect((0..<known.count).map { String(known[$0].name) } == ["cam-1", "cam-2", "cam-0"])
  }

  @Test func seeingTheSameAgainIsNoChange() {
    var known = memory()
    [camera(1)].withUnsafeBufferPointer { known.load($0) }
    known.remember(camera(1)) { _ in false }
    let same = known.takeChange()
    var moved = camera(1)
    moved.port = "1-3"
    known.remember(moved) { _ in false }
    let changed = known.takeChange()
    #expect(!same && changed)
    known.remember(camera(2)) { _ in false }
    let grown = known.takeChange()
    #expect(grown, "a camera that was never here before")
  }

  @Test func damagedEntriesAreLeftOut() {
    var nameless = camera(1)
    nameless.name = "Not A Name"
    var rungless = camera(2)
    rungless.rung = .none
    var known = memory()
    [nameless, rungless, camera(3), camera(3)].withUnsafeBufferPointer { known.load($0) }
    #expect(known.count == 1)
  }
}
