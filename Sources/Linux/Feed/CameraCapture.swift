import Appliance
import CLinux
import Wire

/// Why a camera gives no pictures.
struct CaptureError: Error {
  var failure: FeedFailure
  /// Positive; 0 where there is none.
  var errno: Int32 = 0
}

/// One picture as a camera or a file has it.
struct CapturedPicture {
  var bytes: UnsafeRawBufferPointer
  /// The moment it shows, in nanoseconds on the agent's clock: for its timestamp.
  var ns: UInt64
  /// The earliest moment at which it can have been taken, likewise.
  var earliestNs: UInt64
  /// The driver calls it damaged, or it is empty.
  var isDamaged = false
  /// The driver's buffer that holds it; -1: none.
  var buffer: Int32 = -1
}

/// A V4L2 device, by plain ioctls.
struct CameraCapture {
  let descriptor: Int32
  private(set) var granted = CaptureMode()

  /// Opens the node and asks for a mode.
  init(node: Text<16>, mode: CaptureMode) throws(CaptureError) {
    var path = Text<32>("/dev/")
    path.append(node)
    descriptor = path.withCString { lx_capture_open($0) }
    guard descriptor >= 0 else { throw CameraCapture.error(descriptor, else: .openFailed) }
    var asked = lx_mode(
      format: mode.format, width: UInt32(mode.width), height: UInt32(mode.height),
      numerator: mode.intervalNumerator, denominator: mode.intervalDenominator)
    let prepared = lx_capture_prepare(&asked)
    guard prepared == 0 else { throw CameraCapture.error(prepared, else: .modeRefused) }
    granted.format = asked.format
    granted.width = UInt16(clamping: asked.width)
    granted.height = UInt16(clamping: asked.height)
    granted.intervalNumerator = asked.numerator
    granted.intervalDenominator = asked.denominator
  }

  func start() throws(CaptureError) {
    let started = lx_capture_start()
    guard started == 0 else { throw CameraCapture.error(started, else: .deviceError) }
  }

  /// Ends the stream and lets go of the device, if the process has one.
  static func close() { lx_capture_close() }

  /// The next picture that the driver has, nil when there is none. It must be given back.
  func next() throws(CaptureError) -> CapturedPicture? {
    var picture = lx_picture()
    let taken = lx_capture_next(&picture)
    guard taken >= 0 else { throw CameraCapture.error(taken, else: .deviceError) }
    guard taken == 1 else { return nil }
    // The camera has exposed and coded it before it sent the first byte, and takes its time to send
    // it: half an interval and the time of sending again are what it is believed to take.
    let transfer = picture.taken_ns - min(picture.taken_ns, picture.captured_ns)
    let before = transfer + intervalNs / 2
    return CapturedPicture(
      bytes: UnsafeRawBufferPointer(start: picture.bytes, count: picture.count),
      ns: picture.captured_ns, earliestNs: picture.captured_ns - min(before, picture.captured_ns),
      isDamaged: picture.damaged != 0, buffer: picture.index)
  }

  func giveBack(_ picture: CapturedPicture) throws(CaptureError) {
    let given = lx_capture_give_back(picture.buffer)
    guard given == 0 else { throw CameraCapture.error(given, else: .deviceError) }
  }

  private var intervalNs: UInt64 {
    guard granted.intervalDenominator > 0 else { return 0 }
    return UInt64(granted.intervalNumerator) * 1_000_000_000 / UInt64(granted.intervalDenominator)
  }

  /// What a negative errno of a driver means, whatever was being done.
  private static func error(_ result: Int32, else failure: FeedFailure) -> CaptureError {
    switch UInt32(-result) {
    case LX_EBUSY.rawValue: CaptureError(failure: .busy, errno: -result)
    case LX_ENOSPC.rawValue: CaptureError(failure: .noBandwidth, errno: -result)
    case LX_ENODEV.rawValue, LX_ENXIO.rawValue: CaptureError(failure: .gone, errno: -result)
    default: CaptureError(failure: failure, errno: -result)
    }
  }
}
