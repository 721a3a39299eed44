import Wire

/// What the device counts, of what concerns access.
struct Toll: Equatable, CustomStringConvertible {
  /// Requests answered, and refused.
  var succeeded = 0
  var failed = 0
  /// Of those refused: for want of a role.
  var denied = 0
  /// Refused because there were too many.
  var limited = 0
  /// Frames refused, and connections ended for one.
  var refused = 0
  var ended = 0
  /// Connections ended because nothing more came.
  var timedOut = 0

  static func + (left: Toll, right: Toll) -> Toll { left.zip(right, +) }
  static func - (left: Toll, right: Toll) -> Toll { left.zip(right, -) }

  private func zip(_ other: Toll, _ join: (Int, Int) -> Int) -> Toll {
    Toll(
      succeeded: join(succeeded, other.succeeded), failed: join(failed, other.failed),
      denied: join(denied, other.denied), limited: join(limited, other.limited),
      refused: join(refused, other.refused), ended: join(ended, other.ended),
      timedOut: join(timedOut, other.timedOut))
  }

  var description: String {
    "succeeded \(succeeded) failed \(failed) denied \(denied) limited \(limited) "
      + "refused \(refused) ended \(ended) timed out \(timedOut)"
  }
}

/// A request of a client that is sealed as it should be, and what the device has to say to it.
struct Asked {
  /// As it goes over the wire.
  let bytes: [UInt8]
  let kind: UInt16
  let id: UInt32
  let status: Status
  /// What comes back in a ping.
  var echo: [UInt8]?
  /// The key that holds it proves itself with it.
  var proves = true
  /// An error in the sealed header: the request is refused as a frame.
  var isRefused = false
  /// … and nothing after it is heard.
  var ends = false
}

/// What bytes must lead to: written from the specification (`Wire.docc/Access.md`, `Frames.md`)
/// alone, and knowing which frames are authentic instead of looking at tags.
struct Forecast {
  struct Answer: Equatable, CustomStringConvertible {
    var kind: UInt16
    var id: UInt32
    var status: Status
    var echo: [UInt8]?

    /// About the connection, not about a request.
    static func end(_ status: Status) -> Answer { Answer(kind: 0, id: 0, status: status) }

    func fits(_ reply: Reply) -> Bool {
      kind == reply.kind && id == reply.id && status.rawValue == reply.status
        && (echo ?? reply.payload) == reply.payload
    }

    var description: String { "kind \(kind) id \(id) \(status)" }
  }

  var answers: [Answer] = []
  var toll = Toll()
  /// Whether the key's name goes with it: only what is proven counts as its own.
  var audit: [(code: AuditCode, isNamed: Bool)] = []
  /// Some frame has shown whose the connection is.
  var isProven = false
  /// The connection ends.
  var ends = false
  /// A frame has begun and not ended.
  var isUnfinished = false
  /// Authentic frames that were taken.
  var taken = 0

  private mutating func end(_ status: Status, _ code: AuditCode?) {
    answers.append(.end(status))
    toll.refused += 1
    toll.ended += 1
    if let code { audit.append((code, isProven)) }
    ends = true
  }

  /// A stream of bytes behind a handshake, of which these frames, in this order, are authentic.
  static func sealed(_ stream: [UInt8], _ authentic: [Asked], isProven: Bool) -> Forecast {
    var forecast = Forecast()
    forecast.isProven = isProven
    var rest = stream[...]
    while !rest.isEmpty, !forecast.ends {
      if forecast.taken < authentic.count,
        case let asked = authentic[forecast.taken], rest.starts(with: asked.bytes)
      {
        rest = rest.dropFirst(asked.bytes.count)
        forecast.taken += 1
        if asked.proves, !forecast.isProven {
          forecast.isProven = true
          forecast.audit.append((.sessionOpened, true))
        }
        forecast.answer(asked)
        continue
      }
      guard forecast.refuse(Array(rest.prefix(16_384))) else { break }
    }
    return forecast
  }

  private mutating func answer(_ asked: Asked) {
    if asked.isRefused {
      audit.append((.sealBroken, isProven))
      toll.refused += 1
      if asked.ends {
        toll.ended += 1
        ends = true
        answers.append(.end(asked.status))
        return
      }
    } else if asked.status == .ok {
      toll.succeeded += 1
    } else {
      toll.failed += 1
      if asked.status == .permission {
        toll.denied += 1
        audit.append((.roleRefused, true))
      }
      // A second handshake.
      if asked.kind == Kind.handshake.rawValue { audit.append((.handshakeRefused, true)) }
    }
    answers.append(
      Answer(kind: asked.kind, id: asked.id, status: asked.status, echo: asked.echo))
  }

  /// Bytes that are not the next authentic frame; false: nothing can be said of them yet.
  private mutating func refuse(_ rest: [UInt8]) -> Bool {
    let magic: [UInt8] = [0x57, 0x50, 0x53, 0x45]
    guard zip(rest, magic).allSatisfy(==) else {
      end(.malformed, .downgradeRefused)
      return true
    }
    guard rest.count >= 8 else { return unfinished() }
    let length = Int(rest[4]) | Int(rest[5]) << 8
    if rest[6] != 0 || rest[7] != 0 {
      end(.reservedBits, .sealBroken)
    } else if length < 40 || length > 16_376 {
      end(.malformed, .sealBroken)
    } else if rest.count < 8 + length {
      return unfinished()
    } else {
      end(.authentication, .sealBroken)
    }
    return true
  }

  private mutating func unfinished() -> Bool {
    isUnfinished = true
    return false
  }

  // MARK: Plain

  /// A stream of bytes on a new connection, of which one frame, a handshake, is right. What comes
  /// behind it is sealed, or should be. `hears`: what the device makes of the handshake.
  static func plain(_ stream: [UInt8], handshake: [UInt8], id: UInt32) -> Forecast {
    var forecast = Forecast()
    var rest = stream[...]
    while !rest.isEmpty, !forecast.ends {
      if rest.starts(with: handshake) {
        rest = rest.dropFirst(handshake.count)
        forecast.toll.succeeded += 1
        forecast.answers.append(Answer(kind: Kind.handshake.rawValue, id: id, status: .ok))
        forecast.taken = 1
        while !rest.isEmpty, !forecast.ends {
          guard forecast.refuse(Array(rest)) else { return forecast }
        }
        return forecast
      }
      guard forecast.refusePlain(&rest, like: handshake, id) else { break }
    }
    return forecast
  }

  /// Of a changed frame, the checksums tell: in its header nothing else can be trusted.
  private mutating func refusePlain(
    _ rest: inout ArraySlice<UInt8>, like handshake: [UInt8], _ id: UInt32
  ) -> Bool {
    guard zip(rest, handshake).prefix(4).allSatisfy(==) else {
      end(.malformed, .frameRefused)
      return true
    }
    guard rest.count >= 32 else { return unfinished() }
    guard rest.prefix(32).elementsEqual(handshake.prefix(32)) else {
      end(.checksum, .frameRefused)
      return true
    }
    guard rest.count >= handshake.count else { return unfinished() }
    rest = rest.dropFirst(handshake.count)
    toll.refused += 1
    audit.append((.frameRefused, false))
    answers.append(Answer(kind: Kind.handshake.rawValue, id: id, status: .checksum))
    return true
  }

  /// The payload of a handshake in a frame whose checksums are right, beside an authentic one: what
  /// is said to it, and noted.
  static func handshake(_ payload: [UInt8], authentic: [UInt8]) -> (Status, AuditCode?) {
    if payload == authentic { return (.ok, nil) }
    if payload.count < 104 || payload.count > 168 { return (.malformed, .handshakeRefused) }
    if payload[0] != 1 { return (.notSupported, .handshakeRefused) }
    if payload[1..<8].contains(where: { $0 != 0 }) { return (.reservedBits, .handshakeRefused) }
    return (.authentication, .handshakeRefused)
  }
}
