import Testing
import Wire

@testable import Appliance

@Suite struct AccessAdmissionTests {
  /// The table in memory of its own.
  private final class Door {
    private let entries = UnsafeMutableBufferPointer<HandshakeAdmission.Entry>.allocate(
      capacity: HandshakeAdmission.addresses)
    private let heads = UnsafeMutableBufferPointer<UInt16>.allocate(
      capacity: HandshakeAdmission.addresses)
    private var admission: HandshakeAdmission
    var now = Instant(ms: 1_000_000)

    init(seed: UInt32 = 0x1234_5678) {
      admission = HandshakeAdmission(entries, heads: heads, seed: seed)
    }

    deinit {
      entries.deallocate()
      heads.deallocate()
    }

    func ask(_ address: IPv4) -> HandshakeAdmission.Answer { admission.ask(address, now: now) }
    func opened(_ address: IPv4) { admission.opened(from: address, now: now) }
    func admits(_ address: IPv4) -> Bool { ask(address) == .admit }
    /// Admitted, refused for the address, refused for the device.
    var counts: [UInt64] {
      [admission.admitted, admission.addressRefused, admission.deviceRefused]
    }
  }

  private let client = IPv4(192, 168, 1, 7)

  @Test func anAddressHasEightAndFourASecond() {
    let door = Door()
    #expect((0..<20).count { _ in door.admits(client) } == 8)
    #expect(door.ask(client) == .wait(ms: 250) && door.counts == [8, 13, 0])
    door.now = door.now + 249
    #expect(door.ask(client) == .wait(ms: 1))
    door.now = door.now + 1
    #expect(door.admits(client) && door.ask(client) == .wait(ms: 250))
    door.now = door.now + 1000
    #expect((0..<20).count { _ in door.admits(client) } == 4)
    door.now = door.now + 3_600_000
    #expect((0..<20).count { _ in door.admits(client) } == 8)
  }

  @Test func theDeviceHas64AndOneHundredASecond() {
    let door = Door()
    let friends = (0..<64).map { IPv4(10, 0, 0, UInt8($0)) }
    for friend in friends { door.opened(friend) }
    func round() -> Int { (0..<4).reduce(0) { sum, _ in sum + friends.count { door.admits($0) } } }
    #expect(round() == 64, "known addresses may have all of it")
    #expect(door.ask(friends[63]) == .wait(ms: 10))
    door.now = door.now + 1000
    #expect(round() == 64, "no more is saved up")
    door.now = door.now + 100
    #expect(round() == 10)
  }

  @Test func strangersLeaveAShareToKnownAddresses() {
    let door = Door()
    door.opened(client)
    let strangers = (0..<200).map { IPv4(10, 0, 1, UInt8($0)) }
    #expect(strangers.count { door.admits($0) } == 48, "64 less 16")
    #expect(door.ask(IPv4(10, 0, 2, 1)) == .wait(ms: 10))
    #expect((0..<20).count { _ in door.admits(client) } == 8)
    // Whoever has used up its own gets less of what is left.
    door.now = door.now + 400
    #expect((0..<7).count { _ in door.admits(strangers[0]) } < 7)
    #expect(strangers[100..<120].count { door.admits($0) } > 10)
  }

  /// 2000 handshakes a second from 50 addresses.
  @Test func aFloodLocksNobodyOut() {
    let door = Door()
    door.opened(client)
    var random = SplitMix(state: 7)
    let start = door.counts[0]
    for second in 0..<60 {
      for step in 0..<1000 {
        door.now = door.now + 1
        for _ in 0..<2 {
          _ = door.ask(IPv4(10, 0, 1, UInt8.random(in: 0..<50, using: &random)))
        }
        // A paired client opens two connections a second, and somebody new comes now and then.
        if step % 500 == 250 { #expect(door.admits(client)) }
        if step == 700 { #expect(door.admits(IPv4(172, 16, 0, UInt8(second)))) }
      }
    }
    let admitted = door.counts[0] - start
    #expect(admitted <= 64 + 60 * 100, "at most 100 a second are computed")
    #expect(admitted > 5000, "what nobody else needs, strangers may have")
  }

  /// From ever new addresses, more than there are entries.
  @Test func aFloodOfAddressesPushesOutNoKnownOne() {
    let door = Door()
    let friends = (0..<64).map { IPv4(192, 168, 0, UInt8($0)) }
    for friend in friends { door.opened(friend) }
    for number in 0..<100_000 as Range<UInt32> {
      if number % 2 == 0 { door.now = door.now + 1 }
      _ = door.ask(IPv4(0x0B00_0000 + number))
      if number % 2000 == 0 {
        #expect(door.admits(friends[Int(number / 2000) % 64]), "after \(number)")
      }
    }
  }

  @Test func anAddressIsKnownForAnHour() {
    let door = Door()
    func isKnown(_ address: IPv4) -> Bool {
      // Strangers take all that they get; only a known address finds more.
      for number in 0..<48 as Range<UInt32> { _ = door.ask(IPv4(0x0C00_0000 + number)) }
      return door.admits(address)
    }
    door.opened(client)
    door.now = door.now + 3_599_999
    #expect(isKnown(client))
    door.now = door.now + 1
    #expect(!isKnown(client))
    door.now = door.now + 10_000
    door.opened(client)
    #expect(isKnown(client))
  }

  @Test func theOneQuietForLongestGivesWay() {
    let door = Door()
    let friends = (0..<65).map { IPv4(192, 168, 0, UInt8($0)) }
    for friend in friends[..<64] { door.opened(friend) }
    #expect(door.admits(friends[0]), "it has just been here, 1 has not")
    door.opened(friends[64])
    door.now = door.now + 10_000
    for number in 0..<100 as Range<UInt32> { _ = door.ask(IPv4(0x0C00_0000 + number)) }
    #expect(!door.admits(friends[1]))
    for index in [0, 2, 63, 64] { #expect(door.admits(friends[index])) }
  }

  /// A token bucket that adds up what comes in.
  private struct Bucket {
    let burst: UInt64
    let costMs: UInt64
    var savedMs: UInt64
    var at: UInt64

    init(burst: UInt64, costMs: UInt64, at: UInt64) {
      (self.burst, self.costMs, savedMs, self.at) = (burst, costMs, burst * costMs, at)
    }

    mutating func fill(_ now: UInt64) {
      savedMs = min(burst * costMs, savedMs + now - at)
      at = now
    }
  }

  /// The same with arrays: entries in order, buckets that are refilled.
  private struct Model {
    struct Entry {
      var address: UInt32
      var bucket: Bucket
      var knownUntil: UInt64 = 0
    }
    var strangers: [Entry] = []
    var friends: [Entry] = []
    var device: Bucket

    mutating func touch(_ address: UInt32, _ now: UInt64) -> (entry: Entry, isKnown: Bool) {
      if let index = friends.firstIndex(where: { $0.address == address }) {
        let entry = friends.remove(at: index)
        return (entry, now < entry.knownUntil)
      }
      if let index = strangers.firstIndex(where: { $0.address == address }) {
        return (strangers.remove(at: index), false)
      }
      if strangers.count + friends.count == 256 { strangers.removeFirst() }
      return (Entry(address: address, bucket: Bucket(burst: 8, costMs: 250, at: now)), false)
    }

    mutating func ask(_ address: UInt32, _ now: UInt64) -> Bool {
      var (entry, isKnown) = touch(address, now)
      entry.bucket.fill(now)
      device.fill(now)
      let hasOwn = entry.bucket.savedMs >= 250
      let used = 8 - entry.bucket.savedMs / 250
      if hasOwn { entry.bucket.savedMs -= 250 }
      let must = isKnown ? 1 : 17 + 5 * used
      let isAdmitted = hasOwn && device.savedMs >= must * 10
      if isAdmitted { device.savedMs -= 10 }
      if isKnown { friends.append(entry) } else { strangers.append(entry) }
      return isAdmitted
    }

    mutating func opened(_ address: UInt32, _ now: UInt64) {
      var (entry, isKnown) = touch(address, now)
      entry.knownUntil = now + 3_600_000
      if !isKnown && friends.count == 64 { strangers.append(friends.removeFirst()) }
      friends.append(entry)
    }
  }

  @Test(arguments: UInt64(1)...8) func likeTheModel(seed: UInt64) {
    var random = SplitMix(state: seed)
    let door = Door(seed: UInt32(truncatingIfNeeded: random.next()))
    var model = Model(device: Bucket(burst: 64, costMs: 10, at: door.now.ms))
    var crowd: UInt32 = 4
    for step in 0..<8000 {
      if step % 300 == 0 { crowd = [4, 40, 400][Int.random(in: 0..<3, using: &random)] }
      let address = UInt32.random(in: 1...crowd, using: &random)
      switch Int.random(in: 0..<100, using: &random) {
      case 0...9:
        door.opened(IPv4(address))
        model.opened(address, door.now.ms)
      case 10...39:
        door.now = door.now + UInt64.random(in: 0..<8, using: &random)
      case 40 where step % 5 == 0:
        door.now = door.now + UInt64.random(in: 0..<600_000, using: &random)
      default:
        let answer = door.ask(IPv4(address))
        #expect((answer == .admit) == model.ask(address, door.now.ms))
        if case .wait(let ms) = answer { #expect(ms >= 1 && ms <= 2000) }
      }
    }
    #expect(door.counts.min()! > 100, "\(door.counts): all three must be reached")
  }

  @Test func whoWaitsAsToldIsAdmitted() {
    let door = Door()
    var random = SplitMix(state: 3)
    for _ in 0..<2000 {
      door.now = door.now + UInt64.random(in: 0..<100, using: &random)
      guard case .wait(let ms) = door.ask(client) else { continue }
      door.now = door.now + ms
      #expect(door.admits(client))
    }
  }
}
