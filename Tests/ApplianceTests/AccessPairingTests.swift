import Testing
import Wire

@testable import Appliance

@Suite struct AccessPairingTests {
  private var now = Instant(ms: 5000)

  /// A machine of a device that has its admin.
  private func owned() -> Pairing {
    var pairing = Pairing()
    #expect(pairing.keys(hasAdmin: true) == .none)
    return pairing
  }

  /// A machine of a device at its first boot, with its first code.
  private func new() -> Pairing {
    var pairing = Pairing()
    #expect(pairing.keys(hasAdmin: false) == .wantCode)
    #expect(pairing.renew(bits: 1, now: now) == .show)
    return pairing
  }

  private func ticket(_ attempt: Pairing.Attempt) throws -> Pairing.Ticket {
    guard case .go(let ticket) = attempt else { throw Status.permission }
    return ticket
  }

  @Test func nobodyPairsBeforeTheKeysAreRead() {
    var pairing = Pairing()
    #expect(pairing.begin(now: now) == .closed && pairing.status == .closed)
    #expect(pairing.deadline == .never && pairing.tick(now: now + 1_000_000_000) == .none)
    #expect(pairing.renew(bits: 1, now: now) == .none, "nobody has asked for it")
  }

  @Test func aCodeLetsOneClientIn() throws {
    var pairing = owned()
    #expect(pairing.openByCode(bits: 77, now: now) == .show | .opened)
    #expect(pairing.code == PairingCode(random: 77) && pairing.status == .code)
    #expect(pairing.openForMs(at: now) == 600_000 && pairing.openForMs(at: now + 1) == 599_999)
    let first = try ticket(pairing.begin(now: now))
    let second = try ticket(pairing.begin(now: now + 1000))
    #expect(pairing.role(for: first, now: now) == .admin)
    #expect(pairing.paired(first, now: now) == .withdraw)
    #expect(pairing.role(for: second, now: now) == nil && pairing.paired(second, now: now) == .none)
    #expect(pairing.role(for: first, now: now) == nil && pairing.paired(first, now: now) == .none)
    #expect(pairing.status == .closed && pairing.code == nil && pairing.begin(now: now) == .closed)
    #expect(pairing.openForMs(at: now) == 0)
  }

  @Test func theButtonLetsOneClientIn() throws {
    var pairing = owned()
    #expect(pairing.openByButton(now: now) == .opened)
    #expect(pairing.status == .button && pairing.code == nil)
    #expect(pairing.openForMs(at: now) == 60_000)
    // Whoever comes may try, at once and as often as admission lets it: there is nothing to guess.
    let tickets = try (0..<20).map { _ in try ticket(pairing.begin(now: now)) }
    #expect(pairing.failed(tickets[0]) == .none && pairing.status == .button)
    #expect(pairing.role(for: tickets[7], now: now) == .operator)
    #expect(pairing.paired(tickets[7], now: now) == .none && pairing.status == .closed)
    for ticket in tickets { #expect(pairing.role(for: ticket, now: now) == nil) }
  }

  @Test(arguments: [Role.viewer, .operator, .admin]) func theOpenerChoosesTheRole(role: Role) throws
  {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, role: role, now: now)
    let byCode = try ticket(pairing.begin(now: now))
    #expect(pairing.role(for: byCode, now: now) == role)
    _ = pairing.openByButton(role: role, now: now)
    let byButton = try ticket(pairing.begin(now: now))
    #expect(pairing.role(for: byButton, now: now) == role)
  }

  @Test(arguments: [false, true]) func theFirstBecomesAdmin(byButton: Bool) throws {
    var pairing = new()
    if byButton {
      #expect(pairing.openByButton(role: .viewer, now: now) == .opened | .withdraw)
    } else {
      #expect(pairing.openByCode(bits: 2, role: .viewer, now: now) == .opened | .show)
    }
    let attempt = try ticket(pairing.begin(now: now))
    #expect(pairing.role(for: attempt, now: now) == .admin)
    #expect(pairing.paired(attempt, now: now) == (byButton ? .none : .withdraw))
    #expect(pairing.keys(hasAdmin: true) == .none && pairing.status == .closed)
    _ = pairing.openByButton(now: now)
    let second = try ticket(pairing.begin(now: now))
    #expect(pairing.role(for: second, now: now) == .operator)
  }

  @Test(arguments: [(false, UInt64(600_000)), (true, 60_000)])
  func anOpenDoorCloses(byButton: Bool, ms: UInt64) throws {
    var pairing = owned()
    _ = byButton ? pairing.openByButton(now: now) : pairing.openByCode(bits: 1, now: now)
    #expect(pairing.deadline == now + ms && pairing.tick(now: now + (ms - 1)) == .none)
    let attempt = try ticket(pairing.begin(now: now + (ms - 1)))
    #expect(pairing.begin(now: now + ms) == .closed, "also where nobody has called tick yet")
    #expect(pairing.role(for: attempt, now: now + ms) == nil)
    #expect(pairing.paired(attempt, now: now + ms) == .none)
    #expect(pairing.tick(now: now + ms) == (byButton ? .closed : .closed | .withdraw))
    #expect(pairing.status == .closed && pairing.deadline == .never)
    #expect(pairing.tick(now: now + ms) == .none && pairing.cancel() == .none)
  }

  @Test func theNewestOpeningHolds() throws {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, now: now)
    let old = try ticket(pairing.begin(now: now))
    #expect(pairing.openByCode(bits: 2, now: now) == .show | .opened)
    #expect(pairing.code == PairingCode(random: 2) && pairing.role(for: old, now: now) == nil)
    #expect(pairing.failed(old) == .none)
    let newer = try ticket(pairing.begin(now: now))
    #expect(pairing.openByButton(now: now) == .opened | .withdraw && pairing.code == nil)
    #expect(pairing.role(for: newer, now: now) == nil)
    let button = try ticket(pairing.begin(now: now))
    #expect(pairing.openByCode(bits: 3, now: now) == .show | .opened)
    #expect(pairing.role(for: button, now: now) == nil, "the button's window is over")
  }

  @Test func attemptsAreCountedAndSlowedDown() throws {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, role: .viewer, now: now)
    var at = now
    for pause: UInt64 in [1000, 2000, 4000, 8000] {
      let attempt = try ticket(pairing.begin(now: at))
      #expect(pairing.begin(now: at) == .wait(ms: pause))
      #expect(pairing.failed(attempt) == .none && pairing.status == .code)
      #expect(pairing.role(for: attempt, now: at) == nil, "a failed one does not come back")
      at = at + (pause - 1)
      #expect(pairing.begin(now: at) == .wait(ms: 1))
      at = at + 1
    }
    let last = try ticket(pairing.begin(now: at))
    #expect(pairing.begin(now: at + 60_000) == .wait(ms: (now + 600_000).since(at + 60_000)))
    #expect(pairing.failed(last) == .voided | .withdraw | .wantCode)
    #expect(pairing.status == .closed && pairing.code == nil && pairing.begin(now: at) == .closed)
    #expect(pairing.failed(last) == .none)
    // The new code is the same opening: its end and its role are, and pauses go on growing.
    at = at + 100_000
    #expect(pairing.renew(bits: 2, now: at) == .show && pairing.code == PairingCode(random: 2))
    #expect(pairing.deadline == now + 600_000)
    let next = try ticket(pairing.begin(now: at))
    #expect(pairing.role(for: next, now: at) == .viewer)
    #expect(pairing.begin(now: at) == .wait(ms: 32_000))
    _ = try ticket(pairing.begin(now: at + 32_000))
    #expect(pairing.begin(now: at + 32_000) == .wait(ms: 64_000))
    _ = try ticket(pairing.begin(now: at + 96_000))
    #expect(pairing.begin(now: at + 96_000) == .wait(ms: 64_000), "no longer than that")
    _ = try ticket(pairing.begin(now: at + 160_000))
    #expect(pairing.begin(now: at + 160_000) == .wait(ms: 64_000), "and not shorter again")
    // Somebody who is there begins anew.
    _ = pairing.openByCode(bits: 3, now: at + 96_000)
    _ = try ticket(pairing.begin(now: at + 96_000))
    #expect(pairing.begin(now: at + 96_000) == .wait(ms: 1000))
  }

  /// Attempts that never fail do not add to the five.
  @Test func manyAtOnceGainNothing() throws {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, now: now)
    var tickets: [Pairing.Ticket] = []
    for second in 0..<600 {
      if case .go(let ticket) = pairing.begin(now: now + UInt64(second) * 1000) {
        tickets.append(ticket)
      }
    }
    #expect(tickets.count == 5)
    // A failure that is told twice is one.
    for _ in 0..<5 { #expect(pairing.failed(tickets[0]) == .none) }
    for ticket in tickets[1...3] { #expect(pairing.failed(ticket) == .none) }
    #expect(pairing.role(for: tickets[4], now: now + 599_000) == .admin, "the fifth may be right")
    #expect(pairing.paired(tickets[4], now: now + 599_000) == .withdraw)
  }

  @Test func aCodeIsAlwaysOpenWhereThereIsNoAdmin() throws {
    var pairing = new()
    #expect(pairing.status == .code && pairing.code == PairingCode(random: 1))
    var at = now
    for bits: UInt64 in 2...4 {
      at = at + 600_000
      #expect(pairing.tick(now: at) == .closed | .withdraw | .wantCode)
      #expect(pairing.begin(now: at) == .closed && pairing.deadline == .never)
      #expect(pairing.tick(now: at) == .none, "it is asked for once")
      #expect(pairing.renew(bits: bits, now: at) == .show)
      #expect(pairing.code == PairingCode(random: bits) && pairing.deadline == at + 600_000)
    }
    #expect(pairing.cancel() == .closed | .withdraw | .wantCode && pairing.cancel() == .none)
    #expect(pairing.renew(bits: 5, now: at) == .show)
    #expect(pairing.openByButton(now: at) == .opened | .withdraw)
    #expect(pairing.tick(now: at + 60_000) == .closed | .wantCode)
    #expect(pairing.renew(bits: 6, now: at + 60_000) == .show)
    let attempt = try ticket(pairing.begin(now: at + 60_000))
    #expect(pairing.paired(attempt, now: at + 60_000) == .withdraw)
    #expect(pairing.status == .closed && pairing.deadline == .never)
  }

  @Test func aVoidStandingCodeIsRenewedInFull() throws {
    var pairing = new()
    var at = now
    for _ in 0..<5 {
      let attempt = try ticket(pairing.begin(now: at))
      at = at + 64_000
      if pairing.failed(attempt) != .none { break }
    }
    #expect(pairing.status == .closed && pairing.renew(bits: 2, now: at) == .show)
    #expect(pairing.deadline == at + 600_000)
    // A code that nobody tried ends the growth of the pauses.
    #expect(pairing.tick(now: at + 600_000).contains(.wantCode))
    _ = pairing.renew(bits: 3, now: at + 600_000)
    _ = try ticket(pairing.begin(now: at + 600_000))
    #expect(pairing.begin(now: at + 600_000) == .wait(ms: 1000))
  }

  @Test func theStandingCodeGoesWhenAnAdminAppears() {
    var pairing = new()
    #expect(pairing.keys(hasAdmin: true) == .closed | .withdraw && pairing.status == .closed)
    // A factory reset.
    #expect(pairing.keys(hasAdmin: false) == .wantCode && pairing.keys(hasAdmin: false) == .none)
    #expect(pairing.keys(hasAdmin: true) == .none)
    #expect(pairing.renew(bits: 9, now: now) == .none && pairing.status == .closed)
    // What somebody has opened stays open.
    _ = pairing.openByCode(bits: 1, now: now)
    #expect(pairing.keys(hasAdmin: true) == .none && pairing.status == .code)
  }

  @Test func aCancelledDoorIsClosed() throws {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, now: now)
    let attempt = try ticket(pairing.begin(now: now))
    #expect(pairing.cancel() == .closed | .withdraw && pairing.role(for: attempt, now: now) == nil)
    _ = pairing.openByButton(now: now)
    #expect(pairing.cancel() == .closed && pairing.begin(now: now) == .closed)
    // While a new code is on its way.
    _ = pairing.openByCode(bits: 1, now: now)
    var at = now
    for _ in 0..<5 {
      let attempt = try ticket(pairing.begin(now: at))
      at = at + 20_000
      _ = pairing.failed(attempt)
    }
    #expect(pairing.cancel() == .closed && pairing.renew(bits: 2, now: at) == .none)
    #expect(pairing.status == .closed)
  }

  @Test func whoHasOpenedItAnswersForIt() {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, opener: "anna", now: now)
    #expect(pairing.disown("bert") == .none && pairing.disown("") == .none)
    #expect(pairing.opener == "anna" && pairing.disown("anna") == .closed | .withdraw)
    #expect(pairing.status == .closed && pairing.opener.isEmpty && pairing.disown("anna") == .none)
    // Also while a new code is on its way.
    _ = pairing.openByCode(bits: 1, opener: "anna", now: now)
    var at = now
    for _ in 0..<5 {
      guard case .go(let attempt) = pairing.begin(now: at) else { continue }
      at = at + 20_000
      _ = pairing.failed(attempt)
    }
    #expect(pairing.disown("anna") == .closed && pairing.renew(bits: 2, now: at) == .none)
    // The button is somebody's who is there.
    _ = pairing.openByCode(bits: 1, opener: "anna", now: at)
    _ = pairing.openByButton(now: at)
    #expect(pairing.disown("anna") == .none && pairing.status == .button)
    #expect(pairing.cancel() == .closed && pairing.lastOpen == .button)
  }

  @Test func aResetVoidsEveryCode() throws {
    for byButton in [false, true] {
      var pairing = owned()
      _ =
        byButton
        ? pairing.openByButton(now: now) : pairing.openByCode(bits: 1, role: .viewer, now: now)
      let attempt = try ticket(pairing.begin(now: now))
      #expect(pairing.reset().contains(.closed | .wantCode))
      #expect(pairing.code == nil && pairing.role(for: attempt, now: now) == nil)
      #expect(pairing.renew(bits: 2, now: now) == .show && pairing.code == PairingCode(random: 2))
      let owner = try ticket(pairing.begin(now: now))
      #expect(pairing.role(for: owner, now: now) == .admin)
    }
    // Of a new device: another code.
    var pairing = new()
    #expect(pairing.reset() == .withdraw | .wantCode && pairing.code == nil)
  }

  @Test func aCodeThatCameTooLateIsNotShown() throws {
    var pairing = owned()
    _ = pairing.openByCode(bits: 1, now: now)
    var at = now
    for _ in 0..<5 {
      let attempt = try ticket(pairing.begin(now: at))
      at = at + 20_000
      _ = pairing.failed(attempt)
    }
    #expect(pairing.deadline == now + 600_000)
    #expect(pairing.renew(bits: 2, now: now + 600_000) == .none && pairing.status == .closed)
  }

  /// Whatever happens: a window lets one client in at most, and never more than five tries.
  @Test(arguments: UInt64(1)...8) func arbitraryInputs(seed: UInt64) {
    var random = SplitMix(state: seed)
    var pairing = Pairing()
    _ = pairing.keys(hasAdmin: false)
    var tickets: [(ticket: Pairing.Ticket, opening: Int)] = []
    var pairedIn: Set<Int> = []
    var tried: [Int: Int] = [:]
    var opening = 0
    var at = now
    for _ in 0..<4000 {
      at = at + UInt64.random(in: 0..<3000, using: &random)
      switch Int.random(in: 0..<40, using: &random) {
      case 0:
        _ = pairing.openByButton(now: at)
        opening += 1
      case 1:
        _ = pairing.openByCode(bits: 1, now: at)
        opening += 1
      case 2: _ = pairing.cancel()
      case 3: _ = pairing.keys(hasAdmin: Bool.random(using: &random))
      case 4...9:
        if pairing.renew(bits: 1, now: at) != .none { opening += 1 }
      case 10...29:
        let isCode = pairing.status == .code
        guard case .go(let ticket) = pairing.begin(now: at) else { continue }
        tickets.append((ticket, opening))
        if isCode { tried[opening, default: 0] += 1 }
      default:
        guard let (ticket, opened) = tickets.suffix(4).randomElement(using: &random) else {
          continue
        }
        guard Bool.random(using: &random), let role = pairing.role(for: ticket, now: at) else {
          _ = pairing.failed(ticket)
          continue
        }
        _ = pairing.paired(ticket, now: at)
        #expect(role >= .operator && opened == opening && pairedIn.insert(opening).inserted)
      }
      let effects = pairing.tick(now: at)
      #expect(pairing.deadline > at && effects.isEmpty || pairing.status == .closed)
    }
    #expect(tried.values.max() ?? 0 <= 5 && pairedIn.count > 20)
  }
}
