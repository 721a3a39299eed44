import Foundation

/// The code with which the board lets a client in, as whoever has a cable at its serial console
/// reads it.
extension EmulatedBoard {
  private static let pairingLine = "watchpost keeper: pairing: "

  /// The newest code that the console shows, once it shows one.
  /// - Parameter from: console entry at which the search begins; by default every line counts.
  public nonisolated func pairingCode(
    from: Int = 0, within limit: Duration = .seconds(30)
  ) async throws -> String {
    try await waitForLine(containing: Self.pairingLine, from: from, within: limit)
    let codes = console.entries(from: from).compactMap { Self.code(in: $0.value) }
    guard let code = codes.last else { throw BoardError("The console shows no whole code.") }
    return code
  }

  /// Twelve signs in three groups.
  private static func code(in line: String) -> String? {
    guard let found = line.range(of: pairingLine) else { return nil }
    let code = line[found.upperBound...].prefix { $0 == "-" || $0.isLetter || $0.isNumber }
    return code.count == 14 ? String(code) : nil
  }
}
