import Appliance
import CLinux
import Wire

/// The card's partitions. All of it runs in children of init: any of these calls may hang for good
/// on a card that is dying.
enum Card {
  static let bootPlace: StaticString = "/boot"
  static let dataPlace: StaticString = "/data"
  private static let checker: StaticString = "/sbin/e2fsck"

  /// Milliseconds that a partition's node may take to appear after its driver is loaded.
  private static let bootNodeMs: UInt64 = 1200
  private static let dataNodeMs: UInt64 = 10_000
  /// Milliseconds for the check of the data partition.
  private static let checkMs: Int32 = 45_000

  static func mountBoot(_ device: Text<48>) -> BootPartitionResult {
    KernelModules.load(phase: "boot")
    guard appears(device, withinMs: bootNodeMs) else { return .notMounted }
    _ = lx_make_folder(bootPlace.cString, 0o755)
    let flags = LX_MOUNT_READ_ONLY | LX_MOUNT_NOSUID | LX_MOUNT_NODEV | LX_MOUNT_NOEXEC
    // FAT has no modes, and the keys on it are root's.
    let error = device.withCString { lx_mount($0, bootPlace.cString, "vfat", flags, "umask=0077") }
    guard error == 0 || error == -Int32(LX_EBUSY.rawValue) else {
      report(device, "not mounted: errno ", -error)
      return .notMounted
    }
    return configurationResult()
  }

  private static func configurationResult() -> BootPartitionResult {
    let source = ConfigurationSource.load(
      board: Text(ConfigurationSource.boardPath), user: Text(ConfigurationSource.userPath))
    if source.origin == .user { return .configurationRight }
    return source.unreadable != 0 ? .configurationMissing : .configurationWrong
  }

  static func mountData(_ device: Text<48>) -> DataPartitionResult {
    guard appears(device, withinMs: dataNodeMs) else {
      report(device, "is not there", nil)
      return .missing
    }
    _ = lx_make_folder(dataPlace.cString, 0o755)
    if let mounted = unmountData(device) { return mounted }
    let isSound = check(device)
    let flags = LX_MOUNT_NOATIME | LX_MOUNT_NOSUID | LX_MOUNT_NODEV
    if isSound, mount(device, flags) {
      return keepLastGood() ? .writableWithConfiguration : .writable
    }
    if mount(device, flags | LX_MOUNT_READ_ONLY) { return .readOnly }
    return .missing
  }

  /// A partition that is mounted already is to be checked and mounted anew. Where somebody still
  /// uses it, what it is now.
  private static func unmountData(_ device: Text<48>) -> DataPartitionResult? {
    let error = lx_unmount_unused(dataPlace.cString)
    // EINVAL: nothing was mounted.
    if error == 0 || error == -Int32(LX_EINVAL.rawValue) { return nil }
    report(device, "not unmounted: errno ", -error)
    var total: UInt64 = 0
    var free: UInt64 = 0
    var readOnly: Int32 = 0
    let looked = lx_filesystem(dataPlace.cString, &total, &free, &readOnly)
    return looked < 0 || readOnly != 0 ? .readOnly : .writable
  }

  private static func mount(_ device: Text<48>, _ flags: UInt32) -> Bool {
    let error = device.withCString { lx_mount($0, dataPlace.cString, "ext4", flags, nil) }
    if error < 0 { report(device, "not mounted: errno ", -error) }
    return error == 0
  }

  /// e2fsck's preening. Exit codes 0 to 2: nothing is wrong any more.
  private static func check(_ device: Text<48>) -> Bool {
    guard lx_exists(checker.cString) != 0 else { return true }
    let pid = lx_fork_child("e2fsck", true)
    if pid == 0 {
      let preen: StaticString = "-p"
      device.withCString { Program.execute(checker.cString, [preen.cString, $0]) }
    }
    guard pid > 0 else { return true }
    let code = lx_wait_for(pid, checkMs)
    if code < 0 { _ = lx_send_signal(pid, 9) }
    if code > 2 || code < 0 { report(device, "not sound: e2fsck says ", code) }
    return code >= 0 && code <= 2
  }

  /// Copies a right configuration to the data partition; true when there is a last good one.
  private static func keepLastGood() -> Bool {
    _ = lx_make_folder("/data/state", 0o755)
    let path: StaticString = "/data/state/last-good.conf"
    guard configurationResult() == .configurationRight else { return lx_exists(path.cString) != 0 }
    let limit = ConfigurationParser.fileLimit
    withUnsafeTemporaryAllocation(byteCount: 2 * limit, alignment: 1) { memory in
      let (fresh, known) = (memory.baseAddress!, memory.baseAddress! + limit)
      let count = lx_read_whole_file(ConfigurationSource.userPath.cString, fresh, limit)
      let knownCount = lx_read_whole_file(path.cString, known, limit)
      guard count >= 0 else { return }
      var isKnown = count == knownCount
      for index in 0..<Int(count) where isKnown {
        isKnown = memory[index] == memory[limit + index]
      }
      if !isKnown { _ = lx_replace_file(path.cString, fresh, Int(count), true) }
    }
    return true
  }

  /// The way down: everything that was written reaches the card, if the card lets it.
  static func unmount() {
    lx_sync()
    _ = lx_unmount(dataPlace.cString)
    _ = lx_unmount(bootPlace.cString)
  }

  private static func appears(_ device: Text<48>, withinMs limitMs: UInt64) -> Bool {
    guard !device.isEmpty else { return false }
    let end = lx_boot_time_ms() + limitMs
    while device.withCString({ lx_exists($0) }) == 0 {
      if lx_boot_time_ms() >= end { return false }
      lx_sleep_ms(10)
    }
    return true
  }

  private static func report(_ device: Text<48>, _ what: StaticString, _ number: Int32?) {
    let log = BootLog("init").text(device).text(" ").text(what)
    if let number { log.number(number).write() } else { log.write() }
  }
}
