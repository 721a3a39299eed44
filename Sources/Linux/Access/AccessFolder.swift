import Appliance
import CLinux
import Wire

// FOLDER lies on the card's FAT partition, which has no journal, which nobody checks at the start,
// and which init mounts read-only:
//
//   ROOT/watchpost.conf, watchpost.conf.before   the user's configuration, and the one before it
//   ROOT/pairing.txt                             while a pairing is open
//   ROOT/factory-reset[.txt]                     put there by a person, or by `forget`
//   ROOT/access/NAME.a, NAME.b, NAME.damaged     `KeptBlob`
//   ROOT/access/staged/ID                        `StagedTexts`
//
// FAT's rename(2) writes two directory entries, one after the other. A power cut between leaves two
// names on one chain of clusters, and removing either of them later breaks the other. So nothing is
// renamed here: files are made once and written over in place, what may be torn is told by its
// checksum, and there is always another copy. While something is written, the partition is mounted
// synchronously: only then does FAT put clusters, lengths and names onto the card in an order that
// may end anywhere.

/// The folder on the card that holds what admits operators, and the folder above it.
final class AccessFolder {
  /// Without a slash at its end.
  let path: Text<96>
  /// The folder above: the root of the partition.
  let root: Text<96>
  private var isOpen = false
  /// Files and folders are put onto the disk by themselves, elsewhere than on FAT: everything of a
  /// large file system would take long.
  private var isFAT = false

  init(_ path: Text<96>) {
    var length = path.count
    while length > 1, path[length - 1] == UInt8(ascii: "/") { length -= 1 }
    self.path = Self.cut(path, length)
    while length > 0, path[length - 1] != UInt8(ascii: "/") { length -= 1 }
    root =
      switch length {
      case 0: Text(".")
      case 1: Text("/")
      default: Self.cut(path, length - 1)
      }
  }

  private static func cut(_ path: Text<96>, _ length: Int) -> Text<96> {
    path.withBytes { Text(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
  }

  /// A file in the folder.
  func file(_ name: StaticString, _ suffix: StaticString = "") -> Text<160> {
    var file = Text<160>(path)
    file.append("/")
    file.append(name)
    file.append(suffix)
    return file
  }

  /// A file in the folder above.
  func rootFile(_ name: StaticString) -> Text<160> {
    var file = Text<160>(root)
    file.append("/")
    file.append(name)
    return file
  }

  /// The place that the folder has; a negative errno where the folder above is not there.
  func look(_ place: inout lx_place) -> Int32 { root.withCString { lx_place_of($0, &place) } }

  /// A life of the keeper that was killed while it wrote has left the card mounted to be written.
  func tidyUp() {
    var place = lx_place()
    // On a host, whoever mounted the file system may have wanted it so.
    guard root == "/boot", look(&place) == 0, place.read_only == 0, place.synchronous != 0 else {
      return
    }
    _ = root.withCString { lx_close_for_writing($0) }
  }

  /// Runs `body`, in which files may be written, and puts everything onto the card. 0 or a negative
  /// errno: of the mount, of `body`, or of the end.
  func writing(_ body: () -> Int32) -> Int32 {
    if isOpen { return body() }
    var place = lx_place()
    let looked = look(&place)
    guard looked == 0 else { return looked }
    if place.read_only != 0 {
      let opened = root.withCString { lx_open_for_writing($0) }
      guard opened == 0 else { return opened }
    }
    isOpen = true
    isFAT = place.is_fat != 0
    var result = path.withCString { lx_private_folder($0) }
    if result == 0 { result = body() }
    let synced = sync()
    isOpen = false
    if result == 0 { result = synced }
    if place.read_only != 0 { _ = root.withCString { lx_close_for_writing($0) } }
    return result
  }

  /// Writes a file over, in place. Only in `writing`.
  func overwrite(_ path: Text<160>, _ bytes: UnsafeRawBufferPointer) -> Int32 {
    precondition(isOpen, "the folder is not open for writing")
    let result = path.withCString { lx_overwrite($0, bytes.baseAddress!, bytes.count) }
    return result == 0 ? sync() : result
  }

  /// Writes zeros over a file and removes it. Only in `writing`. Flash keeps copies of what was
  /// written over until it needs their place; no program can reach those.
  func erase(_ path: Text<160>) -> Int32 {
    precondition(isOpen, "the folder is not open for writing")
    return path.withCString { lx_erase($0) }
  }

  /// Puts the names onto the card: a step is over. Only in `writing`.
  func sync() -> Int32 {
    let inner = path.withCString { lx_sync_folder($0, false) }
    return inner < 0 ? inner : root.withCString { lx_sync_folder($0, isFAT) }
  }
}
