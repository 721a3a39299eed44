import Foundation
import Glibc
import LoadGenerator
import Synchronization

/// What ends an oracle from another thread.
public final class OracleStop: Sendable {
  /// Readable once the oracle is to end.
  let heard: Int32
  private let said: Int32

  public init() throws(LoadError) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .system("socketpair", errno) }
    (heard, said) = (ends[0], ends[1])
  }

  deinit {
    close(heard)
    close(said)
  }

  /// Ends the oracle within a turn of its loop, also while it is frozen.
  public func callAsFunction() { shutdown(said, Int32(SHUT_WR)) }
}

/// An oracle on a thread of its own.
public final class OracleThread: Sendable {
  public let endpoint: Endpoint
  /// The monotonic clock at the oracle's start, in nanoseconds.
  public let startedAtNs: UInt64
  private let stop: OracleStop
  private let course: Course

  /// What thread and owner share.
  private final class Course: Sendable {
    let begun = DispatchSemaphore(value: 0)
    let ended = DispatchGroup()
    let place = Mutex<Result<(Endpoint, UInt64), LoadError>?>(nil)
    let tally = Mutex(OracleTally())
  }

  /// Returns when it listens. Throws when it cannot.
  public init(_ options: OracleOptions) throws(LoadError) {
    let (stop, course) = (try OracleStop(), Course())
    course.ended.enter()
    Thread.detachNewThread {
      OracleThread.serve(options, stop, course)
      course.ended.leave()
    }
    course.begun.wait()
    guard let place = course.place.withLock({ $0 }) else { preconditionFailure("no place told") }
    (endpoint, startedAtNs) = try place.get()
    (self.stop, self.course) = (stop, course)
  }

  deinit { stop() }

  /// Ends the oracle and tells what it has done. Again and later: the same.
  @discardableResult
  public func finish() -> OracleTally {
    stop()
    return wait()
  }

  /// Waits until the oracle has died, for ever if it does not.
  @discardableResult
  public func wait() -> OracleTally {
    course.ended.wait()
    return course.tally.withLock { $0 }
  }

  /// Nanoseconds since the oracle's start.
  public var ageNs: UInt64 { monotonicNs() - startedAtNs }

  private static func serve(_ options: OracleOptions, _ stop: OracleStop, _ course: Course) {
    do throws(LoadError) {
      var server = try OracleServer(options, stop: stop)
      let place = (server.endpoint, server.startedAtNs)
      course.place.withLock { $0 = .success(place) }
      course.begun.signal()
      server.serve()
      let tally = server.tally
      course.tally.withLock { $0 = tally }
    } catch {
      course.place.withLock { $0 = .failure(error) }
      course.begun.signal()
    }
  }
}
