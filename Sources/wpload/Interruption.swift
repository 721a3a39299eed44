import Foundation
import LoadTest
import Signals

/// Ctrl-C, a service manager's stop and a terminal that is closed end a run; what was measured is
/// kept. A second signal ends at once.
final class Interruption {
  private var heard: [HeardSignal] = []

  init(of run: LoadRun) {
    // A file that may not grow and a reader who has gone are told by the calls that fail.
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let before = signal(number, SIG_IGN)
      // Of nohup(1): it is to outlive its terminal.
      let isUnheard = unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
      if number == SIGHUP, isUnheard { continue }
      heard.append(
        HeardSignal(number) {
          run.cancel(because: Self.reason(number))
          signal(number, SIG_DFL)
        })
    }
  }

  func cancel() {
    for signal in heard { signal.cancel() }
  }

  private static func reason(_ number: Int32) -> String {
    switch number {
    case SIGTERM: "it was told to end"
    case SIGHUP: "its terminal has gone"
    default: "it was interrupted"
    }
  }
}
