import Foundation
import Glibc
import Noise
import Testing
import Wire

/// Keys, pairing and the audit of a real agent, kept by its keeper in a temporary folder.
@Suite(.serialized) struct AccessTests {
  @Test func whoReadsTheCodeBecomesTheAdminForGood() throws {
    let place = TemporaryPlace()
    var agent = try AgentProcess(in: place.url)
    let identity = try agent.identity(.code)
    let code = try agent.code()
    let pass = try KeyedClient.pair(agent, "first", code: code)
    #expect(pass.device == identity.publicKey)
    try agent.seesNoCode()
    #expect(try agent.identity(.closed).publicKey == identity.publicKey)
    // Nobody else gets in with it, nor with another one.
    #expect(throws: HandshakeRefusal(status: .authentication)) {
      try KeyedClient.pair(agent, "second", code: code)
    }

    let admin = try KeyedClient(agent, pass)
    #expect(admin.welcome.role == .admin && !admin.welcome.isPaired)
    let viewer = try admin.add("viewer", .viewer)
    let names = try admin.ask(.keyList).list(KeyListHead.self).map { $0.name.string }
    #expect(names.sorted() == ["first", "viewer"])
    #expect(try KeyedClient(agent, viewer).ask(.keyList).status == .permission)
    try agent.hasKept([.keyPaired, .keyAdded])

    agent.kill()
    agent = try AgentProcess(after: agent)
    #expect(try agent.identity(.closed).publicKey == identity.publicKey)
    #expect(try KeyedClient(agent, viewer).ask(.health).status == nil)
    let again = try KeyedClient(agent, pass)
    #expect(try again.ask(.keyList).list(KeyListHead.self).count == 2)
    let codes = try again.audit()
    for code in [AuditCode.deviceKeyMade, .keyPaired, .keyAdded, .deviceStarted] {
      #expect(codes.contains(code), "\(code) is not in the audit")
    }
    #expect(codes.count { $0 == .deviceStarted } == 2)
    #expect(agent.stop() == 0)
  }

  /// A code is worth nothing after five attempts, however near they come.
  @Test func fiveWrongCodesMakeANewOne() throws {
    let agent = try AgentProcess()
    _ = try agent.identity(.code)
    let code = try agent.code()
    for attempt in 1...5 {
      let refusal = try poll("attempt \(attempt)", within: 40, everyMs: 300) {
        do throws(any Error) {
          _ = try KeyedClient.pair(agent, "guesser", code: "0000-0000-000\(attempt)")
          throw TestError("a wrong code was right")
        } catch let refusal as HandshakeRefusal {
          // There are pauses between attempts, longer each time.
          return refusal.status == .rateLimited ? nil : refusal
        }
      }
      #expect(refusal == HandshakeRefusal(status: nil))
    }
    let next = try poll("another code") { try agent.code() == code ? nil : try agent.code() }
    #expect(next != code)
  }

  @Test func aKilledKeeperLosesNothing() throws {
    let place = TemporaryPlace()
    var agent = try AgentProcess(in: place.url)
    let pass = try KeyedClient.pair(agent, "first", code: agent.code())
    let admin = try KeyedClient(agent, pass)
    var known = [pass]

    // One that is asked while the keeper is on its way to its end is answered by the next one.
    let first = try agent.keeper()
    Glibc.kill(first, SIGSTOP)
    let waiting = ClientPass("waiting", secret: [], device: pass.device)
    try admin.send(.keyAdd, bytes(of: waiting.request(.viewer)))
    Glibc.kill(first, SIGKILL)
    known.append(try waiting.granted(admin.answer()))
    #expect(try agent.keeper() != first)

    // Whatever was answered is there, whenever the keeper dies.
    for number in 0..<12 {
      let pass = ClientPass("client-\(number)", secret: [], device: pass.device)
      try admin.send(.keyAdd, bytes(of: pass.request(.operator)))
      if number == 5 { Glibc.kill(try agent.keeper(), SIGKILL) }
      let answer = try admin.answer()
      if answer.status == .storageUnavailable { continue }
      known.append(try pass.granted(answer))
    }
    agent.kill()
    agent = try AgentProcess(after: agent)
    _ = try agent.identity(.closed)
    for pass in known {
      let client = try KeyedClient.arrive(agent, pass)
      #expect(try client.ask(.health).status == nil, "\(pass.name)")
    }
  }

  @Test func aFileOnTheCardMakesTheDeviceForgetAll() throws {
    let place = TemporaryPlace()
    var agent = try AgentProcess(in: place.url)
    let former = try agent.identity(.code).publicKey
    var pass = try KeyedClient.pair(agent, "first", code: agent.code())
    try agent.hasKept([.keyPaired])
    agent.kill()
    try Data().write(to: agent.card.appending(path: "factory-reset"))

    agent = try AgentProcess(after: agent)
    let identity = try agent.identity(.code)
    #expect(identity.publicKey != former)
    #expect(!FileManager.default.fileExists(atPath: agent.card.path + "/factory-reset"))
    pass.device = identity.publicKey
    // Its psk is no code, and its key is nobody's.
    #expect(throws: HandshakeRefusal(status: nil)) { try KeyedClient(agent, pass) }
    let next = try poll("a new admin", everyMs: 300) {
      do throws(any Error) {
        return try KeyedClient.pair(agent, "next", code: agent.code())
      } catch let refusal as HandshakeRefusal where refusal.status == .rateLimited {
        return nil
      }
    }
    let codes = try KeyedClient.arrive(agent, next).audit()
    #expect(codes.contains(.factoryReset) && codes.contains(.keyPaired))
  }

  /// What stands for the card can neither be read nor written: the agent runs, and says so.
  @Test func withoutAFolderNobodyGetsInButEverythingElseRuns() throws {
    let place = TemporaryPlace()
    try FileManager.default.createDirectory(at: place.url, withIntermediateDirectories: true)
    // No folder can be made where a file is.
    try Data().write(to: place.url.appending(path: "card"))
    let agent = try AgentProcess(in: place.url)
    try poll("lines of the log") {
      try agent.log().contains("does not keep the device key (failing)") ? () : nil
    }
    #expect(try agent.identity().pairing == .closed)
    #expect(try Connection(agent).health().agentStarts == 1)
    #expect(agent.stop() == 0)
  }
}
