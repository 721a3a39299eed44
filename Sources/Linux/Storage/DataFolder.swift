import Appliance
import Archive
import CLinux
import Wire

/// The folder of the data partition, and whether reading and writing it works.
///
/// ```
/// DATA/recordings/CAMERA/YYYY-mm-dd_HH-MM-SS-ffffff_BOOT8HEX-LIFE.mp4   written by MediaMTX
/// DATA/snapshots/CAMERA/YYYY-mm-dd_HH-MM-SS-ffffff_BOOT8HEX-0.jpg       written under another
///                                                                       name, then renamed
/// DATA/state/index       all files in their order (`IndexRecord`)
/// DATA/state/boots, cameras, sources, retention, recordings             small, replaced whole
/// DATA/state/log-agent, log-media, each with .old and -before           last lines of the logs
/// ```
final class DataFolder {
  let path: Text<96>
  /// A write, a sync or a read has failed, and none has worked since.
  private(set) var isFailing = false
  /// It can be written.
  var isWritable = false

  init(_ path: Text<96>) { self.path = path }

  func path(_ name: StaticString) -> Text<128> {
    var path = Text<128>(self.path)
    path.append(name)
    return path
  }

  /// Notes what the kernel said of a disk operation, and hands it on.
  ///
  /// A full disk or a missing file is not a failing one.
  @discardableResult
  func judge<Result: FixedWidthInteger & SignedInteger>(_ result: Result) -> Result {
    switch -Int64(result) {
    case Int64(LX_EIO.rawValue), Int64(LX_ENXIO.rawValue), Int64(LX_ENODEV.rawValue),
      Int64(LX_ESHUTDOWN.rawValue), Int64(LX_EUCLEAN.rawValue):
      isFailing = true
    // Mounted for writing, as the mount table has it, but the journal has ended after an error.
    case Int64(LX_EROFS.rawValue) where isWritable: isFailing = true
    default: break
    }
    return result
  }

  /// Tries whether a failing partition can be written again.
  func probe() {
    guard isFailing, isWritable else { return }
    isFailing = false
    let name = path("/state/probe")
    var page = InlineArray<512, UInt8>(repeating: 0)
    page[0] = 1
    let result = page.span.withUnsafeBytes { bytes in
      name.withCString { lx_replace_file($0, bytes.baseAddress!, bytes.count, true) }
    }
    if judge(result) == 0 { _ = name.withCString { lx_unlink($0) } }
  }

  /// The descriptor of a folder, or a negative errno.
  func open(_ first: StaticString, _ second: Name = Name()) -> Int32 {
    let opened = path.withCString { data in
      second.withCString { lx_folder_open(data, first.cString, $0) }
    }
    return judge(opened)
  }

  /// The descriptor of a camera's folder, or a negative errno.
  func open(_ kind: FileKind, _ camera: Name) -> Int32 { open(kind.folder, camera) }

  // MARK: Small files

  /// Replaces a file atomically: magic, checksum, bytes.
  func replace(_ name: StaticString, magic: UInt32, _ bytes: UnsafeRawBufferPointer) {
    guard isWritable else { return }
    withUnsafeTemporaryAllocation(byteCount: bytes.count + 8, alignment: 8) { file in
      var writer = ByteWriter(file)
      writer.write(magic)
      writer.write(CRC32C.of(bytes))
      writer.write(bytes)
      judge(path(name).withCString { lx_replace_file($0, file.baseAddress!, file.count, true) })
    }
  }

  /// The bytes of a file that `replace` wrote, in `memory`; nil: there is none, or it is damaged.
  func read(
    _ name: StaticString, magic: UInt32, into memory: UnsafeMutableRawBufferPointer
  ) -> UnsafeRawBufferPointer? {
    let count = judge(
      path(name).withCString { lx_read_file($0, memory.baseAddress!, memory.count) })
    guard count >= 8, Int(count) < memory.count else { return nil }
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: memory[..<Int(count)]))
    guard reader.read(UInt32.self) == magic else { return nil }
    let sum = reader.read(UInt32.self)
    let bytes = reader.take(reader.remaining)
    return CRC32C.of(bytes) == sum ? bytes : nil
  }
}

extension FileKind {
  /// The folder on the data partition that holds a folder for each camera.
  var folder: StaticString {
    switch self {
    case .recording: "recordings"
    case .snapshot: "snapshots"
    }
  }
}
