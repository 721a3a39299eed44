import Wire

// What the agent and a feed say to each other. The bytes are the executor's business.

/// What a feed is to capture.
public struct FeedOrder: Equatable, Sendable {
  /// The camera's name: the path of its stream.
  public var camera: Name
  /// The node in /dev, e.g. `video0`; `fileN` for a playback camera, N counting from 0.
  public var node: Text<16>
  /// What to ask the driver for; format 0: whatever it is set to.
  public var mode: CaptureMode

  public init(camera: Name = .empty, node: Text<16> = .empty, mode: CaptureMode = CaptureMode()) {
    self.camera = camera
    self.node = node
    self.mode = mode
  }
}

/// How far a feed has come with its camera.
public enum FeedStage: UInt8, Equatable, Sendable {
  case opening = 0
  /// Streaming is on, and no picture has come yet.
  case waiting = 1
  case capturing = 2
  /// It ends: see the failure.
  case failed = 3
}

/// Why a feed cannot capture.
public enum FeedFailure: UInt8, Equatable, Sendable {
  case none = 0
  case openFailed = 1
  /// Another process captures from the device.
  case busy = 2
  /// ENOSPC at stream-on: the USB bus has no bandwidth left.
  case noBandwidth = 3
  case modeRefused = 4
  /// The device is no longer there.
  case gone = 5
  /// The driver reported an error while capturing.
  case deviceError = 6
  /// A playback file holds nothing that can be played.
  case unreadable = 7
}

/// How far a feed has come with MediaMTX.
public enum PublishStage: UInt8, Equatable, Sendable {
  /// It has not been told to publish.
  case silent = 0
  case connecting = 1
  /// RECORD was accepted.
  case recording = 2
  /// The server refused it; the feed tries again by itself.
  case refused = 3
}

/// What a feed says of itself: every 250 ms and at every change of a stage.
public struct FeedReport: Equatable, Sendable {
  public var stage = FeedStage.opening
  public var failure = FeedFailure.none
  /// Of the failed call; 0: none.
  public var errno: Int32 = 0
  /// The process that holds a busy device, 0 if unknown, and its name.
  public var holder: Int32 = 0
  public var holderName = Text<16>()
  /// What the driver has granted, read again after the buffers were requested.
  public var granted = CaptureMode()
  public var delivery = Delivery.none
  public var deliveryReason = DeliveryReason.none
  public var publish = PublishStage.silent
  /// The RTSP status of a refusal, 0 otherwise.
  public var publishStatus: UInt16 = 0
  /// Pictures taken from the camera, damaged ones included.
  public var frames: UInt64 = 0
  /// Pictures sent to MediaMTX.
  public var published: UInt64 = 0
  /// Bytes of RTP payload sent.
  public var bytes: UInt64 = 0
  /// Damaged or empty pictures.
  public var damaged: UInt64 = 0
  /// Times that this life has opened the device anew, because its pictures stopped coming.
  public var reopens: UInt32 = 0
  /// Frames in 1000 s, as measured of late.
  public var measuredRateMilli: UInt32 = 0
  /// A JPEG or a key frame lies in the shared memory.
  public var hasPicture = false
  public var residentKiB: UInt32 = 0

  public init() {}
}

/// Where a camera's newest picture is found.
public struct PictureSource: Equatable, Sendable {
  public var slot: Int
  /// Of the feed.
  public var life: UInt32
  /// Between two pictures, as granted or, where the driver does not say, as measured.
  public var intervalUs: UInt32
  /// The camera compresses nothing: its picture is the device's.
  public var transcoded: Bool
  /// It is a key frame of H.264, which has to be decoded: a job. The newest there is counts,
  /// however old: the next one comes when the camera wants.
  public var isKeyFrame: Bool

  public init(
    slot: Int, life: UInt32, intervalUs: UInt32, transcoded: Bool, isKeyFrame: Bool = false
  ) {
    self.slot = slot
    self.life = life
    self.intervalUs = intervalUs
    self.transcoded = transcoded
    self.isKeyFrame = isKeyFrame
  }
}

/// An RTSP source on the network, as remembered on the data partition.
public struct KnownSource: Equatable, Sendable {
  public var name = Name()
  public var url = Text<160>()

  public init() {}

  public init(name: Name, url: Text<160>) {
    self.name = name
    self.url = url
  }
}
