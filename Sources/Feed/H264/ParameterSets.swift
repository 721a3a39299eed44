/// The newest sequence and picture parameter sets by their numbers: what a decoder must have before
/// a key frame.
public struct ParameterSets: Sendable {
  /// Sets of each kind that are kept. Cameras have one of each.
  public static let capacity = 4
  /// Bytes of the largest that is kept.
  public static let setSize = 256

  /// One set as it came, with its NAL header.
  struct Entry {
    var id: UInt64 = 0
    private(set) var count = 0
    private var storage = InlineArray<256, UInt8>(repeating: 0)

    init() {}

    init(id: UInt64, _ unit: UnsafeRawBufferPointer) {
      self.id = id
      count = unit.count
      for index in 0..<unit.count { storage[index] = unit[index] }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
      storage.span.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  /// One kind of them, oldest number first.
  struct Kind {
    private(set) var count = 0
    private var entries = InlineArray<4, Entry>(repeating: Entry())

    subscript(index: Int) -> Entry { entries[index] }

    /// A new content replaces the old one of its number; beyond the capacity the oldest goes.
    mutating func remember(_ entry: Entry) {
      for index in 0..<count where entries[index].id == entry.id {
        entries[index] = entry
        return
      }
      if count == ParameterSets.capacity {
        for index in 1..<count { entries[index - 1] = entries[index] }
        count -= 1
      }
      entries[count] = entry
      count += 1
    }
  }

  private(set) var sequences = Kind()
  private(set) var pictures = Kind()
  /// What the newest sequence parameter set says; nil before the first.
  public private(set) var newest: SequenceParameterSet?

  public init() {}

  /// At least one of each kind is known.
  public var isComplete: Bool { sequences.count > 0 && pictures.count > 0 }

  /// Remembers a unit if it is a readable parameter set of at most `setSize` bytes.
  mutating func learn(_ unit: NALUnit) {
    guard unit.bytes.count <= ParameterSets.setSize else { return }
    switch unit.type {
    case NALType.sequenceParameterSet:
      guard let set = SequenceParameterSet(unit: unit.bytes) else { return }
      newest = set
      sequences.remember(Entry(id: UInt64(set.id), unit.bytes))
    case NALType.pictureParameterSet:
      var bits = BitReader(unit.bytes, from: 1)
      let id = bits.unsigned()
      guard !bits.isExhausted, id < 256 else { return }
      pictures.remember(Entry(id: id, unit.bytes))
    default:
      break
    }
  }
}
