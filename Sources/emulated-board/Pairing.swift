import EmulatedBoard
import Foundation

/// Gets a client a key at the board, by the code on the board's serial console.
struct Pairing {
  /// The client, `wpctl`.
  let program: String
  /// Where it keeps its keys.
  let keys: String

  /// How long a board that has booted may take to show a code; one that has an admin shows none.
  static let patience: Duration = .seconds(10)

  /// False: the board shows no code.
  func pair(_ board: EmulatedBoard, port: UInt16) async throws -> Bool {
    let code: String
    do { code = try await board.pairingCode(within: Self.patience) } catch { return false }
    let device = "127.0.0.1:\(port)"
    // A new card is another device at the same address.
    _ = try run(["devices", "forget", device])
    let result = try run(["pair", device, "--code", "-"], input: code + "\n")
    guard result.status == 0 else { throw BoardError("wpctl could not pair: \(result.output)") }
    return true
  }

  private func run(
    _ words: [String], input: String = ""
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = words + ["--keys", keys]
    let (given, said) = (Pipe(), Pipe())
    process.standardInput = given
    (process.standardOutput, process.standardError) = (said, said)
    try process.run()
    try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try given.fileHandleForWriting.close()
    let output = try said.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
