import Foundation

/// Why a result cannot be read or written, in one sentence.
public enum ResultError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case broken(path: String, reason: String)
  case otherFormat(path: String, format: Int)
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "\(path) cannot be read: \(reason). Name the folder that `wpload run` has made."
    case .broken(let path, let reason):
      "\(path) is no result of wpload: \(reason). Run the plan again."
    case .otherFormat(let path, let format):
      "\(path) has format \(format), this wpload reads \(RunResult.format). Use the one "
        + "that made it."
    case .unwritable(let path, let reason):
      "\(path) cannot be written: \(reason). What was written before is still there."
    }
  }
}

/// `summary.json`.
public enum ResultFile {
  public static func encode(_ run: RunResult) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Only numbers that are none could make it throw, and those become words.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(run)) ?? Data()
  }

  private struct Head: Decodable { var format: Int }

  /// `path`: what errors name.
  public static func decode(_ data: Data, from path: String) throws(ResultError) -> RunResult {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      let head = try decoder.decode(Head.self, from: data)
      guard head.format == RunResult.format else {
        throw ResultError.otherFormat(path: path, format: head.format)
      }
      return try decoder.decode(RunResult.self, from: data)
    } catch let error as ResultError {
      throw error
    } catch DecodingError.keyNotFound(let key, _) {
      throw .broken(path: path, reason: "it has no \(key.stringValue)")
    } catch {
      throw .broken(path: path, reason: "it is not the JSON that wpload writes")
    }
  }
}
