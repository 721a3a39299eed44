import Appliance
import CLinux
import Wire

/// Where a process's configuration comes from, and what it finally is.
///
/// Three layers, each on top of the one before: what is compiled in, the board's own file (LEDs,
/// watchdog; part of the image, so that it is there even without a card), the user's file on the
/// card. A user's file that is wrong counts as a whole as not there; in its place comes the last
/// good one from the data partition, where that can be read. The device comes up in any case.
public struct ConfigurationSource: Sendable {
  public enum Origin: UInt8, Equatable, Sendable {
    /// The user's file.
    case user
    /// The user's file is wrong; the last good one is used.
    case lastGood
    /// There is no user's file, or it is wrong and there is no good one.
    case board
  }

  public static let boardPath: StaticString = "/etc/watchpost.conf"
  public static let userPath: StaticString = "/boot/watchpost.conf"
  /// Below the data directory.
  public static let lastGoodName: StaticString = "/state/last-good.conf"

  public private(set) var configuration = Configuration()
  public private(set) var origin = Origin.board
  /// What is wrong with the user's file (or the board's); line 0: nothing.
  public private(set) var error = ConfigurationError()
  /// The user's file could not be read: a positive errno, 0 when it could.
  public private(set) var unreadable: Int32 = 0

  /// Reads the layers. An empty path leaves its layer out.
  public static func load(board: Text<128>, user: Text<128>) -> ConfigurationSource {
    var source = ConfigurationSource()
    withUnsafeTemporaryAllocation(byteCount: ConfigurationParser.fileLimit, alignment: 16) {
      source.read(board: board, user: user, into: $0)
    }
    return source
  }

  private mutating func read(
    board: Text<128>, user: Text<128>, into memory: UnsafeMutableRawBufferPointer
  ) {
    switch layer(board, base: configuration, memory) {
    case .right(let layered): configuration = layered
    case .wrong(let wrong): error = wrong
    case .missing: break
    }
    let base = configuration
    switch layer(user, base: base, memory) {
    case .right(let layered):
      configuration = layered
      origin = .user
    case .missing(let errno):
      unreadable = errno
    case .wrong(let wrong):
      error = wrong
      var path = Text<128>(base.dataDirectory)
      path.append(ConfigurationSource.lastGoodName)
      if case .right(let layered) = layer(path, base: base, memory) {
        configuration = layered
        origin = .lastGood
      }
    }
  }

  private enum Layer {
    case right(Configuration)
    case wrong(ConfigurationError)
    case missing(Int32)
  }

  private func layer(
    _ path: Text<128>, base: Configuration, _ memory: UnsafeMutableRawBufferPointer
  ) -> Layer {
    guard !path.isEmpty else { return .missing(0) }
    let count = path.withCString { lx_read_whole_file($0, memory.baseAddress!, memory.count) }
    guard count >= 0 else {
      guard count == -Int64(LX_TOO_BIG) else { return .missing(Int32(-count)) }
      return .wrong(
        ConfigurationError(line: 1, column: 1, message: Text("Shorten the file to 64 KiB.")))
    }
    let text = UnsafeRawBufferPointer(rebasing: memory[0..<Int(count)])
    do throws(ConfigurationError) {
      return .right(try ConfigurationParser.parse(text, base: base))
    } catch {
      return .wrong(error)
    }
  }
}
