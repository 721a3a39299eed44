/// What a sequence parameter set tells of the stream (H.264, section 7.3.2.1.1).
public struct SequenceParameterSet: Equatable, Sendable {
  /// Its number, 0 … 31.
  public var id: UInt8
  /// profile_idc, the constraint flags and level_idc: `profile-level-id` in SDP.
  public var profileLevel: UInt32
  /// In pixels, after cropping.
  public var width: UInt16
  public var height: UInt16

  /// Nil when `unit` – a whole NAL unit with its header – is no readable set.
  public init?(unit: UnsafeRawBufferPointer) { fatalError() }
}
