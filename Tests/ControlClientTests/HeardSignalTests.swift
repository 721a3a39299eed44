import Dispatch
import Foundation
import Signals
import Testing

/// Signals that call somebody.
@Suite struct HeardSignalTests {
  /// Whoever says that it is ready hears Ctrl-C from that moment on.
  @Test(arguments: [SIGUSR1, SIGUSR2]) func nothingIsLostAtTheBegin(number: Int32) {
    let called = DispatchSemaphore(value: 0)
    let heard = HeardSignal(number) { called.signal() }
    kill(getpid(), number)
    #expect(called.wait(timeout: .now() + 10) == .success)
    heard.cancel()
  }
}
