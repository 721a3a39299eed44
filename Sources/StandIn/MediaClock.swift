/// A place in a stream's time.
struct MediaTime {
  /// Of 90 kHz since the first frame.
  var ticks: Int64
  /// Nanoseconds since 1970 by the wall clock.
  var real: Nanoseconds
}

/// Gives every frame its time, from RTP's time stamps and the wall clock.
///
/// As MediaMTX does it: the wall clock is looked at once, and then goes on with the media, until
/// the two are 5 s apart or the media would be in the future. So a clock that is set shows.
struct MediaClock {
  private static let tolerance = 5 * second

  private var timestamp: UInt32?
  private var ticks: Int64 = 0
  private var reference = MediaTime(ticks: 0, real: 0)

  mutating func time(of timestamp: UInt32, wallClock: Nanoseconds) -> MediaTime {
    guard let last = self.timestamp else {
      self.timestamp = timestamp
      reference = MediaTime(ticks: 0, real: wallClock)
      return reference
    }
    // The stamps wrap after 13 hours; a step back is a negative difference.
    ticks += Int64(Int32(bitPattern: timestamp &- last))
    self.timestamp = timestamp
    let real = reference.real + MP4.nanoseconds(ticks: ticks - reference.ticks)
    if real > wallClock || real < wallClock - MediaClock.tolerance {
      reference = MediaTime(ticks: ticks, real: wallClock)
      return reference
    }
    return MediaTime(ticks: ticks, real: real)
  }
}
