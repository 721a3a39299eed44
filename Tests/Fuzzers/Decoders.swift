import CLinux
import Wire

@testable import Feed
@testable import Linux

extension Fuzzer {
  /// In: a picture that has to be made anew: JPEG where it begins so, a key frame of H.264
  /// otherwise. Holds: it takes neither the time nor the memory that its header promises; what
  /// comes of it is a picture of the size that is told, and of a JPEG one that RTP carries.
  static let decoders = Fuzzer("decoders", longest: 8192) {
    var large = MadePicture.bytes()
    // 65,496 x 65,496 pixels.
    large.replaceSubrange(76..<80, with: [0xFF, 0xD8, 0xFF, 0xD8])
    return [MadePicture.bytes(), large]
  } run: { bytes in
    withCopy(bytes) { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      if bytes.first == 0xFF { transcode(bytes) } else { decode(bytes) }
    }
  }

  private nonisolated(unsafe) static let room = UnsafeMutableRawBufferPointer.allocate(
    byteCount: Limits.pictureSize, alignment: 16)

  private static func transcode(_ bytes: UnsafeRawBufferPointer) {
    guard let picture = try? JPEGPicture.inspect(bytes) else { return }
    var coded = lx_coded()
    let failure = lx_transcode_jpeg(
      bytes.baseAddress!, picture.end, room.baseAddress!, room.count, &coded)
    guard failure == 0 else { return }
    let made = inspected(coded)
    require(made.obstacle == nil, "RTP carries it")
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer) {
    guard let coded = try? KeyFrameDecoder.jpeg(of: bytes, into: room) else { return }
    _ = inspected(coded)
  }

  private static func inspected(_ coded: lx_coded) -> JPEGPicture {
    let bytes = UnsafeRawBufferPointer(rebasing: room[..<coded.count])
    guard let picture = try? JPEGPicture.inspect(bytes) else {
      require(false, "it is a picture")
      return JPEGPicture()
    }
    require(picture.end == coded.count, "nothing follows")
    require(
      Int(picture.width) == Int(coded.width) && Int(picture.height) == Int(coded.height),
      "the size that is told")
    return picture
  }
}
