import Testing
import Wire

@testable import Appliance

/// The audit against arrays, through several lives.
@Suite struct AccessAuditModelTests {
  private struct Noted: Equatable {
    var sequence: UInt64
    var code: AuditCode
    var address: UInt32
    var key: String
    var count: UInt32 = 1
    var at: UInt64
    var life: UInt32
    /// What the file says of it; 0: nothing.
    var stored: UInt32 = 0
  }

  private struct Model {
    var lanes: [[Noted]] = [[], [], [], []]
    var next: UInt64 = 1
    var overwritten: UInt64 = 0
    let shares = [192, 96, 96, 128]

    mutating func record(
      _ code: AuditCode, _ address: UInt32, _ key: String, _ at: UInt64, _ life: UInt32
    ) {
      let lane = Int(code.rawValue >> 8)
      let index = lanes[lane].lastIndex {
        $0.code == code && $0.address == address && $0.key == key && $0.life == life
          && at - $0.at < 60_000
      }
      if lane == 0, let index {
        lanes[lane][index].count += 1
        return
      }
      lanes[lane].append(
        Noted(sequence: next, code: code, address: address, key: key, at: at, life: life))
      next += 1
      if lanes[lane].count > shares[lane] {
        lanes[lane].removeFirst()
        overwritten += 1
      }
    }

    /// Everything that is due is in the file.
    mutating func store(_ at: UInt64, all: Bool) {
      for lane in lanes.indices {
        for index in lanes[lane].indices {
          let entry = lanes[lane][index]
          guard entry.stored == 0 || all || at >= entry.at + 60_000 || entry.count == entry.stored
          else { continue }
          lanes[lane][index].stored = entry.count
        }
      }
    }

    /// What was not stored is gone, and its numbers with it.
    mutating func reboot() {
      overwritten = 0
      for lane in lanes.indices {
        lanes[lane] = lanes[lane].filter { $0.stored > 0 }
        for index in lanes[lane].indices {
          lanes[lane][index].count = lanes[lane][index].stored
        }
      }
    }
  }

  @Test(arguments: UInt64(1)...4) func throughSeveralLives(seed: UInt64) {
    var random = SplitMix(state: seed)
    let codes: [AuditCode] = [
      .keyUnknown, .handshakeRefused, .roleRefused, .keyAdded, .changeStaged, .adminOperation,
    ]
    let keys: [Name] = ["", "anna", "bert"]
    var audit = Audit(boot: 1)
    var model = Model()
    var life: UInt32 = 1
    var mostCount: UInt32 = 0
    for step in 0..<4000 {
      switch Int.random(in: 0..<1000, using: &random) {
      case 0...849:
        let code = codes.randomElement(using: &random)!
        let address = UInt32.random(in: 0..<120, using: &random)
        let key = keys.randomElement(using: &random)!
        audit.record(AuditNote(code, key: key, address: IPv4(address)))
        model.record(code, address, String(key), audit.now.ms, life)
      case 850...939: audit.now = audit.now + UInt64.random(in: 0..<5000, using: &random)
      case 940...995:
        let all = Int.random(in: 0..<8, using: &random) == 0
        audit.store(all: all)
        model.store(audit.now.ms, all: all)
      default:
        // All numbers are in the file, or they would be given again.
        audit.store()
        model.store(audit.now.ms, all: false)
        life += 1
        audit = audit.reboot(boot: life)
        model.reboot()
      }
      guard step % 200 == 0 else { continue }
      let expected = model.lanes.joined().sorted { $0.sequence < $1.sequence }
      let entries = audit.entries()
      #expect(entries.map(\.sequence) == expected.map(\.sequence))
      #expect(entries.map(\.count) == expected.map(\.count))
      #expect(entries.map(\.address) == expected.map(\.address))
      #expect(entries.map(\.boot) == expected.map(\.life))
      #expect(audit.next == model.next && audit.overwritten == model.overwritten)
      mostCount = max(mostCount, entries.map(\.count).max() ?? 0)
    }
    #expect(life > 3 && mostCount > 2, "\(life) lives, \(mostCount) at most")
  }
}
