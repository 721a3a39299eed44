import Foundation
import Synchronization

import class StandInDriver.RTSPClient

/// Somebody who watches a stream of this machine, and notes when each picture was there in whole.
final class Viewer: Sendable {
  struct Picture: Sendable {
    let arrived: ContinuousClock.Instant
    /// The camera's time: 90,000 ticks a second (RFC 2435, RFC 6184).
    let ticks: UInt32
    /// Packets lost since the picture before, by their sequence numbers.
    let lostPackets: Int
  }

  private struct Notes {
    var pictures: [Picture] = []
    var trouble: String?
    var hasLeft = false
  }

  private let notes = Mutex(Notes())

  /// Watches `name` until it leaves.
  init(_ name: String, port: UInt16) {
    // The client blocks: it gets a thread of its own.
    Thread.detachNewThread { [self] in
      do { try watch("rtsp://127.0.0.1:\(port)/\(name)", port) } catch {
        notes.withLock { $0.trouble = "\(name): \(error)" }
      }
    }
  }

  func leave() { notes.withLock { $0.hasLeft = true } }

  /// The pictures so far. Throws when the stream has ended, or nothing has come for 5 s.
  func pictures() throws -> [Picture] {
    let (pictures, trouble) = notes.withLock { ($0.pictures, $0.trouble) }
    if let trouble { throw TestError(trouble) }
    return pictures
  }

  private func watch(_ url: String, _ port: UInt16) throws {
    let client = try RTSPClient(port: port)
    let transport = ["Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"]
    let steps = [
      try client.request("DESCRIBE", url).status,
      try client.request("SETUP", url + "/trackID=0", headers: transport).status,
      try client.request("PLAY", url).status,
    ]
    guard steps == [200, 200, 200] else { throw TestError("refused: \(steps)") }
    var last: UInt16?
    var lost = 0
    while true {
      let packet = try client.receive()
      guard packet.channel == 0, packet.bytes.count >= 12 else { continue }
      let header = packet.bytes[..<12]
      let sequence = UInt16(header[2]) << 8 | UInt16(header[3])
      if let last { lost += Int(sequence &- last &- 1) }
      last = sequence
      // The marker ends a picture, in RFC 2435 as in RFC 6184.
      guard header[1] & 0x80 != 0 else { continue }
      let ticks = header[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let picture = Picture(arrived: .now, ticks: ticks, lostPackets: lost)
      lost = 0
      let hasLeft = notes.withLock { notes in
        notes.pictures.append(picture)
        return notes.hasLeft
      }
      if hasLeft { return }
    }
  }
}

/// How punctual streams were for a while.
struct Punctuality: CustomStringConvertible {
  /// Later than this behind the one before it, beyond the interval between pictures, a picture is
  /// late.
  static let graceMs = 100.0

  var pictures = 0
  var late = 0
  /// Intervals of the camera's clock without a picture of their own.
  var missing = 0
  var lostPackets = 0
  var longestMs = 0.0

  /// What could be seen as a fault of the picture.
  var faults: Int { late + missing + lostPackets }

  /// Judges what these viewers have seen of streams of `rate` pictures a second from `start` on.
  init(_ viewers: [Viewer], since start: ContinuousClock.Instant, rate: Int) throws {
    let intervalMs = 1000 / Double(rate)
    for viewer in viewers {
      let seen = try viewer.pictures()
      let first = max(1, seen.firstIndex { $0.arrived >= start } ?? seen.count)
      guard first < seen.count else { throw TestError("a stream without pictures") }
      for index in first..<seen.count {
        let gapMs = (seen[index].arrived - seen[index - 1].arrived) / .milliseconds(1)
        longestMs = max(longestMs, gapMs)
        if gapMs > intervalMs + Self.graceMs { late += 1 }
        lostPackets += seen[index].lostPackets
      }
      // Over the whole time: a camera that was held up by less than an interval keeps its beat.
      let ticks = seen[seen.count - 1].ticks &- seen[first - 1].ticks
      let intervals = Int((Double(ticks) * Double(rate) / 90_000).rounded())
      pictures += seen.count - first
      missing += max(0, intervals - (seen.count - first))
    }
  }

  var description: String {
    "\(pictures) pictures, \(late) late, \(missing) missing, \(lostPackets) packets lost, "
      + String(format: "longest gap %.1f ms", longestMs)
  }
}
