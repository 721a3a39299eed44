import Foundation

/// As much of JSON Schema as the schemas in ControlClient/Schemas use. A keyword that it does not
/// know is an error, so that no rule is passed over.
struct Schema {
  private let root: [String: Any]

  init(_ name: String) throws {
    let file = sourceFolder.appending(path: "ControlClient/Schemas/\(name).json")
    root = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! [String: Any]
  }

  /// What is wrong with a document; empty: nothing.
  func faults(in text: String) throws -> [String] {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    return Schema.faults(value, root, at: "$")
  }

  private static func faults(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
    schema.flatMap { keyword, rule -> [String] in
      switch keyword {
      case "$schema", "title", "description": return []
      case "type":
        return has(type: rule as! String, value) ? [] : ["\(path) is no \(rule)"]
      case "enum":
        let known = (rule as! [String]).contains { $0 == value as? String }
        return known ? [] : ["\(path) is \(value)"]
      case "pattern":
        let text = value as? String ?? ""
        let matches = text.range(of: rule as! String, options: .regularExpression) != nil
        return matches ? [] : ["\(path) is `\(text)`"]
      case "minimum":
        return (value as? NSNumber).map { $0.doubleValue >= (rule as! NSNumber).doubleValue }
          == true
          ? [] : ["\(path) is less than \(rule)"]
      case "required":
        let object = value as? [String: Any] ?? [:]
        return (rule as! [String]).filter { object[$0] == nil }.map { "\(path).\($0) is missing" }
      case "items":
        return (value as? [Any] ?? []).enumerated().flatMap { index, item in
          faults(item, rule as! [String: Any], at: "\(path)[\(index)]")
        }
      case "properties":
        let object = value as? [String: Any] ?? [:]
        return (rule as! [String: Any]).flatMap { name, rule in
          object[name].map { faults($0, rule as! [String: Any], at: "\(path).\(name)") } ?? []
        }
      case "additionalProperties":
        let named = schema["properties"] as? [String: Any] ?? [:]
        return (value as? [String: Any] ?? [:]).filter { named[$0.key] == nil }.flatMap {
          name, item in
          (rule as? [String: Any]).map { faults(item, $0, at: "\(path).\(name)") }
            ?? ["\(path).\(name) is not in the schema"]
        }
      default: return ["\(path): the schema says `\(keyword)`, which this test does not know"]
      }
    }
  }

  private static func has(type: String, _ value: Any) -> Bool {
    switch type {
    case "object": return value is [String: Any]
    case "array": return value is [Any]
    case "string": return value is String
    case "boolean": return isBoolean(value)
    case "number": return value is NSNumber && !isBoolean(value)
    case "integer":
      guard let number = value as? NSNumber, !isBoolean(value) else { return false }
      return number.doubleValue == number.doubleValue.rounded()
    default: return false
    }
  }

  /// JSONSerialization gives numbers and booleans the same type; their type codes differ.
  private static func isBoolean(_ value: Any) -> Bool {
    guard let number = value as? NSNumber else { return false }
    return ["c", "B"].contains(String(cString: number.objCType))
  }
}
