import EmulatedBoard
import Foundation
import Testing
import Wire

@testable import ControlClient

extension OnTheBoard {
  /// Who gets in, and what an admin does to the configuration from far away.
  @Suite(.serialized) struct AccessTests {
    /// A card from the factory: the code of the console makes an admin, and nobody else gets in;
    /// keys and identity stay over a power cut, and go with a factory reset.
    @Test(.timeLimit(.minutes(6)))
    func theCodeOfTheConsoleMakesAnAdminUntilTheFactoryReset() async throws {
      let card = try EditedCard(image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.normal.with(card: .file(card.path))) { board in
        let began = ContinuousClock.now
        var admin = try await Reception.admin(at: board)
        let known = try #require(try KnownDevices(in: Reception.keys(for: board)).all().first)
        #expect(known.role == .admin)
        #expect(try await admin.health().name.string == "watchpost-qemu")
        try await expectNoPairing(at: board)
        let status = try await wpctl(board, "status")
        #expect(status.contains("watchpost-qemu"))
        let took = ContinuousClock.now - began
        print("measured | code read, paired, another client refused, `wpctl status`: \(took)")
        #expect(took < .seconds(30))
        await admin.close()

        // The card is slow, and nobody waits for it.
        try await board.waitForLine(containing: "pairing is over")
        await board.powerCut()
        #expect(try !card.names().contains("pairing.txt"))
        var lines = board.console.count
        try await board.powerOn()
        try await board.waitForLine(containing: Bench.readyLine, from: lines)
        admin = try await Reception.connect(to: board)
        #expect(try await admin.identity().publicKey == known.publicKey)
        #expect(try await admin.call(.keyList).count == KeyListHead.size(count: 1))
        await admin.close()

        await board.powerCut()
        try card.write("", as: "factory-reset")
        lines = board.console.count
        try await board.powerOn()
        try await board.waitForLine(containing: "factory reset: all keys", from: lines)
        _ = try await board.pairingCode(from: lines)
        let anew = try await Reception.pairAnew(board, from: lines)
        #expect(anew.publicKey != known.publicKey)
        await board.powerCut()
        #expect(try !card.names().contains("factory-reset"))
      }
    }

    /// A configuration that cuts the network off is rolled back by itself.
    @Test(.timeLimit(.minutes(8)))
    func aConfigurationThatCutsTheNetworkOffGoesBack() async throws {
      try await Bench.withBoard { board in
        let admin = try await Reception.admin(at: board)
        let before = try await admin.call(.configurationText, sending: ChangeRequest(id: 0))
        let text = "\n[network]\nmode = static\naddress = 192.168.77.5/24\n"
        let head = StageRequest(version: Text("wrong-net"), ring: Name("bench"))
        let stage = bytes(of: head) + before + Array(text.utf8)
        let change = try await poll(within: .seconds(20)) {
          // The keeper may still be on its way.
          do { return .success(try entry(await admin.call(.configurationStage, stage))) } catch {
            return .failure(BoardError("\(error)"))
          }
        }
        let request = ChangeRequest(id: change.id)
        _ = try await poll(within: .seconds(20)) {
          do { return .success(try await admin.call(.changeApprove, sending: request)) } catch {
            return .failure(BoardError("\(error)"))
          }
        }
        let lines = board.console.count
        let applied = ContinuousClock.now
        _ = try await admin.call(.changeApply, sending: request)
        await admin.close()
        try await board.waitForLine(
          containing: "192.168.77.5", from: lines, within: .seconds(60))
        await #expect(throws: (any Error).self) {
          await (try Reception.connect(to: board, within: .seconds(5))).close()
        }
        let again = try await Reception.connect(to: board, within: .seconds(170))
        let took = ContinuousClock.now - applied
        print("measured | applied, cut off, rolled back and reachable: \(took)")
        #expect(took < .seconds(150))
        let inForce = try await again.call(.configurationText, sending: ChangeRequest(id: 0))
        #expect(inForce == before)
        let history = try await again.call(.changeHistory)
        let ended = try history.withUnsafeBytes { bytes in
          var (head, reader) = try ChangeListHead.open(bytes)
          return (0..<head.count).map { _ in ChangeEntry(from: &reader).state }
        }
        #expect(ended == [Code(ChangeState.rolledBack)])
        await again.close()
      }
    }

    /// Somebody without presence at the device is not let in.
    private func expectNoPairing(at board: EmulatedBoard) async throws {
      let device = try await Reception.address(of: board)
      let other = KeyFolder(board.stateFolder + "/others-keys")
      let introduction = Introduction(to: device, from: other)
      let offer = try await introduction.ask()
      #expect(offer.report.pairing == .closed)
      let used = try await board.pairingCode()
      let code = try #require(Array(used.utf8).withUnsafeBytes { PairingCode(typed: $0) })
      await #expect(throws: PairingError.closed(device)) {
        try await introduction.pair(offer, named: Name("other"), code: code)
      }
    }

    /// What `wpctl` prints, with the keys of the bench.
    private func wpctl(_ board: EmulatedBoard, _ words: String...) async throws -> String {
      let port = try #require(await board.hostPort(for: EmulatedBoard.controlPort))
      let process = Process()
      process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "wpctl")
      process.arguments =
        words + [
          "--device", "127.0.0.1:\(port)", "--keys", Reception.keys(for: board).path,
        ]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      let bytes = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw BoardError("wpctl ended with \(process.terminationStatus)")
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    private func entry(_ bytes: [UInt8]) throws -> ChangeEntry {
      try bytes.withUnsafeBytes { try ChangeEntry.decode($0) }
    }

    private func bytes(of head: StageRequest) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: StageRequest.size)
      bytes.withUnsafeMutableBytes { memory in
        var writer = ByteWriter(memory)
        head.encode(into: &writer)
      }
      return bytes
    }
  }
}
