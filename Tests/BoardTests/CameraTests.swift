import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  @Suite(.serialized) struct CameraTests {
    /// Plug and unplug five times, alternating between the ports: the events come in time and the
    /// name stays.
    @Test(.timeLimit(.minutes(5)))
    func pluggingIsToldAndTheNameStays() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.state.known != .starting }
        var plugged: [Double] = []
        var unplugged: [Double] = []
        var names: [Name] = []
        for round in 0..<5 {
          let port: USBPort = round % 2 == 0 ? .usb0 : .usb1
          var from = await technician.events.count
          var start = ContinuousClock.now
          try await board.plug(CameraModel(serial: "A1B2C3D4"), into: port)
          let arrival = try await technician.events.first(.cameraConnected, from: from)
          plugged.append((ContinuousClock.now - start).milliseconds)
          names.append(arrival.subject)
          from = await technician.events.count
          start = ContinuousClock.now
          await board.unplug(port)
          let departure = try await technician.events.first(.cameraDisconnected, from: from)
          unplugged.append((ContinuousClock.now - start).milliseconds)
          #expect(departure.subject == arrival.subject)
        }
        #expect(Set(names.map { $0.string }).count == 1, "\(names.map { $0.string })")
        expectMedian(plugged, atMostMs: 2000, "plug to `camera connected` at the client")
        expectMedian(unplugged, atMostMs: 1000, "unplug to `camera disconnected` at the client")
        await technician.leave()
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func cameraIsListedWithNameSerialAndFormats() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await board.plug()
        let arrival = try await technician.events.first(.cameraConnected)
        let cameras = try await technician.connection.cameras().cameras
        let camera = try #require(cameras.first { $0.name == arrival.subject })
        #expect(camera.product.string == "HD Webcam C270")
        #expect(camera.serial.string == CameraModel().serial)
        #expect(camera.isInOrder)
        // One device, two nodes: the metadata node is no camera.
        #expect(cameras.count == 1)
        let capabilities = try await technician.connection.capabilities(of: camera.name)
        #expect(
          capabilities.modes.contains {
            formatName($0.format) == "MJPG" && $0.width == 1280 && $0.height == 720
          })
        await technician.leave()
      }
    }

    /// Two units with one serial number: both are there, under different names, and the first keeps
    /// the name it had alone – also when both are plugged in again.
    @Test(.timeLimit(.minutes(4)))
    func sameSerialIsToldApart() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.state.known != .starting }
        let twin = CameraModel(serial: "SAME0001")
        try await board.plug(twin, into: .usb0)
        let incumbent = try await technician.events.first(.cameraConnected).subject
        let from = await technician.events.count
        try await board.plug(twin, into: .usb1)
        let second = try await technician.events.first(.cameraConnected, from: from).subject
        #expect(second != incumbent)
        _ = try await technician.events.first(.cameraSerialCollision)
        let listed = try await technician.connection.cameras().cameras
        #expect(listed.filter { $0.isInOrder }.count == 2)

        await board.unplug(.usb0)
        await board.unplug(.usb1)
        let again = await technician.events.count
        try await board.plug(twin, into: .usb1)
        _ = try await technician.events.first(.cameraConnected, from: again) {
          $0.subject == second
        }
        try await board.plug(twin, into: .usb0)
        _ = try await technician.events.first(.cameraConnected, from: again) {
          $0.subject == incumbent
        }
        await technician.leave()
      }
    }

    /// A camera that is plugged in before the power comes is found by enumeration, and found again
    /// by the next life of the agent.
    @Test(.timeLimit(.minutes(4)))
    func restartedAgentFindsWhatIsPluggedIn() async throws {
      try await Bench.withBoard(.debugging) { board in
        try await board.plug()
        let technician = try await Technician.arrive(at: board)
        let name = try await technician.readyCamera().name
        await technician.leave()
        _ = try await board.shell("kill -9 \(board.agent())")
        let next = try await Technician.arrive(at: board)
        #expect(try await next.readyCamera().name == name)
        await next.leave()
      }
    }
  }
}

extension CameraEntry {
  /// Plugged in and found usable; its feed may be anywhere on its way.
  var isInOrder: Bool {
    switch state.known {
    case .ready, .starting, .streaming: true
    default: false
    }
  }
}

extension Technician {
  /// Waits until a camera is ready, whenever it was plugged in.
  func readyCamera(within limit: Duration = .seconds(30)) async throws -> CameraEntry {
    let deadline = ContinuousClock.now + limit
    while true {
      let cameras = try await connection.cameras().cameras
      if let camera = cameras.first(where: { $0.isInOrder }) { return camera }
      guard ContinuousClock.now < deadline else {
        throw BoardError("no camera is ready within \(limit); there are \(cameras.count)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}
