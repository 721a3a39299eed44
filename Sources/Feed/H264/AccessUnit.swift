/// The sound units of one access unit in the order in which they are sent: its own, in place, and
/// parameter sets that are put in front of a key frame.
struct AccessUnit {
  private enum Source { case own, sequence, picture }

  /// One unit: where it lies among the bytes, or which remembered set it is.
  private struct Unit {
    var source = Source.own
    var start: UInt32 = 0
    var count: UInt32 = 0
  }

  /// Room for remembered sets of both kinds beside the largest number of own units.
  private static let capacity = H264Packetizer.unitLimit + 2 * ParameterSets.capacity

  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  private var units = InlineArray<264, Unit>(repeating: Unit())
  private(set) var count = 0
  /// A decoder can begin with it, once it knows the parameter sets.
  private(set) var isKey = false
  private var hasSequenceSet = false
  private var hasPictureSet = false
  /// Where remembered sets belong: behind a delimiter, and behind the own sequence sets.
  private var front = 0
  private var behindSequences = 0

  /// A key frame with both kinds of parameter sets.
  var canBegin: Bool { isKey && hasSequenceSet && hasPictureSet }

  /// Takes `bytes` apart and remembers their parameter sets. Returns the number of corrupt units,
  /// which are left out.
  mutating func read(
    _ bytes: UnsafeRawBufferPointer, _ sets: inout ParameterSets
  ) throws(AccessUnitError) -> UInt64 {
    self.bytes = bytes
    var corrupt: UInt64 = 0
    var reader = AnnexBReader(bytes)
    while let range = reader.next() {
      let unit = bytes.unit(range)
      guard unit.defect == nil else {
        corrupt &+= 1
        continue
      }
      guard count < H264Packetizer.unitLimit else { throw .tooManyUnits }
      sets.learn(unit)
      note(unit)
      units[count] = Unit(start: UInt32(range.lowerBound), count: UInt32(range.count))
      count += 1
    }
    return corrupt
  }

  private mutating func note(_ unit: NALUnit) {
    switch unit.type {
    case NALType.keySlice: isKey = true
    case NALType.sei: isKey = isKey || unit.hasRecoveryPoint
    case NALType.sequenceParameterSet:
      hasSequenceSet = true
      behindSequences = count + 1
    case NALType.pictureParameterSet: hasPictureSet = true
    case NALType.delimiter: if count == 0 { front = 1 }
    default: break
    }
  }

  /// Puts remembered parameter sets of a kind that is missing where a decoder wants them.
  mutating func complete(_ sets: ParameterSets) {
    // The later place first: the earlier one must not move it. New sequence sets end what was known
    // of their picture sets, so these stand behind them.
    if !hasPictureSet, sets.pictures.count > 0 {
      insert(.picture, sets.pictures, at: max(front, behindSequences))
      hasPictureSet = true
    }
    if !hasSequenceSet, sets.sequences.count > 0 {
      insert(.sequence, sets.sequences, at: front)
      hasSequenceSet = true
    }
  }

  private mutating func insert(_ source: Source, _ kind: ParameterSets.Kind, at place: Int) {
    precondition(count + kind.count <= AccessUnit.capacity, "more units than fit")
    for index in stride(from: count - 1, through: place, by: -1) {
      units[index + kind.count] = units[index]
    }
    for index in 0..<kind.count {
      units[place + index] = Unit(
        source: source, start: UInt32(index), count: UInt32(kind[index].count))
    }
    count += kind.count
  }

  /// Bytes of a unit.
  func size(_ index: Int) -> Int { Int(units[index].count) }

  /// Runs `body` over the bytes of a unit.
  func withUnit<Result>(
    _ index: Int, _ sets: ParameterSets, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    let unit = units[index]
    let start = Int(unit.start)
    return switch unit.source {
    case .own:
      body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(unit.count)]))
    case .sequence: sets.sequences[start].withBytes(body)
    case .picture: sets.pictures[start].withBytes(body)
    }
  }
}

extension NALUnit {
  /// Supplemental information that names a point where decoding can begin without an IDR picture
  /// (D.1.8): what cameras with rolling intra refresh send. Messages before it are passed; one that
  /// is longer than the unit ends the search.
  fileprivate var hasRecoveryPoint: Bool {
    var place = 1
    // The last byte holds nothing but the stop bit.
    while place < bytes.count - 1 {
      guard let type = number(&place), let size = number(&place) else { return false }
      if type == 6 { return true }
      place += size
    }
    return false
  }

  /// A number of 255s and a smaller byte (7.3.2.3.1).
  private func number(_ place: inout Int) -> Int? {
    var value = 0
    while place < bytes.count {
      defer { place += 1 }
      value += Int(bytes[place])
      if bytes[place] != 0xFF { return value }
    }
    return nil
  }
}
