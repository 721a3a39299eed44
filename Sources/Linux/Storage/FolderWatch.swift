import Appliance
import Archive
import CLinux
import Wire

/// A camera's folder below `recordings` or `snapshots`.
struct CameraFolder {
  var kind = FileKind.recording
  var camera = Name()
  /// inotify's number; -1: this place is free.
  var watch: Int32 = -1
  /// All of it was listed in the latest round of the reconciliation.
  var isListed = false
  /// Files in it that are none of ours.
  var foreign: UInt32 = 0
}

/// inotify over the folders of files: a segment is known from its first bytes, without asking
/// MediaMTX, whose lists know nothing of files that it has forgotten.
struct FolderWatch: ~Copyable {
  /// Folders of cameras; more are not looked into.
  static let capacity = 128

  private(set) var descriptor: Int32 = -1
  private var tops: (recordings: Int32, snapshots: Int32) = (-1, -1)
  private let folders = reserved(CameraFolder(), capacity)
  private var used = 0
  private let folder: DataFolder

  init(_ folder: DataFolder) { self.folder = folder }

  deinit { if descriptor >= 0 { lx_close(descriptor) } }

  subscript(place: Int) -> CameraFolder {
    unsafeAddress { UnsafePointer(folders.baseAddress! + place) }
    unsafeMutableAddress { folders.baseAddress! + place }
  }

  var indices: Range<Int> { 0..<used }

  var foreignFiles: UInt32 {
    var sum: UInt32 = 0
    for place in indices where self[place].watch >= 0 { sum &+= self[place].foreign }
    return sum
  }

  /// Begins to watch both folders of all files.
  mutating func start() {
    stop()
    descriptor = lx_watch_open()
    guard descriptor >= 0 else { return }
    tops.recordings = watch(.recording)
    tops.snapshots = watch(.snapshot)
  }

  mutating func stop() {
    if descriptor >= 0 { lx_close(descriptor) }
    descriptor = -1
    tops = (-1, -1)
    for place in indices { self[place] = CameraFolder() }
    used = 0
  }

  private func watch(_ kind: FileKind, _ camera: Name = Name()) -> Int32 {
    var path = Text<192>(folder.path)
    path.append("/")
    path.append(kind.folder)
    if !camera.isEmpty {
      path.append("/")
      path.append(camera)
    }
    return path.withCString { lx_watch_add(descriptor, $0) }
  }

  func find(_ kind: FileKind, _ camera: Name) -> Int? {
    for place in indices
    where self[place].watch >= 0 && self[place].kind == kind && self[place].camera == camera {
      return place
    }
    return nil
  }

  /// Watches a camera's folder. nil: it is no folder of a camera, it is watched already, or there
  /// are too many.
  mutating func add(_ kind: FileKind, _ name: UnsafePointer<CChar>) -> Int? {
    let length = lengthOfCString(name)
    let camera = Name(cString: name)
    guard length == camera.count, camera.isName, find(kind, camera) == nil else { return nil }
    var place = 0
    while place < used, self[place].watch >= 0 { place += 1 }
    guard place < Self.capacity else { return nil }
    let number = watch(kind, camera)
    guard number >= 0 else { return nil }
    used = max(used, place + 1)
    self[place] = CameraFolder(kind: kind, camera: camera, watch: number)
    return place
  }

  mutating func remove(_ place: Int) { self[place] = CameraFolder() }

  enum Place {
    case top(FileKind)
    case camera(Int)
  }

  /// Where a change took place; nil: in a folder that is no longer watched.
  func place(of watch: Int32) -> Place? {
    if watch == tops.recordings { return .top(.recording) }
    if watch == tops.snapshots { return .top(.snapshot) }
    for place in indices where self[place].watch == watch && watch >= 0 { return .camera(place) }
    return nil
  }
}

/// Bytes before the zero, at most 255.
private func lengthOfCString(_ text: UnsafePointer<CChar>) -> Int {
  var length = 0
  while length < 255, text[length] != 0 { length += 1 }
  return length
}

extension Text {
  /// A file's name as the kernel tells it; nil: longer than ours ever are.
  init?(fileName: UnsafePointer<CChar>) {
    guard lengthOfCString(fileName) <= capacity else { return nil }
    self.init(cString: fileName)
  }
}
