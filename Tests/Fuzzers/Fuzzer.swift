/// One parser, what it is given, and what must hold of what it makes of that.
struct Fuzzer: Sendable {
  let name: String
  /// Bytes of the longest input.
  let longest: Int
  /// Right inputs to begin with, made by the product's own encoders where it has them.
  let seeds: @Sendable () -> [[UInt8]]
  /// Runs one input; ends the process where something does not hold.
  let run: @Sendable (UnsafeRawBufferPointer) -> Void

  init(
    _ name: String, longest: Int, seeds: @escaping @Sendable () -> [[UInt8]],
    run: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    self.name = name
    self.longest = longest
    self.seeds = seeds
    self.run = run
  }

  /// All of them. `planted` holds a bug, and is found by every campaign: one that finds nothing
  /// says something only where it would have found something.
  static let all: [Fuzzer] = [
    .frames, .requests, .answers, .handshake, .sealed, .http, .json, .rtsp, .jpeg, .h264, .uevents,
    .v4l2, .mdns, .packets, .dhcp, .configuration, .words, .index, .films, .names, .audit, .keys,
    .changes, .blobs, .workers, .sockets, .decoders,
  ]
  static let planted = Fuzzer("planted", longest: 64) {
    [Array("plant".utf8)]
  } run: { bytes in
    guard bytes.count >= 4, bytes[0] == UInt8(ascii: "b"), bytes[1] == UInt8(ascii: "u") else {
      return
    }
    withCopy(bytes) { copy in
      // One byte beyond the end: AddressSanitizer's business.
      if bytes[2] == UInt8(ascii: "g") { require(copy[bytes.count] == 0, "beyond the end") }
    }
  }
}
