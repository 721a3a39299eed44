/// The card in the board, and what is on it after the power went.
extension EmulatedBoard {
  /// Takes the power away from board and card: what the card had in its volatile write cache is
  /// lost, and on the card is all that a completed flush had covered at that moment, and a random
  /// choice of the writes behind it – each whole, torn at a sector's border, or not there.
  ///
  /// The card stops answering some 50 ms before the board stops. The board must be on and have been
  /// configured with `cardLosesWrites`; a power cut without a seed loses nothing.
  /// - Parameter seed: decides which writes are lost, given the same writes.
  @discardableResult
  public func powerCut(losing seed: UInt64) async throws -> LostWrites {
    _ = try running()
    guard let losingCard else {
      throw BoardError("Writes can be lost only on a card with `cardLosesWrites`.")
    }
    try await setCardHanging(true)
    try await losingCard.logRests()
    await powerCut()
    return try losingCard.loseWrites(seed)
  }

  func prepareCard() throws -> (file: String, format: String)? {
    if cardFile == nil {
      switch configuration.card {
      case .none: return nil
      case .file(let path): cardFile = try CardFile.existing(path)
      case .copy where configuration.cardLosesWrites: break
      case .copy: cardFile = try CardFile.overlay(of: image.disk, in: state)
      }
    }
    if configuration.cardLosesWrites {
      guard cardFile.map({ $0.format == "raw" }) ?? true else {
        throw BoardError("A card that loses writes must be a raw file, not qcow2.")
      }
      let card = try losingCard ?? LosingCard(card: cardFile?.file, disk: image.disk, in: state)
      try card.powerOn()
      (losingCard, cardFile) = (card, card.file)
    }
    return cardFile
  }
}
