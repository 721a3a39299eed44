import ArgumentParser
import EmulatedBoard
import Foundation

/// `usbcam`: a USB camera that is plugged in while the program runs.
@main
struct USBCam: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usbcam",
    abstract: "Plugs a USB camera into a running emulated board; ending it unplugs.",
    discussion: """
      Start a board with `image/run --no-camera --state DIR`, then plug in a camera with \
      `usbcam --socket DIR/usb0`. Without picture files the camera shows colour bars with the \
      number of the frame, as one of these kinds of JPEG:

        420           4:2:0 as RTP carries it (RFC 2435); the default
        422           4:2:2, likewise
        444           4:4:4, which RTP has no type for
        restart       4:2:0 with restart markers
        no-dht        4:2:0 without its Huffman tables, as many USB cameras send
        three-tables  4:2:0 with three quantization tables

      With --faulty some frames are spoilt:

        truncated     ends in the middle, a JPEG without its end of image
        empty         zero bytes: the frame is missing on the board
        oversized     longer than announced: Linux drops it, or flags an error
        corrupt       wrong bytes in the scan or slice, headers in order
      """)

  @Option(help: "The board's USB port: DIR/usb0 or DIR/usb1 of its state folder.")
  var socket: String

  @Option(help: "Vendor id, in hex.", transform: hexID)
  var vid: UInt16 = 0x046D

  @Option(help: "Product id, in hex.", transform: hexID)
  var pid: UInt16 = 0x0825

  @Option(help: "Name that the camera tells.")
  var name = "HD Webcam C270"

  @Option(help: "Serial number that the camera tells.")
  var serial = "A1B2C3D4"

  @Flag(help: "The camera has no serial number.")
  var noSerial = false

  @Option(help: "How the test picture is coded.")
  var kind: PictureKind?

  @Option(
    help: ArgumentHelp(
      "Folder of JPEG files to play in the order of their names.",
      valueName: "dir"))
  var mjpeg: String?

  @Option(
    help: ArgumentHelp(
      "H.264 stream (Annex B) to play; the camera then offers H.264 too, at 1280x720.",
      valueName: "file"))
  var h264: String?

  @Option(help: "Access unit delimiters of the H.264 stream.")
  var aud: AccessUnitDelimiters = .keep

  @Flag(help: "Offer H.264 alone, no MJPEG.")
  var only = false

  @Flag(
    help: """
      Play files as they are. Otherwise each picture gets a comment, H.264 an SEI message, with \
      number and time.
      """)
  var noStamp = false

  @Option(help: "Sizes of the MJPEG format, the default one first.", transform: parseSizes)
  var sizes: [FrameSize] = VideoFormat.defaultMJPEG.sizes

  @Option(help: "Frame rates, the default one first, e.g. 30,15.", transform: parseRates)
  var fps: [Int] = [30]

  @Flag(help: "Answer nothing after enumeration: the driver's probe of the camera blocks.")
  var hang = false

  @Option(help: "Answer nothing at all any more this many seconds after plugging.")
  var freezeAfter: Double?

  @Option(help: "Deliver this many frames, then none.")
  var stallAfter: Int?

  @Option(help: "Deliver this many frames, then none until the host sets its configuration anew.")
  var wedgeAfter: Int?

  @Option(help: "Spoil frames among good ones.")
  var faulty: FaultyFrames.Kind?

  @Option(help: "Spoil one frame of so many: the last of them.")
  var faultyEvery = 30

  func validate() throws {
    if kind != nil, mjpeg != nil { throw ValidationError("Choose one of --kind and --mjpeg.") }
    if only, h264 == nil { throw ValidationError("--only goes with --h264.") }
    if only, kind != nil || mjpeg != nil {
      throw ValidationError("With --only there are no JPEG pictures: leave --kind and --mjpeg.")
    }
    if aud != .keep, h264 == nil { throw ValidationError("--aud goes with --h264.") }
    if noStamp, mjpeg == nil, h264 == nil {
      throw ValidationError("--no-stamp goes with --mjpeg and --h264.")
    }
    if [hang, freezeAfter != nil, stallAfter != nil, wedgeAfter != nil].filter({ $0 }).count > 1 {
      throw ValidationError(
        "Choose one of --hang, --freeze-after, --stall-after and --wedge-after.")
    }
    if faultyEvery < 1 { throw ValidationError("--faulty-every takes a number, 1 or more.") }
    if let freezeAfter, !(0...86400).contains(freezeAfter) {
      throw ValidationError("--freeze-after takes 0 … 86400 seconds.")
    }
    if let stallAfter, stallAfter < 0 {
      throw ValidationError("--stall-after takes a number of frames, 0 or more.")
    }
    if let wedgeAfter, wedgeAfter < 0 {
      throw ValidationError("--wedge-after takes a number of frames, 0 or more.")
    }
  }

  func run() async throws {
    var formats: [VideoFormat] = []
    var sources: [VideoCodec: any FrameSource] = [:]
    if !only {
      formats.append(VideoFormat(.mjpeg, sizes: sizes, rates: fps))
      sources[.mjpeg] =
        try mjpeg.map { try JPEGFolder($0, stamped: !noStamp) } ?? TestPattern(kind ?? .yuv420)
    }
    if let h264 {
      formats.append(VideoFormat(.h264, sizes: VideoFormat.defaultH264.sizes, rates: fps))
      sources[.h264] = try AnnexBFile(h264, delimiters: aud, stamped: !noStamp)
    }
    let model = CameraModel(
      vendor: vid, product: pid, name: name, serial: noSerial ? "" : serial, formats: formats,
      fault: fault, faultyFrames: faulty.map { FaultyFrames($0, every: faultyEvery) })
    let camera = try USBCamera.plug(model, into: socket, sources: sources)
    // SIGINT and SIGTERM keep their default action: the process ends, and with it the connection,
    // which is what pulling the plug means to the board.
    try await report(camera)
  }

  private var fault: CameraFault? {
    if hang { return .hangsAfterEnumeration }
    if let freezeAfter { return .freezes(after: .seconds(freezeAfter)) }
    if let wedgeAfter { return .wedges(afterFrames: wedgeAfter) }
    return stallAfter.map(CameraFault.stalls(afterFrames:))
  }

  /// Prints what the board does with the camera until the camera ends.
  private func report(_ camera: USBCamera) async throws {
    let label = String(
      format: "%@ (%04x:%04x, %@)", name, Int(vid), Int(pid),
      noSerial || serial.isEmpty ? "no serial" : "serial \(serial)")
    let patience: Duration = .seconds(2)
    if (try? await camera.events.first("plug", within: patience) { _ in true }) == nil {
      say("waiting for \(socket): is another camera in that port?")
    }
    var next = 0
    while true {
      let entry = try await camera.events.first("event", from: next, within: .seconds(86400)) { _ in
        true
      }
      next = entry.index + 1
      switch entry.value {
      case .attached: say("plugged in: \(label); Ctrl-C unplugs")
      case .configured: say("configured")
      case .streaming(let selection): say("streaming \(selection.codec) \(selection.size)")
      case .idle: say("idle")
      case .faulty: say("the fault has set in")
      case .ended(let end):
        say("\(end)")
        if end != .unplugged { throw ExitCode.failure }
        return
      }
    }
  }

  private func say(_ text: String) {
    print("usbcam: \(text)")
    fflush(nil)
  }
}

extension PictureKind: ExpressibleByArgument {}
extension AccessUnitDelimiters: ExpressibleByArgument {}
extension FaultyFrames.Kind: ExpressibleByArgument {}

/// A USB id as people write it: `046d` or `0x046D`.
@Sendable private func hexID(_ text: String) throws -> UInt16 {
  let digits = text.lowercased().hasPrefix("0x") ? String(text.dropFirst(2)) : text
  guard let value = UInt16(digits, radix: 16) else {
    throw ValidationError("\(text) is not a USB id: give up to four hex digits, e.g. 046d.")
  }
  return value
}

@Sendable private func parseSizes(_ text: String) throws -> [FrameSize] {
  let sizes = text.split(separator: ",").map { FrameSize(String($0)) }
  guard (1...32).contains(sizes.count), !sizes.contains(nil) else {
    throw ValidationError("\(text) is no list of sizes: write e.g. 1280x720,640x480.")
  }
  return sizes.compactMap { $0 }
}

@Sendable private func parseRates(_ text: String) throws -> [Int] {
  let rates = text.split(separator: ",").map { Int($0) ?? 0 }
  guard (1...16).contains(rates.count), rates.allSatisfy((1...240).contains) else {
    throw ValidationError("\(text) is no list of rates: write e.g. 30,15 (1 … 240 per second).")
  }
  return rates
}
