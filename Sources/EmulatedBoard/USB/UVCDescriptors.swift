/// Numbers of the USB Video Class, revision 1.1 ("USB Device Class Definition for Video Devices").
enum UVC {
  static let version: UInt16 = 0x0110
  /// Interface class and subclasses (UVC 1.1, tables ).
  static let videoClass: UInt8 = 14
  static let controlSubclass: UInt8 = 1
  static let streamingSubclass: UInt8 = 2
  static let collectionSubclass: UInt8 = 3
  /// Class-specific interface descriptor (UVC 1.1, table A-4).
  static let classInterface: UInt8 = 0x24

  /// Requests (UVC 1.1, table A-8).
  enum Request {
    static let setCurrent: UInt8 = 0x01
    static let getCurrent: UInt8 = 0x81
    static let getMinimum: UInt8 = 0x82
    static let getMaximum: UInt8 = 0x83
    static let getLength: UInt8 = 0x85
    static let getInfo: UInt8 = 0x86
    static let getDefault: UInt8 = 0x87
  }

  /// Selectors of the streaming interface (UVC 1.1, table A-15).
  enum StreamingControl {
    static let probe: UInt8 = 1
    static let commit: UInt8 = 2
  }

  /// Selectors of the control interface itself (UVC 1.1, table A-9).
  enum InterfaceControl {
    static let requestErrorCode: UInt8 = 2
  }

  static let controlInterface: UInt8 = 0
  static let streamingInterface: UInt8 = 1
  static let videoEndpoint: UInt8 = 0x81
  /// Largest packet of a high-speed bulk endpoint (USB 2.0, 5.8.3).
  static let videoPacketSize: UInt16 = 512
  /// Ticks of the time stamps that the camera could send.
  static let clockFrequency: UInt32 = 48_000_000
  /// Bytes of one bulk payload, header included. Measured: the emulated host keeps up with
  /// 720p30 in pieces of this size.
  static let maxPayloadSize = 16384
}

/// Class-specific descriptors of a camera with one sensor and one stream.
enum UVCDescriptor {
  private static let cameraTerminalID: UInt8 = 1
  private static let outputTerminalID: UInt8 = 2
  private static let cameraTerminalType: UInt16 = 0x0201
  private static let streamingTerminalType: UInt16 = 0x0101

  /// The whole configuration: video control (interface 0) and video streaming (interface 1).
  static func configuration(formats: [VideoFormat]) -> [UInt8] {
    let contents =
      USBDescriptor.interfaceAssociation(
        first: UVC.controlInterface, count: 2, classCode: UVC.videoClass,
        subclass: UVC.collectionSubclass, string: CameraString.product)
      + controlInterface() + streamingInterface(formats: formats)
    return USBDescriptor.configuration(interfaceCount: 2, milliamperes: 500, contents: contents)
  }

  /// Video control interface without a status endpoint (UVC 1.1, 3.7).
  static func controlInterface() -> [UInt8] {
    let units = cameraTerminal() + outputTerminal()
    return USBDescriptor.interface(
      number: UVC.controlInterface, endpointCount: 0, classCode: UVC.videoClass,
      subclass: UVC.controlSubclass, string: CameraString.product)
      + controlHeader(unitsLength: units.count) + units
  }

  /// Video streaming interface with a bulk endpoint and so a single setting (UVC 1.1, 3.9).
  static func streamingInterface(formats: [VideoFormat]) -> [UInt8] {
    var described: [UInt8] = []
    for (position, format) in formats.enumerated() {
      let index = UInt8(position + 1)
      switch format.codec {
      case .mjpeg: described += mjpegFormat(index: index, frameCount: UInt8(format.sizes.count))
      case .h264: described += h264Format(index: index, frameCount: UInt8(format.sizes.count))
      }
      for (position, size) in format.sizes.enumerated() {
        described += frame(index: UInt8(position + 1), size: size, of: format)
      }
    }
    return USBDescriptor.interface(
      number: UVC.streamingInterface, endpointCount: 1, classCode: UVC.videoClass,
      subclass: UVC.streamingSubclass, string: 0)
      + inputHeader(formatCount: formats.count, formatsLength: described.count) + described
      + USBDescriptor.bulkEndpoint(
        address: UVC.videoEndpoint, maxPacketSize: UVC.videoPacketSize)
  }

  /// Header of the video control interface (UVC 1.1, table 3-3).
  private static func controlHeader(unitsLength: Int) -> [UInt8] {
    var writer = ByteWriter(capacity: 13)
    writer.put(bytes: [13, UVC.classInterface, 1])
    writer.put16(UVC.version)
    writer.put16(UInt16(13 + unitsLength))
    writer.put32(UVC.clockFrequency)
    writer.put(bytes: [1, UVC.streamingInterface])
    return writer.bytes
  }

  /// The sensor, with neither zoom nor any other control (UVC 1.1, table 3-6).
  private static func cameraTerminal() -> [UInt8] {
    var writer = ByteWriter(capacity: 18)
    writer.put(bytes: [18, UVC.classInterface, 2, cameraTerminalID])
    writer.put16(cameraTerminalType)
    writer.put(bytes: [0, 0])
    for _ in 0..<3 { writer.put16(0) }  // focal lengths: no optical zoom
    writer.put(bytes: [3, 0, 0, 0])
    return writer.bytes
  }

  /// Where the stream leaves the function (UVC 1.1, table 3-5).
  private static func outputTerminal() -> [UInt8] {
    var writer = ByteWriter(capacity: 9)
    writer.put(bytes: [9, UVC.classInterface, 3, outputTerminalID])
    writer.put16(streamingTerminalType)
    writer.put(bytes: [0, cameraTerminalID, 0])
    return writer.bytes
  }

  /// Header of the video streaming interface (UVC 1.1, table 3-14).
  private static func inputHeader(formatCount: Int, formatsLength: Int) -> [UInt8] {
    let length = 13 + formatCount
    var writer = ByteWriter(capacity: length)
    writer.put(bytes: [UInt8(length), UVC.classInterface, 1, UInt8(formatCount)])
    writer.put16(UInt16(length + formatsLength))
    writer.put(bytes: [UVC.videoEndpoint, 0, outputTerminalID, 0, 0, 0, 1])
    writer.put(bytes: repeatElement(0, count: formatCount))
    return writer.bytes
  }

  /// Motion JPEG format (UVC 1.1 Motion-JPEG payload, table 3-1).
  private static func mjpegFormat(index: UInt8, frameCount: UInt8) -> [UInt8] {
    [11, UVC.classInterface, 6, index, frameCount, 0, 1, 0, 0, 0, 0]
  }

  /// H.264 as a frame-based format (UVC 1.1 frame-based payload, table 3-1). The GUID is the FourCC
  /// in the usual Media Foundation form, which uvcvideo knows as `UVC_GUID_FORMAT_H264`.
  private static func h264Format(index: UInt8, frameCount: UInt8) -> [UInt8] {
    let guid: [UInt8] =
      Array("H264".utf8) + [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
    return [28, UVC.classInterface, 0x10, index, frameCount] + guid + [16, 1, 0, 0, 0, 0, 1]
  }

  /// One frame size (Motion-JPEG payload, table 3-2; frame-based payload, table 3-2).
  private static func frame(index: UInt8, size: FrameSize, of format: VideoFormat) -> [UInt8] {
    let intervals = format.intervals
    let length = 26 + 4 * intervals.count
    var writer = ByteWriter(capacity: length)
    writer.put(bytes: [UInt8(length), UVC.classInterface])
    writer.put8(format.codec == .mjpeg ? 7 : 0x11)
    writer.put(bytes: [index, 0])
    writer.put16(size.width)
    writer.put16(size.height)
    writer.put32(UInt32(size.maxFrameBytes * 8))
    writer.put32(UInt32(size.maxFrameBytes * 8 * (format.rates.max() ?? 1)))
    if format.codec == .mjpeg { writer.put32(UInt32(size.maxFrameBytes)) }
    writer.put32(intervals[0])
    writer.put8(UInt8(intervals.count))
    if format.codec == .h264 { writer.put32(0) }  // dwBytesPerLine: not for compressed frames
    for interval in intervals { writer.put32(interval) }
    return writer.bytes
  }
}
