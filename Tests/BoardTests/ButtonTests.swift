import Appliance
import EmulatedBoard
import Foundation
import Testing
import Wire

@testable import ControlClient

extension OnTheBoard {
  /// What somebody at the device does without a code: its button, on a GPIO line.
  @Suite(.serialized) struct ButtonTests {
    /// A short press lets one client in, and a long one forgets everybody; the LEDs say so.
    @Test(.timeLimit(.minutes(5)))
    func aPressLetsOneInAndALongOneForgetsAll() async throws {
      try await Bench.withBoard { board in
        let admin = try await Reception.admin(at: board)
        let before = try await admin.identity().publicKey
        try await hold(.milliseconds(300), on: board)
        try await expectPairing(.button, at: board)
        try await see(.pairing, on: board)
        let (technician, guest) = (folder("technician", board), folder("guest", board))
        let known = try await pair(board, from: technician, named: "technician")
        #expect(known.role == .operator)
        // Whoever comes second finds it closed.
        await #expect(throws: PairingError.closed(try await Reception.address(of: board))) {
          try await pair(board, from: guest, named: "guest")
        }
        let operating = try await ControlConnection.open(
          try await Reception.address(of: board), timeout: .seconds(5), as: .folder(technician))
        #expect(try await operating.health().name.string == "watchpost-qemu")
        let refusal = await #expect(throws: ControlError.self) {
          _ = try await operating.call(.keyList)
        }
        #expect(refusal?.status == .permission)
        await operating.close()

        // Thought better of: neither short nor long.
        try await hold(.seconds(4), on: board)
        try await expectPairing(.closed, at: board)
        #expect(try await admin.call(.keyList).count == KeyListHead.size(count: 2))

        let lines = board.console.count
        let pressed = try await press(on: board)
        try await see(.forgotten, on: board, line: 0, within: .seconds(15))
        try await release(on: board)
        let held = ContinuousClock.now - pressed
        print("measured | button down to the LEDs' answer seen: \(held)")
        #expect(held >= .milliseconds(Button.longMs))
        _ = try await board.pairingCode(from: lines)
        await admin.close()
        let anew = try await Reception.pairAnew(board, from: lines)
        #expect(anew.publicKey != before && anew.role == .admin)
      }
    }

    private func press(on board: EmulatedBoard) async throws -> ContinuousClock.Instant {
      try await board.drivePin(try #require(board.image.pins.button), high: true)
      return .now
    }

    private func release(on board: EmulatedBoard) async throws {
      try await board.drivePin(try #require(board.image.pins.button), high: false)
    }

    /// Presses the button for so long, and leaves it alone for longer than contacts bounce.
    private func hold(_ time: Duration, on board: EmulatedBoard) async throws {
      _ = try await press(on: board)
      try await Task.sleep(for: time)
      try await release(on: board)
      try await Task.sleep(for: .milliseconds(300))
    }

    private func folder(_ name: String, _ board: EmulatedBoard) -> KeyFolder {
      KeyFolder(board.stateFolder + "/" + name)
    }

    private func pair(
      _ board: EmulatedBoard, from folder: KeyFolder, named name: StaticString
    ) async throws -> KnownDevice {
      let introduction = Introduction(to: try await Reception.address(of: board), from: folder)
      return try await introduction.pair(try await introduction.ask(), named: Name(name), code: nil)
    }

    /// Waits until the device says so of itself: a press counts 30 ms after the button was let go.
    private func expectPairing(_ state: PairingState, at board: EmulatedBoard) async throws {
      let address = try await Reception.address(of: board)
      let introduction = Introduction(to: address, from: folder("looking", board))
      _ = try await poll(within: .seconds(5)) {
        let told = try await introduction.ask().report.pairing
        return told == Code(state) ? .success(()) : .failure(BoardError("pairing is \(told)"))
      }
    }
  }
}
