import Wire

@testable import Appliance

/// Messages for tests, written by hand: names as dotted text, `@N` for a pointer to offset N.
enum MDNSMessages {
  static func header(_ flags: UInt16 = 0, _ counts: [UInt16], id: UInt16 = 0) -> [UInt8] {
    ([id, flags] + counts).flatMap(big)
  }

  static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

  static func name(_ text: String) -> [UInt8] {
    if text.hasPrefix("@") { return big(0xC000 | UInt16(text.dropFirst())!) }
    return text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
  }

  static func question(_ text: String, _ type: UInt16, kind: UInt16 = 1) -> [UInt8] {
    name(text) + big(type) + big(kind)
  }

  static func record(
    _ text: String, _ type: UInt16, ttlS: UInt32, kind: UInt16 = 0x8001, _ data: [UInt8]
  ) -> [UInt8] {
    name(text) + big(type) + big(kind) + big(UInt16(ttlS >> 16)) + big(UInt16(ttlS & 0xFFFF))
      + big(UInt16(data.count)) + data
  }

  static func query(_ text: String, _ type: UInt16, kind: UInt16 = 1, id: UInt16 = 0) -> [UInt8] {
    header(0, [1, 0, 0, 0], id: id) + question(text, type, kind: kind)
  }

  static let identity = MDNSIdentity(
    name: Text("Garage"), address: IPv4(192, 0, 2, 7), port: 4710, version: Text("protocol=1"),
    boot: Text("boot=cafe0123"))

  static func written(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: MDNSMessage.size)
    let count = bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      write(&writer)
      return writer.count
    }
    return Array(bytes[..<count])
  }
}
