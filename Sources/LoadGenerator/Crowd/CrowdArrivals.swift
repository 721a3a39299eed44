import Glibc
import HeapModule
import Wire

// Users come, are let in, fail, and come again.

extension Crowd {
  /// Lets those come and go whose time it is.
  func admit(_ arrivals: inout Arrivals, now: UInt64) throws(LoadError) {
    while let due = arrivals.next, due <= now {
      let (index, comes) = arrivals.take()
      let user = user(index)
      user.isWanted = comes
      if comes {
        if user.phase == .away { try arrive(index, now: now) }
      } else if user.pending.isEmpty {
        part(index)
      }
    }
  }

  /// How long those wait at the beginning of a stage who had no connection at its end.
  private static let pauseNs: UInt64 = 100_000_000

  /// At the beginning of a stage of so many users: those who are there go on, and those who should
  /// be come.
  func resume(_ users: Int, now: UInt64) {
    agenda = Heap()
    line.removeAll()
    for (index, user) in self.users.enumerated() {
      user.isInLine = false
      user.isExpected = false
      // Who is to leave and has no connection does not come once more for that.
      if index >= users, user.phase != .present { user.isWanted = false }
      guard user.isWanted else { continue }
      if user.phase == .present {
        goOn(index, now: now)
      } else {
        // Those who leave with the stage before have to have gone first.
        expect(index, at: now + Crowd.pauseNs)
      }
    }
  }

  func expect(_ index: Int, at time: UInt64) {
    guard !users[index].isExpected else { return }
    users[index].isExpected = true
    agenda.insert(Appointment(time: time, user: index))
  }

  /// `isMidway`: what else has happened is still to be seen to, and may be of connections of which
  /// there would be new ones then; only who has a connection goes on.
  func keepAppointments(now: UInt64, isMidway: Bool = false) throws(LoadError) {
    while let next = agenda.min, next.time <= now {
      let user = users[next.user]
      if isMidway, user.phase != .present { return }
      agenda.removeMin()
      user.isExpected = false
      guard user.isWanted, !isOver else { continue }
      switch user.phase {
      case .away: try arrive(next.user, now: now)
      case .present where isOpen: stand(next.user)
      case .present:
        // It has thought until then: what it asks now is late by the rest.
        result.lateness.record(now - next.time)
        fill(next.user, due: next.time, now: now)
      case .putOff:
        user.arrivedAt = now
        user.deadline = now + timeoutNs
        underWay += 1
        greet(next.user, now: now)
      case .connecting, .greeting: break
      }
    }
  }

  // MARK: Connecting

  private func arrive(_ index: Int, now: UInt64) throws(LoadError) {
    let user = users[index]
    user.arrivedAt = now
    guard let descriptor = try connect(user) else {
      count(user.newcomer.label, .unreachable)
      return expect(index, at: now + Crowd.absenceNs)
    }
    user.descriptor = descriptor
    user.phase = .connecting
    user.deadline = now + timeoutNs
    underWay += 1
    try poller.watch(descriptor, token: index, for: Poller.writable)
  }

  private func connect(_ user: User) throws(LoadError) -> Int32? {
    let target = user.newcomer.target
    guard let origin = user.newcomer.origin else {
      return try startConnecting(to: target, from: nil)
    }
    // Others than this process may have one of them.
    for _ in 0..<4 {
      user.port = OwnPort()
      let port = user.port?.number ?? 0
      if let descriptor = try startConnecting(to: target, from: origin, port: port) {
        return descriptor
      }
    }
    return nil
  }

  /// The kernel has connected it, or not.
  func connected(_ index: Int, now: UInt64) {
    let user = users[index]
    guard connectError(user.descriptor) == 0 else {
      return lose(index, .unreachable, now: now)
    }
    greet(index, now: now)
  }

  private func greet(_ index: Int, now: UInt64) {
    let user = users[index]
    user.phase = .greeting
    guard let greeting = user.greeting() else { return lose(index, .unreachable, now: now) }
    user.unsent = greeting
    flush(index, filled: 0)
  }

  /// The device has answered its greeting.
  func welcomed(_ index: Int, _ header: Header, _ payload: UnsafeRawBufferPointer, now: UInt64) {
    let user = users[index]
    if let refusal = TurnedDown(header, payload) {
      let isBrief = refusal.status == .rateLimited || refusal.status == .notSupported
      if isBrief, refusal.retryAfterMs > 0 {
        result.throttled += 1
        if !user.isWanted { return part(index) }
        underWay -= 1
        user.putOff()
        return expect(index, at: now + UInt64(refusal.retryAfterMs) * 1_000_000)
      }
      return turnedAway(index, refusal, now: now)
    }
    guard user.welcome(header, payload) else { return lose(index, .wrong, now: now) }
    user.phase = .present
    user.deadline = .max
    underWay -= 1
    present += 1
    result.tallies[user.newcomer.label].latency.record(now - user.arrivedAt)
    if !user.isWanted { return part(index) }
    goOn(index, now: now)
  }

  /// It may ask from now on.
  private func goOn(_ index: Int, now: UInt64) {
    guard !isOver else { return }
    if isOpen { stand(index) } else { fill(index, due: now, now: now) }
  }

  // MARK: Leaving

  /// The device has refused the connection.
  func turnedAway(_ index: Int, _ refusal: TurnedDown, now: UInt64) {
    guard refusal.status == .busy else { return lose(index, .refused(refusal.status), now: now) }
    let user = users[index]
    // Who leaves with the stage before, while it is told, is none of this one's.
    if user.isWanted {
      result.busy += 1
      second.busy += 1
    }
    absent(index, until: now + max(UInt64(refusal.retryAfterMs) * 1_000_000, Crowd.absenceNs))
  }

  /// The connection has ended; what was under way has failed, and so has the connection itself
  /// where it had not come about.
  func lose(_ index: Int, _ failure: CrowdFailure, now: UInt64) {
    let user = users[index]
    let wasPresent = user.phase == .present
    for request in user.pending { count(request.label, failure) }
    let wasIdle = user.pending.isEmpty
    let isExpected = absent(index, until: now + Crowd.absenceNs)
    if wasIdle, !(wasPresent && isExpected) { count(user.newcomer.label, failure) }
  }

  /// Nobody is to blame: it closes its connection.
  func part(_ index: Int) {
    absent(index, until: nil)
  }

  /// Closes a connection; true: the user has reckoned with that.
  @discardableResult
  func absent(_ index: Int, until time: UInt64?) -> Bool {
    let user = users[index]
    var isExpected = false
    switch user.phase {
    case .connecting, .greeting: underWay -= 1
    case .present:
      present -= 1
      underWay -= user.pending.count
      isExpected = user.newcomer.conduct.lost()
    case .away, .putOff: break
    }
    user.hangUp()
    if let time, user.isWanted { expect(index, at: time) }
    return isExpected
  }

  func count(_ label: Int, _ failure: CrowdFailure) {
    result.tallies[label].failures[failure, default: 0] += 1
    second.tally.failures[failure, default: 0] += 1
  }

  /// Requests and greetings that have waited for too long.
  func expire(now: UInt64) {
    for index in users.indices {
      let user = users[index]
      if user.deadline <= now {
        lose(index, .timeout, now: now)
        continue
      }
      while let oldest = user.pending.first, now - oldest.sent > timeoutNs {
        user.pending.removeFirst()
        underWay -= 1
        count(oldest.label, .timeout)
        settle(index, due: now, now: now)
      }
    }
  }
}

/// A no, and when another try makes sense (0: not told).
struct TurnedDown {
  var status: Status
  var retryAfterMs: UInt32

  /// nil: the frame says yes.
  init?(_ header: Header, _ payload: UnsafeRawBufferPointer) {
    guard header.isReply, header.status != 0 else { return nil }
    status = Status(rawValue: header.status) ?? .internalError
    retryAfterMs = (try? Refusal.decode(payload))?.retryAfterMs ?? 0
  }
}
