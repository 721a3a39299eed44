import CLinux
import Wire

extension ConfigurationSource {
  /// Loads what `--board-config FILE` and `--config FILE` on this process's command line name; an
  /// option that is missing leaves its layer out.
  public static func fromArguments() -> ConfigurationSource {
    load(board: argument(after: "--board-config"), user: argument(after: "--config"))
  }

  /// The argument that follows `option`; empty if there is none.
  public static func argument(after option: StaticString) -> Text<128> {
    var index: Int32 = 1
    while index + 1 < lx_argument_count() {
      if let word = lx_argument(index), let next = lx_argument(index + 1),
        Text<32>(cString: word) == option
      {
        return Text(cString: next)
      }
      index += 1
    }
    return .empty
  }
}
