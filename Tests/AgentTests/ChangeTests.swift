import Foundation
import Testing
import Wire

/// Changes of a real agent's configuration. Who supervises it starts it again when it ends with
/// `reload`; here that is the test.
@Suite(.serialized) struct ChangeTests {
  /// What the agent's end says (`ServiceExit.reload`).
  private static let reload: Int32 = 12

  /// An agent with an admin, at the start of its configuration's history.
  private final class Desk {
    let place = TemporaryPlace()
    var agent: AgentProcess
    let pass: ClientPass

    init() throws {
      agent = try AgentProcess(in: place.url)
      pass = try KeyedClient.pair(agent, "first", code: agent.code())
    }

    var text: String {
      get throws {
        try String(
          contentsOf: agent.folder.appending(path: AgentProcess.fileName), encoding: .utf8)
      }
    }

    /// Stages the configuration with another name, and approves and applies it.
    func apply(name: String) throws -> UInt32 {
      let admin = try KeyedClient(agent, pass)
      let change: ChangeEntry = try admin.stage(text + "\n[device]\nname = \(name)\n")
      try poll("the check") { try admin.change(change.id, in: .changeList) == .pending ? () : nil }
      let request = ChangeRequest(id: change.id)
      #expect(try admin.ask(.changeApprove, request).status == nil)
      #expect(try admin.ask(.changeApply, request).status == nil)
      #expect(agent.end() == ChangeTests.reload)
      return change.id
    }

    /// The next life of the agent, and a client that has come in it.
    func restart(boot: String? = nil) throws -> KeyedClient {
      agent = try AgentProcess(after: agent, boot: boot)
      _ = try agent.identity(.closed)
      return try KeyedClient(agent, pass)
    }
  }

  @Test func aConfirmedChangeHoldsForGood() throws {
    let desk = try Desk()
    let before = try desk.text
    let id = try desk.apply(name: "changed")
    var admin = try desk.restart()
    #expect(try desk.agent.identity().name == "changed")
    #expect(try admin.change(id, in: .changeList) == .unconfirmed)
    #expect(try admin.ask(.changeConfirm, ChangeRequest(id: id)).status == nil)
    #expect(try admin.change(id, in: .changeHistory) == .confirmed)

    #expect(desk.agent.stop() == 0)
    admin = try desk.restart()
    #expect(try admin.change(id, in: .changeHistory) == .confirmed)
    #expect(try desk.text == before + "\n[device]\nname = changed\n")
    let told = try admin.audit().filter { $0.lane == .changes }
    #expect(told == [.changeStaged, .changeApproved, .changeApplied, .changeConfirmed])
  }

  /// The board is started again before anybody has confirmed: that may be why.
  @Test func aChangeThatWasNotConfirmedBeforeTheNextBootIsRolledBack() throws {
    let desk = try Desk()
    let before = try desk.text
    let id = try desk.apply(name: "changed")
    _ = try desk.restart()
    #expect(try desk.agent.identity().name == "changed")
    desk.agent.kill()

    let boot = "3b241101-e2bb-4255-8caf-4136c566a962"
    desk.agent = try AgentProcess(after: desk.agent, boot: boot)
    #expect(desk.agent.end() == Self.reload)
    #expect(try desk.text == before)
    let admin = try desk.restart(boot: boot)
    #expect(try desk.agent.identity().name == "watchpost")
    #expect(try admin.change(id, in: .changeHistory) == .rolledBack)
    #expect(try admin.audit().contains(.changeRolledBack))
  }

  @Test func whatIsNoConfigurationIsRefusedWithItsPlace() throws {
    let desk = try Desk()
    let admin = try KeyedClient(desk.agent, desk.pass)
    let text = "[control]\nslots = many\n"
    let proof: ConfigurationProof = try admin.ask(.configurationCheck, Array(text.utf8)).read()
    #expect(proof.line == 2 && !proof.message.isEmpty)
    let right: ConfigurationProof = try admin.ask(
      .configurationCheck, Array(desk.text.utf8)
    ).read()
    #expect(right.line == 0)
    let change = try admin.stage(text)
    try poll("the refusal") {
      try admin.change(change.id, in: .changeHistory) == .refused ? () : nil
    }
    let inForce = try admin.ask(.configurationText, ChangeRequest(id: 0))
    let written = try desk.text
    #expect(inForce.status == nil && inForce.payload == Array(written.utf8))
  }
}

extension KeyedClient {
  fileprivate func stage(_ text: String) throws -> ChangeEntry {
    let head = StageRequest(version: Text("test-1"), ring: Text("test"))
    return try ask(.configurationStage, bytes(of: head) + Array(text.utf8)).read()
  }

  /// The state of a change in one of the two lists; nil: it is not there.
  fileprivate func change(_ id: UInt32, in list: Kind) throws -> ChangeState? {
    try ask(list).list(ChangeListHead.self).first { $0.id == id }?.state.known
  }
}
