import Appliance
import Archive
import CLinux
import Wire

/// A file that is being written.
struct OpenSegment {
  /// In the catalog; 0: this place is free.
  var id: UInt64 = 0
  var kind = FileKind.recording
  var camera = Name()
  var name = Text<56>()
  /// MediaMTX's life; 0: it is not MediaMTX's in this boot, and the agent is told nothing of it.
  var life: UInt32 = 0
  var film = FragmentedMP4()
  /// It has grown since that was told.
  var hasGrown = false
  var toldMs: UInt64 = 0
  /// Bytes have been written since they were last put onto the disk.
  var isDirty = true
  /// Its name is on the disk.
  var isNamed = false
  var syncedMs: UInt64 = 0
  /// So many bytes are on the disk, and what is lost of the others is written again.
  var syncedBytes: UInt64 = 0
  var lost = Loss.nothing
  /// Whoever wrote it has said that it is closed, and yet the kernel still counted a writer: it is
  /// looked at again then; 0: that is not the case.
  var closeAgainMs: UInt64 = 0
  var closings: UInt8 = 0
  /// The disk has not taken its end so often.
  var failures: UInt8 = 0

  /// What the disk has not taken. The kernel tells once that it could not write something, and
  /// takes what it has in memory for written from then on (fsync(2), EIO): neither reading the file
  /// nor the next sync shows what is missing.
  enum Loss {
    case nothing
    /// The head only, which MediaMTX writes to when it closes the file: it is written again after
    /// that.
    case head
    /// The head, perhaps, and all behind `syncedBytes`.
    case tail
  }
}

/// The files that are being written, few of them.
struct OpenSegments: ~Copyable {
  static let capacity = 64
  /// How often a file's growth is told.
  static let newsMs: UInt64 = 200
  /// How often what MediaMTX has written is put onto the disk, which it never does itself: a power
  /// cut loses this much and the part that was being written.
  static let syncMs: UInt64 = 5000
  /// The kernel tells that a file is closed a moment before its writer no longer counts (__fput in
  /// fs/file_table.c): it is looked at again this often, and so many times.
  static let closeAgainMs: UInt64 = 10
  static let closings: UInt8 = 100
  /// A closed file that the disk does not take is tried again every 5 s, and so often. Later it is
  /// what the disk then has of it.
  static let failures: UInt8 = 24

  private let places = reserved(OpenSegment(), capacity)
  private var used = 0

  subscript(place: Int) -> OpenSegment {
    unsafeAddress { UnsafePointer(places.baseAddress! + place) }
    unsafeMutableAddress { places.baseAddress! + place }
  }

  /// Places that may be taken.
  var indices: Range<Int> { 0..<used }

  func find(_ kind: FileKind, _ camera: Name, _ name: Text<56>) -> Int? {
    for place in 0..<used
    where self[place].id != 0 && self[place].kind == kind && self[place].name == name
      && self[place].camera == camera
    {
      return place
    }
    return nil
  }

  /// nil: there are too many; such a file is known when it is closed.
  mutating func add(_ segment: OpenSegment) -> Int? {
    var place = 0
    while place < used, self[place].id != 0 { place += 1 }
    guard place < Self.capacity else { return nil }
    used = max(used, place + 1)
    self[place] = segment
    return place
  }

  mutating func remove(_ place: Int) {
    self[place].id = 0
    while used > 0, self[used - 1].id == 0 { used -= 1 }
  }

  mutating func removeAll() {
    for place in 0..<used { self[place].id = 0 }
    used = 0
  }
}

/// Memory for the whole life of the process, touched where it is used.
func reserved<Element>(_ value: Element, _ count: Int) -> UnsafeMutableBufferPointer<Element> {
  let bytes = count * MemoryLayout<Element>.stride
  guard let base = lx_reserve(bytes) else { preconditionFailure("no address space") }
  let places = base.bindMemory(to: Element.self, capacity: count)
  let buffer = UnsafeMutableBufferPointer(start: places, count: count)
  buffer.initialize(repeating: value)
  return buffer
}

/// As many bytes, not touched.
func reserved(bytes: Int) -> UnsafeMutableRawBufferPointer {
  guard let base = lx_reserve(bytes) else { preconditionFailure("no address space") }
  return UnsafeMutableRawBufferPointer(start: base, count: bytes)
}
