/// The newest sequence and picture parameter sets by their numbers: what a decoder must have before
/// a key frame.
public struct ParameterSets: Sendable {
  /// Sets of each kind that are kept.
  public static let capacity = 4
  /// Bytes of the largest that is kept.
  public static let setSize = 256

  public init() {}

  /// At least one of each kind is known.
  public var isComplete: Bool { fatalError() }

  /// What the newest sequence parameter set says.
  public var sequence: SequenceParameterSet? { fatalError() }
}
