import Foundation

/// How many times longer than else something may take: `WATCHPOST_SLOWNESS`, which Tests/sanitize
/// sets; 1 where nobody does.
let slowness =
  ProcessInfo.processInfo.environment["WATCHPOST_SLOWNESS"].flatMap { Int($0) } ?? 1
