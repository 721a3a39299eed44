import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// Changes of the configuration that something stands in the way of.
@Suite(.timeLimit(.minutes(2))) struct ChangeCommandTests {
  /// Whatever passes by itself while the device begins anew.
  @Test(arguments: [
    [], [FakeChange.Step.hangsUp], [.refuses(.state)],
    [.hangsUp, .refuses(.busy), .refuses(.state)],
  ]) func aDeviceThatBeginsAnewIsWaitedFor(steps: [FakeChange.Step]) async throws {
    let change = FakeChange(.unconfirmed, steps)
    let run = try await against(.changing(change), "config", "confirm", "41", "--json")
    #expect(run.code == 0)
    #expect(try Schema("change").faults(in: run.output) == [])
    #expect(change.asked == steps.count + 1)
    #expect(run.complaint.contains("it is asked again for up to 20 s") == !steps.isEmpty)
  }

  /// It was done, and only the answer was lost.
  @Test func aConfirmationWhoseAnswerIsLost() async throws {
    let change = FakeChange(.confirmed, [.hangsUp, .refuses(.state)])
    let run = try await against(.changing(change), "config", "confirm", "41")
    #expect(run.code == 0)
    #expect(run.lines.contains { $0.hasPrefix("State ") && $0.hasSuffix(" confirmed") })
  }

  /// Nothing will change by waiting.
  @Test(arguments: [ChangeState.pending, .approved, .confirmed, .rolledBack])
  func whatIsNotInForceIsNotConfirmed(state: ChangeState) async throws {
    let change = FakeChange(state, [.refuses(.state)])
    let run = try await against(.changing(change), "config", "confirm", "41")
    #expect(run.code == 1)
    #expect(run.complaint.contains("(state): It is not in force"))
    #expect(change.asked == 1)
  }

  @Test func patienceEnds() async throws {
    let change = FakeChange(.unconfirmed, Array(repeating: .refuses(.state), count: 99))
    let device = try await FakeDevice(.changing(change))
    let confirmation = ChangeConfirmation(
      at: DeviceAddress(host: "127.0.0.1", port: device.port), as: .none, timeout: .seconds(5),
      patience: .milliseconds(500))
    await #expect(throws: ControlError.self) { try await confirmation.confirm(41) }
    #expect(change.asked > 0)
    await device.stop()
  }

  @Test func theChangeInTheWayIsNamed() async throws {
    let run = try await against(
      .changing(FakeChange(.unconfirmed, [.refuses(.busy)])), "config", "apply", "42")
    #expect(run.code == 1)
    #expect(run.complaint.contains("Change 41 waits for its confirmation"))
    #expect(run.complaint.contains("`wpctl config confirm 41`"))
    #expect(run.complaint.contains("in 80 s"))
    // The device has too much to do.
    let busy = try await against(
      .changing(FakeChange(.pending, [.refuses(.busy)])), "config", "apply", "42")
    #expect(busy.code == 5)
  }

  @Test(arguments: [
    (["config", "apply", "41"], Kind.changeApply, Status.state, "approve it first"),
    (["config", "approve", "41"], .changeApprove, .permission, "than the one who staged it"),
    (["keys", "rm", "anna", "--yes"], .keyRemove, .state, "another key an admin first"),
    (
      ["keys", "add", "anna", String(repeating: "1f", count: 32)], .keyAdd, .alreadyExists,
      "list the keys"
    ),
    (["reboot", "--yes"], .reboot, .permission, "`wpctl pair 127.0.0.1:"),
  ]) func waysOut(
    arguments: [String], kind: Kind, status: Status, words: String
  ) async throws {
    let run = try await against(.refusing([kind: status]), arguments)
    #expect(run.code == 1)
    #expect(run.complaint.contains(words))
    #expect(!run.complaint.contains("control.trusted"))
  }

  /// With a key whose role would do it is told what else is wrong.
  @Test func anAdminWhoMayNotApproveIsToldWhy() async throws {
    let keys = FakeKeys()
    let device = try await FakeDevice(.sealed(keys, .refusing([.changeApprove: .permission])))
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let own = TemporaryKeys()
    try keys.introduce(own.folder, at: address)
    let run = try await wpctl(
      "config", "approve", "41", "-d", "\(address)", "--keys", own.folder.path)
    #expect(run.code == 1)
    #expect(run.complaint.contains("than the one who staged it"))
    #expect(!run.complaint.contains("it needs an admin"))
    await device.stop()
  }

  /// Anybody on the way can refuse a handshake in a device's name.
  @Test func aRefusedHandshakeIsNoReasonForPlainText() {
    let refusal = HandshakeRefusal.noKeys(retryAfterMs: 0)
    let sentence = refusal.sentence(DeviceAddress(host: "barn.local"))
    #expect(!sentence.contains("--plain"))
  }
}
