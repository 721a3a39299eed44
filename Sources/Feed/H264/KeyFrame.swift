/// Why bytes are no key frame that can be decoded here.
public enum KeyFrameError: Error, Equatable, Sendable {
  /// Not parameter sets of both kinds and the slices of an IDR picture, or something beside them.
  case damaged
  /// Interlaced, not 8-bit 4:2:0, too large, or of more memory than `KeyFrame.memoryBlocks`.
  case notSupported
}

/// One key frame with all that a decoder must know before it: sequence and picture parameter sets
/// and the slices of an IDR picture (Annex B), nothing else.
public struct KeyFrame: Equatable, Sendable {
  /// Of the largest picture: 4K as cinemas and televisions have it, in macroblocks.
  public static let widthLimit = 4096
  public static let heightLimit = 2176
  /// Macroblocks of all reference frames: what level 5.1 allows (H.264, table A-1, MaxDpbMbs). A
  /// decoder takes 384 bytes for each, 71 MB, before it looks at the picture.
  public static let memoryBlocks = 184_320

  /// In pixels, as its newest sequence parameter set says.
  public let width: UInt16
  public let height: UInt16
  /// Black is 0 and white 255.
  public let isFullRange: Bool

  /// Looks at what a camera has made before a decoder does.
  public init(inspecting bytes: UnsafeRawBufferPointer) throws(KeyFrameError) {
    var reader = AnnexBReader(bytes)
    var newest: SequenceParameterSet?
    var (hasPictureSet, hasSlice) = (false, false)
    while let range = reader.next() {
      let unit = bytes.unit(range)
      guard unit.defect == nil else { throw .damaged }
      switch unit.type {
      case NALType.sequenceParameterSet:
        guard !hasSlice, let set = SequenceParameterSet(unit: unit.bytes) else { throw .damaged }
        // Any of them may be the one that counts.
        guard KeyFrame.isSupported(set) else { throw .notSupported }
        newest = set
      case NALType.pictureParameterSet:
        guard !hasSlice else { throw .damaged }
        hasPictureSet = true
      case NALType.keySlice:
        guard unit.beginsPicture != hasSlice else { throw .damaged }
        hasSlice = true
      default: throw .damaged
      }
    }
    guard let newest, hasPictureSet, hasSlice else { throw .damaged }
    width = newest.width
    height = newest.height
    isFullRange = newest.isFullRange
  }

  private static func isSupported(_ set: SequenceParameterSet) -> Bool {
    set.isPlain && set.width <= widthLimit && set.height <= heightLimit
      && Int(set.blocks) <= widthLimit / 16 * (heightLimit / 16)
      && Int(set.blocks) * max(Int(set.references), 1) <= memoryBlocks
  }
}

extension H264Packetizer {
  /// Writes the access unit that was begun last as a `KeyFrame`: without what a decoder can do
  /// without. 0 when it is no IDR picture, parameter sets are missing, or there is too little room.
  public func writeKeyFrame(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    accessUnit.writeKeyFrame(parameterSets, into: buffer)
  }
}

extension AccessUnit {
  fileprivate func writeKeyFrame(
    _ sets: ParameterSets, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard canBegin else { return 0 }
    var (filled, hasSlice) = (0, false)
    for index in 0..<count {
      let count = withUnit(index, sets) { unit in
        let type = unit[0] & 0x1F
        let isSlice = type == NALType.keySlice
        guard isSlice || type == NALType.sequenceParameterSet || type == NALType.pictureParameterSet
        else { return 0 }
        guard buffer.count - filled >= 3 + unit.count else { return -1 }
        buffer.copyBytes(of: unit, behind: filled)
        if isSlice { hasSlice = true }
        return 3 + unit.count
      }
      guard count >= 0 else { return 0 }
      filled += count
    }
    return hasSlice ? filled : 0
  }
}

extension UnsafeMutableRawBufferPointer {
  /// A start code and the unit.
  fileprivate func copyBytes(of unit: UnsafeRawBufferPointer, behind offset: Int) {
    self[offset] = 0
    self[offset + 1] = 0
    self[offset + 2] = 1
    (baseAddress! + offset + 3).copyMemory(from: unit.baseAddress!, byteCount: unit.count)
  }
}
