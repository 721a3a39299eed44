import Appliance
import Testing
import Wire

@testable import Linux

@Suite struct ConfigurationTests {
  private func parse(_ text: String, base: Configuration = Configuration())
    -> Result<Configuration, ConfigurationError>
  {
    Array(text.utf8).withUnsafeBytes { bytes in
      do throws(ConfigurationError) {
        return .success(try ConfigurationParser.parse(bytes, base: base))
      } catch {
        return .failure(error)
      }
    }
  }

  private func string<let capacity: Int>(_ text: Text<capacity>) -> String {
    text.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// Where it is wrong and what the sentence says; nil when it is right.
  private func error(_ text: String) -> (place: String, message: String)? {
    guard case .failure(let error) = parse(text) else { return nil }
    return ("\(error.line):\(error.column)", string(error.message))
  }

  @Test func nothingSaidChangesNothing() {
    for text in [
      "", "\n", "\r\n\r\n", "# only\n; comments\n", "  \t \n", "[control]\n", "\u{FEFF}",
    ] {
      #expect(parse(text) == .success(Configuration()), "\(text)")
    }
  }

  /// The table's defaults are the ones that hold: setting each of them changes nothing.
  @Test func theTableTellsTheTruthAboutDefaults() {
    #expect(ConfigurationKey.allCases.count == ConfigurationKey.count)
    for key in ConfigurationKey.allCases where key.facts.standard.utf8CodeUnitCount > 0 {
      #expect(
        parse("\(key.facts.name) = \(key.facts.standard)\n") == .success(Configuration()),
        "\(key.facts.name)")
    }
  }

  @Test func everyNumberKeepsItsRange() {
    for key in ConfigurationKey.allCases {
      guard case .integer(let range) = key.facts.value else { continue }
      let name = "\(key.facts.name)"
      // A port at its limit may be taken by another key, and thresholds have an order: those are
      // other rules.
      if !name.hasSuffix("_port"), !name.hasPrefix("storage.") || !name.hasSuffix("_percent") {
        for value in [range.lowerBound, range.upperBound] {
          #expect(error("\(name)=\(value)") == nil)
        }
      }
      for value in [
        "\(Int64(range.lowerBound) - 1)", "\(range.upperBound + 1)", "x", "1.5", "-1", "1 s",
      ] {
        #expect(error("\(name)=\(value)")?.place == "1:\(name.utf8.count + 2)", "\(name) \(value)")
      }
    }
  }

  @Test func thresholdsOfStorageHaveAnOrder() throws {
    let text = "[storage]\nwarning_percent = 50\nlow_percent = 50\ncritical_percent = 99\n"
    let storage = try parse(text).get().storage
    #expect(storage.warningPercent == 50 && storage.lowPercent == 50)
    #expect(storage.criticalPercent == 99)
    #expect(error("storage.warning_percent = 91\n")?.message.contains("warning_percent") == true)
    #expect(error("[storage]\nlow_percent = 79\n")?.place == "2:15")
    #expect(error("[storage]\nlow_percent = 96\n")?.message.contains("low_percent") == true)
  }

  @Test func readersHaveANameAndAPassword() throws {
    let rtsp = try parse("[rtsp]\nuser = guard\npassword = Correct-horse_9.x\n").get().rtsp
    #expect(rtsp.user == "guard" && rtsp.password == "Correct-horse_9.x")
    let longest = String(repeating: "p", count: 64)
    #expect(error("[rtsp]\nuser = g\npassword = \(longest)\n") == nil)
    // One without the other, what MediaMTX takes for everybody, and what could end a line of YAML.
    let wrong = [
      "user = guard", "password = correct-horse", "user = any\npassword = correct-horse",
      "user = guard\npassword = short-1", "user = guard\npassword = \(longest)p",
      "user = guard\npassword = correct\"horse", "user = guard\npassword = correct horse",
      "user = guard\npassword = correct\\horse", "user = guard\npassword = correct:horse",
      "user = gu:ard\npassword = correct-horse", "user = guard\npassword = corrécthorse",
    ]
    for text in wrong {
      let told = error("[rtsp]\n" + text + "\n")
      #expect(told != nil, "\(text)")
      #expect(told?.message.contains("horse") != true, "a password is not told")
    }
  }

  @Test func sizesAndTimesOfStorageHaveTheirUnits() throws {
    let text = "[storage]\nreserve_mb=3\nworkers=4\n[retention]\nage_h=48\nsize_mb=5\n"
    let storage = try parse(text).get().storage
    #expect(storage.reserveBytes == 3 * 1024 * 1024 && storage.workers == 4)
    #expect(storage.retention == RetentionPolicy(maximumAgeS: 172_800, maximumBytes: 5_242_880))
  }

  @Test func everyKindOfValueIsRead() throws {
    let text = """
      device.name = Garage-7
      [control]
      listen = 192.0.2.1:4711   ; inline
      slots = 16384             # inline too
      trusted = 10.0.0.0/8, 192.0.2.5
      plain = on
      health_public = off
      [network]
      mode = static
      interface = end0
      address = 192.0.2.1/25
      gateway = 192.0.2.126
      [mediamtx]
      path = off
      rtsp_port = 554
      [cameras]
      enabled = no
      [led]
      power = gpiochip0:5
      camera = line:LED GREEN active-low
      link = sysfs:ACT active-low
      [watchdog]
      device = off
      timeout_s = 2
      magic_close = on
      [mdns]
      enabled: off
      [time]
      servers = 192.0.2.3,192.0.2.4
      [data]
      directory = /mnt/data
      [access]
      button = gpiochip1:17 active-low
      approvals = 1
      """
    #expect(error(text)?.place == "20:10")
    let configuration = try parse(text.replacing("LED GREEN", with: "LED_GREEN")).get()
    #expect(configuration.name == "Garage-7")
    #expect(configuration.control.address == IPv4(192, 0, 2, 1))
    #expect(configuration.control.port == 4711)
    #expect(configuration.control.slots == 16384)
    #expect(configuration.control.trusts(IPv4(10, 9, 8, 7)))
    #expect(configuration.control.trusts(IPv4(192, 0, 2, 5)))
    #expect(!configuration.control.trusts(IPv4(127, 0, 0, 1)))
    #expect(configuration.network.mode == .fixed)
    #expect(configuration.network.interface == "end0")
    #expect(configuration.network.prefix == 25)
    #expect(configuration.network.gateway == IPv4(192, 0, 2, 126))
    #expect(configuration.mediaServer.path.isEmpty)
    #expect(configuration.mediaServer.rtspPort == 554)
    #expect(!configuration.cameras.enabled)
    #expect(
      configuration.leds[0]
        == LEDMapping(place: .gpioOffset, target: Text("/dev/gpiochip0"), offset: 5))
    #expect(
      configuration.leds[1]
        == LEDMapping(place: .gpioName, target: Text("LED_GREEN"), activeLow: true))
    #expect(
      configuration.leds[2] == LEDMapping(place: .sysfs, target: Text("ACT"), activeLow: true))
    #expect(configuration.watchdog.device.isEmpty)
    #expect(configuration.watchdog.timeoutS == 2)
    #expect(configuration.watchdog.magicClose)
    #expect(!configuration.mdns)
    #expect(configuration.timeServers[1] == IPv4(192, 0, 2, 4))
    #expect(configuration.dataDirectory == "/mnt/data")
    #expect(configuration.control.plain && !configuration.control.healthIsPublic)
    #expect(
      configuration.access.button
        == LEDMapping(
          place: .gpioOffset, target: Text("/dev/gpiochip1"), offset: 17, activeLow: true))
    #expect(configuration.access.approvals == 1)
  }

  @Test func editorsOfAllKindsAreWelcome() throws {
    let text = "\u{FEFF}[control]\r\n\r\n\tslots =  7  \r\n  # end\r\nlisten=1.2.3.4:5"
    let configuration = try parse(text).get()
    #expect(configuration.control.slots == 7)
    #expect(configuration.control.port == 5)
  }

  @Test(arguments: [
    ("slots = 7\n", "1:1", "control.slots"),
    ("[control]\n  slot = 7\n", "2:3", "control.slots"),
    ("control.slots = 7\ncontrol.slots = 8\n", "2:1", "line 1"),
    ("[control]\nslots = 7\n[network]\n\n[control]\nslots=8", "6:1", "line 2"),
    ("# one\ncontrol.slots 7\n", "2:1", "key = value"),
    ("[control\nslots = 7\n", "1:1", "[section]"),
    ("control.slots =\n", "1:16", "Give a value"),
    ("control.slots = 0\n", "1:17", "1 to 16384"),
    ("control.listen = 4710", "1:18", "ADDRESS:PORT"),
    ("control.listen = 1.2.3.4:0", "1:18", "ADDRESS:PORT"),
    ("control.trusted = 10.0.0.0/33", "1:19", "10.0.0.0/8"),
    ("control.trusted = 1.1.1.1,,", "1:19", "commas"),
    (
      "control.trusted = 1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,8.8.8.8,9.9.9.9",
      "1:19", "at most 8"
    ),
    ("network.mode = bridge", "1:16", "static"),
    ("network.mode = static", "1:16", "network.address"),
    ("network.address = 192.0.2.1", "1:19", "ADDRESS/PREFIX"),
    ("network.gateway = router", "1:19", "names are not looked up"),
    ("network.interface = a-name-that-is-too-long", "1:21", "15 bytes"),
    ("mediamtx.rtsp_port = 4710", "1:22", "control port"),
    ("mediamtx.api_port = 8554", "1:21", "taken"),
    ("mediamtx.path = bin/mediamtx", "1:17", "begins with /"),
    ("led.power = gpiochip0", "1:13", "line:NAME"),
    ("led.power = gpiochip0:1 active-high", "1:13", "active-low"),
    ("access.button = sysfs:ACT", "1:17", "gpiochip0:3"),
    ("access.button = 17", "1:17", "gpiochip0:3"),
    ("access.approvals = 2", "1:20", "0 to 1"),
    ("watchdog.timeout_s = 16", "1:22", "2 to 15"),
    ("mdns.enabled = maybe", "1:16", "on or off"),
    ("device.name = my box", "1:15", "hyphens"),
    ("device.name = -box", "1:15", "hyphens"),
    ("time.servers = pool.ntp.org", "1:16", "numeric"),
    ("data.directory = ", "1:18", "Give a value"),
    ("access.directory = boot/access", "1:20", "begins with /"),
    ("control.slots = 7\n\u{1}\n", "2:1", "UTF-8"),
  ])
  func whatIsWrongIsNamedWithItsPlace(text: String, place: String, hint: String) throws {
    let wrong = try #require(error(text), "\(text) was taken for right")
    #expect(wrong.place == place, "\(text)")
    #expect(wrong.message.contains(hint), "\(text): \(wrong.message)")
    #expect(wrong.message.last == "." || wrong.message.last == "?")
  }

  @Test func longLinesAndFilesAreRefused() {
    let long = String(repeating: "a", count: 190)
    #expect(error("# " + String(repeating: "c", count: 4000)) == nil)
    #expect(error("\n" + long + long)?.place == "2:1")
    #expect(error(long)?.message.contains("key = value") == true)
    let lines = String(repeating: "# comment\n", count: 6553)
    #expect(error(lines) == nil)
    #expect(error(lines + "# seven\n")?.message.contains("64 KiB") == true)
  }

  @Test func theNearestKeyIsSuggested() {
    for (wrong, right) in [
      ("control.slot", "control.slots"), ("controll.listen", "control.listen"),
      ("watchdog.timeout", "watchdog.timeout_s"), ("leds.power", "led.power"),
      ("mediamtx.api-port", "mediamtx.api_port"),
    ] {
      #expect(error("\(wrong) = 1")?.message.contains("did you mean \(right)?") == true, "\(wrong)")
    }
    #expect(error("zzz = 1")?.message.contains("--keys") == true)
  }

  @Test func anyBytesAreSurvived() {
    let text = Array("[control]\nslots = 7\n[led]\npower = gpiochip0:1 active-low\n".utf8)
    for length in 0..<text.count {
      _ = parse(String(decoding: text[..<length], as: UTF8.self))
    }
    for _ in 0..<20_000 {
      var bytes = text
      for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count)] = .random(in: 0...255) }
      bytes.withUnsafeBytes { _ = try? ConfigurationParser.parse($0, base: Configuration()) }
    }
  }
}
