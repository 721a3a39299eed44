import CEpoll
import Glibc

/// An epoll descriptor and its room for events.
package struct Poller: ~Copyable {
  /// Events taken with one call.
  private static let batch = 512

  private let descriptor: Int32
  private let events: UnsafeMutablePointer<epoll_event>

  package init() throws(LoadError) {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard descriptor >= 0 else { throw .system("epoll_create1", errno) }
    events = .allocate(capacity: Poller.batch)
    events.initialize(repeating: epoll_event(), count: Poller.batch)
  }

  deinit {
    events.deallocate()
    close(descriptor)
  }

  package static let readable = EPOLLIN.rawValue
  package static let writable = EPOLLOUT.rawValue

  package func watch(_ socket: Int32, token: Int, for interest: UInt32) throws(LoadError) {
    try control(EPOLL_CTL_ADD, socket, token, interest)
  }

  package func change(_ socket: Int32, token: Int, to interest: UInt32) throws(LoadError) {
    try control(EPOLL_CTL_MOD, socket, token, interest)
  }

  private func control(
    _ operation: Int32, _ socket: Int32, _ token: Int, _ interest: UInt32
  ) throws(LoadError) {
    var event = epoll_event()
    event.events = interest
    event.data.u64 = UInt64(token)
    guard epoll_ctl(descriptor, operation, socket, &event) == 0 else {
      throw .system("epoll_ctl", errno)
    }
  }

  /// Waits until something is ready, at most so many nanoseconds. Returns how many events there
  /// are; a signal counts as none.
  package func wait(nanoseconds: UInt64) -> Int {
    if nanoseconds == 0 {
      return Int(max(0, epoll_wait(descriptor, events, Int32(Poller.batch), 0)))
    }
    var limit = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    return Int(max(0, epoll_pwait2(descriptor, events, Int32(Poller.batch), &limit, nil)))
  }

  /// The token of an event of the last wait.
  package func token(_ event: Int) -> Int { Int(events[event].data.u64) }

  /// True when there is something to read, an end or an error.
  package func isReadable(_ event: Int) -> Bool { events[event].events & ~Poller.writable != 0 }
  package func isWritable(_ event: Int) -> Bool { events[event].events & Poller.writable != 0 }
}
