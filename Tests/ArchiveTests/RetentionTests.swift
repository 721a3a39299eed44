import Testing
import Wire

@testable import Archive

@Suite struct RetentionTests {
  let memory = CatalogMemory()

  /// Files of 1000 bytes that began at these ages.
  private func catalog(_ ages: [UInt32]) -> Catalog {
    var catalog = memory.catalog()
    for (index, age) in ages.enumerated() {
      var entry = Made.entry(UInt64(index + 1))
      entry.bytes = 1000
      catalog.put(entry, ageS: age)
    }
    return catalog
  }

  /// Ids of what goes, in order, until nothing more may.
  private func gone(
    _ catalog: inout Catalog, _ policy: RetentionPolicy, ageS: UInt32
  ) -> [UInt64] {
    var ids: [UInt64] = []
    while let place = Retention(policy).next(in: catalog, ageS: ageS) {
      ids.append(catalog[place].id)
      catalog.remove(place)
    }
    return ids
  }

  @Test func withoutAPolicyNothingGoes() {
    var catalog = catalog([0, 1, 2])
    #expect(gone(&catalog, RetentionPolicy(), ageS: .max) == [])
  }

  @Test func ageCountsTimeOfRunning() {
    var catalog = catalog([0, 100, 200, 300])
    let policy = RetentionPolicy(maximumAgeS: 60)
    #expect(gone(&catalog, policy, ageS: 59) == [])
    #expect(gone(&catalog, policy, ageS: 159) == [1])
    #expect(gone(&catalog, policy, ageS: 260) == [2, 3])
  }

  @Test func noWallClockHasASay() {
    let years: UInt64 = 315_360_000_000
    let origins: [UInt64] = [0, 1_700_000_000_000 + years, 1_700_000_000_000 - years, .max / 2]
    for originMs in origins {
      var catalog = catalog([0, 100, 200])
      catalog.date(boot: 3, originMs: originMs)
      #expect(gone(&catalog, RetentionPolicy(maximumAgeS: 150), ageS: 155) == [1])
      #expect(
        gone(&catalog, RetentionPolicy(maximumBytes: 1000), ageS: 155) == [2],
        "the oldest first, whatever its date")
    }
  }

  @Test func sizeTakesTheOldest() {
    var catalog = catalog([0, 0, 0, 0, 0])
    #expect(gone(&catalog, RetentionPolicy(maximumBytes: 2500), ageS: 0) == [1, 2, 3])
  }

  @Test func whatIsWrittenStaysAndIsNotCounted() {
    var catalog = catalog([0, 0, 0])
    catalog.update(0) { $0.state = .open }
    #expect(gone(&catalog, RetentionPolicy(maximumBytes: 2000), ageS: 0) == [])
    #expect(gone(&catalog, RetentionPolicy(maximumBytes: 1000), ageS: 0) == [2])
    #expect(gone(&catalog, RetentionPolicy(maximumAgeS: 60), ageS: 1000) == [3])
    #expect(catalog.totals.files == 1)
  }

  @Test func damagedFilesGoLikeOthersAndStuckOnesAreLeftOut() {
    var catalog = catalog([0, 0, 0])
    catalog.update(0) { $0.isStuck = true }
    catalog.update(1) { $0.state = .damaged }
    #expect(gone(&catalog, RetentionPolicy(maximumAgeS: 60), ageS: 60) == [2, 3])
  }
}
