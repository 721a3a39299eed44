import EmulatedBoard
import Foundation
import Testing

extension OnTheBoard {
  /// The bench itself: what the tests of the product rely on.
  @Suite(.serialized) struct BenchTests {
    @Test(.timeLimit(.minutes(3)))
    func cameraEnumeratesWithItsNameAndSerial() async throws {
      try await Bench.withBoard({ $0.debugShell = true }) { board in
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
      try await Bench.withBoard({ $0.debugShell = true }) { board in
        let written = try await board.shell(
          "printf survives | dd of=/dev/vda bs=512 seek=1000 conv=fsync,notrunc 2>/dev/null")
        #expect(written.status == 0)
        await board.powerCut()
        try await board.powerOn()
        let read = try await board.shell(
          "dd if=/dev/vda bs=8 skip=64000 count=1 2>/dev/null")
        #expect(read.output == "survives")
      }
    }
  }
}
