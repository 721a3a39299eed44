import Foundation
import Testing

/// Client and agent, each as it is, at the two ends of a network without sockets: all that can
/// happen between them, in every order, to a bounded depth.
@Suite struct SessionTests {
  /// `WATCHPOST_SESSION_DEPTH=N` adds N actions to each session.
  private static let more =
    ProcessInfo.processInfo.environment["WATCHPOST_SESSION_DEPTH"].flatMap { Int($0) } ?? 0

  @Test(arguments: Scene.all)
  func everyOrderEndsWell(scene: Scene) async throws {
    var scene = scene
    scene.depth += Self.more
    let begin = ContinuousClock.now
    var explorer = try Explorer(scene)
    try await explorer.explore()
    for finding in explorer.findings { Issue.record("\(finding)") }
    print(
      "sessions \(scene) depth \(scene.depth): \(explorer.sessions) in \(explorer.nodes) states,",
      "\(explorer.played) played, \(ContinuousClock.now - begin)")
    // An explorer that finds little to play would find nothing wrong.
    if Self.more >= 0 { #expect(explorer.sessions >= scene.sessions) }
  }

  /// Sessions in which something was wrong once.
  static let kept: [(Scene, [Action])] = [
    // The last part of an answer is no silence for the request behind it.
    (
      .parts,
      [
        .jobDone, .agentTurns, .agentTurns, .clientWaits, .partToClient, .clientWaits, .toClient,
        .clientWaits,
      ]
    ),
    // A request right behind the end is not waited for.
    (.alone, [.connects, .closes, .pings]),
  ]

  @Test(arguments: kept.indices)
  func whatWasWrongIsRight(index: Int) async throws {
    let (scene, path) = Self.kept[index]
    var explorer = try Explorer(scene)
    try await explorer.play(path)
    for finding in explorer.findings { Issue.record("\(finding)") }
  }

  /// What finds nothing when something is wrong proves nothing.
  @Test(arguments: [
    (Network.Flaw.swapsAnswers, Scene.alone, "got the answer to another one"),
    (.losesEvent, .subscriber, "events of"),
    (.losesRefusal, .busy, "has no connection slot free"),
    (.hidesEnds, .alone, "slots in use"),
    (.keepsClientWaiting, .alone, "ends of the stream"),
  ])
  func plantedFlawsAreFound(flaw: Network.Flaw, scene: Scene, complaint: String) async throws {
    var scene = scene
    scene.flaw = flaw
    scene.depth = min(scene.depth, 4)
    var explorer = try Explorer(scene)
    try await explorer.explore(findings: 1)
    #expect(explorer.findings.first?.contains(complaint) == true, "\(explorer.findings)")
  }
}
