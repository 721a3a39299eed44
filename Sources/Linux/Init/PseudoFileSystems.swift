import CLinux

/// The file systems that the kernel makes up, as data, mounted by one walk.
enum PseudoFileSystems {
  struct Row {
    var type: StaticString
    var place: StaticString
    var mode: UInt32
    var flags: UInt32
    var options: StaticString
    /// A machine without it is no worse.
    var optional = false
  }

  static let count = 7

  static func row(_ index: Int) -> Row {
    let strict = LX_MOUNT_NOSUID | LX_MOUNT_NODEV | LX_MOUNT_NOEXEC
    return switch index {
    case 0: Row(type: "proc", place: "/proc", mode: 0o555, flags: strict, options: "")
    case 1: Row(type: "sysfs", place: "/sys", mode: 0o555, flags: strict, options: "")
    case 2:
      Row(
        type: "devtmpfs", place: "/dev", mode: 0o755, flags: LX_MOUNT_NOSUID,
        options: "mode=0755")
    case 3:
      Row(
        type: "devpts", place: "/dev/pts", mode: 0o755, flags: LX_MOUNT_NOSUID | LX_MOUNT_NOEXEC,
        options: "mode=0620", optional: true)
    // Bounded: nothing that fills them may take the memory of what keeps the box alive.
    case 4:
      Row(type: "tmpfs", place: "/run", mode: 0o755, flags: strict, options: "mode=0755,size=16m")
    case 5:
      Row(type: "tmpfs", place: "/tmp", mode: 0o1777, flags: strict, options: "mode=1777,size=32m")
    default:
      Row(
        type: "cgroup2", place: "/sys/fs/cgroup", mode: 0o755, flags: strict, options: "",
        optional: true)
    }
  }

  /// Mounts them all; what fails is reported and left out.
  static func mount() {
    for index in 0..<count {
      let row = row(index)
      _ = lx_make_folder(row.place.cString, row.mode)
      let options = row.options.utf8CodeUnitCount > 0 ? row.options.cString : nil
      let error = lx_mount(
        row.type.cString, row.place.cString, row.type.cString, row.flags, options)
      // EBUSY: the kernel has mounted it itself.
      guard error < 0, error != -Int32(LX_EBUSY.rawValue), !row.optional else { continue }
      BootLog("init").text(row.place).text(" not mounted: errno ").number(-error).write()
    }
  }
}
