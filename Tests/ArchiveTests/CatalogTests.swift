import Testing
import Wire

@testable import Archive

@Suite struct CatalogTests {
  let memory = CatalogMemory()

  private func filled(_ ids: ClosedRange<UInt64>) -> Catalog {
    var catalog = memory.catalog()
    for id in ids { catalog.put(Made.entry(id), ageS: UInt32(id)) }
    return catalog
  }

  @Test func filesAreFoundByName() throws {
    var catalog = filled(1...500)
    let entry = Made.entry(77)
    let place = try #require(
      told(catalog.find(.recording, camera: entry.camera, name: entry.name)))
    #expect(catalog.entry(place) == entry)
    #expect(told(catalog.find(.snapshot, camera: entry.camera, name: entry.name)) == nil)
    #expect(told(catalog.find(.recording, camera: Made.text("cam-2"), name: entry.name)) == nil)
    catalog.remove(place)
    #expect(told(catalog.find(.recording, camera: entry.camera, name: entry.name)) == nil)
    // The same name again is another file.
    let again = try #require(told(catalog.add(.recording, camera: entry.camera, name: entry.name)))
    #expect(catalog[again].id == 501)
    #expect(told(catalog.find(.recording, camera: entry.camera, name: entry.name)) == again)
  }

  @Test func aRecordThatCannotBeRightIsNotTaken() {
    var catalog = memory.catalog()
    for (camera, name) in [("..", "a.mp4"), ("cam", "../x.mp4"), ("", "a.mp4"), ("cam", "")] {
      var entry = Made.entry(1)
      entry.camera = Made.text(camera)
      entry.name = Made.text(name)
      #expect(told(catalog.put(entry, ageS: 0)) == nil)
    }
    var entry = Made.entry(0)
    #expect(told(catalog.put(entry, ageS: 0)) == nil)
    entry = Made.entry(9)
    entry.state = Code(rawValue: 99)
    #expect(told(catalog.put(entry, ageS: 0)) == nil)
    // Told to clients only.
    entry.state = Code(.unchecked)
    #expect(told(catalog.put(entry, ageS: 0)) == nil)
    #expect(catalog.totals == Catalog.Totals())
  }

  @Test func noIdIsGivenTwice() throws {
    var catalog = memory.catalog()
    // As a compacted index tells it: file 9 is gone.
    catalog.keepBelow(10)
    catalog.put(Made.entry(3), ageS: 0)
    catalog.put(Made.entry(5), ageS: 0)
    #expect(told(catalog.put(Made.entry(4), ageS: 0)) == nil, "out of order")
    let place = try #require(
      told(catalog.add(.recording, camera: Made.text("cam"), name: Made.text("x.mp4"))))
    #expect(catalog[place].id == 10)
    #expect(catalog.totals.files == 3)
  }

  /// A file that somebody has put there may be torn: nothing is said of it before it was read.
  @Test func whatHasNotBeenLookedAtIsNotComplete() throws {
    var catalog = memory.catalog()
    let camera: Name = Made.text("cam")
    let place = try #require(
      told(catalog.addFound(.recording, camera: camera, name: Made.text("x.mp4"), key: 1)))
    catalog.update(place) { file in
      file.state = .complete
      file.isUnchecked = true
    }
    #expect(catalog.entry(place).state == .unchecked)
    catalog.update(place) { $0.isUnchecked = false }
    #expect(catalog.entry(place).state == .complete)
  }

  @Test func totalsFollowEveryChange() throws {
    var catalog = filled(1...3)
    #expect(catalog.totals.files == 3)
    #expect(catalog.totals.recordingBytes == 3006)
    #expect(catalog.totals.closedBytes == 3006)
    catalog.update(0) { $0.state = .open }
    #expect(catalog.totals.closedBytes == 2005)
    catalog.update(0) {
      $0.bytes = 5000
      $0.state = .damaged
    }
    #expect(catalog.totals.closedBytes == 7005)
    #expect(catalog.totals.recordings == 2)
    catalog.remove(0)
    #expect(catalog.totals.closedBytes == 2005)
    #expect(catalog.totals.files == 2)
    let place = try #require(
      told(catalog.add(.snapshot, camera: Made.text("cam"), name: Made.text("a.jpg"))))
    catalog.update(place) { $0.bytes = 9 }
    #expect(catalog.totals.snapshots == 1)
    #expect(catalog.totals.snapshotBytes == 9)
  }

  @Test func pagesComeNewestFirst() {
    let catalog = filled(1...120)
    let (head, first) = catalog.list()
    #expect(head.known == 120)
    #expect(first.map(\.id) == (71...120).reversed())
    let (_, second) = catalog.list { $0.cursor = head.nextCursor }
    #expect(second.map(\.id) == (21...70).reversed())
    let (last, third) = catalog.list { $0.cursor = 21 }
    #expect(third.map(\.id) == (1...20).reversed())
    #expect(last.nextCursor == 0)
    let (none, empty) = catalog.list { $0.cursor = 1 }
    #expect(empty.isEmpty && none.nextCursor == 0)
  }

  @Test func aFullLastPageHasNoNext() {
    let catalog = filled(1...100)
    let (head, _) = catalog.list { $0.limit = 100 }
    #expect(head.nextCursor == 0)
    let (first, _) = catalog.list { $0.limit = 99 }
    #expect(first.nextCursor == 2)
  }

  @Test func filesThatComeAndGoDoNotDisturbAWalk() throws {
    for oldestFirst in [false, true] {
      var catalog = filled(1...400)
      var random = SystemRandomNumberGenerator()
      var seen: [UInt64] = []
      var removed: Set<UInt64> = []
      var cursor: UInt64 = 0
      repeat {
        let (head, entries) = catalog.list {
          $0.limit = 7
          $0.cursor = cursor
          $0.oldestFirst = oldestFirst
        }
        seen += entries.map(\.id)
        cursor = head.nextCursor
        // Some go, the cursor's own among them, and some come.
        for id in [cursor, UInt64.random(in: 1...400, using: &random)] {
          if let place = catalog.place(ofID: id) {
            catalog.remove(place)
            removed.insert(id)
          }
        }
        if !oldestFirst { catalog.put(Made.entry(catalog.idToCome), ageS: 0) }
      } while cursor != 0
      #expect(Set(seen).count == seen.count, "none is told twice")
      #expect(seen == (oldestFirst ? seen.sorted() : seen.sorted().reversed()))
      #expect(Set(1...400).subtracting(removed).isSubset(of: Set(seen)), "none is left out")
    }
  }

  @Test func filtersLeaveOutTheRest() throws {
    var catalog = memory.catalog()
    for id in UInt64(1)...300 {
      var entry = Made.entry(id, camera: "cam-\(id % 3)")
      entry.unixMs = id % 10 == 0 ? 0 : 1_000_000 + id
      if id % 5 == 0 {
        entry.kind = Code(.snapshot)
        entry.name = Made.text("\(id).jpg")
      }
      #expect(told(catalog.put(entry, ageS: 0)) != nil)
    }
    let (_, camera) = catalog.list {
      $0.camera = Made.text("cam-1")
      $0.limit = 1000
    }
    #expect(camera.count == 100 && camera.allSatisfy { $0.id % 3 == 1 })
    let (_, snapshots) = catalog.list {
      $0.kind = .snapshot
      $0.limit = 1000
    }
    #expect(snapshots.count == 60 && snapshots.allSatisfy { $0.id % 5 == 0 })
    let (_, time) = catalog.list {
      $0.fromUnixMs = 1_000_101
      $0.untilUnixMs = 1_000_111
      $0.oldestFirst = true
    }
    #expect(time.map(\.id) == Array(101...109), "110 has no date")
    let (_, until) = catalog.list { $0.untilUnixMs = 1_000_003 }
    #expect(until.map(\.id) == [2, 1])
    let (none, nothing) = catalog.list { $0.camera = Made.text("nobody") }
    #expect(nothing.isEmpty && none.nextCursor == 0 && none.known == 300)
  }

  @Test func aBootIsDatedAndDatedAnew() {
    var catalog = memory.catalog()
    for id in UInt64(1)...4 {
      catalog.put(Made.entry(id, boot: id <= 2 ? 1 : 2), ageS: 0)
    }
    #expect(told(catalog.date(boot: 1, originMs: 1_700_000_000_000)) == 2)
    #expect(catalog.entry(1).unixMs == 1_700_000_120_000)
    #expect(catalog.entry(2).unixMs == 0, "another boot's")
    // Ten years forward and back again.
    let years: UInt64 = 315_360_000_000
    catalog.date(boot: 2, originMs: 1_700_000_000_000 + years)
    catalog.date(boot: 2, originMs: 1_700_000_000_000 - years)
    #expect(catalog.entry(3).unixMs == 1_700_000_240_000 - years)
    #expect(catalog.entry(0).unixMs == 1_700_000_060_000)
    #expect(catalog.list().1.map(\.id) == [4, 3, 2, 1], "no clock changes the order")
  }

  @Test func foundFilesAreOrderedAmongThemselves() throws {
    var catalog = filled(1...2)
    let camera: Name = Made.text("cam-9")
    var random = SystemRandomNumberGenerator()
    let keys = (UInt64(1)...200).shuffled(using: &random)
    for (index, key) in keys.enumerated() {
      // A segment begins while the folders are read.
      if index == 100 { _ = catalog.put(Made.entry(catalog.idToCome), ageS: 0) }
      let name: Text<56> = Made.text("\(key).mp4")
      let place = try #require(
        told(catalog.addFound(.recording, camera: camera, name: name, key: key)))
      catalog.update(place) { $0.bytes = key }
    }
    catalog.orderFound()
    let (_, entries) = catalog.list {
      $0.limit = 1000
      $0.oldestFirst = true
    }
    #expect(entries.map(\.id) == Array(1...203))
    #expect(entries.filter { $0.camera == camera }.map(\.bytes) == Array(1...200))
    #expect(entries[102].camera == Made.entry(1).camera, "keeps its place")
    for key in UInt64(1)...200 {
      let place = catalog.find(.recording, camera: camera, name: Made.text("\(key).mp4"))
      #expect(place.map { catalog[$0].bytes } == key)
    }
  }

  @Test func anOrderInDoubtIsMadeFromDates() {
    var catalog = memory.catalog()
    for (id, unixMs) in [(1, 300), (2, 100), (3, 200), (4, 50)] as [(UInt64, UInt64)] {
      var entry = Made.entry(id)
      entry.unixMs = unixMs
      catalog.put(entry, ageS: 0)
    }
    catalog.remove(0)
    catalog.doubtOrder()
    catalog.orderFound()
    #expect(catalog.list().1.map(\.unixMs) == [200, 100, 50])
    #expect(catalog[catalog.oldest].unixMs == 50)
  }

  @Test func manyFilesComeAndGoForGood() throws {
    var catalog = memory.catalog()
    let camera: Name = Made.text("cam")
    for number in 0..<400_000 {
      let place = try #require(
        told(catalog.add(.recording, camera: camera, name: Made.text("\(number).mp4"))))
      catalog.update(place) {
        $0.bytes = 3
        $0.state = .complete
      }
      if number >= 1000 { catalog.remove(catalog.oldest) }
    }
    #expect(catalog.totals.files == 1000)
    #expect(catalog.totals.closedBytes == 3000)
    #expect(told(catalog.find(.recording, camera: camera, name: Made.text("399500.mp4"))) != nil)
    #expect(told(catalog.find(.recording, camera: camera, name: Made.text("398999.mp4"))) == nil)
    #expect(catalog.list().1.first?.id == 400_000)
  }

  @Test func aFullCatalogTakesNoMore() throws {
    var catalog = memory.catalog()
    let camera: Name = Made.text("cam")
    for number in 0..<Catalog.capacity {
      _ = try #require(
        told(catalog.add(.recording, camera: camera, name: Made.text("\(number).mp4"))))
    }
    #expect(told(catalog.add(.recording, camera: camera, name: Made.text("x.mp4"))) == nil)
    catalog.remove(catalog.oldest)
    #expect(told(catalog.add(.recording, camera: camera, name: Made.text("x.mp4"))) != nil)
  }
}
