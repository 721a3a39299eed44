import Appliance
import Wire

/// Frames of answers that come long after their requests: pictures and jobs.
extension EventLoop where System: ~Copyable {
  /// How long such an answer rests whose connection finds no buffer for what it cannot send.
  static var starvedMs: UInt64 { 10 }

  /// When the connection may be given such a frame: nil is now. It gets the next one only after a
  /// whole wait in which it could be read from, so that a ping does not wait behind a picture:
  /// `yields` says that it had something unsent.
  mutating func takesFrame(_ index: Int, yields: inout Bool) -> Instant? {
    if sessions.slots[index].rest > 0 || sessions.slots[index].waiting {
      yields = true
      return .never
    }
    if yields {
      yields = false
      return now
    }
    let held = Int(sessions.slots[index].held)
    guard buffers.fits(input: held, output: Limits.frameSize) else { return now + Self.starvedMs }
    return nil
  }

  /// Sends the frame that `write` makes in the output. How many of its bytes stay unsent, with the
  /// slot; nil when the connection is gone.
  mutating func sendFrame(_ index: Int, _ write: (inout Self) -> Int) -> Int? {
    let filled = buffers.restore(index, sessions)
    let plain = write(&self)
    let size = seal(index, buffers.output, plain)
    guard let unsent = send(index, size) else { return nil }
    keep(index, consumed: 0, filled: filled, unsent: unsent, of: size, wait: false)
    return unsent
  }
}
