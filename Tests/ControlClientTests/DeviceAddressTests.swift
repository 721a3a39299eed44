import Foundation
import Testing

@testable import ControlClient
@testable import Wire

@Suite struct DeviceAddressTests {
  @Test func forms() {
    #expect(DeviceAddress("box") == DeviceAddress(host: "box", port: 4710))
    #expect(DeviceAddress("10.0.0.1:99") == DeviceAddress(host: "10.0.0.1", port: 99))
    #expect(DeviceAddress("[fe80::1]:99") == DeviceAddress(host: "fe80::1", port: 99))
    #expect(DeviceAddress("[::1]") == DeviceAddress(host: "::1", port: 4710))
    #expect(DeviceAddress("::1") == DeviceAddress(host: "::1", port: 4710))
    #expect("\(DeviceAddress(host: "::1", port: 1))" == "[::1]:1")
  }

  @Test(arguments: ["", ":1", "box:", "box:0", "box:65536", "box:x", "[::1", "[::1]x", "[]:1"])
  func refused(text: String) { #expect(DeviceAddress(text) == nil) }
}

@Suite struct WordsTests {
  /// Every bit that the protocol names has words here, in the same order.
  @Test func reasonsAndTopicsAreAllNamed() throws {
    for (file, type, names) in [
      ("Vocabulary", "Topics", Topics.named.map(\.name)),
      ("HealthVocabulary", "HealthReasons", HealthReasons.named.map(\.name)),
    ] {
      let source = try String(
        contentsOf: sourceFolder.appending(path: "Wire/\(file).swift"), encoding: .utf8)
      let start = try #require(source.range(of: "public struct \(type): Flags {"))
      let end = try #require(source.range(of: "\n}", range: start.upperBound..<source.endIndex))
      let bits = source[start.upperBound..<end.lowerBound]
        .matches(of: /static let (\w+) = bit\((\d+)\)/)
      #expect(bits.map { String($0.1) } == names)
      #expect(bits.map { Int($0.2)! } == Array(names.indices))
    }
    #expect(HealthReasons(rawValue: 1 << 63 | 1).names == ["configurationInvalid", "bit63"])
    #expect(HealthReasons(rawValue: 1 << 63).words.count == 1)
    #expect(Topics(rawValue: 0x8000_0001).names == ["cameras", "bit31"])
  }

  @Test func controlCharactersDoNotReachTheTerminal() {
    #expect("a\u{1B}[31mb\u{7}\u{9B}c\td".printable == "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}c\td")
  }

  @Test func numbersAsText() {
    #expect(formatName(0x4750_4A4D) == "MJPG")
    #expect(formatName(0x2038_5956) == "VY8")
    #expect(formatName(0) == nil)
    #expect(addressText(0xC0A8_0117) == "192.168.1.23")
    #expect(addressText(0) == nil)
    #expect(LastExit(.signal, 9).words == "signal 9")
    #expect(LastExit().words == nil)
    #expect(Code<CameraState>(rawValue: 99).name == "99")
  }
}
