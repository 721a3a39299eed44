/// Why an access unit is not sent.
public enum AccessUnitError: Error, Equatable, Sendable {
  /// No bytes at all.
  case empty
  /// No start code, or no unit that is sound.
  case noUnits
  /// More units than `H264Packetizer.unitLimit`.
  case tooManyUnits
  /// A decoder could not begin here: parameter sets or a key frame have not come yet.
  case awaitsKeyFrame
}

/// RTP payload of H.264 (RFC 6184) with packetization-mode 1: single units, STAP-A for small ones,
/// FU-A for large ones. Units pass unchanged, access unit delimiters, SEI and filler too; parameter
/// sets are repeated before a key frame that comes without them.
public struct H264Packetizer: Packetizer {
  /// The dynamic payload type that `SessionDescription` names.
  public static let payloadType: UInt8 = 96
  /// Units of one access unit: a 1080-line picture with a slice per row of macroblocks has 68.
  public static let unitLimit = 256

  public private(set) var parameterSets = ParameterSets()
  /// Units that were left out because they are corrupt: forbidden_zero_bit, empty, or of a type
  /// that no encoder makes.
  public private(set) var corruptUnits: UInt64 = 0

  public init() {}

  public var isDone: Bool { fatalError() }

  /// Waits for a key frame again: for a receiver that has seen nothing yet. Parameter sets stay.
  public mutating func restart() { fatalError() }

  /// Learns the parameter sets of an access unit without sending it: before a description is
  /// written, so that it can name them.
  public mutating func learn(_ accessUnit: UnsafeRawBufferPointer) { fatalError() }

  /// Starts an access unit in Annex B format (start codes), as V4L2 and files hold them. When it
  /// throws, there is nothing to send. One that was not finished is forgotten.
  public mutating func begin(
    _ accessUnit: UnsafeRawBufferPointer, timestamp: UInt32
  ) throws(AccessUnitError) {
    fatalError()
  }

  public mutating func next(
    on stream: inout RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    fatalError()
  }
}
