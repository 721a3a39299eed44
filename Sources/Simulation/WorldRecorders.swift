import Appliance
import Wire

/// MediaMTX's recorders, and what the storage worker sees of their files.
extension SimulatedWorld {
  /// Parts of one file: its segments last a minute.
  private var partsPerSegment: UInt64 { 60_000 / options.partMs }

  func switchRecorder(_ name: Name, _ on: Bool) {
    guard let path = media.path(name), media.paths[path].records != on else { return }
    media.paths[path].records = on
    nextRecorder += 1
    if on {
      media.paths[path].recorder = nextRecorder
      let number = nextRecorder
      // A file is created when its first part closes.
      later(random.between(1300, 2000)) { $0.writePart(name, number, parts: 0) }
    } else {
      media.paths[path].recorder = 0
    }
  }

  private func writePart(_ name: Name, _ recorder: Int, parts: UInt64) {
    guard let path = media.path(name), media.paths[path].recorder == recorder else {
      if parts > 0 { tellSegment(name, .closed, parts) }
      return
    }
    // Nothing is written of a stream that stands, or to a disk that takes nothing; MediaMTX says
    // nothing of that.
    let isFlowing =
      media.paths[path].publisher != nil && !isNow(.framesInError)
      && us - media.paths[path].heardUs < 4000 * options.reportMs
    let canWrite = disk.state == .writable && !isFull && !isNow(.mediaHang)
    guard isFlowing, canWrite else {
      if parts > 0, canWrite { tellSegment(name, .closed, parts) }
      return later(options.partMs) { $0.writePart(name, recorder, parts: 0) }
    }
    if parts == partsPerSegment {
      tellSegment(name, .closed, parts)
      return later(50) { $0.writePart(name, recorder, parts: 0) }
    }
    tellSegment(name, parts == 0 ? .began : .grew, parts + 1)
    grown[String(name)] = us
    later(options.partMs) { $0.writePart(name, recorder, parts: parts + 1) }
  }

  private func tellSegment(_ name: Name, _ what: SegmentNews.What, _ parts: UInt64) {
    guard let life = media.life ?? lastMediaLife, !isNow(.diskHangs) else { return }
    lastMediaLife = life
    var news = SegmentNews()
    news.camera = name
    news.what = what
    news.life = life
    news.bytes = parts * 100_000
    later(20) { $0.post(.storage, .segment(news)) }
  }
}
