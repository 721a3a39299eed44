import LoadGenerator
import Testing
import Wire

/// The sealed load against real sockets: what it counts as an answer, and what not.
@Suite struct SealedLoadTests {
  @Test func everyPingIsOpenedAndChecked() throws {
    let device = try LoopbackDevice(.answers)
    var load = try SealedLoad(device.identity, to: device.endpoint, connections: 5)
    let result = load.closedLoop(seconds: 0.1)
    #expect(result.answers > 5 && result.failures == Failures())
    #expect(result.latency.count == UInt64(result.answers))
    let paced = load.openLoop(rate: 500, seconds: 0.2)
    #expect(paced.answers == 100 && paced.failures == Failures())
  }

  @Test func whoIsToldToWaitComesAgain() throws {
    let device = try LoopbackDevice(.limits)
    var load = try SealedLoad(device.identity, to: device.endpoint, connections: 2)
    #expect(load.closedLoop(seconds: 0.05).failures == Failures())
  }

  @Test func aDeviceWithAnotherSecretIsNotTalkedTo() throws {
    let device = try LoopbackDevice(.answers)
    var identity = device.identity
    identity.secret[3] ^= 1
    #expect(throws: LoadError.handshake(.authentication)) {
      _ = try SealedConnection.open(identity, to: device.endpoint)
    }
  }

  /// Answers that are not what the device has sealed, or not to what was asked.
  @Test func whateverElseComesIsNoAnswer() throws {
    for conduct in [LoopbackDevice.Conduct.forges, .misnumbers] {
      let device = try LoopbackDevice(conduct)
      let connection = try SealedConnection.open(device.identity, to: device.endpoint)
      #expect(throws: LoadError.self) { try connection.ask(.ping) }
    }
    let device = try LoopbackDevice(.closes(after: 3))
    var load = try SealedLoad(device.identity, to: device.endpoint, connections: 4)
    // Each was asked once to be proven.
    let result = load.closedLoop(seconds: 0.1)
    #expect(result.answers == 8 && result.failures.closed == 4)
  }

  @Test func anAnswerTwiceIsWrong() throws {
    let device = try LoopbackDevice(.repeats)
    var load = try SealedLoad(device.identity, to: device.endpoint, connections: 2)
    #expect(load.closedLoop(seconds: 0.1).failures.wrong == 2)
  }
}
