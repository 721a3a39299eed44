// What can be wrong inside a plan.

extension PlanRefusalTests {
  static let classes: [Case] = [
    .stages(
      "classes:", "class:",
      "6:1: \"class\" is no key of a plan; write `classes`."),
    Case(
      "name: a\nsummary: b\nclasses:\nstages: []\n",
      "3:9: `classes` is empty; write a name, a colon, and below them what it is."),
    Case(
      "name: a\nsummary: b\nclasses: {}\nstages: []\n",
      "3:10: `classes` is empty; write a name, a colon, and below them what it is."),
    .stages(
      "viewers:", "Viewers:",
      "7:3: \"Viewers\" is no name of a class; \(nameRule)"),
    Case(
      "name: a\nsummary: b\nclasses: {a: visitor}\n",
      "3:14: \"visitor\" is no class; write lines of `KEY: VALUE`."),
    .stages(
      "weight: 3", "weight: 0",
      "8:13: \"0\" is no weight; write a whole number from 1 to 1000."),
    .stages(
      "weight: 3", "weight: 1001",
      "8:13: \"1001\" is no weight; write a whole number from 1 to 1000."),
    .stages(
      "weight: 3", "weight: 1.5",
      "8:13: \"1.5\" is no weight; write a whole number from 1 to 1000."),
    .stages(
      "role: viewer", "role: veiwer",
      "9:11: \"veiwer\" is no role; write `viewer`."),
    .stages(
      "role: viewer", "role: guest",
      "9:11: \"guest\" is no role; write `anybody`, `viewer`, `operator` or `admin`."),
    .stages(
      "health: 3", "helth: 3",
      "11:7: \"helth\" is no operation; write `health`."),
    .stages(
      "health: 3", "reboot: 3",
      "11:7: \"reboot\" is no operation; write \(operations)."),
    .stages(
      "ping: 1", "ping: often",
      "12:13: \"often\" is no weight; write a whole number from 1 to 1000."),
    .stages(
      "    mix:\n      health: 3\n      ping: 1\n", "",
      "8:5: `viewers` has no work; write `mix:` and operations with weights below it, "
        + "or `work:` and \(works)."),
    .stages(
      "    work: deployment", "    work: deployment\n    mix: {ping: 1}",
      "16:5: `deployers` has a `mix` and a `work`; leave one of them."),
    .stages(
      "work: deployment", "work: deploy",
      "16:11: \"deploy\" is no work; write \(works)."),
    .stages(
      "work: deployment", "work: sleeping",
      "16:11: \"sleeping\" is no work; write \(works)."),
    .stages(
      "role: admin\n    work", "work",
      "14:3: the work of `deployers` is for admins alone; write `role: admin`."),
    .stages(
      "role: admin", "role: viewer",
      "15:11: the work of `deployers` is for admins alone; write `role: admin`."),
    .stages(
      "mix:\n      health: 3\n      ping: 1", "mix: {}",
      "10:10: `mix` is empty; write operations with weights, like ping: 3."),
    .stages(
      "100ms..2s", "2s..100ms",
      "13:12: \"2s..100ms\" is no think time; write one like 1s or 100ms..2s, at most 1h."),
    .stages(
      "100ms..2s", "2h",
      "13:12: \"2h\" is no think time; write one like 1s or 100ms..2s, at most 1h."),
    .stages(
      "100ms..2s", "1s...2s",
      "13:12: \"1s...2s\" is no think time; write one like 1s or 100ms..2s, at most 1h."),
    .stages(
      "think: 100ms..2s", "depth: 129",
      "13:12: \"129\" is no depth; write a whole number from 1 to 128."),
    .stages(
      "think: 100ms..2s", "users_per_key: 17",
      "13:20: \"17\" is no number of users of a key; write a whole number from 1 to 16."),
    .stages(
      "think", "wait_time",
      "13:5: \"wait_time\" is no key of a class; write `think`."),
    .stages(
      "weight: 3", "weights: 3",
      "8:5: \"weights\" is no key of a class; write `weight`."),
  ]

  static let stages: [Case] = [
    .stages(
      "users: 20", "users: ten",
      "20:12: \"ten\" is no number of users; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "users: 0",
      "20:12: \"0\" is no number of users; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "users: 16385",
      "20:12: \"16385\" is no number of users; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "users:",
      "20:11: `users` is empty; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "users: [20]",
      "20:12: a list is no number of users; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "users: {a: 1}",
      "20:12: a mapping is no number of users; write a whole number from 1 to 16384."),
    .stages(
      "users: 20", "target: 20",
      "20:5: \"target\" is no key of a stage; write `users`."),
    .stages(
      "    users: 20\n", "",
      "19:5: a stage has no `users`; say how many there are."),
    .stages(
      "    duration: 10s\n", "",
      "19:5: a stage has no `duration`; say how long it lasts, like 90s."),
    .stages(
      "  - name: arrival\n    users", "  - users",
      "19:5: a stage has no `name`; \(nameRule)"),
    .stages(
      "name: peak", "name: arrival",
      "24:11: a stage before is called `arrival`, too; write another name."),
    .stages(
      "name: peak", "name: Peak",
      "24:11: \"Peak\" is no name of a stage; \(nameRule)"),
    .stages(
      "ramp: 10/s", "ramp: 10",
      "21:11: \"10\" is no ramp; write one like 10/s, from 0.01/s to 1000000/s."),
    .stages(
      "ramp: 10/s", "ramp: 1/s",
      "21:11: at this ramp the users of `arrival` need 20s, and it lasts 10s; write a "
        + "faster ramp or a longer duration."),
    .stages(
      "ramp: 10/s", "ramp: 0/s",
      "21:11: \"0/s\" is no ramp; write one like 10/s, from 0.01/s to 1000000/s."),
    .stages(
      "rate: 100/s", "rate: 100/m",
      "26:11: \"100/m\" is no rate; write one like 10/s, from 0.01/s to 10000000/s."),
    .stages(
      "duration: 2m", "duration: 2 minutes",
      "27:15: \"2 minutes\" is no duration; write one like 90s, from 100ms to 168h."),
    .stages(
      "duration: 2m", "duration: 0s",
      "27:15: \"0s\" is no duration; write one like 90s, from 100ms to 168h."),
    .stages(
      "duration: 2m", "duration: 1e3",
      "27:15: \"1e3\" is no duration; write one like 90s, from 100ms to 168h."),
    .stages(
      "judged: false", "judged: no",
      "23:13: \"no\" is no value of `judged`; write true or false."),
    Case(
      "name: a\nsummary: b\nclasses: {a: {work: visitor}}\nstages: []\n",
      "4:9: `stages` is empty; begin each with `- name:`."),
    Case(
      "name: a\nsummary: b\nclasses: {a: {work: visitor}}\nstages:\n  a: {users: 5}\n",
      "5:3: a mapping is no list of stages; begin each with `- name:`."),
    Case(
      "name: a\nsummary: b\nclasses: {a: {work: visitor}}\nstages:\n  - 20\n",
      "5:5: \"20\" is no stage; write lines of `KEY: VALUE`."),
  ]

  static let ladders: [Case] = [
    .ladder(
      "  steps: [10, 25, 50]\n", "",
      "7:3: a ladder has no `steps`; write numbers of users like [10, 25, 50]."),
    .ladder(
      "[10, 25, 50]", "[]",
      "7:10: `steps` is empty; write numbers of users like [10, 25, 50]."),
    .ladder(
      "[10, 25, 50]", "10",
      "7:10: \"10\" is no list of steps; write numbers of users like [10, 25, 50]."),
    .ladder(
      "[10, 25, 50]", "[10, 25, 25]",
      "7:19: 25 is not more than the 25 before; write steps that ascend."),
    .ladder(
      "[10, 25, 50]", "[10, many]",
      "7:15: \"many\" is no number of users; write a whole number from 1 to 16384."),
    .ladder(
      "  duration: 10s\n", "",
      "7:3: a ladder has no `duration`; say how long a step lasts, like 10s."),
    .ladder(
      "precision: 5", "precision: 0",
      "11:14: \"0\" is no precision; write a whole number from 1 to 16384."),
    .ladder(
      "recovery: 30s", "recovery: 2h",
      "12:13: \"2h\" is no time to recover; write one like 90s, from 0s to 1h."),
    .ladder(
      "rate_per_user: 2/s", "rate: 2/s",
      "10:3: \"rate\" is no key of a ladder; write `rate_per_user`."),
    .ladder(
      "rate_per_user: 2/s", "rate_per_user: 2",
      "10:18: \"2\" is no rate; write one like 10/s, from 0.01/s to 10000000/s."),
  ]

  static let thresholds: [Case] = [
    .stages(
      "p95_ms: 50", "p96_ms: 50",
      "30:3: \"p96_ms\" is no quantity; write `p95_ms`."),
    .stages(
      "p95_ms: 50", "http_req_duration: 50",
      "30:3: \"http_req_duration\" is no quantity; write \(quantities)."),
    .stages(
      "p95_ms: 50", "p95_ms: fast",
      "30:11: \"fast\" is no limit; write a number, from 0 to 1000000000."),
    .stages(
      "p95_ms: 50", "p95_ms: -1",
      "30:11: \"-1\" is no limit; write a number, from 0 to 1000000000."),
    .stages(
      "thresholds:\n  p95_ms: 50\n  errors_percent: 0.5", "thresholds: [p95_ms]",
      "29:13: a list is no set of thresholds; write some like p95_ms: 100, or {} for none."),
    .stages(
      "thresholds:\n  p95_ms: 50\n  errors_percent: 0.5", "thresholds:",
      "29:12: `thresholds` is empty; write some like p95_ms: 100, or {} for none."),
  ]
}

private let nameRule = "write 1 to 32 of a-z, 0-9 and -, which does not come first."

private let works =
  "`deployment`, `approval`, `subscriber`, `listener`, `publisher` or `visitor`"

private let operations =
  "`ping`, `health`, `serverInfo`, `cameraList`, `streamList`, `sourceList`, `recordingList`, "
  + "`fileList`, `metrics`, `alertList`, `mediaServer`, `subscriptionStatistics`, `storageStatus`, "
  + "`configurationCheck`, `changeList`, `changeHistory`, `keyList`, `auditList`, `logTail` or "
  + "`identity`"

private let quantities =
  "`p50_ms`, `p95_ms`, `p99_ms`, `connect_p99_ms`, `errors_percent`, `busy_percent`, "
  + "`dropped_percent`, `answers_per_second`, `memory_growth_kib`, `memory_kib`, `cpu_percent` or "
  + "`recovery_s`"
