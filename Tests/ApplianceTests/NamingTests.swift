import Testing
import Wire

@testable import Appliance

/// Who gets which name: the ladder, collisions, replugs and the memory.
@Suite struct NamingTests {
  private func world(remembering known: [KnownCamera] = []) -> World {
    let world = World()
    world.remember(known)
    world.enumerate([])
    world.run(100)
    return world
  }

  private func plug(_ world: World, _ device: DeviceFacts) -> String? {
    world.plug(device)
    world.run(500)
    return world.name(at: String(device.node))
  }

  private let one = World.webcam("video0", port: "1-1")
  private let two = World.webcam("video2", port: "1-2")

  @Test func aSerialKeepsItsNameOnAnotherPort() {
    let world = world()
    let name = plug(world, one)
    world.unplug("video0")
    #expect(plug(world, World.webcam("video4", port: "2-3.1")) == name)
    #expect(world.camera(name).rung == .serial)
    #expect(world.cameras.count == 1)
    #expect(String(world.known[0].port) == "2-3.1")
  }

  /// A memory that is full forgets who is absent, not who is there.
  @Test func aFullMemoryKeepsWhoIsThere() throws {
    var absent = KnownCamera()
    absent.rung = .serial
    let world = world(
      remembering: (0..<ApplianceMemory.knownCameras).map { number in
        absent.name = Text("cam-\(number)")
        absent.serial = Text("SERIAL-\(number)")
        return absent
      })
    let names = [
      try #require(plug(world, one)),
      try #require(plug(world, World.webcam("video2", port: "1-2", serial: "B4C3D2E1"))),
    ]
    let known = world.known.map { String($0.name) }
    #expect(known.count == ApplianceMemory.knownCameras && known.suffix(2) == names)
    #expect(!known.contains("cam-0") && !known.contains("cam-1") && known.contains("cam-2"))
  }

  @Test func withoutASaneSerialThePortNames() {
    let world = world()
    let name = plug(world, World.webcam(serial: ""))
    #expect(world.camera(name).rung == .port)
    world.unplug("video0")
    let other = plug(world, World.webcam("video4", port: "1-4", serial: ""))
    #expect(other != nil && other != name)
    world.unplug("video4")
    #expect(plug(world, World.webcam(serial: "")) == name)
    let placeholder = World.webcam("video6", port: "1-6", serial: "0001")
    #expect(world.camera(plug(world, placeholder)).rung == .port)
    #expect(world.known.count == 3 && world.known.allSatisfy { !$0.collided })
  }

  @Test func withoutAPortTheBusNames() {
    var device = World.webcam(serial: "", product: "")
    device.port = ""
    device.bus = "platform:vivid.0"
    let world = world()
    let name = plug(world, device)
    #expect(name?.hasPrefix("platform-vivid-0-") == true)
    #expect(
      world.camera(name).rung == .bus && String(world.camera(name).port) == "platform:vivid.0")
  }

  @Test func twoWithOneSerialAreToldApartAndTheIncumbentKeepsItsName() {
    let world = world()
    let first = plug(world, one)
    let second = plug(world, two)
    #expect(first != nil && second != nil && first != second)
    #expect(world.camera(first).rung == .serial)
    #expect(world.camera(second).rung == .serialAndPort)
    let told = world.events(.cameraSerialCollision)
    #expect(told.count == 1 && told.first.map { String($0.event.subject) } == second)
    #expect(told.first.map { String($0.event.detail) } == "A3B2C1D0")
    #expect(world.known.allSatisfy { $0.collided })
    // Both unplugged and plugged again the other way round: who is where counts now.
    world.unplug("video0")
    world.unplug("video2")
    #expect(plug(world, two) == second)
    #expect(plug(world, one) == first)
    #expect(world.events(.cameraSerialCollision).count == 1)
  }

  @Test func theSameSerialOfAnotherProductIsNoCollision() {
    let world = world()
    let first = plug(world, one)
    let second = plug(world, World.webcam("video2", port: "1-2", productID: 0x0826))
    #expect(first != second && world.camera(second).rung == .serial)
    #expect(world.events(.cameraSerialCollision).isEmpty)
  }

  @Test func aRememberedCollisionHoldsAfterAReboot() {
    let before = world()
    let first = plug(before, one)
    let second = plug(before, two)
    // The later one is plugged in alone, then the incumbent, in a new life.
    let after = world(remembering: before.known)
    #expect(after.cameras.count == 2 && after.cameras.values.allSatisfy { $0 == .absent })
    #expect(plug(after, two) == second)
    #expect(plug(after, one) == first)
    // On a third port nobody can say which it is: serial and port name it.
    after.unplug("video0")
    let third = plug(after, World.webcam("video6", port: "1-3"))
    #expect(third != first && third != second)
    #expect(after.camera(third).rung == .serialAndPort)
    #expect(after.events(.cameraSerialCollision).isEmpty)
  }

  @Test func bothAtPowerOnAreToldApartByTheMemory() {
    let before = world()
    let first = plug(before, one)
    let second = plug(before, two)
    let after = World()
    // Enumeration finds the later one first, and before the memory has been read.
    after.enumerate([two, one])
    after.run(800)
    #expect(after.cameras.isEmpty)
    after.remember(before.known)
    after.run(500)
    #expect(after.name(at: "video0") == first && after.name(at: "video2") == second)
  }

  @Test func withoutAMemoryTheFirstSeenKeepsTheName() {
    let world = World()
    world.enumerate([two, one])
    world.run(CameraTiming.namingWaitMs + 500)
    #expect(world.camera(world.name(at: "video2")).rung == .serial)
    #expect(world.camera(world.name(at: "video0")).rung == .serialAndPort)
  }

  @Test func aMissingDataPartitionIsNotWaitedFor() {
    let world = World()
    world.enumerate([one])
    var storage = StorageFacts()
    storage.state = .missing
    world.send(.storageChanged(storage))
    world.run(200)
    #expect(world.cameras.count == 1)
    #expect(!world.asked.contains(.rememberIdentities))
  }

  @Test func aLateMemoryTakesNoNameBack() {
    let before = world()
    let first = plug(before, one)
    _ = plug(before, two)
    let after = World()
    after.enumerate([two])
    after.run(5000)
    let announced = after.name(at: "video2")
    #expect(announced == first, "alone and without memory it is the serial's owner")
    after.remember(before.known)
    after.run(500)
    #expect(after.name(at: "video2") == announced)
    // The other one still gets a name of its own, and the memory is written.
    let other = plug(after, one)
    #expect(other != nil && other != announced)
    #expect(after.asked.contains(.rememberIdentities))
  }

  @Test func namesDoNotNeedTheMemory() {
    let before = world()
    let name = plug(before, one)
    let after = World()
    after.enumerate([World.webcam("video9", port: "3-1")])
    after.run(3000)
    #expect(after.name(at: "video9") == name)
  }

  @Test func anotherUnitInItsPlaceIsTold() {
    let world = world()
    let old = plug(world, World.webcam(serial: ""))
    world.unplug("video0")
    let new = plug(world, World.webcam(serial: "", product: "Doorbell", productID: 0x1111))
    #expect(new != old && world.cameras[old!] == .absent)
    let told = world.events(.cameraReplaced)
    #expect(told.count == 1)
    #expect(told.first.map { String($0.event.subject) } == old)
    #expect(told.first.map { String($0.event.detail) } == new)
    // The same unit again is no replacement of itself.
    world.unplug("video0")
    _ = plug(world, World.webcam(serial: "", product: "Doorbell", productID: 0x1111))
    #expect(world.events(.cameraReplaced).count == 1)
    world.unplug("video0")
    #expect(plug(world, World.webcam(serial: "")) == old)
    #expect(world.events(.cameraReplaced).count == 2)
  }

  @Test func theMemoryIsWrittenOncePerNewCamera() {
    let world = world()
    world.clearLog()
    for _ in 0..<5 {
      _ = plug(world, one)
      world.unplug("video0")
    }
    #expect(world.count { $0 == .rememberIdentities } == 1)
  }

  @Test func moreRememberedThanSlots() {
    let known = (0..<60).map { number in
      var camera = KnownCamera()
      camera.name = Text("cam-\(number)")
      camera.rung = .serial
      camera.serial = Text("SERIAL-\(number)")
      return camera
    }
    let world = world(remembering: known)
    #expect(world.cameras.count == Limits.cameras)
    #expect(world.cameras["cam-59"] == .absent && world.cameras["cam-0"] == nil)
    #expect(plug(world, one) != nil && world.cameras.count == Limits.cameras)
  }
}
