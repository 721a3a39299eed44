import Appliance
import Wire

@testable import Linux

extension Fuzzer {
  /// In: which message between processes of the device, then its bytes: a worker may have been
  /// corrupted by a driver or a picture. Holds: what is read is written as it was read; a report of
  /// a probe names no more modes than there are.
  static let workers = Fuzzer("workers", longest: 2300) {
    var probe = [UInt8](repeating: 0, count: ProbeReport.encodedSize)
    probe.withUnsafeMutableBytes { ProbeReport().encode(into: $0) }
    let feed = encoded(FeedReport.encodedSize) { FeedReport().encode(into: &$0) }
    let silence = encoded(FeedMessage.size) { FeedMessage.silence.encode(into: &$0) }
    let publish = encoded(FeedMessage.size) {
      FeedMessage.publish(port: 8554, path: "cam-1", user: "u", password: "p").encode(into: &$0)
    }
    let clock = encoded(16) { AgentMessage.clockTrusted(unixMs: 7).write(to: &$0) }
    let sizes = [140, 12, 20, 12, 148, 48, 96, 8, 28]
    return [[0] + probe, [1] + feed, [2] + silence, [2] + publish, [3] + clock]
      + sizes.enumerated().map { [UInt8($0 + 4)] + [UInt8](repeating: 0, count: $1) }
  } run: { bytes in
    var input = Bytes(bytes)
    let kind = input.byte() % 13
    withCopy(input.rest) { message in
      if kind == 0, message.count == ProbeReport.encodedSize {
        let body = UnsafeRawBufferPointer(rebasing: message[..<(message.count - 4)])
        message.storeBytes(
          of: CRC32C.of(body).littleEndian, toByteOffset: body.count, as: UInt32.self)
      }
      WorkerMessage.look(kind, .init(message))
    }
  }
}

private enum WorkerMessage {
  static func look(_ kind: UInt8, _ bytes: UnsafeRawBufferPointer) {
    switch kind {
    case 0: probe(bytes)
    case 1:
      again(FeedReport.encodedSize, FeedReport(decoding: bytes)) {
        $0.encode(into: &$1)
      } read: {
        FeedReport(decoding: $0)
      }
    case 2:
      again(FeedMessage.size, FeedMessage(decoding: bytes)) {
        $0.encode(into: &$1)
      } read: {
        FeedMessage(decoding: $0)
      }
    case 3:
      again(AgentMessage.size, AgentMessage(bytes)) {
        $0.write(to: &$1)
      } read: {
        AgentMessage($0)
      }
    case 4:
      record(KeeperDone.size, bytes) {
        KeeperDone(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 5:
      record(KeeperFacts.size, bytes) {
        KeeperFacts(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 6:
      record(BlobNews.size, bytes) {
        BlobNews(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 7:
      record(AuditNews.size, bytes) {
        AuditNews(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 8:
      record(KnownCamera.encodedSize, bytes) {
        KnownCamera(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 9:
      record(SegmentNews.size, bytes) {
        SegmentNews(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 10:
      record(RepairNews.size, bytes) {
        RepairNews(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    case 11:
      record(JobRequest.size, bytes) {
        JobRequest(from: &$0)
      } write: {
        $0.encode(into: &$1)
      }
    default:
      again(BootRecord.size, BootRecord(bytes)) {
        $0.encode(into: &$1)
      } read: {
        BootRecord($0)
      }
    }
  }

  private static func probe(_ bytes: UnsafeRawBufferPointer) {
    guard let report = ProbeReport(decoding: bytes) else { return }
    require(report.modeCount <= report.modes.count, "no more modes than there are")
    var again = [UInt8](repeating: 0xA5, count: ProbeReport.encodedSize)
    again.withUnsafeMutableBytes { report.encode(into: $0) }
    again.withUnsafeBytes {
      require(ProbeReport(decoding: $0)?.modeCount == report.modeCount, "the same report")
    }
  }

  /// A message of one size, of which the caller has made sure.
  private static func record<Value>(
    _ size: Int, _ bytes: UnsafeRawBufferPointer, read: (inout ByteReader) -> Value?,
    write: (Value, inout ByteWriter) -> Void
  ) {
    guard bytes.count >= size else { return }
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<size]))
    guard let value = read(&reader) else { return }
    require(reader.remaining == 0, "\(Value.self): all of it is read")
    let once = encoded(size) { write(value, &$0) }
    require(once.count == size, "\(Value.self): its size is written")
    once.withUnsafeBytes { once in
      var reader = ByteReader(once)
      guard let value = read(&reader) else { return require(false, "\(Value.self): is read") }
      encoded(size) { write(value, &$0) }.withUnsafeBytes {
        require(isEqual($0, once), "\(Value.self): what was written is read")
      }
    }
  }

  /// What is written, read and written again is the same.
  private static func again<Value>(
    _ size: Int, _ value: Value?, write: (Value, inout ByteWriter) -> Void,
    read: (UnsafeRawBufferPointer) -> Value?
  ) {
    guard let value else { return }
    let once = encoded(size) { write(value, &$0) }
    once.withUnsafeBytes { once in
      guard let value = read(once) else { return require(false, "\(Value.self): is read") }
      encoded(size) { write(value, &$0) }.withUnsafeBytes {
        require(isEqual($0, once), "\(Value.self): what was written is read")
      }
    }
  }
}
