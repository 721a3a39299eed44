/// One thing that was done to get a camera's pictures back: an entry of `cameraRecovery`.
///
/// ```
/// offset size field
///      0    8 atMs               milliseconds since the kernel started
///      8    1 rung               RecoveryRung
///      9    1 outcome            RecoveryOutcome
///     10    1 cause              CameraReason: what was wrong
///     11    5 reserved
/// ```
public struct RecoveryStep: Payload, Equatable {
  public static let size = 16

  public var atMs: UInt64 = 0
  public var rung = Code(RecoveryRung.none)
  public var outcome = Code(RecoveryOutcome.pending)
  public var cause = Code(CameraReason.none)

  public init() {}

  public init(from reader: inout ByteReader) {
    atMs = reader.read()
    rung = reader.read()
    outcome = reader.read()
    cause = reader.read()
    reader.skip(5)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(atMs)
    writer.write(rung)
    writer.write(outcome)
    writer.write(cause)
    writer.zero(5)
  }
}

/// The head of the answer to `cameraRecovery`; the last `count` steps follow, the oldest first.
///
/// ```
/// offset size field
///      0   32 camera             text
///     32    1 rung               RecoveryRung: where the ladder stands; none: nothing is wrong
///     33    3 reserved
///     36    4 attempts           steps since the camera worked last
///     40    4 nextInMs           milliseconds to the next step; 0: none is planned
///     44    4 reopens            steps of each kind in this life of the agent
///     48    4 restarts
///     52    4 reauthorisations
///     56    4 powerCycles
///     60    4 recoveries         times that it worked again
///     64    2 count              steps that follow, 0 … 16
///     66    6 reserved
///     72   16 entries            RecoveryStep, count times
/// ```
public struct RecoveryReport: ListHead, Equatable {
  public typealias Entry = RecoveryStep
  public static let size = 72
  public static let maximum = Limits.recoverySteps

  public var camera = Name()
  public var rung = Code(RecoveryRung.none)
  public var attempts: UInt32 = 0
  public var nextInMs: UInt32 = 0
  public var reopens: UInt32 = 0
  public var restarts: UInt32 = 0
  public var reauthorisations: UInt32 = 0
  public var powerCycles: UInt32 = 0
  public var recoveries: UInt32 = 0
  public var count: UInt16 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    camera = reader.read()
    rung = reader.read()
    reader.skip(3)
    attempts = reader.read()
    nextInMs = reader.read()
    reopens = reader.read()
    restarts = reader.read()
    reauthorisations = reader.read()
    powerCycles = reader.read()
    recoveries = reader.read()
    count = reader.read()
    reader.skip(6)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(rung)
    writer.zero(3)
    writer.write(attempts)
    writer.write(nextInMs)
    writer.write(reopens)
    writer.write(restarts)
    writer.write(reauthorisations)
    writer.write(powerCycles)
    writer.write(recoveries)
    writer.write(count)
    writer.zero(6)
  }
}
