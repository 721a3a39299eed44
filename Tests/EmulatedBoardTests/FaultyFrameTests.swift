import Foundation
import Testing

@testable import EmulatedBoard

/// Frames that a camera spoils among good ones.
@Suite(.enabled(if: FFmpegDecoder.isInstalled, "no ffmpeg: run board/setup first"))
struct FaultyFrameTests {
  private static let size = FrameSize(width: 320, height: 240)
  private static let announced = 320 * 240 * 2

  private func pictures(_ kind: PictureKind, count: UInt64) -> [[UInt8]] {
    var pattern = TestPattern(kind)
    pattern.start(StreamSelection(codec: .mjpeg, size: Self.size, interval: 333_333))
    return (0..<count).map { pattern.frame($0) }
  }

  private func spoil(
    _ frame: [UInt8], _ kind: FaultyFrames.Kind, _ codec: VideoCodec = .mjpeg
  ) -> [UInt8] {
    FaultyFrames(kind).spoil(frame, codec: codec, announced: Self.announced)
  }

  @Test(arguments: PictureKind.allCases)
  func truncatedPictureEndsInItsScan(kind: PictureKind) throws {
    let picture = pictures(kind, count: 1)[0]
    let cut = spoil(picture, .truncated)
    #expect(picture.starts(with: cut))
    let outline = try #require(JPEGOutline(cut))
    #expect(!outline.isComplete && outline.segments.last?.marker == JPEG.startOfScan)
    #expect(try FFmpegDecoder.decode(cut, "mjpeg").complaints != "")
  }

  @Test(arguments: PictureKind.allCases)
  func corruptPictureHasItsMarkersButNotItsData(kind: PictureKind) throws {
    let picture = pictures(kind, count: 1)[0]
    let corrupt = spoil(picture, .corrupt)
    let (before, after) = (try #require(JPEGOutline(picture)), try #require(JPEGOutline(corrupt)))
    #expect(after.isComplete && after.restarts == before.restarts)
    #expect(before.segments.elementsEqual(after.segments) { $0 == $1 })
    #expect(corrupt.count == picture.count)
    #expect(zip(corrupt, picture).count { $0 != $1 } > picture.count / 64)
    let decoded = try FFmpegDecoder.decode(corrupt, "mjpeg")
    #expect(try decoded.output != FFmpegDecoder.decode(picture, "mjpeg").output)
  }

  private static let noPictures: [[UInt8]] = [
    [], [1], [0xFF, 0xD8], [0xFF, 0xD8, 0xFF, 0xD9], [0xFF, 0xD8, 0xFF, 0xDA, 0], [0, 0, 1, 0x41],
  ]

  @Test(arguments: [VideoCodec.mjpeg, .h264], noPictures)
  func whatIsNoPictureIsSpoiltToo(codec: VideoCodec, frame: [UInt8]) {
    #expect(spoil(frame, .empty, codec) == [])
    #expect(spoil(frame, .oversized, codec).count > Self.announced)
    #expect(frame.starts(with: spoil(frame, .truncated, codec)))
    #expect(spoil(frame, .corrupt, codec).count == frame.count)
  }

  /// Two access units of x264: a key frame and one after it.
  private func accessUnits() throws -> [[UInt8]] {
    try FFmpegDecoder.withFolder { folder in
      let made = try FFmpegDecoder.run(
        ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=30", "-frames:v", "2"]
          + ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-f", "h264"],
        in: folder)
      try #require(made.status == 0, Comment(rawValue: made.complaints))
      return AnnexB.accessUnits(of: made.output)
    }
  }

  @Test(arguments: [FaultyFrames.Kind.corrupt, .truncated], [0, 1])
  func accessUnitIsFaultyInItsSlices(kind: FaultyFrames.Kind, index: Int) throws {
    var units = try accessUnits()
    try #require(units.count == 2)
    #expect(try FFmpegDecoder.decode(units.flatMap { $0 }, "h264").complaints == "")
    let good = units[index]
    units[index] = spoil(good, kind, .h264)
    let head = AnnexB.firstSlice(of: good)
    #expect(units[index].starts(with: good[..<head]) && units[index] != good)
    let types = { (unit: [UInt8]) in AnnexB.nalUnits(of: unit).map { unit[$0.payload] } }
    #expect(types(units[index]) == types(good), "the same NAL units, none of them new")
    #expect(try FFmpegDecoder.decode(units.flatMap { $0 }, "h264").complaints != "")
  }

  /// A host that has configured the camera and reads its stream until it has got `count` frames.
  private func stream(_ model: CameraModel, count: Int) throws -> [[UInt8]] {
    var session = CameraSession(model: model, sources: [:])
    var (encoder, decoder) = (USBRedir.Encoder(), USBRedir.Decoder())
    let start = ContinuousClock.now
    decoder.append(session.greeting())
    #expect(try decoder.next() != nil)
    try session.receive(
      encoder.encode(.init(.hello(version: "host", capabilities: .ours))), now: start)
    (encoder.agreed, decoder.agreed) = (.ours, .ours)
    let commit = USBSetup(requestType: 0x21, request: 1, value: 0x0200, index: 1, length: 34)
    try session.receive(
      encoder.encode(.init(id: 1, .setConfiguration(1)))
        + encoder.encode(
          .init(
            id: 2, .control(.init(endpoint: 0, setup: commit), data: [0, 0, 1, 1, 0, 0, 0, 0]))),
      now: start)
    var frames: [[UInt8]] = []
    var frame: [UInt8] = []
    for turn in 0..<1000 where frames.count < count {
      let room = USBRedir.BulkPacket(endpoint: UVC.videoEndpoint, length: UVC.maxPayloadSize)
      let now = start + .milliseconds(turn)
      try session.receive(
        encoder.encode(.init(id: UInt64(turn) + 3, .bulk(room, data: []))), now: now)
      try session.advance(now: now)
      decoder.append(session.takeOutput())
      while let packet = try decoder.next() {
        guard case .bulk(_, let payload) = packet.message else { continue }
        let parity = UInt8((frames.count + 1) & 1)
        #expect(payload[0] == 2 && payload[1] & 1 == parity, "the frame id tells frames apart")
        frame += payload[2...]
        guard payload[1] & 2 != 0 else { continue }
        frames.append(frame)
        frame = []
      }
    }
    return frames
  }

  @Test(arguments: FaultyFrames.Kind.allCases)
  func everyThirdFrameIsFaulty(kind: FaultyFrames.Kind) throws {
    let model = CameraModel(
      formats: [VideoFormat(.mjpeg, sizes: [Self.size])],
      faultyFrames: FaultyFrames(kind, every: 3))
    let frames = try stream(model, count: 7)
    try #require(frames.count == 7)
    for (index, frame) in frames.enumerated() where index % 3 != 2 {
      let outline = try #require(JPEGOutline(frame))
      #expect(outline.isComplete && frame.count <= Self.announced)
      #expect(outline.comments[0].hasPrefix("watchpost-frame \(index) "))
    }
    let good = frames.indices.filter { $0 % 3 != 2 }.flatMap { frames[$0] }
    #expect(try FFmpegDecoder.decode(good, "mjpeg").complaints == "")
    for frame in [frames[2], frames[5]] {
      switch kind {
      case .empty: #expect(frame == [])
      case .truncated: #expect(try #require(JPEGOutline(frame)).isComplete == false)
      case .oversized: #expect(frame.count > Self.announced)
      case .corrupt: #expect(try FFmpegDecoder.decode(frame, "mjpeg").complaints != "")
      }
    }
  }
}
