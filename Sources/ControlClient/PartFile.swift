import Foundation
import Wire

/// The beginning of a file that is being got. Whole up to its end, so that its length says where
/// to go on.
final class PartFile {
  let path: String
  private let handle: FileHandle
  /// Bytes that it has.
  private(set) var position: UInt64

  /// Opens what an earlier attempt has left, or begins anew.
  init(_ path: String) throws(DownloadError) {
    self.path = path
    do {
      if !FileManager.default.fileExists(atPath: path) {
        try Data().write(to: URL(filePath: path), options: .withoutOverwriting)
      }
      handle = try FileHandle(forUpdating: URL(filePath: path))
      position = try handle.seekToEnd()
    } catch {
      throw .unwritable(path: path, reason: (error as NSError).localizedDescription)
    }
  }

  deinit { try? handle.close() }

  func append(_ bytes: [UInt8]) throws(DownloadError) {
    try attempt { try handle.write(contentsOf: bytes) }
    position += UInt64(bytes.count)
  }

  func cut(to length: UInt64) throws(DownloadError) {
    try attempt { try handle.truncate(atOffset: length) }
    position = length
  }

  /// Of all bytes, as they can be read back.
  func checksum() throws(DownloadError) -> UInt32 {
    var checksum: UInt32 = 0
    try attempt {
      let bytes = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
      checksum = bytes.withUnsafeBytes { CRC32C.of($0) }
    }
    return checksum
  }

  /// Gives the file its name, in place of one that has it.
  func finish(as target: String) throws(DownloadError) {
    try attempt { try handle.synchronize() }
    guard rename(path, target) == 0 else {
      throw .unwritable(path: target, reason: String(cString: strerror(errno)))
    }
  }

  private func attempt(_ body: () throws -> Void) throws(DownloadError) {
    do {
      try body()
    } catch {
      throw .unwritable(path: path, reason: (error as NSError).localizedDescription)
    }
  }
}

/// Why a file was not got although the device answered. Its description is one sentence with the
/// way out.
public enum DownloadError: Error, Equatable, Sendable {
  /// What came is not what the device has.
  case damaged(file: String, part: String, expected: UInt32, found: UInt32)
  /// The file has another size on the device than when it was asked for.
  case changed(file: String, expected: UInt64, found: UInt64)
  /// The file cannot be kept here.
  case unwritable(path: String, reason: String)
}

extension DownloadError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .damaged(let file, let part, let expected, let found):
      "\(file) has the checksum \(checksumText(expected)) on the device, but what came has "
        + "\(checksumText(found)); remove \(part) and get it again."
    case .changed(let file, let expected, let found):
      "\(file) has \(found) bytes on the device where \(expected) were expected: it was changed "
        + "meanwhile; get it again."
    case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
    }
  }
}

/// What `wpctl files get` prints.
public struct DownloadDocument: Codable, Sendable {
  /// `CAMERA/NAME`.
  public var file: String
  /// Where it lies now.
  public var target: String
  public var bytes: UInt64
  /// Bytes that an earlier attempt had left; 0: none.
  public var resumedAt: UInt64
  /// CRC-32C, eight hexadecimal digits: the same here and on the device.
  public var checksum: String
  /// FileCondition of the specification.
  public var condition: String
  /// Of a recording's whole parts.
  public var durationMs: UInt32?
  public var seconds: Double
}
