import Appliance
import Foundation
import Testing
import Wire

@testable import Linux

/// Two files that are written alternately, in every state that a power cut or a worn card leaves.
@Suite struct KeptBlobTests {
  private let place: KeeperPlace
  private let memory = KeeperMemory()

  init() throws { place = try KeeperPlace() }

  private struct Found {
    var news: BlobNews
    var bytes: [UInt8]
    var next: KeptBlob
  }

  private func load(_ blob: Blob = .clients) -> Found {
    var kept = KeptBlob(blob, place.folder, memory)
    let (news, bytes) = kept.load()
    return Found(news: news, bytes: Array(bytes), next: kept)
  }

  private func put(_ bytes: [UInt8], _ kept: inout KeptBlob) -> KeeperOutcome {
    bytes.withUnsafeBytes { KeeperOutcome(kept.put($0)) }
  }

  private func file(_ sequence: UInt64, _ bytes: [UInt8], _ blob: Blob = .clients) -> [UInt8] {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 32_768, alignment: 8)
    defer { room.deallocate() }
    return bytes.withUnsafeBytes { Array(BlobCopy.sealed(blob, sequence: sequence, $0, in: room)) }
  }

  private func write(a: [UInt8]?, b: [UInt8]?) throws {
    try write(a, "clients.a")
    try write(b, "clients.b")
    try write(nil, "clients.damaged")
  }

  private func write(_ bytes: [UInt8]?, _ name: String) throws {
    try place.write(bytes, "access/" + name)
  }

  private static let old: [UInt8] = Array("the keys of yesterday".utf8)
  private static let new: [UInt8] = Array("the keys of today".utf8)

  @Test func theLayoutIsWhatItWas() {
    let file = file(7, [1, 2, 3])
    #expect(
      file.prefix(20) == [
        0x57, 0x50, 0x41, 0x42, 1, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
      ])
    #expect(file.suffix(3) == [1, 2, 3] && file.count == 27)
    let head = Array(file[..<20] + file[24...])
    let sum = head.withUnsafeBytes { CRC32C.of($0) }
    #expect(Array(file[20..<24]) == (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) })
  }

  @Test func theNewerVersionWins() throws {
    for (a, b) in [(1, 2), (2, 1), (9, 10), (UInt64.max - 1, 1)] as [(UInt64, UInt64)] {
      try write(a: file(a, Self.old), b: file(b, Self.new))
      let found = load()
      #expect(found.news.state == .loaded && found.news.copies == BlobCopies())
      #expect(found.bytes == (a > b ? Self.old : Self.new))
      #expect(found.news.sequence == max(a, b))
    }
  }

  @Test func versionsTurnAbout() throws {
    var kept = load().next
    #expect(load().news.state == .none)
    for round in UInt8(1)...9 {
      let bytes = [UInt8](repeating: round, count: Int(round) * 100)
      #expect(put(bytes, &kept) == .done)
      let found = load()
      #expect(found.bytes == bytes && found.news.copies == BlobCopies())
    }
    // Two copies from the first time on, then one each time.
    #expect(load().news.sequence == 10)
  }

  @Test func aShorterVersionLeavesNothingOfALongerOne() throws {
    var kept = load().next
    for bytes in [[UInt8](repeating: 0xAA, count: 20_480), [], []] {
      #expect(put(bytes, &kept) == .done)
    }
    #expect(place.read("access/clients.a")?.contains(0xAA) == false)
    #expect(place.read("access/clients.b")?.count == 24)
    #expect(load().news.state == .loaded && load().bytes == [])
  }

  @Test func whatWasNotCutYetIsRight() throws {
    try write(a: file(3, Self.new) + Self.old, b: file(2, Self.old))
    #expect(load().bytes == Self.new)
    try write(a: file(3, Self.new) + [UInt8](repeating: 7, count: 30_000), b: nil)
    #expect(load().bytes == Self.new)
  }

  @Test func everyTruncationOfTheNewerGivesTheOlder() throws {
    let newer = file(5, Self.new)
    for length in 0..<newer.count {
      try write(a: file(4, Self.old), b: Array(newer.prefix(length)))
      let found = load()
      #expect(found.news.state == .loaded && found.bytes == Self.old, "\(length) bytes")
      #expect(found.news.copies == .bDamaged)
      // It was mended: the next start finds two copies.
      #expect(place.read("access/clients.b") == file(5, Self.old))
      #expect(load().news.copies == BlobCopies())
    }
  }

  @Test func everyTruncationOfTheOlderChangesNothing() throws {
    let older = file(4, Self.old)
    for length in 0..<older.count {
      try write(a: Array(older.prefix(length)), b: file(5, Self.new))
      let found = load()
      #expect(found.news.copies == .aDamaged && found.bytes == Self.new, "\(length) bytes")
      #expect(place.read("access/clients.a") == file(6, Self.new))
    }
  }

  @Test func everyFlippedBitIsFound() throws {
    let newer = file(5, Self.new)
    for bit in 0..<newer.count * 8 {
      var flipped = newer
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      try write(a: flipped, b: file(4, Self.old))
      let found = load()
      #expect(found.bytes == Self.old && found.news.copies == .aDamaged, "bit \(bit)")
    }
  }

  @Test(arguments: 0..<8) func whateverHappensToThemNothingElseIsRead(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed))
    for _ in 0..<100 {
      var files = [file(4, Self.old), file(5, Self.new)]
      var isWhole = [true, true]
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let which = Int.random(in: 0...1, using: &random)
        isWhole[which] = false
        guard !files[which].isEmpty else { continue }
        let at = Int.random(in: 0..<files[which].count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: files[which].removeSubrange(at...)
        case 1: files[which][at] ^= UInt8.random(in: 1...255, using: &random)
        case 2: for index in at..<files[which].count { files[which][index] = 0 }
        default: files[which].swapAt(at, files[which].count - 1)
        }
        isWhole[which] = files[which] == [file(4, Self.old), file(5, Self.new)][which]
      }
      try write(a: files[0], b: files[1])
      let found = load()
      switch (isWhole[0], isWhole[1]) {
      case (_, true): #expect(found.bytes == Self.new)
      case (true, false): #expect(found.bytes == Self.old)
      case (false, false):
        #expect(found.news.state == .damaged && found.bytes == [])
        #expect(found.news.copies.contains(.aDamaged) && found.news.copies.contains(.bDamaged))
        let length = UInt32(files[0].count)
        let head = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        #expect(place.read("access/clients.damaged") == head + files[0] + files[1])
        // And the place can be used again.
        var next = found.next
        #expect(put(Self.new, &next) == .done && load().bytes == Self.new)
      }
    }
  }

  @Test func twinsAreToldAndSetAside() throws {
    let (a, b) = (file(5, Self.old), file(5, Self.new))
    try write(a: a, b: b)
    let found = load()
    #expect(found.news.state == .loaded && found.bytes == Self.old)
    #expect(found.news.copies == .twins)
    #expect(place.read("access/clients.damaged")?.dropFirst(4) == ArraySlice(a + b))
    #expect(load().news.copies == BlobCopies() && load().bytes == Self.old)
    try write(a: a, b: a)
    #expect(load().news.copies == BlobCopies())
    #expect(!place.exists("access/clients.damaged"))
  }

  @Test func aFileOfAnotherKindIsDamaged() throws {
    let key = [UInt8](repeating: 9, count: 32)
    for (bytes, blob) in [(file(1, key, .device), Blob.clients), (file(1, key), .device)] {
      try write(bytes, "\(blob.name).a")
      #expect(load(blob).news.state == .damaged)
    }
    try write(file(1, key, .device), "device.a")
    #expect(load(.device).bytes == key)
  }

  @Test func whatCannotBeReadIsNotWrittenOver() throws {
    // A folder in its place: EISDIR stands for what a worn card says.
    try write([1], "clients.a/x")
    try write([1], "clients.b/x")
    var found = load()
    #expect(found.news.state == .unreadable && found.news.errno == 21)
    #expect(found.news.copies.contains(.aUnreadable))
    #expect(put(Self.new, &found.next) == .failing)
    #expect(place.exists("access/clients.a/x") && !place.exists("access/clients.damaged"))
    try FileManager.default.removeItem(at: place.access.appending(path: "clients.a"))
    try write(file(8, Self.old), "clients.a")
    #expect(put(Self.new, &found.next) == .failing, "it has not been read yet")
    #expect(load().bytes == Self.old)
  }

  @Test func withoutAPartitionNothingIsKnown() throws {
    try FileManager.default.removeItem(at: place.card)
    var found = load()
    #expect(found.news.state == .unreadable && found.news.storing == .missing)
    #expect(put(Self.new, &found.next) != .done)
  }
}
