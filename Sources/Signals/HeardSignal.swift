import Dispatch
import Foundation

/// A signal that does not end the program any more: it calls somebody (signal(7)).
///
/// It is heard from `init` on. A `DispatchSourceSignal` alone listens some time after `resume()`
/// only, and the kernel throws away what comes before, for the signal is ignored by then: Ctrl-C
/// right after the program has said that it is ready would be lost. A signal can be heard once in a
/// program's life: after `cancel` libdispatch does not listen to it again.
public struct HeardSignal: Sendable {
  public let number: Int32
  /// libdispatch lets every thread use it.
  private nonisolated(unsafe) let source: any DispatchSourceSignal

  /// - Parameter handler: is called on another thread, once for one signal or several.
  public init(_ number: Int32, _ handler: @escaping @Sendable () -> Void) {
    self.number = number
    // Ignored as a disposition, so that the source alone gets it.
    signal(number, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: number)
    let listens = DispatchSemaphore(value: 0)
    source.setRegistrationHandler { listens.signal() }
    source.setEventHandler(handler: handler)
    source.resume()
    listens.wait()
  }

  /// Nobody is called any more; the signal stays ignored.
  public func cancel() { source.cancel() }
}
