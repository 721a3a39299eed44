import LoadGenerator

/// Who answers in a row.
enum Contestant: String, CaseIterable {
  /// With `board/host/many.conf`: limits that no load here meets.
  case watchpost
  /// With the limits that a device has unless configured otherwise.
  case defaults = "default limits"
  case peer = "C server"
  case redis
  case memcached
  case jsonRPC = "JSON-RPC"
}

/// What is asked.
enum Operation: String {
  case ping
  case health
}

/// How the load is put on.
enum Load {
  /// `spread`: from many addresses, so that none exceeds what one may have.
  case closed(connections: Int, depth: Int, spread: Bool = false)
  case open(connections: Int, rate: Int)
  case visits(concurrency: Int)
}

/// One ratio of a row: its subject to somebody else. `bar` nil: told, but nothing is demanded.
struct Comparison {
  let against: Contestant
  let measure: Measure
  let bar: Double?

  /// Bars are upper bounds, but for rates.
  var demand: Outcome.Bar {
    guard let bar else { return .none }
    return measure == .rate ? .atLeast(bar) : .atMost(bar)
  }
}

/// A row of the table: one load, everybody who takes it, and what is demanded.
struct Row: Named {
  let name: String
  /// Whose figures are compared with those of others.
  var subject = Contestant.watchpost
  let operation: Operation
  let load: Load
  let comparisons: [Comparison]

  var contestants: [Contestant] {
    [subject] + Contestant.allCases.filter { who in comparisons.contains { $0.against == who } }
  }

  /// All rows, in the order of the report.
  static let all: [Row] = closedRows + openRows + [visits] + limitRows

  private static var closedRows: [Row] {
    var rows = closedLoads.map { closed($0.operation, $0.connections, $0.depth) }
    for operation in [Operation.ping, .health] {
      rows.append(
        Row(
          name: "\(operation.rawValue), 10000 connections, depth 1", operation: operation,
          load: .closed(connections: 10_000, depth: 1, spread: true),
          comparisons: [Comparison(against: .peer, measure: .cpu, bar: 1.2)]))
    }
    return rows
  }

  private static let closedLoads: [(operation: Operation, connections: Int, depth: Int)] =
    [1, 16].flatMap { depth in
      [Operation.ping, .health].flatMap { operation in
        [1, 100, 1000].map { (operation, $0, depth) }
      }
    }

  /// What limits cost: each closed load again with those that a device has by default.
  private static let limitRows: [Row] = closedLoads.map { entry in
    Row(
      name: "\(name(entry.operation, entry.connections, entry.depth)), default limits",
      subject: .defaults, operation: entry.operation,
      load: .closed(connections: entry.connections, depth: entry.depth, spread: true),
      comparisons: [Comparison(against: .watchpost, measure: .cpu, bar: 1.03)])
  }

  private static func name(_ operation: Operation, _ connections: Int, _ depth: Int) -> String {
    "\(operation.rawValue), \(connections) connection\(connections == 1 ? "" : "s"), depth \(depth)"
  }

  private static func closed(_ operation: Operation, _ connections: Int, _ depth: Int) -> Row {
    var comparisons = [
      Comparison(against: .peer, measure: .cpu, bar: depth == 1 ? 1.1 : 1.2)
    ]
    switch (depth, connections) {
    case (1, 100): comparisons.append(Comparison(against: .redis, measure: .cpu, bar: 1.0))
    case (1, 1000): comparisons.append(Comparison(against: .redis, measure: .cpu, bar: 0.8))
    case (1, _): break
    default: comparisons.append(Comparison(against: .redis, measure: .cpu, bar: 0.77))
    }
    if operation == .ping && connections == 100 {
      comparisons.append(Comparison(against: .memcached, measure: .cpu, bar: nil))
      comparisons.append(Comparison(against: .jsonRPC, measure: .cpu, bar: nil))
    }
    return Row(
      name: name(operation, connections, depth), operation: operation,
      load: .closed(connections: connections, depth: depth),
      comparisons: comparisons)
  }

  private static var openRows: [Row] {
    [1000, 10_000].map { rate in
      Row(
        name: "ping, 1000 connections, \(rate) requests/s", operation: .ping,
        load: .open(connections: 1000, rate: rate),
        comparisons: [
          Comparison(against: .peer, measure: .p50, bar: 1.1),
          Comparison(against: .peer, measure: .p99, bar: 1.5),
        ])
    }
  }

  private static let visits = Row(
    name: "connect + ping + close", operation: .ping, load: .visits(concurrency: 16),
    comparisons: [
      Comparison(against: .peer, measure: .rate, bar: 0.95),
      Comparison(against: .peer, measure: .cpu, bar: 1.15),
    ])
}
