import Appliance
import CLinux
import Wire

/// What the agent and its storage worker say to each other over a SOCK_SEQPACKET pair: whole
/// messages in a queue that the kernel bounds. Both ends are the same program, so the layout is
/// nobody else's business; a checksum is not needed between them.
enum StorageRequest: UInt8 {
  /// First message: what the agent knows of this boot (boot id, whether the watchdog reset it, and
  /// whether it has lived long already).
  case hello = 1
  /// The known cameras, to be kept.
  case cameras = 2
  /// This boot has lived long: the row of watchdog resets ends.
  case longLived = 3
  /// The end that follows is wanted.
  case orderlyStop = 4
  /// The external sources, to be kept.
  case sources = 5
  /// Unix time at monotonic time 0, in milliseconds: the clock is trusted, or was set anew.
  case clock = 6
  /// A `RetentionPolicy`, to be kept and followed.
  case retention = 7
  /// `RecordingTag`: which recording a camera's next segments belong to.
  case tag = 8
  /// The recordings that are asked for, to be kept.
  case recordings = 9
  /// `JobRequest`, then the request's payload.
  case job = 10
  /// A log's number (`LogSource`) and new text of it, to be kept for after a reset.
  case log = 11
}

enum StorageReply: UInt8 {
  /// Also a sign of life: told every `StorageRole.intervalMs`, changed or not.
  case facts = 1
  case cameras = 2
  case history = 3
  case sources = 4
  /// `SegmentNews`.
  case segment = 5
  /// `JobReply`; its answer comes as sealed memory beside it.
  case job = 6
  /// The recordings that were asked for.
  case recordings = 7
  /// The `RetentionPolicy` that was kept; told only where there is one.
  case retention = 8
  /// `ArchiveTotals`.
  case totals = 9
  /// `RetentionReport` of what retention has removed by itself.
  case removed = 10
  /// `RepairNews`.
  case repaired = 11
  /// The index was made anew: the number of files in it (UInt32).
  case rebuilt = 12
}

extension KnownCamera {
  static let encodedSize = 32 + 1 + 1 + 2 + 2 + 2 + 48 + 32 + 32

  func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(rung.rawValue)
    writer.write(collided)
    writer.write(vendorID)
    writer.write(productID)
    writer.write(stopped)
    writer.zero(1)
    writer.write(product)
    writer.write(serial)
    writer.write(port)
  }

  /// nil: a rung that this build does not know.
  init?(from reader: inout ByteReader) {
    self.init()
    name = reader.read()
    let number = reader.read(UInt8.self)
    collided = reader.read(UInt8.self) != 0
    vendorID = reader.read()
    productID = reader.read()
    stopped = reader.read(UInt8.self) != 0
    reader.skip(1)
    product = reader.read()
    serial = reader.read()
    port = reader.read()
    guard let rung = IdentityRung(rawValue: number) else { return nil }
    self.rung = rung
  }
}

extension KnownSource {
  static let encodedSize = 32 + Limits.urlSize

  func encode(into writer: inout ByteWriter) {
    writer.write(name)
    writer.write(url)
  }

  init(from reader: inout ByteReader) {
    self.init()
    name = reader.read()
    url = reader.read()
  }
}
