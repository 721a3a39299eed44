import CLinux
import Feed
import Wire

/// A key frame of H.264 as JPEG: what cannot be decoded here is told before OpenH264 sees it.
enum KeyFrameDecoder {
  /// Compresses the key frame into `room`. `.notSupported`: interlaced, not 8-bit 4:2:0, too large;
  /// `.cameraNotStreaming`: it is damaged; `.internalError`: there is no memory.
  static func jpeg(
    of bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
  ) throws(Status) -> lx_coded {
    let frame: KeyFrame
    do throws(KeyFrameError) { frame = try KeyFrame(inspecting: bytes) } catch {
      throw error == .notSupported ? .notSupported : .cameraNotStreaming
    }
    var coded = lx_coded()
    let failure = lx_h264_to_jpeg(
      bytes.baseAddress!, bytes.count, frame.isFullRange ? 1 : 0, room.baseAddress!,
      min(room.count, Limits.pictureSize), &coded)
    switch UInt32(-failure) {
    case 0: return coded
    case LX_EINVAL.rawValue: throw .cameraNotStreaming
    case LX_ENOMEM.rawValue: throw .internalError
    default: throw .notSupported
    }
  }
}
