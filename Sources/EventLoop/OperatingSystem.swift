import Appliance
import Wire

/// The one seam between the loop and the world: Linux implements it with system calls, the
/// simulator with a fake world. Nothing here decides anything.
///
/// Descriptors are plain numbers at this seam; the implementation owns what they stand for.
public protocol OperatingSystem: ~Copyable {
  /// Microseconds on the clock that `Instant` counts.
  mutating func nowUs() -> UInt64

  // MARK: Waiting

  /// Waits until something is ready or `deadline` has come (`.never`: without end), and says how
  /// many things are. A bounded batch; what does not fit is told by the next wait.
  mutating func wait(until deadline: Instant) -> Int
  /// One of the things of the last wait.
  func ready(_ index: Int) -> Ready

  // MARK: The control port

  /// Takes one connection from the backlog.
  mutating func accept() -> Accepted
  /// Whether the control port's backlog wakes the loop.
  mutating func watchBacklog(_ watched: Bool)
  /// Begins to watch a connection; its events carry the slot and the generation.
  mutating func watch(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest)
    -> Bool
  mutating func change(_ connection: Int32, slot: Int, generation: UInt32, _ interest: Interest)
  mutating func receive(_ connection: Int32, into buffer: UnsafeMutableRawBufferPointer)
    -> Transfer
  mutating func send(_ connection: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer
  mutating func shutdownWrite(_ connection: Int32)
  mutating func close(_ connection: Int32)

  // MARK: Pictures

  /// Asks for the newest picture of a camera, taken at `notBeforeUs` or later; waits for one until
  /// `deadlineUs`. `entry` (below `Pictures.capacity`) names it from now on. False: nobody can be
  /// asked now.
  mutating func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool
  /// What came of an entry that was asked for and not closed since, once; nil when there is nothing
  /// (any more).
  mutating func nextPicture() -> PictureAnswer?
  /// Fills `buffer` with the picture's bytes from `offset` on. False when they cannot be had.
  mutating func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool
  /// Forgets an entry: its picture, or that it was asked for.
  mutating func closePicture(_ entry: Int)

  // MARK: Jobs

  /// Hands a request to a worker; `entry` (below `Jobs.capacity`) names it from now on. `source` is
  /// the camera's newest picture, where the job needs one. False: no worker for it is free.
  mutating func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool
  /// What came of a job that was begun and not closed since, once; nil when there is nothing (any
  /// more).
  mutating func nextJob() -> JobAnswer?
  /// Fills `buffer` with the answer's bytes from `offset` on. False when they cannot be had.
  mutating func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool
  /// Forgets an entry: its answer, or that it was begun. `hung`: its time is over, and so is its
  /// worker's.
  mutating func closeJob(_ entry: Int, hung: Bool)

  // MARK: The keeper

  /// Hands a message to the keeper (`KeeperRequest`). False: there is none, or its queue is full.
  mutating func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool
  /// The next thing that is to be said of the keeper, nil when there is nothing (any more).
  mutating func nextKept() -> KeeperNews?

  // MARK: Everything else

  /// Fills memory with random bytes that nobody can foresee (getrandom(2)).
  mutating func random(into bytes: UnsafeMutableRawBufferPointer)

  /// The contents of this memory are void from now on: the machine may have it back until it is
  /// written to again.
  mutating func discard(_ memory: UnsafeMutableRawBufferPointer)

  /// The next thing that `source` has to tell, nil when there is nothing (any more). What the input
  /// points to stays valid until the next call.
  mutating func nextInput(from source: Int, logs: inout LogRings) -> Input?
  /// An input is about to be told to the machines. Only the simulator looks.
  mutating func tells(_ input: borrowing Input, to appliance: borrowing Appliance)
  /// Executes an effect that concerns the world; `appliance` is asked for what the effect needs.
  mutating func execute(_ effect: Effect, for appliance: borrowing Appliance)
  /// A line that the system itself has to say for the agent's log, nil when there is none.
  mutating func nextLogLine() -> LogLine?
  /// Shows a line of the agent's own log to whoever watches the process.
  mutating func showLog(_ line: LogLine)
  /// Keeps a line of the agent's own log, as it is read remotely, for the boot after this one.
  mutating func keepLog(_ line: StampedLine)
  /// What the machine's own counters say now, for health and metrics.
  mutating func resources() -> Resources
}

extension OperatingSystem where Self: ~Copyable {
  @inline(__always)
  public mutating func tells(_ input: borrowing Input, to appliance: borrowing Appliance) {}
}

/// What a connection is watched for.
public enum Interest: UInt8, Equatable, Sendable { case nothing, readable, writable }

/// One thing that is ready.
public enum Ready: Equatable, Sendable {
  case backlog
  case connection(slot: Int, generation: UInt32, Readiness)
  /// A signal, a device, a child's output, an answer: `nextInput` tells.
  case source(Int)
  /// `nextPicture` has something to tell.
  case pictures
  /// `nextJob` has something to tell.
  case jobs
  /// `nextKept` has something to tell.
  case keeper
}

public enum Readiness: UInt8, Equatable, Sendable {
  case readable, writable
  /// Both directions are dead.
  case broken
}

public enum Accepted: Equatable, Sendable {
  case connection(Int32, IPv4)
  /// The backlog is empty, or its first entry has gone already.
  case none
  /// The machine has no descriptor or memory for it: try again later.
  case exhausted
}

/// What became of moving bytes.
public enum Transfer: Equatable, Sendable {
  /// At least one byte.
  case moved(Int)
  case wouldBlock
  /// The peer's direction has ended.
  case end
  /// The connection is dead.
  case broken
}

/// What the agent uses of its machine, and what the machine as a whole does.
public struct Resources: Sendable {
  public var memoryKiB: UInt64 = 0
  public var memoryPeakKiB: UInt64 = 0
  public var cpuMs: UInt64 = 0
  public var cores = 0
  /// Of the first eight cores.
  public var coreBusyMs = InlineArray<8, UInt64>(repeating: 0)
  /// Of all cores together, busy and in all.
  public var busyMs: UInt64 = 0
  public var wholeMs: UInt64 = 0
  public var deviceMemoryKiB: UInt64 = 0
  public var deviceAvailableKiB: UInt64 = 0
  /// Of all network interfaces but the loopback, and of all disks.
  public var networkReceivedBytes: UInt64 = 0
  public var networkSentBytes: UInt64 = 0
  public var diskReadBytes: UInt64 = 0
  public var diskWrittenBytes: UInt64 = 0
  public init() {}
}
