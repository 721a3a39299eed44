import LoadGenerator
import LoadPlan
import LoadReport
import Wire

/// Who the users of a plan are, and what they are counted as.
///
/// Users are numbered: each target has every so many one, and at each target the classes come in
/// the order of `Plan.dealt`, so that any number of users is a fair sample.
struct Roster: Sendable {
  struct Label: Sendable, Equatable {
    var userClass: String
    var operation: String
    var isConnect = false
    /// Made of other operations, which are counted for themselves.
    var isWhole = false
  }

  let plan: Plan
  let targets: [LoadTarget]
  let seed: UInt64
  private(set) var labels: [Label] = []
  /// Of each class: its labels, connections first.
  private var places: [[Int]] = []
  /// Of each target.
  private let crews: [Crew]
  /// Class, and number in it, of each user of a target in the order of their coming.
  private let deal: [(userClass: Int, number: Int)]

  /// Tells the deployments of one run from those of all others.
  private let stamp: String

  init(_ plan: Plan, targets: [LoadTarget], seed: UInt64, startedUnixS: Double) {
    (self.plan, self.targets, self.seed) = (plan, targets, seed)
    stamp = String(UInt64(startedUnixS), radix: 36)
    crews = targets.map { _ in Crew() }
    var counts = plan.classes.map { _ in 0 }
    deal = plan.dealt((plan.mostUsers + targets.count - 1) / targets.count).map { userClass in
      counts[userClass] += 1
      return (userClass, counts[userClass] - 1)
    }
    for userClass in plan.classes {
      var own = [Label(userClass: userClass.name, operation: "connect", isConnect: true)]
      own += userClass.work.operations.map {
        Label(
          userClass: userClass.name, operation: $0,
          isWhole: $0 == "deployment" || $0 == "publication")
      }
      places.append(Array(labels.count..<labels.count + own.count))
      labels += own
    }
  }

  struct Place: Equatable {
    var target: Int
    var userClass: Int
    /// Its number among the users of its class at its target.
    var number: Int
  }

  func place(of user: Int) -> Place {
    let (turn, target) = user.quotientAndRemainder(dividingBy: targets.count)
    return Place(target: target, userClass: deal[turn].userClass, number: deal[turn].number)
  }

  /// Users of each class at a target, when all are there.
  func counts(at target: Int) -> [Int] {
    let own = (plan.mostUsers - target + targets.count - 1) / targets.count
    return plan.classes.indices.map { index in deal[..<own].count { $0.userClass == index } }
  }

  /// The user with this number. `identities`: keys of its class at its target; `text`: what is in
  /// force there.
  func newcomer(_ user: Int, identities: (Place) -> SealedIdentity?, text: [UInt8]) -> Newcomer {
    let place = place(of: user)
    let userClass = plan.classes[place.userClass]
    return Newcomer(
      to: targets[place.target].endpoint, from: targets[place.target].origin(of: user),
      identity: identities(place),
      conduct: conduct(userClass, places[place.userClass], user, place, text),
      label: places[place.userClass][0], think: userClass.think, depth: userClass.depth)
  }

  private func conduct(
    _ userClass: UserClass, _ own: [Int], _ user: Int, _ place: Place, _ text: [UInt8]
  ) -> any Conduct {
    let seed = seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(user)
    switch userClass.work {
    case .mix(let shares):
      return MixConduct(shares, labels: Array(own[1...]), payload: plan.payload, seed: seed)
    case .deployment:
      return DeploymentConduct(
        .init(
          stage: own[1], list: own[2], approve: own[3], withdraw: own[4], apply: own[5],
          confirm: own[6], deployment: own[7]),
        name: "\(stamp)-\(user)", text: text, crew: crews[place.target],
        approves: !plan.classes.contains { $0.work == .approval })
    case .approval:
      return ApprovalConduct(.init(list: own[1], approve: own[2], reject: own[3]), seed: seed)
    case .subscriber:
      return SubscriberConduct(.init(subscribe: own[1], statistics: own[2], event: own[3]))
    case .listener: return ListenerConduct(.init(subscribe: own[1], message: own[2]))
    case .publisher:
      return PublisherConduct(.init(part: own[1], publish: own[2]), size: plan.payload)
    case .visitor: return VisitorConduct()
    }
  }
}

extension UserClass.Work {
  /// What users with this work are counted as, besides their connections.
  var operations: [String] {
    switch self {
    case .mix(let shares): shares.map(\.operation.rawValue)
    case .deployment:
      [
        "configurationStage", "changeList", "changeApprove", "changeReject", "changeApply",
        "changeConfirm", "deployment",
      ]
    case .approval: ["changeList", "changeApprove", "changeReject"]
    case .subscriber: ["subscribe", "subscriptionStatistics", "event"]
    case .listener: ["subscribe", "message"]
    case .publisher: ["publish", "publication"]
    case .visitor: []
    }
  }
}
