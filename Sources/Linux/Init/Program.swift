import CLinux
import Wire

/// Running another program in place of this process.
public enum Program {
  /// The running program's own path.
  public static func ownPath() -> Text<96> {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 97) { buffer in
      lx_own_path(buffer.baseAddress!, buffer.count) > 0
        ? Text(cString: buffer.baseAddress!) : Text("/bin/watchpost")
    }
  }

  /// Replaces this process; called in a fresh child, which ends with 127 if it fails.
  static func execute(
    _ path: UnsafePointer<CChar>, _ arguments: [UnsafePointer<CChar>],
    environment: [UnsafePointer<CChar>] = []
  ) -> Never {
    let search: StaticString = "PATH=/bin:/sbin"
    let home: StaticString = "HOME=/"
    var list: [UnsafePointer<CChar>?] = [path]
    for argument in arguments { list.append(argument) }
    list.append(nil)
    var variables: [UnsafePointer<CChar>?] = [search.cString, home.cString]
    for variable in environment { variables.append(variable) }
    variables.append(nil)
    list.withUnsafeBufferPointer { list in
      variables.withUnsafeBufferPointer { variables in
        _ = lx_execute(path, list.baseAddress!, variables.baseAddress!)
      }
    }
    lx_exit_now(127)
  }
}
