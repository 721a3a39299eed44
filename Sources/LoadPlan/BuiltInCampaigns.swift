// The four scenarios of the load-test campaign of section 4, in this product's terms: as many
// users, as fast, for as long.

extension Plan {
  /// Critical operations within 200 ms (REQ-PERF-001): each waits for the card. Users think for so
  /// long that there are the 230 requests a second of the scenario that this one repeats.
  static let deployments = Plan(
    name: "deployments",
    summary: "100 users hand in changes of the configuration, with version and ring, and take them "
      + "back, for 5 minutes; then one puts its changes in force and confirms them.",
    classes: [UserClass("deployers", role: .admin, work: .deployment, think: 0.2...0.6)],
    course: .stages([
      Stage("deployments", users: 100, ramp: 10, seconds: 300),
      Stage("roll-out", users: 1, seconds: 30),
    ]),
    thresholds: required(with: Threshold(.p95, 200)))

  /// 5 approvers a second come, and one deployer with them. The device must want approvals
  /// (`access.approvals = 1`).
  static let approvals = Plan(
    name: "approvals",
    summary: "50 users approve and reject the changes that 10 others hand in, for 5 minutes.",
    classes: [
      UserClass("approvers", weight: 5, role: .admin, work: .approval, think: 0.2...0.6),
      UserClass("deployers", role: .admin, work: .deployment, think: 0.2...0.6),
    ],
    course: .stages([Stage("approvals", users: 60, ramp: 6, seconds: 300)]),
    thresholds: required(with: Threshold(.p95, 200)))

  /// 40 of each of the five kinds, and one who publishes what the listeners get.
  static let connectors = Plan(
    name: "connectors",
    summary: "200 connectors of five kinds that are told or ask once a second, for 5 minutes.",
    classes: [
      UserClass("events", weight: 40, role: .viewer, work: .subscriber),
      poll("health", .health), poll("metrics", .metrics),
      UserClass("messages", weight: 40, role: .viewer, work: .listener),
      poll("alerts", .alertList),
      UserClass("publisher", role: .operator, work: .publisher, think: 1...1),
    ],
    course: .stages([Stage("connectors", users: 201, ramp: 10, seconds: 300)]),
    thresholds: required(with: Threshold(.p99, 250)), payload: 1 << 10)

  private static func poll(_ name: String, _ operation: UserClass.Operation) -> UserClass {
    UserClass(
      name, weight: 40, role: .viewer, work: .mix([.init(operation)]), think: 1...1)
  }

  /// No failure, and a median as that of the first scenario was where it came from: 5 ms. Once all
  /// are there, requests are due whether or not answers come: a device that stops is seen.
  static let burst = Plan(
    name: "burst",
    summary: "1,000 users, 100 more each second, who ask once a second each, for 4 minutes.",
    classes: [
      UserClass("crowd", work: .mix([.init(.ping), .init(.health)]), think: 1...1)
    ],
    course: .stages([
      Stage("arrival", users: 1000, ramp: 100, seconds: 15),
      Stage("crowd", users: 1000, rate: 1000, seconds: 225),
    ]),
    thresholds: required(
      with: Threshold(.p50, 5), Threshold(.errorPercent, 0), Threshold(.busyPercent, 0)))
}
