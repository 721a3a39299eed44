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
      "\(path) cannot be read (\(reason)); name the folder that `wpload run` has made."
    case .broken(let path, let reason):
      "\(path) is no result of wpload: \(reason); run the plan again."
    case .otherFormat(let path, let format):
      "\(path) has format \(format), this wpload reads \(RunResult.format); use the version that "
        + "made it."
    case .unwritable(let path, let reason):
      "\(path) cannot be written (\(reason)); make room or name another folder: what was written "
        + "before is still there."
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
      let run = try decoder.decode(RunResult.self, from: data)
      guard run.isCountable else {
        throw ResultError.broken(path: path, reason: "it counts what cannot be counted")
      }
      return run
    } catch let error as ResultError {
      throw error
    } catch DecodingError.keyNotFound(let key, _) {
      throw .broken(path: path, reason: "it has no \(key.stringValue)")
    } catch {
      throw .broken(path: path, reason: "it is not the JSON that wpload writes")
    }
  }
}

extension RunResult {
  /// What a Double counts exactly; a few of them add up without overflow.
  static let mostCounted = 9_007_199_254_740_992.0

  /// Whether its counts can be added up: a file may hold any number.
  fileprivate var isCountable: Bool {
    let operations = stages.flatMap { $0.operations + [$0.connects] }
    var counts = [ladder?.held, ladder?.broke].compactMap(\.self)
    counts += (ladder?.steps ?? []).map(\.users) + targets.compactMap(\.slots)
    for operation in operations {
      counts += [operation.requests, operation.heldBack, operation.bytes]
      counts += operation.failures.values
    }
    for stage in stages { counts += [stage.users, stage.busy, stage.throttled, stage.dropped] }
    for second in series {
      counts += [second.users, second.requests, second.failures, second.busy, second.bytes]
    }
    let sum = counts.reduce(0.0) { $0 + Double($1) }
    return sum <= Self.mostCounted && counts.allSatisfy { $0 >= 0 }
  }
}
