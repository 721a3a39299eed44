import Appliance
import CLinux
import Wire

@testable import Archive
@testable import Linux

extension Fuzzer {
  /// In: a byte of options (1: right checksums are put in), then an index file. Holds: pieces tell
  /// what the whole tells; a record that was read is written so that it is read again; a catalog
  /// of it counts what it holds, and finds each file by name and by id.
  static let index = Fuzzer("index", longest: 160 * 12) {
    var file = FileEntry()
    (file.id, file.bytes, file.camera, file.name) = (7, 100, "cam-1", "a.mp4")
    file.kind = Code(.recording)
    file.state = Code(.complete)
    let clock = AgeClock(ageS: 60, boot: 9, atMs: 1000)
    let records: [IndexRecord] = [
      .header, .clock(clock, nextID: 20), .put(file, ageS: 5), .dated(boot: 9, originMs: 1 << 40),
      .removed(id: 7),
    ]
    let bytes = records.flatMap { record in
      [UInt8](unsafeUninitializedCapacity: IndexRecord.size) { room, count in
        record.encode(into: UnsafeMutableRawBufferPointer(room))
        count = IndexRecord.size
      }
    }
    return [[0] + bytes, [1] + bytes, [1] + bytes.dropLast(100)]
  } run: { bytes in
    var input = Bytes(bytes)
    let options = input.byte()
    withCopy(input.rest) { file in
      if options & 1 != 0 { sealRecords(file) }
      var (whole, pieces) = (IndexReplay(), IndexReplay())
      var (told, again): ([IndexRecord], [IndexRecord]) = ([], [])
      whole.take(.init(file)) { told.append($0) }
      chopped(.init(file)) { piece in pieces.take(piece) { again.append($0) } }
      require(told == again && whole.outcome() == pieces.outcome(), "pieces tell the same")
      require(whole.end <= UInt64(file.count), "the end lies in the file")
      if case .tornTail(let end) = whole.outcome() {
        require(end <= UInt64(file.count) && end % UInt64(IndexRecord.size) == 0, "a whole cut")
      }
      for record in told { isStable(record) }
      fill(told)
    }
  }
}

private func sealRecords(_ file: UnsafeMutableRawBufferPointer) {
  for start in stride(from: 0, through: file.count - IndexRecord.size, by: IndexRecord.size) {
    let body = UnsafeRawBufferPointer(rebasing: file[(start + 4)..<(start + IndexRecord.size)])
    file.storeBytes(of: CRC32C.of(body).littleEndian, toByteOffset: start, as: UInt32.self)
  }
}

private func isStable(_ record: IndexRecord) {
  var bytes = [UInt8](repeating: 0xA5, count: IndexRecord.size)
  bytes.withUnsafeMutableBytes { record.encode(into: $0) }
  bytes.withUnsafeBytes { require(IndexRecord($0) == record, "what was written is read") }
}

private nonisolated(unsafe) let catalogMemory = reserved(bytes: Catalog.memorySize)

/// As the storage worker does at its start.
private func fill(_ records: [IndexRecord]) {
  lx_discard(catalogMemory.baseAddress!, catalogMemory.count)
  var catalog = Catalog(catalogMemory)
  var replayed = Replayed(boot: 9)
  for record in records { replayed.take(record, &catalog) }
  require(catalog.oldest <= catalog.used, "places in order")
  var (files, lastID): (Int, UInt64) = (0, 0)
  for place in catalog.oldest..<max(catalog.oldest, catalog.used) {
    require(catalog[place].id > lastID, "ids rise")
    lastID = catalog[place].id
    guard catalog[place].isThere else { continue }
    files += 1
    require(catalog.place(ofID: lastID) == place, "found by its id")
    let found = catalog.find(
      catalog[place].kind, camera: catalog.camera(catalog[place].camera),
      name: catalog.name(place))
    require(found != nil, "found by its name")
    isStable(catalog.record(place))
  }
  require(catalog.totals.files == files, "files are counted")
  require(catalog.idToCome > lastID, "no id is given twice")
  for place in catalog.oldest..<max(catalog.oldest, catalog.used) where catalog[place].isThere {
    catalog.remove(place)
  }
  require(catalog.totals == Catalog.Totals(), "nothing is left")
}

extension Fuzzer {
  /// In: a film in parts. Holds: a film that grows while it is walked over, read in short pieces,
  /// is in the end the film that is walked over at once; what is kept of it is whole.
  static let films = Fuzzer("films", longest: 6000) {
    func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
      [0, 0, UInt8((8 + body.count) >> 8), UInt8((8 + body.count) & 255)] + text(type) + body
    }
    let zeros = [UInt8](repeating: 0, count: 12)
    let scale = box("mdhd", zeros + [0, 1, 0x5F, 0x90])
    let handler = box("hdlr", [0, 0, 0, 0, 0, 0, 0, 0] + text("vide"))
    let track = box("tkhd", zeros + [0, 0, 0, 1]) + box("mdia", scale + handler)
    let defaults = box("mvex", box("trex", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 3, 0xE8]))
    let head = box("ftyp", text("iso5")) + box("moov", box("trak", track) + defaults)
    let run = box("trun", [0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 9])
    let fragment = box("traf", box("tfhd", [0, 0, 0, 0, 0, 0, 0, 1]) + run)
    let part = box("moof", fragment) + box("mdat", [1, 2, 3])
    return [
      head + part + part, head + part.dropLast(), head + [0, 0, 0, 1] + text("mdat") + zeros,
    ]
  } run: { bytes in
    withCopy(bytes) { bytes in
      let (whole, grown) = (walked(.init(bytes), sizes: [bytes.count]), growing(.init(bytes)))
      require(told(whole, bytes.count) == told(grown, bytes.count), "growing changes nothing")
      require(whole.end <= UInt64(bytes.count), "the end lies in the film")
      // Cut to its whole parts, as a film that was left unfinished is.
      guard whole.parts > 0 else { return }
      let cut = UnsafeRawBufferPointer(rebasing: bytes[..<Int(whole.end)])
      let again = walked(cut, sizes: [cut.count])
      require(again.condition(size: whole.end) == .whole, "a cut film is whole")
      require(again.parts == whole.parts && again.durationMs == whole.durationMs, "as long")
    }
  }
}

private func growing(_ bytes: UnsafeRawBufferPointer) -> FragmentedMP4 {
  var sizes: [Int] = []
  chopped(bytes) { sizes.append((sizes.last ?? 0) + $0.count) }
  return walked(bytes, sizes: sizes)
}

private nonisolated(unsafe) let window = UnsafeMutableRawBufferPointer.allocate(
  byteCount: FragmentedMP4.windowSize, alignment: 16)

private func walked(_ bytes: UnsafeRawBufferPointer, sizes: [Int]) -> FragmentedMP4 {
  var film = FragmentedMP4()
  for size in sizes {
    var steps = 0
    var isDone = false
    while !isDone {
      steps += 1
      require(steps <= bytes.count / 8 + 2, "each step goes on")
      isDone = film.advance(size: UInt64(size), boxes: 1, window: window) { offset, room in
        require(offset < UInt64(size), "nothing is read behind the end")
        // In short pieces, as a disk may give them.
        let count = min(sizes.count > 1 ? 61 : room.count, min(room.count, size - Int(offset)))
        let from = UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset) + count])
        room.copyMemory(from: from)
        return count
      }
    }
  }
  return film
}

private func told(_ film: FragmentedMP4, _ size: Int) -> String {
  "\(film.end) \(film.parts) \(film.isMP4) \(film.hasHeader) \(film.durationMs) "
    + "\(film.condition(size: UInt64(size)))"
}

extension Fuzzer {
  /// In: a file's name. Holds: a name that is read is written again as it is; only such names have
  /// a kind.
  static let names = Fuzzer("names", longest: 64) {
    [
      text("2026-11-22_07-00-00-123456_0a1b2c3d-7.mp4"),
      text("1970-01-01_00-00-00-000000_00000000-0.jpg"),
      text("2024-02-29_23-59-59-999999_ffffffff-999999999.mp4"), text("film.mp4"),
    ]
  } run: { bytes in
    let name = Text<56>(bytes)
    let kind = SegmentName.kind(of: name)
    guard let segment = SegmentName(name) else { return }
    require(segment.wallMs / 1000 < 253_402_300_800, "a year of four digits")
    guard let kind else { return }
    let micros = (20..<26).reduce(UInt64(0)) { $0 * 10 + UInt64(name[$1] - 48) } % 1000
    let again = segment.text(kind, micros: micros)
    // A life may be written with zeros in front.
    require(SegmentName(again) == segment, "the same name")
    require(again == name || again.count < name.count, "written as it was read")
  }
}
