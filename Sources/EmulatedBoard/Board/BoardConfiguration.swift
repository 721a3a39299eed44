import Foundation

/// What cannot be, in a sentence with the way out.
public struct BoardError: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Files of a board's image, as `image/build` leaves them.
public struct BoardImage: Sendable {
  public let kernel: String
  public let initramfs: String
  public let disk: String
  /// Kernel command line of the image.
  public let commandLine: String
  /// What is connected to the GPIO controller.
  public let pins: BoardPins

  /// - Parameter folder: usually `.build/image/qemu-arm64`.
  public init(folder: String) throws(BoardError) {
    let base = URL(fileURLWithPath: folder).standardizedFileURL.path
    func file(_ name: String) throws(BoardError) -> String {
      let path = "\(base)/\(name)"
      guard FileManager.default.isReadableFile(atPath: path) else {
        throw BoardError("\(path) is missing: build the image with `image/build qemu-arm64`.")
      }
      return path
    }
    kernel = try file("kernel")
    initramfs = try file("initramfs")
    disk = try file("disk.img")
    let text = try? String(contentsOfFile: try file("cmdline"), encoding: .utf8)
    commandLine = (text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    pins = try BoardPins(boardFile: try file("board.json"))
  }
}

/// Lines of the GPIO controller, as `board.json` names them.
public struct BoardPins: Sendable {
  /// Line by LED: `power`, `camera`, `link`.
  public let leds: [String: Int]
  /// Line of the push button; nil for a board without one.
  public let button: Int?

  init(boardFile path: String) throws(BoardError) {
    guard let data = FileManager.default.contents(atPath: path),
      let board = try? JSONDecoder().decode(JSONValue.self, from: data),
      case .object(let leds) = board["gpio"]?["leds"]
    else { throw BoardError("\(path) does not say which GPIO lines the LEDs have (gpio.leds).") }
    self.leds = leds.compactMapValues { $0.integer.map(Int.init) }
    button = board["gpio"]?["button"]?.integer.map(Int.init)
  }
}

/// Which card is in the board.
public enum Card: Sendable {
  /// A fresh copy of the image's disk; what is written survives power cuts but not the board.
  case copy
  /// This file, raw or qcow2, which is written to.
  case file(String)
  /// No card at all.
  case none
}

/// A fault of the card.
public enum CardFault: Sendable {
  public enum Operation: String, Sendable {
    case read
    case write
    case flush
  }
  /// Every operation of a kind fails (EIO), at one sector of 512 bytes or everywhere.
  case errors(Operation, sector: Int64?)
}

/// What a board is started with.
public struct BoardConfiguration: Sendable {
  /// Added to the kernel command line.
  public var append = ""
  /// Opens the debug shell on the serial console, which `EmulatedBoard.shell` needs.
  public var debugShell = false
  public var card = Card.copy
  public var cardFaults: [CardFault] = []
  /// Bytes after which the card hangs, from power-on; nil for a card that does not.
  public var cardHangsAfter: Int64?
  /// The card has a volatile write cache, which `EmulatedBoard.powerCut(losing:)` loses. A card of
  /// one's own must then be a raw file.
  public var cardLosesWrites = false
  /// Port of 127.0.0.1 that leads to the control port; 0 takes a free one.
  public var controlPort: UInt16 = 0
  /// Port of 127.0.0.1 that leads to the RTSP port; 0 takes a free one.
  public var rtspPort: UInt16 = 0
  /// Further ports of the board that get a free TCP port of 127.0.0.1 each.
  public var otherPorts: [UInt16] = []
  /// Folder for sockets and logs; nil takes a temporary one that goes with the board.
  public var stateFolder: String?
  /// Watches GPIO edges. They need the `qtest` socket, which then is not free for anybody else.
  public var watchesPins = true
  /// What the board believes the time to be, e.g. `2020-01-02T03:04:05` (UTC); nil for the host's.
  public var clock: String?
  /// Writes all network traffic to `network.pcap` in the state folder.
  public var capturesNetwork = false
  public var memoryMiB = 512
  public var processors = 2

  public init() {}

  /// A board whose card loses what it was not told to flush.
  public static var losingWrites: BoardConfiguration {
    var configuration = BoardConfiguration()
    configuration.cardLosesWrites = true
    return configuration
  }
}
