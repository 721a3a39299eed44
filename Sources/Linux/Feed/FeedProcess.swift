import Appliance
import CLinux
import Feed
import Wire

// camera or file ──▶ picture ──▶ sound? carried? ──▶ shared memory
//                                  │      └ no: coded anew ──┘ └──▶ packets ──▶ MediaMTX
//                                  └ no: dropped and counted

/// One feed: takes pictures from a camera or a file, keeps the newest JPEG – or key frame of
/// H.264 – for snapshots, and publishes. One thread, no heap while it runs.
struct FeedProcess: ~Copyable {
  enum Origin {
    case camera(CameraCapture)
    case file(FilePlayback)
  }

  /// What is done to a picture before it is sent.
  private enum Coding {
    case unknown, carried, jpeg, raw
  }

  /// Bytes of the largest coded picture.
  private static let codedSize = Limits.pictureSize

  var origin: Origin
  private let pictures: SharedPicture?
  var connection: PublishConnection
  private var jpeg = JPEGPacketizer()
  private var h264 = H264Packetizer()
  private let isH264: Bool
  private var coding = Coding.unknown
  private let coded: UnsafeMutableRawBufferPointer
  var report = FeedReport()
  private var rate = FeedRate()
  /// A description of H.264 waits for parameter sets, but not for ever.
  private let describeAnywayMs: UInt64

  static let describeMs: UInt64 = 2000

  /// Without a picture for so long, after there were some, the device is opened anew: before the
  /// agent calls it stalled (two seconds, or four intervals) and ends the whole process.
  private static let quietMs: UInt64 = 1000
  private static let quietIntervals: UInt64 = 3
  /// When the driver gave a picture last; 0: it has not yet.
  private var pictureMs: UInt64 = 0

  /// A feed of `origin`, whose pictures have the granted mode.
  static func make(
    _ origin: Origin, granted: CaptureMode, pictures: SharedPicture?, nowMs: UInt64
  ) throws(CaptureError) -> FeedProcess {
    guard let memory = lx_reserve(codedSize) else {
      throw CaptureError(failure: .deviceError, errno: Int32(LX_ENOMEM.rawValue))
    }
    var isRaw = false
    if case .camera(let camera) = origin, FeedProcess.isRaw(granted.format) {
      let begun = lx_transcode_begin(
        camera.descriptor, granted.format, UInt32(granted.width), UInt32(granted.height))
      guard begun == 0 else { throw CaptureError(failure: .modeRefused, errno: -begun) }
      isRaw = true
    }
    let coded = UnsafeMutableRawBufferPointer(start: memory, count: codedSize)
    return FeedProcess(
      origin, granted: granted, pictures: pictures, coded: coded, isRaw: isRaw, nowMs: nowMs)
  }

  private init(
    _ origin: Origin, granted: CaptureMode, pictures: SharedPicture?,
    coded: UnsafeMutableRawBufferPointer, isRaw: Bool, nowMs: UInt64
  ) {
    self.origin = origin
    self.pictures = pictures
    self.coded = coded
    isH264 = granted.format == PlaybackCamera.h264
    if isRaw { coding = .raw }
    connection = PublishConnection(
      payloadType: isH264 ? H264Packetizer.payloadType : JPEGPacketizer.payloadType)
    describeAnywayMs = nowMs + Self.describeMs
    report.granted = granted
    report.stage = .waiting
    if !isH264 {
      connection.describe(.jpeg(), payloadType: JPEGPacketizer.payloadType)
    }
  }

  /// The format has to be compressed before it can be sent.
  static func isRaw(_ format: UInt32) -> Bool {
    format != PlaybackCamera.h264 && !isJPEG(format)
  }

  private static func isJPEG(_ format: UInt32) -> Bool {
    // `MJPG`, and `JPEG` as some drivers call the same.
    format == PlaybackCamera.mjpeg || format == 0x4745_504A
  }

  // MARK: Pictures

  /// Takes and handles all pictures that are there.
  mutating func capture(nowMs: UInt64) throws(CaptureError) {
    switch origin {
    case .camera(let camera): try capture(from: camera, nowMs: nowMs)
    case .file(var file):
      defer { origin = .file(file) }
      if let picture = try file.next(nowNs: lx_boot_clock_ns()) { take(picture, nowMs: nowMs) }
    }
  }

  private mutating func capture(
    from camera: CameraCapture, nowMs: UInt64
  ) throws(CaptureError) {
    var newest: CapturedPicture?
    while let picture = try camera.next() {
      // Coding takes longer than an interval on a slow machine: then the newest picture counts.
      if case .carried = coding {
        take(picture, nowMs: nowMs)
        try camera.giveBack(picture)
        continue
      }
      if let old = newest { try camera.giveBack(old) }
      newest = picture
    }
    guard let picture = newest else { return }
    take(picture, nowMs: nowMs)
    try camera.giveBack(picture)
  }

  private mutating func take(_ picture: CapturedPicture, nowMs: UInt64) {
    report.frames += 1
    pictureMs = nowMs
    if picture.isDamaged {
      report.damaged += 1
    } else if isH264 {
      takeH264(picture, nowMs: nowMs)
    } else if case .raw = coding {
      var size = lx_coded()
      let failed = lx_transcode_raw(
        picture.bytes.baseAddress!, picture.bytes.count, coded.baseAddress!, coded.count, &size)
      if let made = madeAnew(failed, size, .rawFormat) {
        keep(made, UnsafeRawBufferPointer(coded), picture, nowMs: nowMs)
        send(made, UnsafeRawBufferPointer(coded), picture, nowMs: nowMs)
      }
    } else {
      takeJPEG(picture, nowMs: nowMs)
    }
    report.published = connection.pictures
    report.bytes = connection.bytes
  }

  private mutating func took(nowMs: UInt64) {
    report.stage = .capturing
    rate.count(nowMs: nowMs)
  }

  private mutating func takeH264(_ picture: CapturedPicture, nowMs: UInt64) {
    coding = .carried
    report.delivery = .passThrough
    let before = h264.corruptUnits
    do throws(AccessUnitError) {
      let timestamp = connection.clock.next(ns: picture.ns)
      try h264.begin(picture.bytes, timestamp: timestamp)
      took(nowMs: nowMs)
      if h264.corruptUnits == before { keepKeyFrame(picture) }
      describe(nowMs: nowMs)
      if !connection.isReady || !connection.send(&h264, ns: picture.ns, nowMs: nowMs) {
        // What a receiver has not got, it cannot go on from.
        h264.restart()
      }
    } catch {
      if error == .awaitsKeyFrame { took(nowMs: nowMs) } else { report.damaged += 1 }
      describe(nowMs: nowMs)
    }
    report.damaged += h264.corruptUnits > before ? 1 : 0
  }

  /// From now on the newest one for snapshots, if it is a key frame.
  private mutating func keepKeyFrame(_ picture: CapturedPicture) {
    let size = h264.writeKeyFrame(into: coded)
    guard size > 0 else { return }
    var facts = SharedPicture.Facts()
    facts.frame = report.frames
    facts.capturedUs = picture.earliestNs / 1000
    facts.width = h264.parameterSets.newest?.width ?? 0
    facts.height = h264.parameterSets.newest?.height ?? 0
    facts.coding = .h264
    let whole = UnsafeRawBufferPointer(rebasing: coded[..<size])
    report.hasPicture = pictures?.publish(facts, whole) ?? false
  }

  private mutating func describe(nowMs: UInt64) {
    guard connection.stage != .recording else { return }
    guard h264.parameterSets.isComplete || nowMs >= describeAnywayMs else { return }
    connection.describe(.h264(h264.parameterSets), payloadType: H264Packetizer.payloadType)
  }

  private mutating func takeJPEG(_ picture: CapturedPicture, nowMs: UInt64) {
    guard let inspected = try? JPEGPicture.inspect(picture.bytes) else {
      report.damaged += 1
      return
    }
    if let obstacle = inspected.obstacle {
      let reason = DeliveryReason(rawValue: obstacle.rawValue) ?? .progressive
      coding = .jpeg
      var size = lx_coded()
      let failed = lx_transcode_jpeg(
        picture.bytes.baseAddress!, inspected.end, coded.baseAddress!, coded.count, &size)
      if let made = madeAnew(failed, size, reason) {
        // Whoever asks for a picture gets the camera's own.
        keep(inspected, picture.bytes, picture, nowMs: nowMs)
        send(made, UnsafeRawBufferPointer(coded), picture, nowMs: nowMs)
      }
    } else {
      coding = .carried
      report.delivery = .passThrough
      report.deliveryReason = .none
      keep(inspected, picture.bytes, picture, nowMs: nowMs)
      send(inspected, picture.bytes, picture, nowMs: nowMs)
    }
  }

  /// What a library has made of a picture, in `coded`; nil where that failed.
  private mutating func madeAnew(
    _ failed: Int32, _ size: lx_coded, _ reason: DeliveryReason
  ) -> JPEGPicture? {
    let bytes = UnsafeRawBufferPointer(rebasing: coded[..<(failed == 0 ? size.count : 0)])
    guard failed == 0, let made = try? JPEGPicture.inspect(bytes), made.obstacle == nil else {
      report.damaged += 1
      return nil
    }
    // Finding further cameras and serving readers comes before compressing.
    if report.delivery != .transcoded { lx_give_way() }
    report.delivery = .transcoded
    report.deliveryReason = reason
    return made
  }

  /// A sound picture: from now on it is the newest one for snapshots.
  private mutating func keep(
    _ inspected: JPEGPicture, _ bytes: UnsafeRawBufferPointer, _ picture: CapturedPicture,
    nowMs: UInt64
  ) {
    took(nowMs: nowMs)
    var facts = SharedPicture.Facts()
    facts.frame = report.frames
    facts.capturedUs = picture.earliestNs / 1000
    facts.width = inspected.width
    facts.height = inspected.height
    let whole = UnsafeRawBufferPointer(rebasing: bytes[..<inspected.end])
    report.hasPicture = pictures?.publish(facts, whole) ?? false
  }

  /// Sends a picture that RTP carries to whoever takes the stream.
  private mutating func send(
    _ inspected: JPEGPicture, _ bytes: UnsafeRawBufferPointer, _ picture: CapturedPicture,
    nowMs: UInt64
  ) {
    guard connection.isReady else { return }
    jpeg.begin(inspected, bytes, timestamp: connection.clock.next(ns: picture.ns))
    _ = connection.send(&jpeg, ns: picture.ns, nowMs: nowMs)
  }

  // MARK: Opening the device anew

  /// Whether a device whose pictures have stopped coming may be opened anew: once in a life, for a
  /// second time would only put off the restart. The converter of uncompressed pictures is bound to
  /// the device as it was opened.
  private var mayReopen: Bool {
    if case .file = origin { return false }
    if case .raw = coding { return false }
    return report.reopens == 0
  }

  /// Its pictures have stopped coming.
  func isQuiet(nowMs: UInt64) -> Bool {
    guard mayReopen, pictureMs > 0 else { return false }
    let rate = UInt64(report.granted.rateMilli)
    let patience = rate > 0 ? Self.quietIntervals * 1_000_000 / rate : 0
    return nowMs - min(pictureMs, nowMs) >= max(Self.quietMs, patience)
  }

  /// An error of the driver that opening the device anew may end: it is still there, and ours.
  func forgives(_ error: CaptureError) -> Bool {
    error.failure == .deviceError && mayReopen && pictureMs > 0
  }

  /// Opens the device anew, in the mode that it had. Its descriptor.
  mutating func reopen(node: Text<16>, nowMs: UInt64) throws(CaptureError) -> Int32 {
    guard case .camera = origin else { return -1 }
    CameraCapture.close()
    let camera = try CameraCapture(node: node, mode: report.granted)
    // What it was described as to MediaMTX holds no longer.
    guard camera.granted == report.granted else { throw CaptureError(failure: .modeRefused) }
    try camera.start()
    origin = .camera(camera)
    report.reopens += 1
    pictureMs = nowMs
    // A stream that was cut goes on with a key frame.
    if isH264 { h264.restart() }
    return camera.descriptor
  }

  /// When the next picture of a file is due; nil for a camera, which tells by itself.
  var dueMs: UInt64? {
    guard case .file(let file) = origin else { return nil }
    return (file.dueNs + 999_999) / 1_000_000
  }

  // MARK: Reports

  /// The report as it is now.
  mutating func current(nowMs: UInt64) -> FeedReport {
    report.publish = connection.stage
    report.publishStatus = connection.refusal
    report.measuredRateMilli = rate.milli(nowMs: nowMs)
    report.residentKiB = UInt32(clamping: lx_resident_bytes() / 1024)
    return report
  }
}

/// Pictures in 1000 s, over the last two seconds.
struct FeedRate {
  private static let window: UInt64 = 2000
  private static let step: UInt64 = 250

  private var counts = InlineArray<8, UInt32>(repeating: 0)
  private var place: UInt64 = 0
  private var startMs: UInt64 = 0

  mutating func count(nowMs: UInt64) {
    if startMs == 0 {
      startMs = nowMs
      place = nowMs / Self.step
    }
    turn(nowMs: nowMs)
    counts[Int(place % 8)] += 1
  }

  private mutating func turn(nowMs: UInt64) {
    let now = nowMs / Self.step
    var cleared = 0
    while place < now, cleared < 8 {
      place += 1
      cleared += 1
      counts[Int(place % 8)] = 0
    }
    place = now
  }

  /// 0 before there is enough to judge by.
  mutating func milli(nowMs: UInt64) -> UInt32 {
    guard startMs > 0, nowMs - startMs >= Self.window else { return 0 }
    turn(nowMs: nowMs)
    var sum: UInt64 = 0
    for index in counts.indices { sum += UInt64(counts[index]) }
    // The last step has only begun.
    let elapsed = Self.window - Self.step + nowMs % Self.step
    return UInt32(clamping: sum * 1_000_000 / elapsed)
  }
}
