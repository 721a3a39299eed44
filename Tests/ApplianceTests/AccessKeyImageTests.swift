import Testing
import Wire

@testable import Appliance

@Suite struct AccessKeyImageTests {
  private let whole: [UInt8] = AccessKeyImageTests.table().image

  private func table() -> KeyTable { Self.table() }

  private static func table() -> KeyTable {
    let table = KeyTable.withAdmin()
    table.add("anna", 1, .operator, KeyLimits(rate: 9, slots: 3, flags: .loadTest))
    table.add("gone", 2)
    table.add("bert", 3)
    table.rotate("bert", to: 4)
    table.remove("gone")
    return table
  }

  private func load(_ image: [UInt8]) -> KeyImageError? { KeyTable(isLoaded: false).load(image) }

  /// The image with bytes changed, under the right checksum.
  private func forged(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var image = whole
    change(&image)
    let sum = image.dropLast(4).withUnsafeBytes { CRC32C.of($0) }
    return image.dropLast(4) + withUnsafeBytes(of: sum.littleEndian) { [UInt8]($0) }
  }

  /// The offset of a field of an entry.
  private func at(_ entry: Int, _ offset: Int) -> Int { 16 + 224 * entry + offset }

  @Test func everythingComesBack() throws {
    let table = table()
    let copy = KeyTable(isLoaded: false)
    table.now = table.now + 1000
    #expect(copy.load(table.image) == nil)
    #expect(copy.isLoaded && !copy.takeChange() && copy.hasAdmin)
    #expect(copy.entries == table.entries && copy.entries.count == 3)
    for key in [0, 1, 3, 4] {
      let handle = try #require(copy.find(key))
      #expect(copy.secret(handle) == KeyTable.secret(key))
    }
    #expect(copy.find(2) == nil)
    #expect(copy.deadline == copy.now + 599_000, "time in which it was off does not count")
    let (old, new) = (try #require(copy.find(3)), try #require(copy.find(4)))
    #expect(copy.used(new) && !copy.isCurrent(old))
    let anna = try #require(copy.find(1))
    #expect((0..<20).count { _ in copy.spend(anna) } == 9)
    #expect((0..<20).count { _ in copy.enter(anna) } == 3)
  }

  @Test func theLargestFits() {
    let table = KeyTable.withAdmin()
    for number in 1..<64 { table.add(Name("key-\(number)"), number) }
    #expect(table.image.count == ClientKeys.imageCapacity)
    #expect(ClientKeys.imageCapacity <= Limits.payloadSize - 16)
    let copy = KeyTable(isLoaded: false)
    #expect(copy.load(table.image) == nil && copy.count == 64)
  }

  @Test func noKeysAreAnImageToo() {
    let copy = KeyTable(isLoaded: false)
    #expect(copy.load(KeyTable().image) == nil && copy.isLoaded && copy.count == 0)
  }

  @Test func everyFlippedBitIsFound() {
    let image = table().image
    let target = KeyTable(isLoaded: false)
    for bit in 0..<image.count * 8 {
      var damaged = image
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(target.load(damaged) == (bit < 32 ? .magic : .checksum))
    }
    #expect(!target.isLoaded && target.count == 0 && target.load(image) == nil)
  }

  @Test func everyLengthButItsOwnIsFound() {
    let image = table().image
    let target = KeyTable(isLoaded: false)
    for length in 0..<image.count { #expect(target.load(Array(image.prefix(length))) != nil) }
    #expect(target.load(image + [0]) == .checksum)
    #expect(target.load(image + image) == .checksum)
    #expect(target.load([]) == .length && !target.isLoaded)
  }

  /// A right checksum proves nothing.
  @Test func nothingInItIsTrusted() {
    #expect(load(forged { _ in }) == nil)
    #expect(load(forged { $0[4] = 2 }) == .version(2))
    #expect(load(forged { $0[6] = 65 }) == .count(65))
    #expect(load(forged { $0[6] = 2 }) == .length)
    #expect(load(forged { $0[6] = 4 }) == .length)
    #expect(load(forged { $0[15] = 1 }) == .reserved(entry: 0))
    #expect(load(forged { $0[at(1, 0)] = 0 }) == .reserved(entry: 1))
    #expect(load(forged { $0[at(1, 31)] = 1 }) == .reserved(entry: 1))
    #expect(load(forged { $0[at(1, 63)] = 1 }) == .reserved(entry: 1))
    #expect(load(forged { $0[at(2, 223)] = 1 }) == .reserved(entry: 2))
    #expect(load(forged { $0.zero(at(1, 0), 32) }) == .name(entry: 1))
    #expect(load(forged { $0[at(1, 0)] = 0x41 }) == .name(entry: 1))
    #expect(load(forged { $0[at(1, 32)] = 0x20 }) == .addedBy(entry: 1))
    #expect(load(forged { $0.zero(at(1, 32), 32) }) == nil, "it came by pairing")
    #expect(load(forged { $0[at(1, 210)] = 0 }) == .role(entry: 1))
    #expect(load(forged { $0[at(1, 210)] = 4 }) == .role(entry: 1))
    #expect(load(forged { $0[at(0, 210)] = 2 }) == .noAdmin)
    #expect(load(forged { $0[at(1, 211)] = 2 }) == .flags(entry: 1))
    #expect(load(forged { $0.zero(at(1, 64), 32) }) == .key(entry: 1))
    #expect(load(forged { $0.zero(at(1, 96), 32) }) == .key(entry: 1))
    #expect(load(forged { $0.zero(at(2, 128), 32) }) == .key(entry: 2))
    #expect(load(forged { $0.zero(at(2, 160), 32) }) == .key(entry: 2))
    #expect(load(forged { $0[at(2, 203)] = 1 }) == .former(entry: 2))
    #expect(load(forged { $0[at(1, 200)] = 1 }) == .former(entry: 1))
    #expect(load(forged { $0.copy(at(0, 0), at(1, 0)) }) == .nameTwice(entry: 1))
    #expect(load(forged { $0.copy(at(0, 64), at(2, 64)) }) == .keyTwice(entry: 2))
    #expect(load(forged { $0.copy(at(0, 64), at(2, 128)) }) == .keyTwice(entry: 2))
    #expect(load(forged { $0.copy(at(2, 64), at(2, 128)) }) == .keyTwice(entry: 2))
    #expect(
      load(forged { $0.copy(at(2, 128), at(1, 128), 84) }) == .keyTwice(entry: 2),
      "two clients with one former key")
  }

  /// Whatever bytes come with a right checksum: refused, or what is written back is the same.
  @Test(arguments: UInt64(1)...4) func arbitraryForgeries(seed: UInt64) {
    var random = SplitMix(state: seed)
    var taken = 0
    for _ in 0..<2000 {
      let image = forged { image in
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          image[Int.random(in: 0..<image.count - 4, using: &random)] =
            UInt8.random(in: 0...255, using: &random)
        }
      }
      let target = KeyTable(isLoaded: false)
      guard target.load(image) == nil else {
        #expect(!target.isLoaded && target.entries.isEmpty)
        continue
      }
      taken += 1
      #expect(target.image == image && target.hasAdmin)
    }
    #expect(taken > 100, "keys and times may be any")
  }
}

extension [UInt8] {
  fileprivate mutating func zero(_ start: Int, _ size: Int) {
    for index in start..<start + size { self[index] = 0 }
  }
  fileprivate mutating func copy(_ from: Int, _ to: Int, _ size: Int = 32) {
    for index in 0..<size { self[to + index] = self[from + index] }
  }
}
