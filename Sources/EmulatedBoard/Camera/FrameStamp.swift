import Foundation

/// Which frame of a camera a picture is, and when it was made. Pictures carry it, so that whoever
/// receives one can tell its age.
public struct FrameStamp: Equatable, Sendable {
  /// Number of the frame, from 0 at plugging.
  public var number: UInt64
  /// Nanoseconds since 1970 by the host's clock.
  public var realtime: Int64
  /// Nanoseconds of the host's monotonic clock.
  public var monotonic: Int64

  /// The stamp of a frame that is made now.
  public init(number: UInt64) {
    self.number = number
    realtime = nanoseconds(of: CLOCK_REALTIME)
    monotonic = nanoseconds(of: CLOCK_MONOTONIC)
  }

  /// `watchpost-frame NUMBER realtime NANOSECONDS monotonic NANOSECONDS`.
  public var text: String {
    "watchpost-frame \(number) realtime \(realtime) monotonic \(monotonic)"
  }

  /// A JPEG picture with the text in a comment segment (T.81, B.2.4.5) right after its start.
  ///
  /// JFIF wants its own segment there. Decoders take it wherever it comes, and a reader finds the
  /// comment without knowing the segments of other people's cameras.
  func marked(jpeg picture: [UInt8]) -> [UInt8] {
    picture[..<2] + JPEG.segment(JPEG.comment, Array(text.utf8)) + picture[2...]
  }

  /// Says whose the user data of `supplementalInformation` are: the UUID
  /// 7b1f4c9e-52d8-4e6a-9c33-a85ed07f2b61, made at random (RFC 9562, version 4) for this purpose.
  public static let userDataIdentifier: [UInt8] = [
    0x7B, 0x1F, 0x4C, 0x9E, 0x52, 0xD8, 0x4E, 0x6A, 0x9C, 0x33, 0xA8, 0x5E, 0xD0, 0x7F, 0x2B, 0x61,
  ]

  /// An SEI NAL unit with its start code, to stand before a picture's first slice: one message
  /// user_data_unregistered (ITU-T H.264, 7.3.2.3 and D.1.6) of `userDataIdentifier` and the text.
  var supplementalInformation: [UInt8] {
    let message = Self.userDataIdentifier + Array(text.utf8)
    precondition(message.count < 255, "one byte holds the size of a message this short")
    let payload = [AnnexB.userDataUnregistered, UInt8(message.count)] + message + [0x80]
    return [0, 0, 0, 1, AnnexB.NALUnitType.supplementalInformation]
      + AnnexB.preventingEmulation(payload)
  }
}

private func nanoseconds(of clock: clockid_t) -> Int64 {
  var now = timespec()
  clock_gettime(clock, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
