import Appliance
import CLinux
import Wire

/// `watchpost probe NODE`: asks a camera what it can do, in a process of its own, because a driver
/// that hangs or crashes must cost a probe and not the agent.
public enum ProbeRole {
  /// Probes `/dev/NODE`, or the file that is played as a camera where `subject` is a path with a
  /// rate, and writes the report to standard output. The process's exit code.
  public static func run(_ subject: Text<112>) -> Int32 {
    if subject.count > 0, subject[0] == UInt8(ascii: "/") {
      _ = lx_confine(LX_ROLE_PROBE, nil)
      return write(PlaybackCamera.probe(subject))
    }
    return write(probe(node: Text(subject)))
  }

  private static func write(_ report: ProbeReport) -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: ProbeReport.encodedSize, alignment: 8) {
      report.encode(into: $0)
      return lx_write_all(1, $0.baseAddress!, $0.count) == 0 ? 0 : 1
    }
  }

  private static func probe(node: Text<16>) -> ProbeReport {
    var path = Text<32>("/dev/")
    path.append(node)
    _ = path.withCString { lx_confine(LX_ROLE_PROBE, $0) }
    var report = ProbeReport()
    withUnsafeTemporaryAllocation(of: lx_video.self, capacity: 1) { memory in
      let result = path.withCString { lx_video_probe($0, &memory[0]) }
      report.describe(memory[0], result: result)
    }
    return report
  }
}

extension ProbeReport {
  mutating func describe(_ video: lx_video, result: Int32) {
    withUnsafeBytes(of: video.card) { card = Text($0) }
    withUnsafeBytes(of: video.driver) { driver = Text($0) }
    truncated = video.truncated != 0
    modeCount = Int(video.mode_count)
    withUnsafeBytes(of: video.modes) { bytes in
      let modes = bytes.bindMemory(to: lx_mode.self)
      for index in 0..<modeCount { self.modes[index] = CaptureMode(modes[index]) }
    }
    switch result {
    case 0: outcome = video.captures != 0 ? .capture : .notCapture
    case -Int32(LX_EBUSY.rawValue): outcome = .busy
    default: outcome = .openFailed
    }
    errno = -result
  }

  private static let magic: UInt32 = 0x3150_5057
  private static let modesSize = 16 * 128

  /// Bytes of a report between the probe and the agent: less than PIPE_BUF, so that it is written
  /// and read in one piece.
  static let encodedSize = 4 + 1 + 1 + 2 + 4 + 4 + 32 + 16 + 16 + modesSize + 4

  /// Writes the report with a checksum into exactly `encodedSize` bytes.
  func encode(into memory: UnsafeMutableRawBufferPointer) {
    var writer = ByteWriter(memory)
    writer.write(ProbeReport.magic)
    writer.write(outcome.rawValue)
    writer.write(truncated)
    writer.write(UInt16(modeCount))
    writer.write(errno)
    writer.write(holder)
    writer.write(card)
    writer.write(driver)
    writer.write(holderName)
    for index in modes.indices {
      writer.write(modes[index].format)
      writer.write(modes[index].width)
      writer.write(modes[index].height)
      writer.write(modes[index].intervalNumerator)
      writer.write(modes[index].intervalDenominator)
    }
    writer.write(CRC32C.of(writer.written))
  }

  /// The report in `bytes`, nil unless they are one: the probe is another process and may have been
  /// killed at any point, or have been corrupted by a driver.
  init?(decoding bytes: UnsafeRawBufferPointer) {
    self.init()
    guard bytes.count == ProbeReport.encodedSize else { return nil }
    let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 4)])
    var tail = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[body.count...]))
    guard tail.read(UInt32.self) == CRC32C.of(body) else { return nil }
    var reader = ByteReader(body)
    guard reader.read(UInt32.self) == ProbeReport.magic,
      let outcome = Outcome(rawValue: reader.read(UInt8.self))
    else { return nil }
    self.outcome = outcome
    truncated = reader.read(UInt8.self) != 0
    modeCount = Int(reader.read(UInt16.self))
    guard modeCount <= modes.count else { return nil }
    errno = reader.read()
    holder = reader.read()
    card = reader.read()
    driver = reader.read()
    holderName = reader.read()
    for index in modes.indices {
      modes[index].format = reader.read()
      modes[index].width = reader.read()
      modes[index].height = reader.read()
      modes[index].intervalNumerator = reader.read()
      modes[index].intervalDenominator = reader.read()
    }
  }
}

extension CaptureMode {
  fileprivate init(_ mode: lx_mode) {
    self.init()
    format = mode.format
    width = UInt16(clamping: mode.width)
    height = UInt16(clamping: mode.height)
    intervalNumerator = mode.numerator
    intervalDenominator = mode.denominator
  }
}
