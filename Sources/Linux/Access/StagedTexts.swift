import Appliance
import CLinux
import Noise
import Wire

/// The texts of configuration changes, `FOLDER/staged/ID`: each a `BlobCopy` whose sequence is the
/// change's id.
struct StagedTexts {
  /// Bytes of the longest text.
  static let textSize = 8 * 1024
  /// Texts that are kept at once: the open changes, and some that nobody has dropped.
  static let limit = 16

  private let folder: AccessFolder
  private let memory: KeeperMemory

  init(_ folder: AccessFolder, _ memory: KeeperMemory) {
    self.folder = folder
    self.memory = memory
  }

  private func path(_ id: UInt32) -> Text<160> {
    var path = folder.file("staged/")
    path.append(decimal: UInt64(id))
    return path
  }

  /// What is staged under that id. Its bytes stay in `KeeperMemory.staged`.
  func read(_ id: UInt32) -> BlobCopy {
    let copy = BlobCopy.read(path(id), .staged, into: memory.staged)
    // A text under another's name.
    return copy.state == .right && copy.sequence != UInt64(id)
      ? BlobCopy(.staged, UnsafeRawBufferPointer(start: nil, count: 0)) : copy
  }

  func put(_ id: UInt32, _ text: UnsafeRawBufferPointer) -> KeeperDone {
    guard id > 0, text.count > 0 else { return KeeperDone(.malformed) }
    guard text.count <= Self.textSize else { return KeeperDone(.tooLarge) }
    var others = 0
    visit { if $0 != id { others += 1 } }
    guard others < Self.limit else { return KeeperDone(.tooMany) }
    let file = BlobCopy.sealed(.staged, sequence: UInt64(id), text, in: memory.staged)
    let result = folder.writing {
      let made = folder.file("staged").withCString { lx_private_folder($0) }
      guard made == 0 else { return made }
      let written = folder.overwrite(path(id), file)
      return written < 0 ? written : folder.file("staged").withCString { lx_sync_folder($0, false) }
    }
    return KeeperDone(result)
  }

  /// Whether what is staged is the text of that digest, and a right configuration on top of the
  /// board's own. `damaged`: it is another one, which an earlier change of this id has left.
  func check(_ id: UInt32, _ digest: ConfigurationDigest) -> KeeperDone {
    let (text, done) = text(id)
    guard done.outcome == .done else { return done }
    guard ConfigurationDigest(sha256Of: text) == digest else { return KeeperDone(.damaged) }
    return Self.error(in: text).map { KeeperDone($0) } ?? done
  }

  /// The text that is staged, in `KeeperMemory.staged`, or why there is none.
  func text(_ id: UInt32) -> (UnsafeRawBufferPointer, KeeperDone) {
    let copy = read(id)
    switch copy.state {
    case .missing: return (copy.bytes, KeeperDone(.unknown))
    case .damaged: return (copy.bytes, KeeperDone(.damaged))
    case .unreadable(let errno): return (copy.bytes, KeeperDone(-errno))
    case .right: return (copy.bytes, KeeperDone(.done))
    }
  }

  /// Why a text is no right configuration on top of the board's own; nil: it is one.
  static func error(in text: UnsafeRawBufferPointer) -> ConfigurationError? {
    let named = ConfigurationSource.argument(after: "--board-config")
    let board = named.isEmpty ? Text<128>(ConfigurationSource.boardPath) : named
    let base = ConfigurationSource.load(board: board, user: .empty).configuration
    do throws(ConfigurationError) {
      _ = try ConfigurationParser.parse(text, base: base)
      return nil
    } catch {
      return error
    }
  }

  /// One that is missing is no error.
  func drop(_ id: UInt32) -> Int32 {
    guard path(id).withCString({ lx_exists($0) }) != 0 else { return 0 }
    return folder.writing { folder.erase(path(id)) }
  }

  /// Removes all. Only in `AccessFolder.writing`.
  func eraseAll() -> Int32 {
    var result: Int32 = 0
    visit { id in
      let erased = folder.erase(path(id))
      if result == 0 { result = erased }
    }
    return result
  }

  /// Ids of what is staged, right or not, in no order.
  func visit(_ body: (UInt32) -> Void) {
    let opened = folder.path.withCString { path in
      lx_folder_open(path, StaticString("staged").cString, StaticString("").cString)
    }
    guard opened >= 0 else { return }
    defer { lx_close(opened) }
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { names in
      while true {
        let count = lx_folder_read(opened, names.baseAddress!, names.count)
        guard count > 0 else { return }
        var offset = 0
        while let name = lx_folder_entry(names.baseAddress!, Int(count), &offset) {
          if let id = Self.id(Text(cString: name)) { body(id) }
        }
      }
    }
  }

  private static func id(_ name: Text<16>) -> UInt32? {
    guard name.count >= 1, name.count <= 10, name[0] != UInt8(ascii: "0") else { return nil }
    var id: UInt64 = 0
    for index in 0..<name.count {
      guard case let digit = name[index] &- UInt8(ascii: "0"), digit <= 9 else { return nil }
      id = 10 * id + UInt64(digit)
    }
    return UInt32(exactly: id)
  }
}
