import LoadPlan
import Testing

/// Every way in which a text is no plan, with its sentence.
@Suite struct PlanRefusalTests {
  /// A wrong text, and what is said of it behind the name of the file.
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let said: String
    var testDescription: String { said }

    init(_ text: String, _ said: String) {
      self.text = text
      self.said = said
    }

    static func stages(_ old: String, _ new: String, _ said: String) -> Case {
      Case(Texts.stages(old, new), said)
    }

    static func ladder(_ old: String, _ new: String, _ said: String) -> Case {
      Case(Texts.ladder(old, new), said)
    }
  }

  @Test func theTextsThatTheCasesChangeAreRight() {
    #expect(Texts.refusal(Texts.stages) == "")
    #expect(Texts.refusal(Texts.ladder) == "")
  }

  @Test(arguments: texts + plans + classes + stages + ladders + thresholds)
  func saysWhatIsWrongAndWhere(_ wrong: Case) {
    #expect(Texts.refusal(wrong.text) == "noon.yaml:" + wrong.said)
  }

  /// More than there may be of anything.
  @Test func tooManyAreRefused() {
    let stages = (1...257).map { "  - {name: s\($0), users: 1, duration: 1s}\n" }.joined()
    let classes = (1...33).map { "  c\($0): {work: visitor}\n" }.joined()
    let steps = (1...65).map { "\($0)" }.joined(separator: ", ")
    #expect(
      Texts.refusal("name: a\nsummary: b\nclasses: {c: {work: visitor}}\nstages:\n" + stages)
        == "noon.yaml:5:3: `stages` has 257 entries; write 256 at most.")
    #expect(
      Texts.refusal("name: a\nsummary: b\nclasses:\n" + classes)
        == "noon.yaml:4:3: `classes` has 33 entries; write 32 at most.")
    #expect(
      Texts.refusal(Texts.ladder("10, 25, 50", steps))
        == "noon.yaml:7:10: `steps` has 65 entries; write 64 at most.")
  }

  static let texts: [Case] = [
    Case(
      "",
      "1:1: no plan is here; copy one that `wpload plans NAME` prints."),
    Case(
      "# only a comment\n",
      "1:1: no plan is here; copy one that `wpload plans NAME` prints."),
    Case(
      "---\n",
      "1:1: no plan is here; copy one that `wpload plans NAME` prints."),
    Case(
      "noon",
      "1:1: \"noon\" is no plan; write lines of `KEY: VALUE`."),
    Case(
      "[1, 2]",
      "1:1: a list is no plan; write lines of `KEY: VALUE`."),
    .stages(
      "    users: 20", "\tusers: 20",
      "20:1: a tab stands here; write spaces."),
    .stages(
      "looks", "lo\u{7}oks",
      "2:23: a character that cannot be seen stands here; remove it."),
    .stages(
      "looks", "lo\roks",
      "2:23: a character that cannot be seen stands here; remove it."),
    .stages(
      "timeout: 5s", "timeout: *five",
      "3:10: a reference or tag of YAML begins here, and plans have none; write the "
        + "value itself, or a space behind the sign."),
    .stages(
      "timeout: 5s", "timeout: &five 5s",
      "3:10: a reference or tag of YAML begins here, and plans have none; write the "
        + "value itself, or a space behind the sign."),
    .stages(
      "timeout: 5s", "timeout: 5s: 6s",
      "3:12: this is no YAML (mapping values are not allowed in this context); \(look)"),
    .stages(
      "looks.\"", "looks.",
      "32:1: this is no YAML (found unexpected end of stream); \(look)"),
    .stages(
      "mix:\n", "mix: [\n",
      "12:11: this is no YAML (did not find expected ',' or ']'); \(look)"),
    .stages(
      "  deployers:", " deployers:",
      "14:2: this is no YAML (did not find expected key); \(look)"),
    Case(
      Texts.stages + "---\n" + Texts.stages,
      "32:1: another document begins here; a file holds one plan."),
    .stages(
      "timeout: 5s", "name: noon2",
      "1:1: `name` stands here and again below; leave one of them."),
    .stages(
      "ping: 1", "health: 1",
      "11:7: `health` stands here and again below; leave one of them."),
    .stages(
      "  deployers:", "  viewers:",
      "7:3: `viewers` stands here and again below; leave one of them."),
    Case(
      Texts.stages + "  p95_ms: 40\n",
      "30:3: `p95_ms` stands here and again below; leave one of them."),
  ]

  static let plans: [Case] = [
    .stages(
      "name: noon\n", "",
      "1:1: a plan has no `name`; \(nameRule)"),
    .stages(
      "name: noon", "name: High Noon",
      "1:7: \"High Noon\" is no name; \(nameRule)"),
    .stages(
      "name: noon", "name: -noon",
      "1:7: \"-noon\" is no name; \(nameRule)"),
    .stages(
      "name: noon", "name:",
      "1:6: `name` is empty; \(nameRule)"),
    .stages(
      "name: noon", "name: [noon]",
      "1:7: a list is no name; \(nameRule)"),
    .stages(
      "summary: \"Everybody looks.\"\n", "",
      "1:1: a plan has no `summary`; say in one sentence what it finds out."),
    .stages(
      "\"Everybody looks.\"", "\"\"",
      "2:10: `summary` is empty; write one line of at most 300 characters."),
    .stages(
      "Everybody looks.", "a\\nb",
      "2:10: \"a?b\" is no summary; write one line of at most 300 characters."),
    .stages(
      "timeout", "timout",
      "3:1: \"timout\" is no key of a plan; write `timeout`."),
    .stages(
      "timeout", "colour",
      "3:1: \"colour\" is no key of a plan; write `name`, `summary`, `timeout`, "
        + "`payload`, `classes`, `stages`, `ladder` or `thresholds`."),
    .stages(
      "timeout", "[a, b]",
      "3:1: a list is no key of a plan; write one word before the colon."),
    .stages(
      "timeout: 5s", "timeout: soon",
      "3:10: \"soon\" is no time-out; write one like 90s, from 10ms to 10m."),
    .stages(
      "timeout: 5s", "timeout: 1ms",
      "3:10: \"1ms\" is no time-out; write one like 90s, from 10ms to 10m."),
    .stages(
      "timeout: 5s", "timeout: 11m",
      "3:10: \"11m\" is no time-out; write one like 90s, from 10ms to 10m."),
    .stages(
      "timeout: 5s", "timeout: -5s",
      "3:10: \"-5s\" is no time-out; write one like 90s, from 10ms to 10m."),
    .stages(
      "payload: 1KiB", "payload: 3MiB",
      "4:10: \"3MiB\" is no payload; write bytes like 64 or 16KiB, from 1 to 2MiB."),
    .stages(
      "payload: 1KiB", "payload: 0",
      "4:10: \"0\" is no payload; write bytes like 64 or 16KiB, from 1 to 2MiB."),
    .stages(
      "payload: 1KiB", "payload: 99999999999999999999MiB",
      "4:10: \"99999999999999999999MiB\" is no payload; write bytes like 64 or 16KiB, "
        + "from 1 to 2MiB."),
    .stages(
      "payload: 1KiB", "payload: 9223372036854775807KiB",
      "4:10: \"9223372036854775807KiB\" is no payload; write bytes like 64 or 16KiB, "
        + "from 1 to 2MiB."),
    .ladder(
      "ladder:", "ladders:",
      "6:1: \"ladders\" is no key of a plan; write `ladder`."),
    Case(
      Texts.stages + "ladder:\n  steps: [1]\n",
      "32:1: a plan has `stages` or a `ladder`, and this one both; leave one of them."),
    Case(
      "name: a\nsummary: b\nclasses: {a: {work: visitor}}\n",
      "1:1: a plan has neither `stages` nor a `ladder`; write one of them."),
  ]
}

private let nameRule = "write 1 to 32 of a-z, 0-9 and -, which does not come first."
private let look = "look at indentation, colons, quotes and brackets here."
