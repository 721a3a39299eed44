import Wire

/// The key table as Markdown; the README holds it, and a test compares.
public enum ConfigurationTable {
  /// Gives `take` the table line by line.
  public static func write(_ take: (Text<300>) -> Void) {
    take(Text("| key | value | default | meaning |"))
    take(Text("|---|---|---|---|"))
    for index in 0..<ConfigurationKey.count {
      guard let key = ConfigurationKey(rawValue: index) else { continue }
      take(row(key.facts))
    }
  }

  static func row(_ facts: ConfigurationKey.Facts) -> Text<300> {
    var line = Text<300>("| `")
    line.append(facts.name)
    line.append("` | ")
    append(facts.value, to: &line)
    line.append(" | ")
    if facts.standard.utf8CodeUnitCount > 0 {
      line.append("`")
      line.append(facts.standard)
      line.append("`")
    } else {
      line.append("–")
    }
    line.append(" | ")
    line.append(facts.meaning)
    line.append(" |")
    return line
  }

  private static func append(_ value: ConfigurationKey.Value, to line: inout Text<300>) {
    switch value {
    case .integer(let range):
      line.append(decimal: range.lowerBound)
      line.append(" … ")
      line.append(decimal: range.upperBound)
    case .flag: line.append("`on`, `off`")
    case .text(let limit): bounded("a word of at most ", limit, &line)
    case .path(let limit, let offAllowed):
      bounded("a path of at most ", limit, &line)
      if offAllowed { line.append(", or `off`") }
    case .deviceName: line.append("letters, digits and inner hyphens, at most 32 bytes")
    case .credential(let range):
      line.append(decimal: UInt64(range.lowerBound))
      line.append(" … ")
      line.append(decimal: UInt64(range.upperBound))
      line.append(" letters, digits or `-._`")
    case .endpoint: line.append("`ADDRESS:PORT`")
    case .address: line.append("an IPv4 address")
    case .addressWithPrefix: line.append("`ADDRESS/PREFIX`")
    case .addresses(let limit): bounded("IPv4 addresses, at most ", limit, &line, unit: "")
    case .subnets(let limit): bounded("networks, at most ", limit, &line, unit: ", or `none`")
    case .modes(let limit):
      line.append("`NAME=FORMAT:WIDTHxHEIGHT@RATE`, at most ")
      line.append(decimal: UInt64(limit))
      line.append(", or `none`")
    case .playback(let limit):
      line.append("`PATH@RATE`, at most ")
      line.append(decimal: UInt64(limit))
      line.append(", or `none`")
    case .thresholds(let limit):
      line.append("`WARNING, CRITICAL`, each 0 … ")
      line.append(decimal: limit)
    case .networkMode: line.append("`dhcp`, `static`, `link-local`, `off`")
    case .line: line.append("`CHIP:LINE`, `line:NAME`, then maybe ` active-low`; `off`")
    case .led:
      line.append("`CHIP:LINE`, `line:NAME`, `sysfs:NAME`, then maybe ` active-low`; `off`")
    }
  }

  private static func bounded(
    _ words: StaticString, _ limit: Int, _ line: inout Text<300>, unit: StaticString = " bytes"
  ) {
    line.append(words)
    line.append(decimal: UInt64(limit))
    line.append(unit)
  }
}
