import ControlClient
import Foundation
import LoadGenerator
import LoadPlan
import LoadReport
import Wire

/// What a test has to do with one device besides its load: it asks who it is, makes keys, and reads
/// the device's own figures once a second, over a connection of its own.
actor DeviceDesk {
  private let target: LoadTarget
  private let credentials: Credentials
  private let clock = ContinuousClock()
  private var connection: ControlConnection?
  private var isMute = false
  private(set) var readings: [RunResult.Reading] = []
  private var health: String?
  /// It has answered.
  private(set) var isMet = false

  init(_ target: LoadTarget, _ credentials: Credentials) {
    (self.target, self.credentials) = (target, credentials)
  }

  private var name: String { "\(target.address)" }

  /// Connects, and asks who is there.
  func meet() async throws(LoadTestError) -> RunResult.Target {
    do {
      let connection = try await ControlConnection.open(target.address, as: credentials)
      self.connection = connection
      health = (try await connection.health()).state.name
      isMet = true
    } catch {
      throw .unreachable(target: name, reason: ControlError.phrase(error))
    }
    var facts = RunResult.Target(address: name)
    if let info = try? await connection?.serverInfo() {
      facts.product = "\(info.name.string) \(info.version.string)"
      facts.slots = Int(info.slots)
    }
    return facts
  }

  /// Gives the users of a plan their keys, so many of each class.
  func makeKeys(_ plan: Plan, counts: [Int]) async throws(LoadTestError) -> Keyring {
    do {
      guard let connection else { return Keyring() }
      return try await Keyring.make(plan, counts: counts, over: connection)
    } catch {
      throw .noKeys(target: name, reason: ControlError.phrase(error))
    }
  }

  func takeKeysAway() async {
    guard let connection = await present() else { return }
    try? await Keyring.clear(over: connection)
  }

  /// What is in force there.
  func configuration() async throws(LoadTestError) -> [UInt8] {
    do {
      return try await connection?.configuration() ?? []
    } catch {
      throw .refused(target: name, what: "deployments", reason: ControlError.phrase(error))
    }
  }

  /// The changes that deployments have left are taken back.
  func clearChanges() async {
    for entry in await ownChanges() ?? [] {
      _ = try? await connection?.decide(.changeReject, entry.id)
    }
  }

  /// All changes that deployments have left end. What was put in force is what had been before, and
  /// is confirmed: else the device would go back to it in two minutes' time, and begin anew for
  /// that. It may be beginning anew just now, and is asked for 15 s.
  func endChanges() async {
    let deadline = clock.now + .seconds(15)
    repeat {
      if let open = await ownChanges() {
        if open.isEmpty { return }
        for entry in open {
          let isInForce = entry.state == .applying || entry.state == .unconfirmed
          _ = try? await connection?.decide(isInForce ? .changeConfirm : .changeReject, entry.id)
        }
      }
      try? await Task.sleep(for: .milliseconds(100))
    } while clock.now < deadline
  }

  /// nil: the device does not answer.
  private func ownChanges() async -> [ChangeEntry]? {
    guard let connection = await present() else { return nil }
    do {
      return try await connection.changes(ended: false)
        .filter { $0.version.string.hasPrefix(Rollout.mark) }
    } catch ControlError.refused {
      return []
    } catch {
      await connection.close()
      self.connection = nil
      return nil
    }
  }

  /// Reads the device's figures; `second`: since the run began.
  func read(at second: Double) async {
    guard !isMute, let connection = await present() else {
      health = isMute ? health : nil
      return
    }
    do {
      health = (try await connection.health()).state.name
      let metrics = try await connection.metrics()
      readings.append(RunResult.Reading(metrics, second: second, health: health))
    } catch ControlError.refused {
      // It does not tell this client.
      isMute = true
    } catch {
      health = nil
      await connection.close()
      self.connection = nil
    }
  }

  func state() -> (health: String?, reading: RunResult.Reading?) { (health, readings.last) }

  func leave() async {
    await connection?.close()
    connection = nil
  }

  private func present() async -> ControlConnection? {
    if let connection { return connection }
    connection = try? await ControlConnection.open(
      target.address, timeout: .seconds(1), as: credentials)
    return connection
  }
}

extension RunResult.Reading {
  init(_ metrics: MetricValues, second: Double, health: String?) {
    func value(_ metric: Metric) -> Double { Double(metrics[metric]) }
    self.init(
      second: second, memoryKiB: value(.memoryKiB), cpuMs: value(.cpuMs),
      requestsSucceeded: value(.requestsSucceeded), requestsFailed: value(.requestsFailed),
      connectionsOpen: value(.connectionsOpen), refusedBusy: value(.refusedBusy),
      answersP95Us: value(.answersP95Us), jobsWaiting: value(.jobsWaiting),
      buffersAwaited: value(.buffersAwaited), health: health)
  }
}
