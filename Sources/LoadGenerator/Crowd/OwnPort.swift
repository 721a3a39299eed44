import Synchronization

/// A TCP port that nobody else in this process comes from, until it is let go.
///
/// Users have addresses of their own on loopback, and the kernel gives ports for each address: some
/// of many get the same. Where all of them have one address on their way – behind a forwarded port
/// or an emulated network – two of the same port would be one connection to the device.
final class OwnPort {
  private static let ports = Mutex(Ports())

  let number: UInt16

  /// nil: all are taken.
  init?() {
    guard let number = OwnPort.ports.withLock({ $0.take() }) else { return nil }
    self.number = number
  }

  deinit { OwnPort.ports.withLock { $0.letGo(number) } }
}

/// Which ports are taken.
struct Ports {
  /// Below those that the kernel gives (ip(7), `ip_local_port_range`).
  static let range: Range<UInt16> = 10_240..<32_768

  private var isTaken = [Bool](repeating: false, count: range.count)
  private var last = range.upperBound - 1

  /// Each in turn: the last connection of one that was just let go may not be over yet. nil: all
  /// are taken.
  mutating func take() -> UInt16? {
    for _ in Ports.range {
      last = last + 1 < Ports.range.upperBound ? last + 1 : Ports.range.lowerBound
      let place = Int(last - Ports.range.lowerBound)
      guard isTaken[place] else {
        isTaken[place] = true
        return last
      }
    }
    return nil
  }

  mutating func letGo(_ port: UInt16) { isTaken[Int(port - Ports.range.lowerBound)] = false }
}
