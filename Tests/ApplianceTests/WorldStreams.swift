import Testing
import Wire

@testable import Appliance

extension World {
  /// A world with one camera that has had the time to stream.
  static func streaming(
    _ plan: FakeFeed.Plan = .works, _ format: UInt32 = PixelFormat.h264
  ) throws -> (World, String) {
    let world = World.up(feedPlan: plan) { $0.cameras.modes[0] = .wish("*", format: format) }
    world.plug(World.webcam())
    world.run(1500)
    return (world, try #require(world.name(at: "video0")))
  }

  /// The states that events have told of cameras.
  var toldStates: [CameraState] {
    events(.cameraStatus).map { CameraState(rawValue: UInt8($0.event.value & 0xFF))! }
  }

  /// How long it takes from now until the camera streams; nil: not within `limit`.
  func timeToStream(_ name: String, within limit: UInt64 = 10_000) -> UInt64? {
    let start = now
    while now - start < limit {
      if cameras[name] == .streaming { return now - start }
      run(10)
    }
    return nil
  }

  func picture(_ name: String) throws -> PictureSource {
    try read { try $0.pictureSource(of: Text(name)) }
  }
}

extension Configuration.CameraMode {
  static func wish(
    _ camera: String, format: UInt32 = 0, _ width: UInt16 = 0, _ height: UInt16 = 0,
    rate: UInt32 = 0
  ) -> Self {
    var mode = Self()
    mode.camera = Text(camera)
    mode.format = format
    mode.width = width
    mode.height = height
    mode.rateMilli = rate
    return mode
  }
}
