import Testing
import Wire

@testable import Appliance

/// What MediaMTX is told of recording, and does not do, or does in another order.
@Suite struct RecorderTests {
  /// A change that MediaMTX does not make, in whatever state of the recording: its file tells.
  @Test(arguments: [100, 4000, 20_000])
  func whatNobodyAsksForIsNotRecordedForGood(forgetsMs: UInt64) throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.serverForgets = true
    try world.stopRecording(name)
    world.run(forgetsMs)
    #expect(!world.recorders.isEmpty)
    world.serverForgets = false
    world.run(6000)
    #expect(world.recorders.isEmpty && world.recording(name) == nil)
  }

  /// The same where the recording waits for room: what is written all the same takes the last.
  @Test func nothingIsWrittenWithoutRoom() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.serverForgets = true
    world.fill(percent: 95)
    world.run(1000)
    #expect(!world.recorders.isEmpty)
    world.serverForgets = false
    world.run(6000)
    #expect(world.recorders.isEmpty)
    #expect(world.recording(name)?.state.known == .suspended)
  }

  /// The last news of a file that closes are no reason to ask anew.
  @Test func whatIsStoppedIsToldOnce() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.clearLog()
    try world.stopRecording(name)
    world.run(60_000)
    #expect(world.count { if case .media(.recordPath) = $0 { true } else { false } } == 1)
  }

  /// MediaMTX makes changes one beside the other: of two at once, the first may come last.
  @Test func recordersAreNotSwitchedToAndFroAtOnce() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(15)
    world.clearLog()
    try world.stopRecording(name)
    let stop = Effect.media(.recordPath(life: world.serverLife, Text(name), on: false))
    world.run(80)
    #expect(world.count { $0 == stop } == 0, "the change before may be on its way")
    world.run(400)
    #expect(world.count { $0 == stop } == 1)
    #expect(world.recorders.isEmpty)
  }
}
