import Appliance
import CLinux
import Wire

/// `watchpost storage DATA`: the one process that touches the data partition for the agent.
///
/// A card that hangs puts whoever uses it into uninterruptible sleep. A thread in that state would
/// keep the whole agent from ending and so from being started again; a process is simply left
/// behind.
public struct StorageRole: ~Copyable {
  /// How often free space is looked at, and a partition that was missing.
  static let intervalMs: Int32 = 2000
  private static let channel: Int32 = 3
  private static let camerasMagic: UInt32 = 0x3143_5057
  private static let bootsMagic: UInt32 = 0x3142_5057
  private static let sourcesMagic: UInt32 = 0x3153_5057

  private let folder: Text<96>
  private var bootID = InlineArray<16, UInt8>(repeating: 0)
  private var watchdogReset = false
  private var facts = StorageFacts()
  private enum Told {
    /// The agent has not said yet which boot this is.
    case unasked
    case nothing
    case everything
  }
  private var told = Told.unasked
  private var longLived = false
  /// Of this boot; nil until the partition has been there.
  private var boots: BootRecord?
  private let memory: UnsafeMutableRawBufferPointer

  /// Serves the agent until it ends. The process's exit code.
  public static func run(dataDirectory: Text<96>) -> Int32 {
    withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 16) { memory in
      var role = StorageRole(folder: dataDirectory, memory: memory)
      return role.serve()
    }
  }

  private init(folder: Text<96>, memory: UnsafeMutableRawBufferPointer) {
    self.folder = folder
    self.memory = memory
  }

  private mutating func serve() -> Int32 {
    // Who ends everything at once (init, a service manager) must not keep the last words of the
    // agent from the card: the worker ends when the agent has.
    _ = lx_signals_open()
    while true {
      guard lx_wait_readable(Self.channel, Self.intervalMs) >= 0 else { return 1 }
      let count = lx_receive(Self.channel, memory.baseAddress!, memory.count)
      if count == 0 { return 0 }
      if count > 0 {
        obey(UnsafeRawBufferPointer(rebasing: memory[..<Int(count)]))
      } else if count != -Int64(LX_EAGAIN.rawValue) {
        return 1
      }
      look()
    }
  }

  private mutating func obey(_ message: UnsafeRawBufferPointer) {
    var reader = ByteReader(message)
    guard let request = StorageRequest(rawValue: reader.read(UInt8.self)) else { return }
    switch request {
    case .hello:
      guard reader.remaining == 18 else { return }
      for index in bootID.indices { bootID[index] = reader.read() }
      watchdogReset = reader.read(UInt8.self) != 0
      longLived = reader.read(UInt8.self) != 0
      if told == .unasked { told = .nothing }
    case .cameras:
      replace("/state/cameras", magic: Self.camerasMagic, reader.take(reader.remaining))
    case .sources:
      replace("/state/sources", magic: Self.sourcesMagic, reader.take(reader.remaining))
    case .longLived:
      longLived = true
      boots?.longLived = true
      writeBoots()
    case .orderlyStop:
      boots?.orderly = true
      writeBoots()
    }
  }

  /// Looks at the partition, and tells the agent what has changed.
  private mutating func look() {
    var now = StorageFacts()
    var readOnly: Int32 = 0
    let result = folder.withCString {
      lx_filesystem($0, &now.totalBytes, &now.freeBytes, &readOnly)
    }
    now.state = result < 0 ? .missing : readOnly != 0 ? .readOnly : .writable
    if now != facts {
      facts = now
      tellFacts()
    }
    // The first time that the partition is there, everything that is remembered is read.
    guard told == .nothing, now.state == .writable || now.state == .readOnly else { return }
    told = .everything
    makeFolder("/state")
    countBoot()
    tellCameras()
    tellSources()
  }

  private func makeFolder(_ name: StaticString) {
    _ = path(name).withCString { lx_mkdir($0) }
  }

  private func path(_ name: StaticString) -> Text<128> {
    var path = Text<128>(folder)
    path.append(name)
    return path
  }

  // MARK: Files

  /// Replaces a file atomically: magic, checksum, bytes.
  private func replace(_ name: StaticString, magic: UInt32, _ bytes: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(byteCount: bytes.count + 8, alignment: 8) { file in
      var writer = ByteWriter(file)
      writer.write(magic)
      writer.write(CRC32C.of(bytes))
      writer.write(bytes)
      _ = path(name).withCString { lx_replace_file($0, file.baseAddress!, file.count, true) }
    }
  }

  /// The bytes of a file that `replace` wrote, nil when there is none or it is damaged.
  private func read(_ name: StaticString, magic: UInt32) -> UnsafeRawBufferPointer? {
    let count = path(name).withCString { lx_read_file($0, memory.baseAddress!, memory.count) }
    guard count >= 8, Int(count) < memory.count else { return nil }
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: memory[..<Int(count)]))
    guard reader.read(UInt32.self) == magic else { return nil }
    let sum = reader.read(UInt32.self)
    let bytes = reader.take(reader.remaining)
    return CRC32C.of(bytes) == sum ? bytes : nil
  }

  // MARK: Boots

  /// Counts this boot, once, and tells what earlier ones have left.
  private mutating func countBoot() {
    let record = BootRecord(
      of: bootID, watchdogReset: watchdogReset, longLived: longLived, after: earlierBoots())
    boots = record
    writeBoots()
    tell(.history) { writer in
      writer.write(record.history.reset.rawValue)
      writer.write(record.history.bootCount)
      writer.write(record.history.recentWatchdogResets)
    }
  }

  private func earlierBoots() -> BootRecord.Earlier {
    if let bytes = read("/state/boots", magic: Self.bootsMagic), let record = BootRecord(bytes) {
      return .record(record, isLatest: facts.state == .writable)
    }
    let isThere = path("/state/boots").withCString { lx_exists($0) } != 0
    return isThere || facts.state != .writable ? .untold : .none
  }

  private func writeBoots() {
    guard let boots, facts.state == .writable else { return }
    withUnsafeTemporaryAllocation(byteCount: BootRecord.size, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      boots.encode(into: &writer)
      replace("/state/boots", magic: Self.bootsMagic, writer.written)
    }
  }

  // MARK: Telling the agent

  private func tellFacts() {
    tell(.facts) { writer in
      writer.write(facts.state.rawValue)
      writer.write(facts.totalBytes)
      writer.write(facts.freeBytes)
    }
  }

  /// The remembered cameras; none where there is no file yet.
  private func tellCameras() {
    let bytes = read("/state/cameras", magic: Self.camerasMagic)
    tell(.cameras) { writer in
      guard let bytes, bytes.count % KnownCamera.encodedSize == 0 else { return }
      writer.write(bytes)
    }
  }

  /// The external sources; none where there is no file yet.
  private func tellSources() {
    let bytes = read("/state/sources", magic: Self.sourcesMagic)
    tell(.sources) { writer in
      guard let bytes, bytes.count % KnownSource.encodedSize == 0 else { return }
      writer.write(bytes)
    }
  }

  private func tell(_ reply: StorageReply, _ body: (inout ByteWriter) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 8) { message in
      var writer = ByteWriter(message)
      writer.write(reply.rawValue)
      body(&writer)
      _ = lx_send(Self.channel, message.baseAddress!, writer.count)
    }
  }
}
