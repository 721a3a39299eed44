// What ThreadSanitizer must report; Tests/sanitize looks first whether it does.
import Glibc

nonisolated(unsafe) var count = 0

var threads = [pthread_t](repeating: 0, count: 2)
for index in threads.indices {
  pthread_create(
    &threads[index], nil,
    { _ in
      // Long enough that both run at a time.
      for _ in 0..<500 {
        count += 1
        sched_yield()
      }
      return nil
    }, nil)
}
for thread in threads { pthread_join(thread, nil) }
