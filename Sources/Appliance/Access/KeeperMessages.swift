import Wire

/// What the agent and its keeper say to each other over a SOCK_SEQPACKET pair: whole messages of at
/// most `KeeperMessage.size` bytes in a queue that the kernel bounds. Both ends are the same
/// program, so the layout is nobody else's business; a checksum is not needed between them.
///
/// A request is its kind, three zero bytes, a number of the agent's choice (UInt32), and what the
/// kind says. Each is answered by one `done` with that number, behind everything else that it
/// brings about.
public enum KeeperRequest: UInt8, Sendable {
  /// First message: the share of each audit lane (4 × UInt16, records), and whether the data
  /// partition is there (UInt8). Everything that is kept is told.
  case hello = 1
  /// Whether the data partition is there (UInt8). What could not be read or stored before is tried
  /// again, and told.
  case retry = 2
  /// The client keys, to be kept.
  case clients = 3
  /// The configuration changes, to be kept.
  case changes = 4
  /// A lane (UInt8) and records of it, `AuditLanes.recordSize` bytes each, to be appended.
  case append = 5
  /// Factory reset.
  case forget = 6
  /// The text of pairing.txt; empty: it is withdrawn.
  case pairing = 7
  /// A change's id (UInt32) and its text, to be staged.
  case stage = 8
  /// A change's id and its text's digest: is what is staged that text, and a right configuration?
  case check = 9
  /// A change's id and its text's digest: that text becomes the user's configuration.
  case apply = 10
  /// A change's id: what was in force before it is put back.
  case rollBack = 11
  /// A change's id: it has ended, its text may go.
  case drop = 12
  /// A change's id: its text is told; 0: what is in force.
  case text = 13
  /// A text: is it a right configuration?
  case proof = 14
}

/// A reply is its kind, three zero bytes, and what the kind says.
public enum KeeperReply: UInt8, Sendable {
  /// `KeeperFacts`.
  case facts = 1
  /// `BlobNews`, then the bytes.
  case blob = 2
  /// `AuditNews`, then records, the oldest first. The last message of a lane says so.
  case audit = 3
  /// Id (UInt32) of each change that has a text on the card, whole or not.
  case staged = 4
  /// `KeeperDone`.
  case done = 5
  /// The request's number (UInt32), then the text that it has asked for.
  case text = 6
}

public enum KeeperMessage {
  /// Bytes of the longest one, either way.
  public static let size = 32 * 1024
  /// Bytes before what the kind of a request says.
  public static let requestHead = 8
  public static let replyHead = 4
  /// Bytes of the longest blob: 40 configuration changes of 416 bytes are the longest one, with a
  /// head; 64 client keys of 224 bytes are shorter.
  public static let blobSize = 20 * 1024
  /// Bytes of the longest text of pairing.txt.
  public static let pairingSize = 512
}

/// How a request ended.
public enum KeeperOutcome: UInt8, Sendable {
  case done = 0
  /// Nothing had to be done.
  case already = 1
  /// The configuration in force is right, and is neither the change's nor the one before: somebody
  /// has put it there by hand. It stays.
  case changedElsewhere = 2
  /// The text is no right configuration; line, column and sentence say why.
  case wrong = 3
  /// There is no such change.
  case unknown = 4
  /// What is needed is there, but its bytes are not those that were written.
  case damaged = 5
  case tooLarge = 6
  /// As many changes are staged as may be.
  case tooMany = 7
  case malformed = 8
  /// The file system cannot be written, and cannot be mounted to be written.
  case readOnly = 9
  case full = 10
  /// The folder or its file system is not there.
  case missing = 11
  /// The disk failed; `errno` says how.
  case failing = 12
}

/// How a request ended, and why.
public struct KeeperDone {
  public static let size = 140
  public var number: UInt32 = 0
  public var outcome = KeeperOutcome.done
  /// A positive errno, 0 where the kernel has not refused anything.
  public var errno: Int32 = 0
  /// Of a text that is `wrong`.
  public var error = ConfigurationError()

  public init(_ outcome: KeeperOutcome) { self.outcome = outcome }

  public init(_ error: ConfigurationError) {
    outcome = .wrong
    self.error = error
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(number)
    writer.write(outcome.rawValue)
    writer.zero(3)
    writer.write(errno)
    writer.write(error.line)
    writer.write(error.column)
    writer.write(error.message)
  }

  /// nil: an outcome that this build does not know.
  public init?(from reader: inout ByteReader) {
    number = reader.read()
    guard let outcome = KeeperOutcome(rawValue: reader.read()) else { return nil }
    self.outcome = outcome
    reader.skip(3)
    errno = reader.read()
    error.line = reader.read()
    error.column = reader.read()
    error.message = reader.read()
  }
}

/// What holds of the keeper's folder, and what was found at the start.
public struct KeeperFacts {
  public static let size = 12

  public enum Place: UInt8, Sendable {
    case missing = 0
    case kept = 1
    /// It lies in memory: a board without a card. All of it is gone after the next start.
    case memory = 2
  }
  public enum Reset: UInt8, Sendable {
    case notAsked = 0
    case carriedOut = 1
    /// It was asked for, and could not be carried out; it is tried again at the next start.
    case failed = 2
  }
  /// What a power cut in the middle of a change of the configuration has left.
  public enum Repair: UInt8, Sendable {
    case notNeeded = 0
    /// The change is in force now, or is rolled back now, as was asked for.
    case finished = 1
    /// What was in force before is in force again.
    case putBack = 2
    /// The configuration is torn, and neither text is whole.
    case damaged = 3
    /// It could not be written.
    case failed = 4
  }

  public var place = Place.missing
  public var reset = Reset.notAsked
  public var repair = Repair.notNeeded
  /// All memory is locked.
  public var isLocked = false
  /// The change that was applied and is not dropped yet; 0: none.
  public var applied: UInt32 = 0
  /// Why the folder could not be looked at: a positive errno.
  public var errno: Int32 = 0

  public init() {}

  public func encode(into writer: inout ByteWriter) {
    writer.write(place.rawValue)
    writer.write(reset.rawValue)
    writer.write(repair.rawValue)
    writer.write(isLocked)
    writer.write(applied)
    writer.write(errno)
  }

  /// nil: a value that this build does not know.
  public init?(from reader: inout ByteReader) {
    guard let place = Place(rawValue: reader.read()), let reset = Reset(rawValue: reader.read()),
      let repair = Repair(rawValue: reader.read())
    else { return nil }
    self.place = place
    self.reset = reset
    self.repair = repair
    isLocked = reader.read(UInt8.self) != 0
    applied = reader.read()
    errno = reader.read()
  }
}

/// What the keeper keeps in two copies, each with a checksum and a sequence.
public enum Blob: UInt8, Sendable {
  /// The device's X25519 private key.
  case device = 1
  case clients = 2
  case changes = 3
  /// Which change of the configuration is under way, or in force.
  case swap = 4
  /// The text of a change; the sequence is its id, and there is one copy.
  case staged = 5

  public static let keySize = 32
}

/// What was found of a blob's copies.
public struct BlobCopies: Equatable, Sendable {
  public var rawValue: UInt8
  public init(rawValue: UInt8 = 0) { self.rawValue = rawValue }
}

/// What was found of a blob.
public struct BlobNews {
  public static let size = 20

  public enum State: UInt8, Sendable {
    case loaded = 0
    /// It has never been kept.
    case none = 1
    /// The device key alone: there was none, the bytes are a new one.
    case madeAnew = 2
    /// No copy is right; they were set aside. Of the device key, the bytes are a new one.
    case damaged = 3
    /// The disk does not give it; nothing is changed before it does, or before a factory reset. Of
    /// the device key, the bytes are one for the time being.
    case unreadable = 4
  }

  public var blob = Blob.device
  public var state = State.none
  public var copies = BlobCopies()
  /// How storing what was made anew or mended went.
  public var storing = KeeperOutcome.done
  /// Of what is loaded; each `put` raises it.
  public var sequence: UInt64 = 0
  /// A positive errno of reading or storing.
  public var errno: Int32 = 0

  public init(_ blob: Blob) { self.blob = blob }

  public func encode(into writer: inout ByteWriter) {
    writer.write(blob.rawValue)
    writer.write(state.rawValue)
    writer.write(copies.rawValue)
    writer.write(storing.rawValue)
    writer.zero(4)
    writer.write(sequence)
    writer.write(errno)
  }

  /// nil: a value that this build does not know.
  public init?(from reader: inout ByteReader) {
    guard let blob = Blob(rawValue: reader.read()), let state = State(rawValue: reader.read())
    else { return nil }
    self.blob = blob
    self.state = state
    copies = BlobCopies(rawValue: reader.read())
    guard let storing = KeeperOutcome(rawValue: reader.read()) else { return nil }
    self.storing = storing
    reader.skip(4)
    sequence = reader.read()
    errno = reader.read()
  }
}

/// What was found of a lane of the audit.
public struct AuditNews {
  public static let size = 12

  public var lane: UInt8 = 0
  /// `done`, or why it is not there.
  public var outcome = KeeperOutcome.done
  /// No more records of the lane follow.
  public var isLast = true
  /// Bytes behind the last whole record: a torn one, which goes with the next append.
  public var torn: UInt8 = 0
  /// Records that were left out because there are more than may be.
  public var skipped: UInt32 = 0
  /// A positive errno.
  public var errno: Int32 = 0

  public init() {}

  public func encode(into writer: inout ByteWriter) {
    writer.write(lane)
    writer.write(outcome.rawValue)
    writer.write(isLast)
    writer.write(torn)
    writer.write(skipped)
    writer.write(errno)
  }

  /// nil: an outcome that this build does not know.
  public init?(from reader: inout ByteReader) {
    lane = reader.read()
    guard let outcome = KeeperOutcome(rawValue: reader.read()) else { return nil }
    self.outcome = outcome
    isLast = reader.read(UInt8.self) != 0
    torn = reader.read()
    skipped = reader.read()
    errno = reader.read()
  }
}
