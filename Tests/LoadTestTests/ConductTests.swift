import LoadGenerator
import LoadPlan
import Testing
import Wire

@testable import LoadTest

/// What users do, without a device.
@Suite struct ConductTests {
  private func asked(_ conduct: any Conduct, now: UInt64 = 0) -> Ask? {
    if case .ask(let ask) = conduct.next(now: now) { return ask }
    return nil
  }

  private enum Word: Equatable {
    case right, wrong, goesOn, expected
    case completes(label: Int)
  }

  private func word(_ verdict: Verdict) -> Word {
    switch verdict {
    case .right: .right
    case .wrong: .wrong
    case .goesOn: .goesOn
    case .expected: .expected
    case .completes(let notice): .completes(label: notice.label)
    }
  }

  private func answer(
    _ conduct: any Conduct, _ label: Int, _ bytes: [UInt8], now: UInt64 = 0
  ) -> Word {
    bytes.withUnsafeBytes { word(conduct.answer(label, nil, $0, now: now)) }
  }

  private func refuse(_ conduct: any Conduct, _ label: Int, _ status: Status) -> Word {
    word(conduct.answer(label, status, UnsafeRawBufferPointer(start: nil, count: 0), now: 0))
  }

  // MARK: Mixes

  @Test func operationsAreDrawnByWeight() throws {
    let mix = MixConduct(
      [.init(.ping, 3), .init(.health)], labels: [1, 2], payload: 8, seed: 5)
    let pings = (0..<4000).count { _ in asked(mix)?.label == 1 }
    // Three quarters of 4000, and three standard deviations.
    #expect(abs(pings - 3000) < 83)
  }

  @Test func anAnswerHasToBeOne() {
    let mix = MixConduct(
      [.init(.ping), .init(.health), .init(.cameraList), .init(.fileList)], labels: [1, 2, 3, 4],
      payload: 3, seed: 1)
    #expect(answer(mix, 1, [0, 7, 14]) == .right && answer(mix, 1, [0, 7, 15]) == .wrong)
    #expect(answer(mix, 2, encoded(HealthReport())) == .right)
    #expect(answer(mix, 2, Array(encoded(HealthReport()).dropLast())) == .wrong)
    let list = encoded(CameraListHead(count: 1, slots: 32)) + encoded(CameraEntry())
    #expect(answer(mix, 3, list) == .right && answer(mix, 3, list + [0]) == .wrong)
    #expect(answer(mix, 3, []) == .wrong)
    let part = encoded(BulkPart(total: 4, offset: 0, count: 2)) + [1, 2]
    let last = encoded(BulkPart(total: 4, offset: 2, count: 2)) + [3, 4]
    #expect(answer(mix, 4, part) == .goesOn && answer(mix, 4, last) == .right)
    #expect(answer(mix, 4, Array(last.dropLast())) == .wrong)
    #expect(refuse(mix, 1, .busy) == .right, "the crowd counts it")
  }

  @Test func everyOperationHasAKindAndARequest() {
    for operation in UserClass.Operation.allCases {
      #expect("\(operation.kind)" == operation.rawValue)
      #expect(operation.request(payload: 64).count <= Limits.payloadSize)
    }
  }

  // MARK: Deployments

  private let labels = DeploymentConduct.Labels(
    stage: 1, list: 2, approve: 3, withdraw: 4, apply: 5, confirm: 6, deployment: 7)

  private func deployer(_ crew: Crew, approves: Bool = true) -> DeploymentConduct {
    DeploymentConduct(labels, name: "x", text: [1, 2], crew: crew, approves: approves)
  }

  private func entry(_ id: UInt32, _ state: ChangeState, version: String = "wpload-x-1")
    -> ChangeEntry
  {
    var entry = ChangeEntry()
    (entry.id, entry.state, entry.version) = (id, Code(state), Text<32>(string: version))
    return entry
  }

  private func list(_ entries: ChangeEntry...) -> [UInt8] {
    encoded(ChangeListHead(count: UInt16(entries.count))) + entries.flatMap { encoded($0) }
  }

  @Test func whoIsAloneAppliesAndConfirms() throws {
    let conduct = deployer(Crew())
    let stage = try #require(asked(conduct, now: 5))
    #expect(stage.kind == .configurationStage && stage.payload.suffix(2) == [1, 2])
    #expect(answer(conduct, 1, encoded(entry(9, .checking))) == .right)
    #expect(asked(conduct)?.kind == .changeList)
    #expect(answer(conduct, 2, list(entry(9, .checking))) == .right)
    #expect(asked(conduct) == nil, "it rests before it looks again")
    #expect(asked(conduct)?.kind == .changeList)
    #expect(answer(conduct, 2, list(entry(8, .approved), entry(9, .pending))) == .right)
    #expect(asked(conduct)?.kind == .changeApprove)
    #expect(answer(conduct, 3, encoded(entry(9, .approved))) == .right)
    #expect(asked(conduct)?.kind == .changeApply)
    #expect(answer(conduct, 5, encoded(entry(9, .applying))) == .right)
    // The device begins anew.
    #expect(conduct.lost(), "that was to be expected")
    #expect(asked(conduct)?.kind == .changeConfirm)
    #expect(refuse(conduct, 6, .state) == .expected)
    #expect(asked(conduct) == nil)
    #expect(asked(conduct)?.kind == .changeConfirm)
    #expect(answer(conduct, 6, encoded(entry(9, .confirmed)), now: 105) == .completes(label: 7))
    #expect(asked(conduct)?.kind == .configurationStage)
  }

  @Test func amongOthersItIsTakenBack() {
    let crew = Crew()
    let (one, other) = (deployer(crew, approves: false), deployer(crew, approves: false))
    _ = (asked(one), asked(other))
    #expect(crew.count == 2)
    #expect(answer(one, 1, encoded(entry(3, .checking))) == .right)
    #expect(asked(one)?.kind == .changeList)
    // Somebody else approves.
    #expect(answer(one, 2, list(entry(3, .pending))) == .right && asked(one) == nil)
    #expect(asked(one)?.kind == .changeList)
    #expect(answer(one, 2, list(entry(3, .approved))) == .right)
    #expect(asked(one)?.kind == .changeReject)
    #expect(answer(one, 4, encoded(entry(3, .rejected))) == .completes(label: 7))
    #expect(!other.lost() && crew.count == 1)
  }

  @Test func whatSomebodyRejectsHasEnded() {
    let conduct = deployer(Crew())
    _ = asked(conduct)
    #expect(answer(conduct, 1, encoded(entry(3, .checking))) == .right)
    _ = asked(conduct)
    #expect(answer(conduct, 2, list()) == .completes(label: 7))
    #expect(answer(conduct, 2, [1]) == .wrong)
  }

  // MARK: Approvals

  @Test func whatIsNotTheTestsOwnIsLeftAlone() {
    let conduct = ApprovalConduct(.init(list: 1, approve: 2, reject: 3), seed: 1)
    #expect(asked(conduct)?.kind == .changeList)
    #expect(
      answer(conduct, 1, list(entry(5, .pending, version: "v2"), entry(6, .approved))) == .right)
    #expect(asked(conduct) == nil)
    #expect(asked(conduct)?.kind == .changeList)
    #expect(answer(conduct, 1, list(entry(7, .pending))) == .right)
    #expect(asked(conduct)?.kind == .changeApprove)
    #expect(refuse(conduct, 2, .state) == .expected, "somebody else was faster")
    #expect(asked(conduct)?.kind == .changeList)
    #expect(answer(conduct, 1, list(entry(8, .pending))) == .right)
    #expect(asked(conduct)?.kind == .changeReject, "one in four")
    #expect(answer(conduct, 3, encoded(entry(9, .rejected))) == .wrong, "that is another one")
  }

  // MARK: Messages

  private func told(_ conduct: any Conduct, _ kind: Kind, _ bytes: [UInt8], now: UInt64) -> Notice?
  {
    bytes.withUnsafeBytes { conduct.told(Header(kind: kind.rawValue, requestID: 0), $0, now: now) }
  }

  private func parts(_ message: [UInt8], _ sizes: Int..., missed: UInt32 = 0) -> [[UInt8]] {
    var offset = 0
    return sizes.map { size in
      var part = MessagePart()
      (part.total, part.offset) = (UInt32(message.count), UInt32(offset))
      (part.count, part.missed) = (UInt32(size), missed)
      defer { offset += size }
      return encoded(part) + message[offset..<offset + size]
    }
  }

  private func listen(_ frames: [[UInt8]]) -> [String] {
    let conduct = ListenerConduct(.init(subscribe: 1, message: 2))
    return frames.compactMap { frame in
      switch told(conduct, .message, frame, now: 1500)?.outcome {
      case .took(let nanoseconds): "\(nanoseconds)"
      case .came: "came"
      case .failed(let failure): failure.name
      case nil: nil
      }
    }
  }

  @Test func messagesAreCheckedAndTimed() {
    let message = Publication.make(100, at: 1000)
    #expect(listen(parts(message, 100)) == ["500"])
    #expect(listen(parts(message, 40, 60)) == ["500"])
    #expect(listen(parts(message, 40, 60).reversed()) == [], "its beginning was lost")
    #expect(listen([parts(message, 40, 20, 40)[0], parts(message, 40, 20, 40)[2]]) == ["wrong"])
    #expect(listen(parts(message, 100, missed: 3)) == ["missed"])
    var damaged = message
    damaged[50] ^= 1
    #expect(listen(parts(damaged, 100)) == ["wrong"])
    #expect(listen([[1, 2, 3]]) == ["wrong"])
  }

  @Test(arguments: [8, 1000, PublishPart.capacity + 1, 3 * PublishPart.capacity])
  func aMessageIsPublishedInParts(size: Int) throws {
    let conduct = PublisherConduct(.init(part: 1, publish: 2), size: size)
    var sent: [UInt8] = []
    while true {
      let ask = try #require(asked(conduct, now: 77))
      #expect(ask.kind == .publish && ask.payload.count <= Limits.payloadSize)
      sent += ask.payload[PublishPart.size...]
      let verdict = answer(conduct, 1, encoded(PublishReply()), now: 177)
      #expect(conduct.isMidway == (sent.count < size))
      if sent.count == size {
        #expect(verdict == .completes(label: 2))
        break
      }
      #expect(verdict == .right)
    }
    #expect(sent == Publication.make(size, at: 77))
  }

  @Test func aSubscriberSaysWhatItMissed() {
    let conduct = SubscriberConduct(.init(subscribe: 1, statistics: 2, event: 3))
    #expect(asked(conduct)?.kind == .subscribe)
    #expect(answer(conduct, 1, encoded(SubscriptionReply(topics: .all, nextSequence: 1))) == .right)
    #expect(asked(conduct) == nil)
    #expect(asked(conduct)?.kind == .subscriptionStatistics)
    var event = EventMessage()
    if case .came = told(conduct, .event, encoded(event), now: 1)?.outcome {
    } else {
      Issue.record("it came")
    }
    event.missed = 2
    if case .failed(.missed) = told(conduct, .event, encoded(event), now: 1)?.outcome {
    } else {
      Issue.record("two were missed")
    }
    #expect(!conduct.lost())
    #expect(asked(conduct)?.kind == .subscribe)
  }
}
