/// The answer to `storageStatus`.
///
/// ```
/// offset size field
///      0    1 state              DataState
///      1    1 level              StorageLevel
///      2    1 warningPercent     used space from which on it warns
///      3    1 lowPercent         … no new recording starts
///      4    1 criticalPercent    … running ones are suspended
///      5    3 reserved
///      8    8 totalBytes         of the data partition
///     16    8 freeBytes
///     24    8 reserveBytes       held for running recordings
///     32    8 recordingBytes     of all recordings
///     40    8 snapshotBytes      of all snapshots
///     48    4 recordingFiles
///     52    4 snapshotFiles
///     56    4 foreignFiles       in the folders of cameras, but none of theirs: never touched
///     60    4 repairedFiles      repaired or set aside in this life of the storage worker
///     64    4 removedFiles       by retention, likewise
///     68    4 maximumAgeS        retention by age; 0: none
///     72    8 maximumBytes       retention by size; 0: none
///     80    8 removedBytes       by retention, in this life of the storage worker
/// ```
public struct StorageReport: Payload, Equatable {
  public static let size = 88

  public var state = Code(DataState.unknown)
  public var level = Code(StorageLevel.normal)
  public var warningPercent: UInt8 = 0
  public var lowPercent: UInt8 = 0
  public var criticalPercent: UInt8 = 0
  public var totalBytes: UInt64 = 0
  public var freeBytes: UInt64 = 0
  public var reserveBytes: UInt64 = 0
  public var recordingBytes: UInt64 = 0
  public var snapshotBytes: UInt64 = 0
  public var recordingFiles: UInt32 = 0
  public var snapshotFiles: UInt32 = 0
  public var foreignFiles: UInt32 = 0
  public var repairedFiles: UInt32 = 0
  public var removedFiles: UInt32 = 0
  public var maximumAgeS: UInt32 = 0
  public var maximumBytes: UInt64 = 0
  public var removedBytes: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    state = reader.read()
    level = reader.read()
    warningPercent = reader.read()
    lowPercent = reader.read()
    criticalPercent = reader.read()
    reader.skip(3)
    totalBytes = reader.read()
    freeBytes = reader.read()
    reserveBytes = reader.read()
    recordingBytes = reader.read()
    snapshotBytes = reader.read()
    recordingFiles = reader.read()
    snapshotFiles = reader.read()
    foreignFiles = reader.read()
    repairedFiles = reader.read()
    removedFiles = reader.read()
    maximumAgeS = reader.read()
    maximumBytes = reader.read()
    removedBytes = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(state)
    writer.write(level)
    writer.write(warningPercent)
    writer.write(lowPercent)
    writer.write(criticalPercent)
    writer.zero(3)
    writer.write(totalBytes)
    writer.write(freeBytes)
    writer.write(reserveBytes)
    writer.write(recordingBytes)
    writer.write(snapshotBytes)
    writer.write(recordingFiles)
    writer.write(snapshotFiles)
    writer.write(foreignFiles)
    writer.write(repairedFiles)
    writer.write(removedFiles)
    writer.write(maximumAgeS)
    writer.write(maximumBytes)
    writer.write(removedBytes)
  }
}

/// When recordings and snapshots may go: the request of `retentionSet`. Both zero: only when
/// somebody removes them.
///
/// ```
/// offset size field
///      0    4 maximumAgeS        seconds that the device has run since; 0: age does not matter
///      4    4 reserved           zero
///      8    8 maximumBytes       of all files; 0: size does not matter
/// ```
public struct RetentionPolicy: Payload, Equatable {
  public static let size = 16

  public var maximumAgeS: UInt32
  public var maximumBytes: UInt64

  public init(maximumAgeS: UInt32 = 0, maximumBytes: UInt64 = 0) {
    self.maximumAgeS = maximumAgeS
    self.maximumBytes = maximumBytes
  }

  public init(from reader: inout ByteReader) throws(Status) {
    maximumAgeS = reader.read()
    try reader.expectZero(4)
    maximumBytes = reader.read()
    guard maximumAgeS == 0 || maximumAgeS >= Limits.retentionS else { throw .invalidArgument }
    guard maximumBytes == 0 || maximumBytes >= Limits.retentionBytes else {
      throw .invalidArgument
    }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(maximumAgeS)
    writer.zero(4)
    writer.write(maximumBytes)
  }
}

/// The answer to `retentionRun`: what went.
///
/// ```
/// offset size field
///      0    4 files              removed
///      4    4 reserved
///      8    8 bytes              of them
/// ```
public struct RetentionReport: Payload, Equatable {
  public static let size = 16

  public var files: UInt32
  public var bytes: UInt64

  public init(files: UInt32 = 0, bytes: UInt64 = 0) {
    self.files = files
    self.bytes = bytes
  }

  public init(from reader: inout ByteReader) {
    files = reader.read()
    reader.skip(4)
    bytes = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(files)
    writer.zero(4)
    writer.write(bytes)
  }
}
