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
}

private func nanoseconds(of clock: clockid_t) -> Int64 {
  var now = timespec()
  clock_gettime(clock, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
