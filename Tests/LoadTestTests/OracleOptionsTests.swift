import LoadGenerator
import Testing

@testable import LoadTest

@Suite struct OracleOptionsTests {
  @Test func nothingSaidMeansAtOnce() throws {
    let options = try OracleOptions([])
    #expect(options.delay == .constant(ns: 0))
    #expect(options.freeze == nil && options.diesAfterNs == nil)
    #expect(options.lossPercent == 0 && options.slots == 1024)
  }

  @Test func everyOptionIsRead() throws {
    let options = try OracleOptions([
      "--delay", "20ms", "--freeze", "15/30", "--loss", "1.5", "--slots", "100", "--dies-after",
      "3", "--seed", "42", "--listen", "127.0.0.2:4711",
    ])
    #expect(options.delay == .constant(ns: 20_000_000))
    #expect(
      options.freeze == OracleFreeze(frozenNs: 15_000_000_000, everyNs: 30_000_000_000))
    #expect(options.lossPercent == 1.5)
    #expect(options.slots == 100)
    #expect(options.diesAfterNs == 3_000_000_000)
    #expect(options.seed == 42)
    #expect(options.endpoint == Endpoint(address: 0x7F00_0002, port: 4711))
    #expect(options.endpoint.text == "127.0.0.2:4711")
    #expect(
      try OracleOptions(["--log-normal", "20ms,0.5"]).delay
        == .logNormal(medianNs: 20_000_000, sigma: 0.5))
  }

  @Test(arguments: [("250us", 250_000), ("1.5s", 1_500_000_000), ("0ms", 0), (".5ms", 500_000)])
  func durationsHaveUnits(text: String, nanoseconds: UInt64) throws {
    #expect(try OracleOptions(["--delay", text]).delay == .constant(ns: nanoseconds))
  }

  @Test(arguments: [
    (OracleOption.delay, "20"), (.delay, "ms"), (.delay, "-1ms"), (.delay, "1e3ms"),
    (.delay, "nans"), (.delay, "infs"), (.delay, "0x10ms"), (.delay, "3601s"),
    (.logNormal, "20ms"), (.logNormal, "20ms,3.1"), (.logNormal, "0ms,1"),
    (.logNormal, "20ms,0.5,1"), (.freeze, "30/15"), (.freeze, "15/15"), (.freeze, "0/15"),
    (.freeze, "15"), (.freeze, "86400/86401"), (.loss, "100.1"), (.loss, "1%"), (.loss, ""),
    (.slots, "0"), (.slots, "16385"), (.slots, "1.5"), (.diesAfter, "0"), (.diesAfter, "3s"),
    (.seed, "-1"), (.seed, "18446744073709551616"), (.listen, "4710"), (.listen, "localhost:1"),
    (.listen, "127.0.0.1:65536"), (.listen, "127.0.1:80"), (.listen, "127.0.0.256:80"),
  ])
  func whatIsNoneIsNamed(option: OracleOption, text: String) {
    #expect(throws: OracleOptionError.invalid(option, text)) {
      try OracleOptions(["--\(option.rawValue)", text])
    }
  }

  @Test func wordsOutOfPlaceAreNamed() {
    #expect(throws: OracleOptionError.unknown("--frozen")) { try OracleOptions(["--frozen", "1"]) }
    #expect(throws: OracleOptionError.unknown("delay")) { try OracleOptions(["delay", "1ms"]) }
    #expect(throws: OracleOptionError.missingValue(.seed)) { try OracleOptions(["--seed"]) }
    #expect(throws: OracleOptionError.twoDelays) {
      try OracleOptions(["--delay", "1ms", "--log-normal", "1ms,1"])
    }
    #expect(
      OracleOptionError.invalid(.loss, "many").description
        == "--loss takes a percentage from 0 to 100, like 1, not 'many'.")
  }
}
