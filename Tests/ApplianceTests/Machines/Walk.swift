/// A machine to be walked through: a fresh one, what can be said to it, and where it stands.
///
/// A walk begins with a fresh machine and says everything in every situation that it comes to,
/// until no situation is new. So every pair of a state and an input is met, and what it leads to
/// is known.
///
/// Every replay makes a machine of its own: nothing is shared.
struct Walk: @unchecked Sendable {
  /// As the table is headed.
  let title: String
  /// Every case of the state's enumeration.
  let states: [String]
  /// Names of what can be said.
  let inputs: [String]
  /// What nobody can say in a state, and why: there the machine traps, or an owner does not ask.
  let impossible: [Impossible]
  /// States that cannot be come to, and why.
  let unreachable: [String: String]
  private let walk: () -> [Pair: Set<String>]

  struct Impossible {
    let states: [String]
    let inputs: [String]
    let reason: String

    func contains(_ pair: Pair) -> Bool {
      states.contains(pair.state) && inputs.contains(pair.input)
    }
  }

  struct Pair: Hashable {
    let state: String
    let input: String
  }

  /// - Parameters:
  ///   - part: the path of the state in the machine.
  ///   - key: what of the machine makes situations different; numbers in it do not count.
  init<Machine>(
    _ title: String, states: [String], impossible: [Impossible] = [],
    unreachable: [String: String] = [:], begin: @escaping () -> Machine,
    state: @escaping (Machine) -> Any, key: ((Machine) -> Any)? = nil,
    inputs: [(String, (inout Machine) -> Void)]
  ) {
    self.title = title
    self.states = states
    self.inputs = inputs.map(\.0)
    self.impossible = impossible
    self.unreachable = unreachable
    walk = {
      Self.walk(title, begin, inputs, impossible) { machine in
        let at = state(machine)
        let whole = key.map { $0(machine) } ?? at
        return (caseName(of: at), "\(at) \(whole)".filter { !$0.isNumber })
      }
    }
  }

  func reason(_ pair: Pair) -> String? {
    impossible.first { $0.contains(pair) }?.reason
  }

  /// What each pair has led to.
  func run() -> [Pair: Set<String>] { walk() }

  private static func walk<Machine>(
    _ title: String, _ begin: () -> Machine, _ inputs: [(String, (inout Machine) -> Void)],
    _ impossible: [Impossible], look: (Machine) -> (state: String, key: String)
  ) -> [Pair: Set<String>] {
    var met: [Pair: Set<String>] = [:]
    var open: [(path: [Int], machine: Machine)] = [([], begin())]
    var known: Set<String> = [look(open[0].machine).key]
    var next = 0
    while next < open.count {
      let (path, here) = open[next]
      next += 1
      let state = look(here).state
      for (number, input) in inputs.enumerated() {
        let pair = Pair(state: state, input: input.0)
        if impossible.contains(where: { $0.contains(pair) }) { continue }
        var machine = here
        if Machine.self is AnyClass {
          // It cannot be copied: another one goes the same way.
          machine = begin()
          for number in path { inputs[number].1(&machine) }
        }
        input.1(&machine)
        let after = look(machine)
        met[pair, default: []].insert(after.state)
        guard known.insert(after.key).inserted else { continue }
        precondition(known.count < 4000, "\(title): too many situations")
        open.append((path + [number], machine))
      }
    }
    return met
  }
}

/// A part of a value that only its own file can see.
func part(_ value: Any, _ path: String...) -> Any {
  var value = value
  for name in path {
    guard let child = Mirror(reflecting: value).children.first(where: { $0.label == name }) else {
      preconditionFailure("\(type(of: value)) has no \(name)")
    }
    value = child.value
  }
  return value
}

/// The case of an enumeration, without what it holds.
func caseName(of value: Any) -> String {
  let mirror = Mirror(reflecting: value)
  return mirror.displayStyle == .enum ? mirror.children.first?.label ?? "\(value)" : "\(value)"
}
