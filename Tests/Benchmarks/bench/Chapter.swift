/// Rows of the report that share servers.
protocol Chapter: AnyObject {
  associatedtype Entry: Named

  /// In the order of the report.
  static var rows: [Entry] { get }

  /// Starts what `rows` need.
  init(_ workshop: Workshop, for rows: [Entry]) throws

  /// Measures a row and judges it.
  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome]

  /// What is judged when all rows are done.
  func conclude() -> [Outcome]
}

extension Chapter {
  func conclude() -> [Outcome] { [] }
}

protocol Named {
  var name: String { get }
}

/// How long and how often is measured.
struct Effort {
  let pairs: Int
  let seconds: Double
  /// The load never sleeps where it has a choice.
  let spinning: Bool
}

/// What a ratio is made of.
enum Measure: String {
  case cpu = "CPU per request"
  case p50 = "latency p50"
  case p99 = "latency p99"
  case rate = "per second"
  case cpuPerDelivery = "CPU per delivery"
  case delivery = "publish to last delivery"
  case restart = "kill to exec"

  var unit: String {
    switch self {
    case .rate: "1/s"
    case .delivery: "ms"
    case .cpu, .p50, .p99, .cpuPerDelivery, .restart: "µs"
    }
  }

  /// From what is measured, nanoseconds mostly, to `unit`.
  var scale: Double {
    switch self {
    case .rate: 1
    case .delivery: 1e-6
    case .cpu, .p50, .p99, .cpuPerDelivery, .restart: 1e-3
    }
  }
}
