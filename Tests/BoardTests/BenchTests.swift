import EmulatedBoard
import Foundation
import Testing

extension OnTheBoard {
  /// The bench itself: what the tests of the product rely on.
  @Suite(.serialized) struct BenchTests {
    @Test(.timeLimit(.minutes(3)))
    func cameraEnumeratesWithItsNameAndSerial() async throws {
      try await Bench.withBoard(.debugging) { board in
        try await board.plug(CameraModel(name: "Test Camera", serial: "S-17"), into: .usb0)
        try await board.plug(CameraModel(name: "Nameless", serial: ""), into: .usb1)
        let found = try await board.shell(
          """
          n=0; while [ $n -lt 100 ] && [ $(ls /sys/class/video4linux | wc -l) -lt 4 ]; \
          do sleep 0.1; n=$((n+1)); done; \
          for v in /sys/class/video4linux/*; do echo $(cat $v/index $v/name) \
          $(cat $v/device/../serial 2>&1); done
          """)
        let lines = found.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("0 Test Camera") && $0.hasSuffix("S-17") })
        #expect(lines.contains { $0.hasPrefix("0 Nameless") && $0.contains("No such file") })
        await board.unplug(.usb0)
        let rest = try await board.shell(
          "sleep 1; cat /sys/class/video4linux/*/name")
        #expect(!rest.output.contains("Test Camera"))
        #expect(rest.output.contains("Nameless"))
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func cardKeepsItsContentOverAPowerCut() async throws {
      try await Bench.withBoard(.debugging) { board in
        let written = try await board.shell(
          "printf survives | dd of=/dev/vda bs=512 seek=1000 conv=fsync,notrunc 2>/dev/null")
        #expect(written.status == 0)
        await board.powerCut()
        try await board.powerOn()
        let read = try await board.shell(
          "dd if=/dev/vda bs=8 skip=64000 count=1 2>/dev/null")
        #expect(read.output.contains("survives"))
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func hangingCardAnswersAgainWhenItIsLetGo() async throws {
      try await Bench.withBoard(.debugging) { board in
        try await board.setCardHanging(true)
        let hanging = try await board.shell(
          "dd if=/dev/vda of=/dev/null bs=64k skip=200 count=64 2>/dev/null & "
            + "sleep 3; kill -0 $! && echo hangs")
        #expect(hanging.output.contains("hangs"))
        try await board.setCardHanging(false)
        let released = try await board.shell("wait $!; echo status $?")
        #expect(released.output.contains("status 0"))
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func badSectorIsAnErrorAndItsNeighbourIsNot() async throws {
      var configuration = BoardConfiguration.debugging
      configuration.cardFaults = [.errors(.read, sector: 40_000)]
      try await Bench.withBoard(configuration) { board in
        let read = "dd if=/dev/vda of=/dev/null bs=4096 count=1 skip="
        let neighbour = try await board.shell(read + "4000")
        #expect(neighbour.status == 0)
        let bad = try await board.shell(read + "5000")
        #expect(bad.status != 0)
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func pulledCableIsALostCarrier() async throws {
      try await Bench.withBoard(.debugging) { board in
        #expect(try await carrier(of: board, becomes: "1"))
        try await board.setLink(up: false)
        #expect(try await carrier(of: board, becomes: "0"))
        try await board.setLink(up: true)
        #expect(try await carrier(of: board, becomes: "1"))
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func resetsAndPowerOffAreSeen() async throws {
      try await Bench.withBoard(.debugging) { board in
        _ = try await board.shell("true")
        let (events, lines) = (board.machineEvents.count, board.console.count)
        try await board.reset()
        _ = try await board.machineEvents.first("reset", from: events) { $0.name == "RESET" }
        try await board.waitForLine(containing: Bench.readyLine, from: lines)
        #expect(try await board.shell("echo alive").output.contains("alive"))
        let gone = Task { try await board.shell("poweroff -f", within: .seconds(10)) }
        #expect(try await board.waitForPowerOff() == .exited(code: 0))
        _ = await gone.result
        #expect(await !board.isOn)
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func drivenInputsAreLevels() async throws {
      try await Bench.withBoard { board in
        let button = try #require(board.image.pins.button)
        for high in [true, false, true] {
          try await board.drivePin(button, high: high)
          let levels = try await board.pinLevels()
          #expect((levels >> UInt8(button) & 1 == 1) == high)
        }
      }
    }

    /// Whether the board's network interface gets into a state within ten seconds. Told by the exit
    /// status: the system's own lines may come into a command's output.
    private func carrier(of board: EmulatedBoard, becomes state: String) async throws -> Bool {
      let wait =
        "n=0; until grep -q \(state) /sys/class/net/eth0/carrier 2>/dev/null; do "
        + "n=$((n+1)); [ $n -lt 100 ] || break; sleep 0.1; done; [ $n -lt 100 ]"
      return try await board.shell(wait).status == 0
    }
  }
}
