import Yams

/// Reads plans, strictly: whatever is not understood is refused at its place, and nothing is
/// guessed. The format is told in `Plans.md`.
public struct PlanReader {
  private let source: PlanSource

  /// The plan in a file.
  public static func read(file path: String) throws(PlanError) -> Plan {
    try read(PlanSource.bytes(of: path), file: path)
  }

  /// The plan in a text; errors call it `file`.
  public static func read(_ text: String, file: String) throws(PlanError) -> Plan {
    try read(Array(text.utf8), file: file)
  }

  /// The plan in the bytes of a text; errors call it `file`.
  public static func read(_ bytes: [UInt8], file: String) throws(PlanError) -> Plan {
    let source = PlanSource(file: file)
    return try PlanReader(source: source).plan(source.root(bytes))
  }

  private func plan(_ root: Node) throws(PlanError) -> Plan {
    let fields = try PlanFields(root, of: "a plan", known: PlanKeys.plan, in: source)
    var plan = Plan(
      name: try fields.required("name", PlanField.nameRule).identifier("name"),
      summary: try fields.required("summary", "say in one sentence what it finds out")
        .line("summary", in: PlanBounds.summary),
      classes: try classes(fields.required("classes", "say who the users are")),
      course: try course(fields))
    if let field = fields["thresholds"] { plan.thresholds = try thresholds(field) }
    if let field = fields["timeout"] {
      plan.timeout = try field.seconds("time-out", in: PlanBounds.timeout)
    }
    if let field = fields["payload"] {
      plan.payload = try field.bytes("payload", in: PlanBounds.payload)
    }
    return plan
  }

  // MARK: Users

  private func classes(_ field: PlanField) throws(PlanError) -> [UserClass] {
    var classes: [UserClass] = []
    for entry in try field.entries(
      "set of classes", in: PlanBounds.classes, "write a name, a colon, and below them what it is")
    {
      let name = try entry.asValue.identifier("name of a class")
      classes.append(try userClass(name, entry))
    }
    return classes
  }

  private func userClass(_ name: String, _ entry: PlanField) throws(PlanError) -> UserClass {
    let fields = try PlanFields(entry.node, of: "a class", known: PlanKeys.userClass, in: source)
    var users = UserClass(name, work: try work(of: name, fields))
    if let field = fields["weight"] {
      users.weight = try field.whole("weight", in: PlanBounds.weight)
    }
    if let field = fields["role"] {
      users.role = try field.choice("role", UserClass.Role.allCases.map { ($0.rawValue, $0) })
    }
    if let field = fields["think"] {
      users.think = try field.secondsRange("think time", in: PlanBounds.think)
    }
    if let field = fields["depth"] { users.depth = try field.whole("depth", in: PlanBounds.depth) }
    if let field = fields["users_per_key"] {
      users.usersPerKey = try field.whole("number of users of a key", in: PlanBounds.usersPerKey)
    }
    if users.work.isForAdminsAlone, users.role != .admin {
      throw source.error(
        (fields["role"]?.node ?? entry.key).mark,
        "the work of `\(name)` is for admins alone; write `role: admin`.")
    }
    return users
  }

  private func work(of name: String, _ fields: PlanFields) throws(PlanError) -> UserClass.Work {
    switch (fields["mix"], fields["work"]) {
    case (let mix?, nil): return .mix(try shares(mix))
    case (nil, let word?): return try word.choice("work", UserClass.Work.words)
    case (_?, let word?):
      throw source.error(word.key.mark, "`\(name)` has a `mix` and a `work`; leave one of them.")
    case (nil, nil):
      throw source.error(
        fields.mark,
        "`\(name)` has no work; write `mix:` and operations with weights below it, or `work:` and "
          + "\(UserClass.Work.words.map(\.word).alternatives).")
    }
  }

  private func shares(_ field: PlanField) throws(PlanError) -> [UserClass.Share] {
    let operations = UserClass.Operation.allCases.map { ($0.rawValue, $0) }
    var shares: [UserClass.Share] = []
    for entry in try field.entries(
      "mix", in: 1...operations.count, "write operations with weights, like ping: 3")
    {
      let operation = try entry.asValue.choice("operation", operations)
      let weight = try entry.whole("weight", in: PlanBounds.weight)
      shares.append(UserClass.Share(operation, weight))
    }
    return shares
  }

  // MARK: Course

  private func course(_ fields: PlanFields) throws(PlanError) -> Plan.Course {
    switch (fields["stages"], fields["ladder"]) {
    case (let stages?, nil): return .stages(try self.stages(stages))
    case (nil, let ladder?): return .ladder(try self.ladder(ladder))
    case (_?, let ladder?):
      throw source.error(
        ladder.key.mark, "a plan has `stages` or a `ladder`, and this one both; leave one of them.")
    case (nil, nil):
      throw source.error(
        fields.mark, "a plan has neither `stages` nor a `ladder`; write one of them.")
    }
  }

  private func stages(_ field: PlanField) throws(PlanError) -> [Stage] {
    var stages: [Stage] = []
    for item in try field.items(
      "list of stages", in: PlanBounds.stages, "begin each with `- name:`")
    {
      let fields = try PlanFields(item.node, of: "a stage", known: PlanKeys.stage, in: source)
      let name = try fields.required("name", PlanField.nameRule)
      let stage = try self.stage(fields, named: name.identifier("name of a stage"))
      guard !stages.contains(where: { $0.name == stage.name }) else {
        throw source.error(
          name.node.mark, "a stage before is called `\(stage.name)`, too; write another name.")
      }
      let arrival = stage.arrivalSeconds(from: stages.last?.users ?? 0)
      if let ramp = fields["ramp"], arrival > stage.seconds * (1 + 1e-9) {
        throw source.error(
          ramp.node.mark,
          "at this ramp the users of `\(stage.name)` need \(Notation.text(seconds: arrival)), and "
            + "it lasts \(Notation.text(seconds: stage.seconds)); write a faster ramp or a longer "
            + "duration.")
      }
      stages.append(stage)
    }
    return stages
  }

  private func stage(_ fields: PlanFields, named name: String) throws(PlanError) -> Stage {
    let users = try fields.required("users", "say how many there are")
    let duration = try fields.required("duration", "say how long it lasts, like 90s")
    return Stage(
      name,
      users: try users.whole("number of users", in: PlanBounds.users),
      rate: try fields["rate"]?.rate("rate", in: PlanBounds.rate),
      ramp: try fields["ramp"]?.rate("ramp", in: PlanBounds.ramp),
      seconds: try duration.seconds("duration", in: PlanBounds.duration),
      isJudged: try fields["judged"]?.flag("value of `judged`") ?? true)
  }

  private func ladder(_ field: PlanField) throws(PlanError) -> Ladder {
    let fields = try PlanFields(field.node, of: "a ladder", known: PlanKeys.ladder, in: source)
    let duration = try fields.required("duration", "say how long a step lasts, like 10s")
    var ladder = Ladder(
      steps: [], seconds: try duration.seconds("duration", in: PlanBounds.duration),
      ramp: try fields["ramp"]?.rate("ramp", in: PlanBounds.ramp),
      ratePerUser: try fields["rate_per_user"]?.rate("rate", in: PlanBounds.rate))
    let numbers = "write numbers of users like [10, 25, 50]"
    let steps = try fields.required("steps", numbers)
    for item in try steps.items("list of steps", in: PlanBounds.steps, numbers) {
      let users = try item.whole("number of users", in: PlanBounds.users)
      if let last = ladder.steps.last, users <= last {
        throw source.error(
          item.node.mark, "\(users) is not more than the \(last) before; write steps that ascend.")
      }
      ladder.steps.append(users)
    }
    if let field = fields["precision"] {
      ladder.precision = try field.whole("precision", in: PlanBounds.users)
    }
    if let field = fields["recovery"] {
      ladder.recoverySeconds = try field.seconds("time to recover", in: PlanBounds.recovery)
    }
    return ladder
  }

  // MARK: Thresholds

  private func thresholds(_ field: PlanField) throws(PlanError) -> [Threshold] {
    let quantities = Threshold.Quantity.allCases.map { ($0.rawValue, $0) }
    var thresholds: [Threshold] = []
    for entry in try field.entries(
      "set of thresholds", in: 0...quantities.count, "write some like p95_ms: 100, or {} for none")
    {
      let quantity = try entry.asValue.choice("quantity", quantities)
      thresholds.append(Threshold(quantity, try entry.number("limit", in: PlanBounds.limit)))
    }
    return thresholds
  }
}
