import Wire

// How a client without a key gets one: exactly one client each time that somebody who is there
// opens the door.
//
//                open(code)                        paired, cancelled, disowned, expired
//   closed ───────────────────────▶ code(window) ─────────────────────────────▶ closed
//     │                              │       ▲
//     │                 5 attempts   ▼       │ renew(bits)
//     │                             awaited ─┘
//     │ openByButton                         paired, cancelled, expired
//     └───────────────────────────▶ button(window) ───────────────────────────▶ closed
//
// The newest opening holds: it replaces the one before. While there is no admin key, "awaited"
// takes the place of "closed": a code is always open, and renewed when it expires.
//
// An attempt is counted when it begins, not when it fails, so that many at once gain nothing; each
// ends in `paired` or `failed`. What a wrong code shows the one who tries it is enough to try
// others at home (the psk is the only unknown of message 2), so it is the 60 bits that protect a
// code and not the number of attempts: that and the pauses keep the work and the noise small.

/// What the executor does about a change of `Pairing`.
public struct PairingEffects: Flags {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Draw 60 random bits and call `renew`.
  public static let wantCode = bit(0)
  /// Show `code` on the console and the card, instead of one that is there.
  public static let show = bit(1)
  /// Take the code away from where it is shown.
  public static let withdraw = bit(2)
  /// Pairing was opened: for the audit, like what follows.
  public static let opened = bit(3)
  /// It was closed without a new key.
  public static let closed = bit(4)
  /// Too many attempts failed: the code is void.
  public static let voided = bit(5)
}

/// The door to pairing.
public struct Pairing {
  /// Milliseconds for which a code is valid.
  public static let codeMs: UInt64 = 600_000
  /// Milliseconds for which a client gets in after the button was pressed.
  public static let buttonMs: UInt64 = 60_000
  /// Attempts with one code.
  public static let attempts: UInt8 = 5
  /// Milliseconds between an attempt and the next: doubled with each, up to 64 s. They go
  /// on growing over codes that became void, or an attacker would make codes too short-lived to
  /// be typed.
  public static let pauseMs: UInt64 = 1000
  public static let longestPauseMs = pauseMs << UInt64(mostStrikes)
  private static let mostStrikes: UInt8 = 6

  /// An attempt under way. Another window's, or one that has ended, is worth nothing.
  public struct Ticket: Equatable, Sendable {
    let window: UInt32
    let attempt: UInt8
  }

  /// Whether a client may try.
  public enum Attempt: Equatable, Sendable {
    /// It may: with the code, or without one after the button.
    case go(Ticket)
    /// Not before so many milliseconds.
    case wait(ms: UInt64)
    case closed
  }

  private enum State {
    case closed
    /// A code was asked for, valid until then; `never`: as long as there is no admin.
    case awaited(Role, until: Instant)
    case code(PairingCode, CodeWindow)
    case button(Role, until: Instant)
  }

  private struct CodeWindow {
    var role: Role
    var until: Instant
    var begun: UInt8 = 0
    /// A bit for each attempt under way.
    var underWay: UInt8 = 0
    var notBefore = Instant(ms: 0)
    /// It is open because there is no admin, not because somebody opened it.
    var isStanding: Bool
  }

  private var state = State.closed
  /// Nobody pairs before the keys are read: until then it counts as if there were one.
  private var hasAdmin = true
  private var window: UInt32 = 0
  /// Attempts since somebody opened it, or since a code that nobody tried.
  private var strikes: UInt8 = 0
  /// Name of the key that opened it; empty: nobody did, or somebody at the device.
  public private(set) var opener = Name()
  /// How one got in when it was last open; closed: it never was.
  public private(set) var lastOpen = PairingState.closed

  public init() {}

  // MARK: Opening and closing

  /// Opens it with a code of 60 random bits. The one who pairs gets `role`, or becomes the first
  /// admin. `opener`: the name of the key that does it.
  public mutating func openByCode(
    bits: UInt64, role: Role = .admin, opener: Name = Name(), now: Instant
  ) -> PairingEffects {
    strikes = 0
    self.opener = opener
    return show(bits, role, until: now + Pairing.codeMs) | .opened
  }

  /// Opens it for whoever comes first.
  public mutating func openByButton(role: Role = .operator, now: Instant) -> PairingEffects {
    precondition(role != .anybody, "a key of nobody's")
    let effects: PairingEffects = code == nil ? .opened : .opened | .withdraw
    strikes = 0
    opener = Name()
    window &+= 1
    state = .button(role, until: now + Pairing.buttonMs)
    return effects
  }

  /// The random bits that `wantCode` asked for.
  public mutating func renew(bits: UInt64, now: Instant) -> PairingEffects {
    guard case .awaited(let role, let until) = state else { return .none }
    if until == .never { return show(bits, role, until: now + Pairing.codeMs) }
    guard now < until else { return close() }
    return show(bits, role, until: until)
  }

  /// The keys are read, or have changed.
  public mutating func keys(hasAdmin: Bool) -> PairingEffects {
    self.hasAdmin = hasAdmin
    switch state {
    case .closed: return hasAdmin ? .none : close()
    case .awaited(_, let until): return hasAdmin && until == .never ? close() : .none
    case .code(_, let window): return hasAdmin && window.isStanding ? close() | .closed : .none
    case .button: return .none
    }
  }

  /// A key is gone, or is no admin's any more: what it has opened lets nobody in.
  public mutating func disown(_ name: Name) -> PairingEffects {
    opener.isEmpty || opener != name ? .none : cancel()
  }

  /// All keys are forgotten: no code from before lets anybody in, and a new one is shown.
  public mutating func reset() -> PairingEffects {
    let effects: PairingEffects = wasOpened ? .closed : .none
    hasAdmin = false
    strikes = 0
    return close() | effects
  }

  /// Somebody has changed their mind.
  public mutating func cancel() -> PairingEffects {
    switch state {
    case .closed: .none
    case .awaited(_, let until): until == .never ? .none : close() | .closed
    case .code, .button: close() | .closed
    }
  }

  /// Time has passed.
  public mutating func tick(now: Instant) -> PairingEffects {
    guard deadline <= now else { return .none }
    if case .code(_, let window) = state, window.begun == 0 { strikes = 0 }
    return close() | .closed
  }

  /// When `tick` has something to do.
  public var deadline: Instant {
    switch state {
    case .closed: .never
    case .awaited(_, let until), .button(_, let until): until
    case .code(_, let window): window.until
    }
  }

  // MARK: Attempts

  /// A client wants to pair: before anything is computed for it.
  public mutating func begin(now: Instant) -> Attempt {
    guard now < deadline else { return .closed }
    switch state {
    case .closed, .awaited: return .closed
    case .button: return .go(Ticket(window: window, attempt: 0))
    case .code(let code, var open):
      guard open.begun < Pairing.attempts else { return .wait(ms: open.until.since(now)) }
      guard open.notBefore <= now else { return .wait(ms: open.notBefore.since(now)) }
      let attempt = open.begun
      open.begun += 1
      open.underWay |= 1 << attempt
      open.notBefore = now + pause
      strikes = min(strikes + 1, Pairing.mostStrikes)
      state = .code(code, open)
      return .go(Ticket(window: window, attempt: attempt))
    }
  }

  /// The role of the client that has proven what it had to; nil: it came too late. The caller adds
  /// its key and says `paired` or `failed` at once.
  public func role(for ticket: Ticket, now: Instant) -> Role? {
    guard ticket.window == window, now < deadline else { return nil }
    switch state {
    case .closed, .awaited: return nil
    case .button(let role, _): return hasAdmin ? role : .admin
    case .code(_, let open):
      guard open.underWay & 1 << ticket.attempt != 0 else { return nil }
      return hasAdmin ? open.role : .admin
    }
  }

  /// A client has its key: nobody else gets one.
  public mutating func paired(_ ticket: Ticket, now: Instant) -> PairingEffects {
    guard role(for: ticket, now: now) != nil else { return .none }
    // Without an admin this one has become it.
    hasAdmin = true
    strikes = 0
    return close()
  }

  /// An attempt has ended otherwise: a wrong code, a lost connection, no room for the key.
  public mutating func failed(_ ticket: Ticket) -> PairingEffects {
    guard case .code(let code, var open) = state, ticket.window == window else { return .none }
    open.underWay &= ~(1 << ticket.attempt)
    guard open.begun == Pairing.attempts, open.underWay == 0 else {
      state = .code(code, open)
      return .none
    }
    state = .awaited(open.role, until: open.isStanding ? .never : open.until)
    return .voided | .withdraw | .wantCode
  }

  // MARK: What is told

  /// The valid code: to be shown, and for the key of the handshake.
  public var code: PairingCode? {
    if case .code(let code, _) = state { code } else { nil }
  }

  /// It is open because somebody wants it, not because there is no admin yet.
  public var wasOpened: Bool {
    switch state {
    case .closed, .awaited: false
    case .code(_, let window): !window.isStanding
    case .button: true
    }
  }

  public var status: PairingState {
    switch state {
    case .closed, .awaited: .closed
    case .code: .code
    case .button: .button
    }
  }

  /// Milliseconds for which it is still open.
  public func openForMs(at now: Instant) -> UInt64 {
    status == .closed ? 0 : deadline.since(now)
  }

  // MARK: -

  private var pause: UInt64 { Pairing.pauseMs << UInt64(strikes) }

  private mutating func show(_ bits: UInt64, _ role: Role, until: Instant) -> PairingEffects {
    precondition(role != .anybody, "a key of nobody's")
    window &+= 1
    state = .code(
      PairingCode(random: bits), CodeWindow(role: role, until: until, isStanding: !hasAdmin))
    return .show
  }

  /// Closes it, or asks for a code where there is no admin yet.
  private mutating func close() -> PairingEffects {
    let effects: PairingEffects = code == nil ? .none : .withdraw
    window &+= 1
    opener = Name()
    switch state {
    case .closed: break
    case .awaited, .code: lastOpen = .code
    case .button: lastOpen = .button
    }
    guard !hasAdmin else {
      state = .closed
      return effects
    }
    state = .awaited(.admin, until: .never)
    return effects | .wantCode
  }
}
