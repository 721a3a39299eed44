import Appliance
import CLinux

extension KeeperOutcome {
  /// Of what CLinux returned: 0 or a negative errno.
  init(_ result: Int32) {
    switch -result {
    case 0: self = .done
    case Int32(LX_EROFS.rawValue), Int32(LX_EACCES.rawValue), Int32(LX_EPERM.rawValue):
      self = .readOnly
    case Int32(LX_ENOSPC.rawValue), Int32(LX_EDQUOT.rawValue): self = .full
    case Int32(LX_ENOENT.rawValue), Self.notAFolder, Self.stale: self = .missing
    default: self = .failing
    }
  }

  /// ENOTDIR and ESTALE (errno(3)).
  private static var notAFolder: Int32 { 20 }
  private static var stale: Int32 { 116 }
}

extension KeeperDone {
  /// Of what CLinux returned: 0 or a negative errno.
  init(_ result: Int32) {
    self.init(KeeperOutcome(result))
    errno = -result
  }
}
