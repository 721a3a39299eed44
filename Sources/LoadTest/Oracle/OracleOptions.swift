import LoadGenerator

/// How the oracle behaves. Without any option it answers everything at once.
public struct OracleOptions: Equatable, Sendable {
  /// Where it listens; port 0: any free one.
  public var endpoint = Endpoint(port: 0)
  public var delay = OracleDelay.constant(ns: 0)
  public var freeze: OracleFreeze?
  /// Requests that are never answered, of a hundred (0 … 100).
  public var lossPercent = 0.0
  /// Connections served at a time (1 … 16384); the others are told `busy`. As a device's.
  public var slots = 1024
  /// When it closes everything and listens no more, in nanoseconds after its start.
  public var diesAfterNs: UInt64?
  /// Of the draws of delays and losses.
  public var seed: UInt64 = 1

  /// As many as a device can be made to have.
  public static let mostSlots = 16_384

  public init() {}
}

/// What stops again and again as if its process were stopped: each period begins with a thawed part
/// and ends with a frozen one. Times are nanoseconds since the oracle's start.
public struct OracleFreeze: Equatable, Sendable {
  public let frozenNs: UInt64
  /// The period, longer than its frozen part.
  public let everyNs: UInt64

  /// nil: not a part of a period.
  public init?(frozenNs: UInt64, everyNs: UInt64) {
    guard frozenNs > 0, frozenNs < everyNs else { return nil }
    self.frozenNs = frozenNs
    self.everyNs = everyNs
  }

  /// The first moment, from this one on, that is not frozen.
  public func thaw(_ moment: UInt64) -> UInt64 {
    let position = moment % everyNs
    return position < everyNs - frozenNs ? moment : moment - position + everyNs
  }
}

/// Options as they are written on a command line.
public enum OracleOption: String, CaseIterable, Sendable {
  case listen, delay, freeze, loss, slots, seed
  case logNormal = "log-normal"
  case diesAfter = "dies-after"

  /// What it takes, for usage and errors.
  public var expectation: String {
    switch self {
    case .listen: "ADDRESS:PORT, like 127.0.0.1:4710"
    case .delay: "a duration up to an hour, like 20ms, 250us or 1.5s"
    case .logNormal: "MEDIAN,SIGMA with a sigma from 0 to 3, like 20ms,0.5"
    case .freeze: "SECONDS/PERIOD, the frozen part of each period up to a day, like 15/30"
    case .loss: "a percentage from 0 to 100, like 1"
    case .slots: "a number from 1 to \(OracleOptions.mostSlots)"
    case .diesAfter: "seconds above 0 and up to a day, like 3"
    case .seed: "a number from 0 to \(UInt64.max)"
    }
  }
}

/// Why options are none. The description is one sentence for people.
public enum OracleOptionError: Error, Equatable, CustomStringConvertible {
  case unknown(String)
  case missingValue(OracleOption)
  case invalid(OracleOption, String)
  /// A constant and a log-normal delay.
  case twoDelays

  public var description: String {
    switch self {
    case .unknown(let word): "The oracle has no option '\(word)'."
    case .missingValue(let option): "--\(option.rawValue) takes \(option.expectation)."
    case .invalid(let option, let text):
      "--\(option.rawValue) takes \(option.expectation), not '\(text)'."
    case .twoDelays: "--delay and --log-normal exclude each other: there is one delay."
    }
  }
}

extension OracleOptions {
  /// The options of a command line: pairs of `--NAME` and value. What is said last counts.
  public init(_ arguments: [String]) throws(OracleOptionError) {
    var rest = arguments[...]
    var delays: Set<OracleOption> = []
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), let option = OracleOption(rawValue: String(word.dropFirst(2)))
      else { throw .unknown(word) }
      guard let text = rest.popFirst() else { throw .missingValue(option) }
      try set(option, to: text)
      if option == .delay || option == .logNormal { delays.insert(option) }
    }
    if delays.count > 1 { throw .twoDelays }
  }

  /// Sets one option from its text.
  public mutating func set(_ option: OracleOption, to text: String) throws(OracleOptionError) {
    guard change(option, text) else { throw .invalid(option, text) }
  }

  private mutating func change(_ option: OracleOption, _ text: String) -> Bool {
    switch option {
    case .listen: return assign(listening(text), to: \.endpoint)
    case .delay: return assign(nanoseconds(text).map { .constant(ns: $0) }, to: \.delay)
    case .logNormal: return assign(logNormal(text), to: \.delay)
    case .freeze:
      let parts = pair(text, "/").map { (seconds($0.0), seconds($0.1)) }
      guard case (let frozen?, let every?)? = parts else { return false }
      return assign(OracleFreeze(frozenNs: frozen, everyNs: every), to: \.freeze)
    case .loss: return assign(number(text, 0...100), to: \.lossPercent)
    case .slots:
      return assign(Int(text).flatMap { (1...Self.mostSlots) ~= $0 ? $0 : nil }, to: \.slots)
    case .diesAfter: return assign(seconds(text), to: \.diesAfterNs)
    case .seed: return assign(UInt64(text), to: \.seed)
    }
  }

  private mutating func assign<Value>(
    _ value: Value?, to place: WritableKeyPath<OracleOptions, Value>
  ) -> Bool {
    guard let value else { return false }
    self[keyPath: place] = value
    return true
  }

  private mutating func assign<Value>(
    _ value: Value?, to place: WritableKeyPath<OracleOptions, Value?>
  ) -> Bool {
    guard let value else { return false }
    self[keyPath: place] = value
    return true
  }
}

/// The two texts around the only `separator`.
private func pair(_ text: String, _ separator: Character) -> (String, String)? {
  let parts = text.split(separator: separator, omittingEmptySubsequences: false)
  return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
}

/// Digits with at most one point: neither sign nor exponent, `nan` nor `inf`.
private func number(_ text: String, _ range: ClosedRange<Double>) -> Double? {
  guard text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(text),
    range.contains(value)
  else { return nil }
  return value
}

/// Nanoseconds of a number of seconds above 0, up to a day.
private func seconds(_ text: String) -> UInt64? {
  number(text, 1e-9...86_400).map { UInt64(($0 * 1e9).rounded()) }
}

/// Nanoseconds of a duration with its unit, up to an hour.
private func nanoseconds(_ text: String) -> UInt64? {
  let units: [(String, Double)] = [("ms", 1e6), ("us", 1e3), ("s", 1e9)]
  guard let (unit, size) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
  return number(String(text.dropLast(unit.count)), 0...3600e9 / size).map {
    UInt64(($0 * size).rounded())
  }
}

private func logNormal(_ text: String) -> OracleDelay? {
  guard let (median, sigma) = pair(text, ","), let medianNs = nanoseconds(median), medianNs > 0,
    let sigma = number(sigma, 0...3)
  else { return nil }
  return .logNormal(medianNs: medianNs, sigma: sigma)
}

private func listening(_ text: String) -> Endpoint? {
  guard let (host, port) = pair(text, ":"), let port = UInt16(port) else { return nil }
  let bytes = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
  guard bytes.count == 4, !bytes.contains(nil) else { return nil }
  let address = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1 ?? 0) }
  return Endpoint(address: address, port: port)
}
